//! Answers as tables: read back by the libraries that people read tables with, and asked in SQL.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Folder, list, number, python, python_of, read_csv, run, text};

/// A job of pandas.
const JOB: &str = "
import numpy as np, pandas as pd
random = np.random.default_rng(1)
def load(): return pd.DataFrame({'key': random.integers(0, 100, 100_000), 'value': random.random(100_000)})
frame = load()
text = frame.head(20_000).to_csv(index=False)
grouped = frame.groupby('key')['value'].agg(['sum', 'mean', 'count'])
kept = [bytearray(1_000_000) for _ in range(10)]
import os; os._exit(0)
";

/// A job without libraries, of which little is to be read.
const SMALL: &str = "
def load(): return [str(number) * 3 for number in range(50_000)]
first = load()
second = load()
del first
kept = [bytearray(1_000_000) for _ in range(10)]
import os; os._exit(0)
";

fn recorded(job: &str) -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), job).success();
    folder
}

/// Of all rows of an answer. (Its JSON has the call stacks, too: of a job that imports this much they are half a gigabyte.)
fn sum(folder: &Folder, arguments: &[&str], number: &str) -> u64 {
    let rows = read_csv(&folder.analyze(&[arguments, &["--csv"]].concat()));
    rows.iter().map(|row| text(row, number).parse::<u64>().expect("a number")).sum()
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&folder.analyze(&arguments)).expect("JSON")
}

/// Runs code that reads what is in this folder, and gives back what it prints as JSON.
fn read_back(python: &Path, folder: &Folder, code: &str) -> Value {
    let read = run(Command::new(python).arg("-c").arg(code).current_dir(folder.path()).env("MPLBACKEND", "agg"));
    serde_json::from_str(&read.success().stdout).expect("JSON")
}

#[test]
fn pandas_reads_and_plots_the_timeline() {
    let Some(python) = python_of("readers") else { return };
    let folder = recorded(JOB);
    for (name, arguments) in [
        ("rows.csv", &["--timeline", "--csv"][..]),
        ("totals.csv", &["--timeline", "--csv", "--by", "total"]),
        ("packages.csv", &["--timeline", "--csv", "--by", "package"]),
    ] {
        std::fs::write(folder.join(name), folder.analyze(arguments)).expect("can be written");
    }
    let read = read_back(
        &python,
        &folder,
        "
import json, pandas as pd
rows, totals, packages = (pd.read_csv(f'{name}.csv') for name in ('rows', 'totals', 'packages'))
sums = rows.groupby('time_s')['live_bytes'].sum()
axes = packages.pivot(index='time_s', columns='package', values='live_bytes').plot.area()
axes.plot(totals['time_s'], totals['rss_bytes'])
axes.figure.savefig('memory.png')
print(json.dumps({
    'columns': list(rows.columns),
    'rows': len(totals),
    'add_up': sums.tolist() == totals['live_bytes'].tolist()
        == packages.groupby('time_s')['live_bytes'].sum().tolist(),
    'peak': int(totals['max_live_bytes'].max()),
    'packages': sorted(set(packages['package'])),
    'areas': len(axes.collections),
}))",
    );
    let columns: Vec<&str> = list(&read, "columns").iter().filter_map(Value::as_str).collect();
    assert_eq!(columns, ["time_s", "function", "file", "line", "live_bytes", "max_live_bytes"]);
    assert_eq!(number(&read, "rows"), 200);
    assert_eq!(read["add_up"], Value::Bool(true));
    assert_eq!(number(&read, "peak"), sum(&folder, &["--peak"], "live_bytes"));
    let packages: Vec<&str> = list(&read, "packages").iter().filter_map(Value::as_str).collect();
    assert!(["(own code)", "numpy", "pandas"].iter().all(|name| packages.contains(name)), "{packages:?}");
    assert_eq!(number(&read, "areas"), packages.len() as u64);
    let picture = std::fs::read(folder.join("memory.png")).expect("it was drawn");
    assert!(picture.starts_with(b"\x89PNG") && picture.len() > 10_000, "{} bytes", picture.len());
}

