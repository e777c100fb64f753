//! Did the change help? Two versions of a small program, recorded and compared.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{Folder, list, number, python, read_csv, run, text};

/// `bytearray` has 57 bytes of its own: one object of Python's and a buffer with a byte behind it.
const BEFORE: &str = "
import os
def load(): return bytearray(20_000_000)
def keep(): return bytearray(3_000_000)
def copy(): bytearray(1_000_000)
def work():
    for _ in range(50): copy()
kept = keep()
work()
loaded = load()
del loaded
os._exit(0)
";

/// Every line has moved. `load` needs less, `work` makes fewer copies, and `check` is new.
const AFTER: &str = "
# It was too large, said somebody.
import os
def check(): return bytearray(1_000_000)

def copy(): bytearray(1_000_000)

def work():
    for _ in range(10): copy()

def load(): return bytearray(5_000_000)
def keep(): return bytearray(3_000_000)
kept = keep()
checked = check()
work()
loaded = load()
del loaded
os._exit(0)
";

fn record(folder: &Folder, code: &str, program: &str, trace: &str) {
    let path = folder.join(program);
    fs::create_dir_all(path.parent().expect("in the folder")).expect("writable");
    fs::write(&path, code).expect("writable");
    run(folder.fil(&["record", "-o", trace, "--"]).arg(python()).arg(program)).success();
}

/// A folder with `before.fil` and `after.fil`.
fn recorded() -> Folder {
    let folder = Folder::new();
    record(&folder, BEFORE, "job.py", "before.fil");
    record(&folder, AFTER, "job.py", "after.fil");
    folder
}

fn diff(folder: &Folder, arguments: &[&str]) -> String {
    let ended = run(folder.fil(&["diff", "before.fil", "after.fil"]).args(arguments)).success();
    assert_eq!(ended.stderr, "");
    ended.stdout
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&diff(folder, &arguments)).expect("JSON")
}

fn row(answer: &Value, function: &str) -> Value {
    let rows = list(answer, "functions");
    rows.iter().find(|row| text(row, "function") == function).cloned().unwrap_or_default()
}

/// A number of a row, before and after.
fn both(row: &Value, name: &str) -> (u64, u64) {
    (number(&row["before"], name), number(&row["after"], name))
}

#[test]
fn what_each_function_has_more_or_less() {
    let folder = recorded();
    let answer = json(&folder, &[]);
    assert_eq!(text(&answer, "schema"), "fil.diff/1");
    let load = row(&answer, "load");
    assert_eq!(list(&answer, "functions")[0], load, "the largest change is the first");
    assert_eq!(both(&load, "live_bytes"), (20_000_057, 5_000_057));
    assert_eq!(both(&load, "live_blocks"), (2, 2));
    assert_eq!(both(&load, "end_bytes"), (0, 0));
    assert!(text(&load, "file").ends_with("/job.py"), "{load}");
    assert_eq!(load["before_file"], Value::Null);
    assert_eq!(both(&row(&answer, "keep"), "end_bytes"), (3_000_057, 3_000_057));
    let check = row(&answer, "check");
    assert_eq!((both(&check, "live_bytes"), both(&check, "end_bytes")), ((0, 1_000_057), (0, 1_000_057)));
    assert_eq!(both(&row(&answer, "copy"), "allocated_bytes"), (50 * 1_000_057, 10 * 1_000_057));
}

#[test]
fn the_numbers_are_those_of_each_trace() {
    let folder = recorded();
    let answer = json(&folder, &[]);
    let analyze = |trace: &str, question: &str| -> Value {
        serde_json::from_str(&folder.analyze(&[trace, question, "--json"])).expect("JSON")
    };
    for (side, trace) in [("before", "before.fil"), ("after", "after.fil")] {
        let run = &answer[side];
        assert_eq!(text(run, "trace"), trace);
        assert_eq!(run["complete"], Value::Bool(true));
        let (peak, churn, leaks) = (analyze(trace, "--peak"), analyze(trace, "--churn"), analyze(trace, "--leaks"));
        assert_eq!(number(run, "peak_bytes"), number(&peak, "peak_bytes"));
        assert_eq!(number(run, "peak_time_ns"), number(&peak, "peak_time_ns"));
        assert_eq!(number(run, "allocated_bytes"), number(&churn, "allocated_bytes"));
        assert_eq!(number(run, "allocated_blocks"), number(&churn, "allocated_blocks"));
        assert_eq!(number(run, "end_bytes"), number(&leaks, "live_bytes"));
        let sum = |name| list(&answer, "functions").iter().map(|row| number(&row[side], name)).sum::<u64>();
        assert_eq!(sum("live_bytes"), number(run, "peak_bytes"));
        assert_eq!(sum("live_blocks"), number(run, "peak_blocks"));
        assert_eq!(sum("allocated_bytes"), number(run, "allocated_bytes"));
        assert_eq!(sum("allocated_blocks"), number(run, "allocated_blocks"));
        assert_eq!(sum("end_bytes"), number(run, "end_bytes"));
    }
    let rows = read_csv(&diff(&folder, &["--csv"]));
    assert_eq!(rows.len(), list(&answer, "functions").len());
    let load = rows.iter().find(|row| text(row, "function") == "load").expect("a row");
    assert_eq!((text(load, "before_live_bytes"), text(load, "after_live_bytes")), ("20000057", "5000057"));
    assert_eq!(text(load, "before_file"), "");
}

