"""Fits of a few models; their loops run in compiled code that calls back."""

from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

inputs, targets = make_classification(100, 8, random_state=3)
models = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    RandomForestClassifier(4, random_state=5, n_jobs=2),
]
for model in models:
    print([round(float(score), 6) for score in cross_val_score(model, inputs, targets, cv=2)])