/// The same columns, types and values as the CSV, in whatever reads it.
#[test]
fn parquet_is_read_by_pandas_polars_and_duckdb() {
    let Some(python) = python_of("readers") else { return };
    let folder = recorded(SMALL);
    for (name, arguments) in [
        ("peak", &["--peak"][..]),
        ("timeline", &["--timeline"]),
        ("churn", &["--churn", "--by", "file"]),
        ("lifetimes", &["--lifetimes"]),
        ("overhead", &["--overhead"]),
        ("sizes", &["--sizes"]),
        ("stacks", &["--stack", "load"]),
        ("peaks", &["--peaks", "3"]),
        ("sql", &["--sql", "SELECT * FROM stacks"]),
    ] {
        let file = format!("{name}.parquet");
        let shown = folder.analyze(&[arguments, &["--parquet", &file]].concat());
        assert_eq!(shown, "", "the answer is in the file");
        std::fs::write(folder.join(&format!("{name}.csv")), folder.analyze(&[arguments, &["--csv"]].concat()))
            .expect("can be written");
    }
    let read = read_back(
        &python,
        &folder,
        "
import glob, json, duckdb, pandas as pd, polars as pl
told = {}
for parquet in sorted(glob.glob('*.parquet')):
    name = parquet.split('.')[0]
    by_pandas, by_polars = pd.read_parquet(parquet), pl.read_parquet(parquet)
    by_duckdb = duckdb.sql(f\"SELECT * FROM '{parquet}'\")
    number = len(by_duckdb.fetchall())
    csv = pd.read_csv(f'{name}.csv', keep_default_na=False, na_values=['']) if len(by_pandas) else by_pandas
    assert list(by_pandas.columns) == by_polars.columns == by_duckdb.columns == list(csv.columns), name
    assert len(by_pandas) == len(by_polars) == number == len(csv) > 0, name
    for column in by_pandas.columns:
        values = by_polars[column].to_list()
        assert values == [row[0] for row in duckdb.sql(f'SELECT \"{column}\" FROM by_duckdb').fetchall()], (name, column)
        if by_polars[column].dtype.is_integer():
            assert [value for value in values if value is not None] == [int(value) for value in csv[column].dropna()], (name, column)
    told[name] = len(by_pandas)
print(json.dumps({'rows': told, 'peak': int(duckdb.sql(\"SELECT SUM(live_bytes) FROM 'peak.parquet'\").fetchall()[0][0])}))",
    );
    assert_eq!(read["rows"].as_object().map(|rows| rows.len()), Some(9), "{read}");
    assert_eq!(number(&read, "peak"), sum(&folder, &["--peak"], "live_bytes"));
}

fn sql(folder: &Folder, question: &str) -> Vec<Vec<Value>> {
    let answer = json(folder, &["--sql", question]);
    assert_eq!(text(&answer, "schema"), "fil.sql/1");
    list(&answer, "rows").iter().map(|row| row.as_array().expect("a row").clone()).collect()
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no whole number: {value}"))
}

#[test]
fn tables_agree_with_the_other_answers() {
    let folder = recorded(SMALL);
    let peak_bytes = sum(&folder, &["--peak"], "live_bytes");
    let end_bytes = sum(&folder, &["--leaks"], "live_bytes");
    for table in ["call_sites", "stacks"] {
        let sums =
            format!("SELECT SUM(peak_bytes), SUM(end_bytes), SUM(allocated_bytes), SUM(allocated_blocks) FROM {table}");
        let sums: Vec<u64> = sql(&folder, &sums)[0].iter().map(whole).collect();
        let expected = [
            peak_bytes,
            end_bytes,
            sum(&folder, &["--churn"], "allocated_bytes"),
            sum(&folder, &["--churn"], "allocated_blocks"),
        ];
        assert_eq!(sums, expected, "{table}");
    }
    // Every block is there once. (A mapping that goes in pieces is a row for each.)
    let blocks = "SELECT COUNT(*), SUM(bytes) FROM allocations WHERE category <> 'mmap'";
    let of_blocks = ["--churn", "--category", "heap", "--category", "python"];
    let row = &sql(&folder, blocks)[0];
    assert_eq!(whole(&row[0]), sum(&folder, &of_blocks, "allocated_blocks"));
    assert_eq!(whole(&row[1]), sum(&folder, &of_blocks, "allocated_bytes"));
    // By call site, and what is left.
    let kept = "SELECT COUNT(*), SUM(a.bytes) FROM allocations a JOIN stacks s ON a.stack = s.stack
        WHERE s.file = '<string>' AND a.freed_s IS NULL AND a.bytes BETWEEN 1000000 AND 1000100";
    let row = &sql(&folder, kept)[0];
    assert_eq!(whole(&row[0]), 10, "ten buffers: {row:?}");
    let lives = &sql(&folder, "SELECT COUNT(*) FROM allocations WHERE freed_s < allocated_s")[0];
    assert_eq!(whole(&lives[0]), 0);

    let timeline = sql(&folder, "SELECT time_s, SUM(live_bytes) FROM timeline GROUP BY time_s ORDER BY time_s");
    assert_eq!(timeline.len(), 200);
    assert_eq!(whole(&timeline[199][1]), end_bytes);
    assert_eq!(whole(&sql(&folder, "SELECT COUNT(*) FROM processes")[0][0]), 1);
    let events = sql(&folder, "SELECT SUM(event_count) FROM threads");
    let of_processes = sql(&folder, "SELECT SUM(event_count) FROM processes");
    assert_eq!(whole(&events[0][0]), whole(&of_processes[0][0]));
    assert!(whole(&sql(&folder, "SELECT MAX(rss_bytes) FROM rss")[0][0]) > 5_000_000);
}

#[test]
fn what_is_no_sql_is_told_in_one_line() {
    let folder = Folder::new();
    folder.record_code(&python(), "kept = bytearray(1_000_000)").success();
    for question in
        ["", "SELECT", "SELECT * FROM nothing", "SELECT no FROM stacks", "DROP TABLE stacks; SELECT 1", "¿?"]
    {
        run(&mut folder.fil(&["analyze", "--sql", question])).assert_one_line_error(&["SQL"]);
    }
}
