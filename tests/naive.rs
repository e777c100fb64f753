//! Recordings of real jobs, answered a second time the naive way: from a list of all allocations, in Python.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::Path;
use std::process::Command;

use support::{Folder, number, python, python_of, run};

const PANDAS: &str = "
import numpy as np, pandas as pd
random = np.random.default_rng(1)
def load(): return pd.DataFrame({'key': random.integers(0, 100, 200_000), 'value': random.random(200_000)})
frame = load()
text = frame.head(20_000).to_csv(index=False)
joined = frame.merge(frame.groupby('key')['value'].agg(['sum', 'mean', 'count']), on='key')
table = joined.sort_values(['value', 'key']).pivot_table(index='key', values='value', aggfunc='sum')
names = [str(number) * 3 for number in range(50_000)]
import os; os._exit(0)
";

/// By `fork`, joblib needs no helper process, as it does by Python 3.14's default: that outlives the job, and answers know the
/// ends of processes, which a list of allocations does not.
const SCIKIT_LEARN: &str = "
import multiprocessing, threading
multiprocessing.set_start_method('fork')
import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
random = np.random.default_rng(1)
def load(): return random.random((3_000, 20)), random.integers(0, 2, 3_000)
features, labels = load()
model = LogisticRegression().fit(features, labels)
forest = RandomForestClassifier(n_estimators=20, n_jobs=2, random_state=1).fit(features, labels)
clusters = KMeans(n_clusters=4, n_init=2, random_state=1).fit(features)
def work(): kept.append([str(number) for number in range(20_000)])
kept = []
threads = [threading.Thread(target=work, name=f'worker {at}') for at in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
import os; os._exit(0)
";

/// Tables, which have all rows and not the call stacks: of a job that imports this much those are a gigabyte of JSON.
const TABLES: [(&str, &[&str]); 14] = [
    ("peak", &["--peak"]),
    ("peak-by-thread", &["--peak", "--by", "thread"]),
    ("peak-by-category", &["--peak", "--by", "category"]),
    ("churn", &["--churn"]),
    ("churn-by-file", &["--churn", "--by", "file"]),
    ("churn-of-a-time", &["--churn", "--from", "40%", "--until", "70%"]),
    ("blocks", &["--churn", "--category", "heap", "--category", "python"]),
    ("leaks", &["--leaks"]),
    ("at", &["--at", "60%"]),
    ("range", &["--range", "40%..70%"]),
    ("lifetimes", &["--lifetimes", "--category", "heap", "--category", "python"]),
    ("peak-lifetimes", &["--peak", "--lifetimes", "--category", "heap", "--category", "python"]),
    ("temporary-1", &["--temporary", "--category", "heap", "--category", "python"]),
    ("temporary-3", &["--temporary=3", "--category", "heap", "--category", "python"]),
];

/// What is beside rows and stacks: no row has as much as this.
const NO_ROWS: [&str; 2] = ["--min-bytes", "1TB"];

const OBJECTS: [(&str, &[&str]); 10] = [
    ("peak", &["--peak", NO_ROWS[0], NO_ROWS[1]]),
    ("leaks", &["--leaks", NO_ROWS[0], NO_ROWS[1]]),
    ("at", &["--at", "60%", NO_ROWS[0], NO_ROWS[1]]),
    ("range", &["--range", "40%..70%", NO_ROWS[0], NO_ROWS[1]]),
    ("stack", &["--stack", "load", NO_ROWS[0], NO_ROWS[1]]),
    ("sizes", &["--sizes", "--category", "heap", "--category", "python"]),
    ("timeline", &["--timeline", "--by", "function", "--rows", "100000", "--buckets", "60"]),
    ("overhead", &["--overhead", "--buckets", "60"]),
    ("what-if", &["--what-if-freed"]),
    ("peaks", &["--peaks", "5"]),
];

fn compare(job: &str) {
    let Some(reader) = python_of("readers") else { return };
    let folder = Folder::new();
    folder.record_code(&python(), job).success();
    for (name, arguments) in TABLES {
        folder.analyze(&[arguments, &["--parquet", &format!("{name}.parquet")]].concat());
    }
    for (name, arguments) in OBJECTS {
        let answer = folder.analyze(&[arguments, &["--json"]].concat());
        std::fs::write(folder.join(&format!("{name}.json")), answer).expect("can be written");
    }
    let all = "SELECT a.*, s.function, s.file, s.line FROM allocations a JOIN stacks s ON a.stack = s.stack";
    folder.analyze(&["--sql", all, "--parquet", "allocations.parquet"]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/naive/answers.py");
    let compared = run(Command::new(reader).arg(script).current_dir(folder.path())).success();
    let compared = serde_json::from_str(&compared.stdout).expect("JSON");
    assert!(number(&compared, "rows") > 500_000, "{compared}");
    assert!(number(&compared, "call_sites") > 1_000, "{compared}");
}

#[test]
fn a_job_of_pandas() {
    compare(PANDAS);
}

#[test]
fn a_job_of_scikit_learn_with_threads() {
    compare(SCIKIT_LEARN);
}
