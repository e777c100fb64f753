"""scikit-learn: fits of several kinds of models."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

features, labels = make_classification(n_samples=4_000, n_features=20, random_state=1)
scores = [
    cross_val_score(make_pipeline(StandardScaler(), LogisticRegression()), features, labels, cv=5).mean(),
    RandomForestClassifier(n_estimators=60, random_state=1).fit(features, labels).score(features, labels),
    float(KMeans(n_clusters=8, n_init=4, random_state=1).fit(features).inertia_ > 0),
]
for strength in np.logspace(-3, 2, 25):
    scores.append(LogisticRegression(C=strength).fit(features, labels).score(features, labels))
print(f"{sum(scores):.6f}")