#[test]
fn the_verdict_comes_first() {
    let folder = recorded();
    let answer = diff(&folder, &["--rows", "2"]);
    let lines: Vec<&str> = answer.lines().collect();
    assert!(lines[0].starts_with("Peak 13.") && lines[0].contains(" lower: "), "{answer}");
    assert!(lines[1].starts_with("Time "), "{answer}");
    assert!(lines[2].starts_with("Allocated in total ") && lines[2].contains(" less: "), "{answer}");
    assert!(lines[3].starts_with("Left at the end ") && lines[3].contains(" more: "), "{answer}");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(lines[7]), "-14.3 MiB 19.1 MiB 4.8 MiB -14.3 MiB 0 B load job.py");
    assert_eq!(words(lines[8]), "+976.6 KiB 0 B 976.6 KiB +976.6 KiB +976.6 KiB check job.py");
    assert!(lines[9].contains("other"), "{answer}");
    assert_eq!(lines.len(), 10, "{answer}");
}

#[test]
fn a_run_beside_itself_has_not_changed() {
    let folder = recorded();
    let answer = run(&mut folder.fil(&["diff", "before.fil", "before.fil"])).success().stdout;
    assert!(answer.starts_with("Peak the same: "), "{answer}");
    assert!(answer.ends_with("No function holds, allocates or leaves more or less than before\n"), "{answer}");
}

#[test]
fn a_part_of_the_memory() {
    let folder = recorded();
    let answer = json(&folder, &["--function", "load"]);
    assert_eq!(both(&answer, "peak_bytes"), (20_000_057, 5_000_057));
    assert_eq!(list(&answer, "functions").len(), 1);
}

#[test]
fn a_project_that_was_moved() {
    let folder = Folder::new();
    record(&folder, BEFORE, "main/job.py", "before.fil");
    record(&folder, AFTER, "branch/job.py", "after.fil");
    let load = row(&json(&folder, &[]), "load");
    assert_eq!(both(&load, "live_bytes"), (20_000_057, 5_000_057));
    assert!(text(&load, "file").ends_with("branch/job.py"), "{load}");
    assert!(text(&load, "before_file").ends_with("main/job.py"), "{load}");
}

#[test]
fn a_picture_of_both() {
    let folder = recorded();
    let ended = run(&mut folder.fil(&["diff", "before.fil", "after.fil", "--flamegraph", "change.svg"])).success();
    assert_eq!(ended.fil_lines(), ["flamegraph of both peaks: change.svg"]);
    let svg = fs::read_to_string(folder.join("change.svg")).expect("written");
    assert!(svg.contains("load (job.py): 4.8 MiB, was 19.1 MiB (-75%)"), "{svg}");
    let nowhere = ["diff", "before.fil", "after.fil", "--csv", "--flamegraph", "no/folder/a.svg"];
    let ended = run(&mut folder.fil(&nowhere));
    assert_eq!((ended.code(), ended.fil_lines().len()), (2, 1), "{ended:#?}");
}

#[test]
fn what_cannot_be_compared() {
    let folder = recorded();
    fs::write(folder.join("job.txt"), "no trace").expect("writable");
    run(&mut folder.fil(&["diff", "before.fil", "gone.fil"])).assert_one_line_error(&["gone.fil", "fil record"]);
    run(&mut folder.fil(&["diff", "job.txt", "after.fil"])).assert_one_line_error(&["job.txt", "not a fil trace"]);
    run(&mut folder.fil(&["diff", "before.fil"])).assert_one_line_error(&["AFTER"]);
}

fn cut(trace: &Path, bytes: usize) {
    let content = fs::read(trace).expect("recorded");
    fs::write(trace, &content[..content.len() - bytes]).expect("writable");
}

#[test]
fn a_damaged_trace_is_compared_as_far_as_it_goes() {
    let folder = recorded();
    cut(&folder.join("after.fil"), 3);
    let ended = run(&mut folder.fil(&["diff", "before.fil", "after.fil"]));
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stdout.starts_with("Peak "), "{ended:#?}");
    let partial = "warning: after.fil is not complete: the comparison is about what is in it";
    assert!(ended.fil_lines().contains(&partial), "{ended:#?}");
}
