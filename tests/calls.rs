//! What happened over the whole job, at a time, in a time: by call site, function, thread and so on.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use serde_json::Value;
use support::{Folder, list, number, python, read_csv, text};

/// Each function's name says what becomes of its memory. `bytearray` has 57 bytes of its own: one object of Python's and a
/// buffer with a byte behind it.
const CODE: &str = "
import threading, time
def keep(): return bytearray(5_000_000)
def drop_at_once(): bytearray(1_000_000)
def drop_later(): return bytearray(3_000_000)
def hold(): return bytearray(20_000_000)
def in_thread(): kept[1] = bytearray(2_000_000)
kept = [keep(), None]
for _ in range(100): drop_at_once()
later = drop_later()
thread = threading.Thread(target=in_thread, name='worker')
thread.start(); thread.join()
time.sleep(0.3)
held = hold()
time.sleep(0.3)
del held
time.sleep(0.3)
del later
import os; os._exit(0)
";

fn recorded() -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), CODE).success();
    folder
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&folder.analyze(&arguments)).expect("JSON")
}

/// The row of a function; null if there is none.
fn row(answer: &Value, function: &str) -> Value {
    let rows = list(answer, "call_sites");
    rows.iter().find(|row| text(row, "function") == function).cloned().unwrap_or_default()
}

#[test]
fn what_was_allocated_in_total() {
    let folder = recorded();
    let churn = json(&folder, &["--churn"]);
    assert_eq!(text(&churn, "schema"), "fil.churn/1");
    assert_eq!(number(&row(&churn, "drop_at_once"), "allocated_bytes"), 100 * 1_000_057);
    assert_eq!(number(&row(&churn, "keep"), "allocated_bytes"), 5_000_057);
    let sum: u64 = list(&churn, "call_sites").iter().map(|row| number(row, "allocated_bytes")).sum();
    assert_eq!(sum, number(&churn, "allocated_bytes"));
    let sum: u64 = list(&churn, "stacks").iter().map(|row| number(row, "allocated_blocks")).sum();
    assert_eq!(sum, number(&churn, "allocated_blocks"));
    let rows = read_csv(&folder.analyze(&["--churn", "--csv"]));
    let of_csv = rows.iter().find(|row| text(row, "function") == "drop_at_once").expect("a row");
    assert_eq!(text(of_csv, "allocated_bytes"), "100005700");
}

#[test]
fn what_was_freed_at_once() {
    let folder = recorded();
    let temporary = json(&folder, &["--temporary=2"]);
    let dropped = row(&temporary, "drop_at_once");
    // The object and its buffer: two allocations.
    assert_eq!(number(&dropped, "temporary_bytes"), 100 * 1_000_057);
    assert_eq!(number(&row(&temporary, "keep"), "temporary_blocks"), 0);
    assert_eq!(number(&temporary, "within_allocations"), 2);
}

#[test]
fn what_was_left_at_the_end() {
    let folder = recorded();
    let leaks = json(&folder, &["--leaks"]);
    assert_eq!(text(&leaks, "schema"), "fil.leaks/1");
    assert_eq!(number(&row(&leaks, "keep"), "live_bytes"), 5_000_057);
    assert_eq!(number(&row(&leaks, "in_thread"), "live_bytes"), 2_000_057);
    assert_eq!(row(&leaks, "hold"), Value::Null, "it was freed");
    assert_eq!(number(&leaks, "live_bytes"), folder.peak().number("end_bytes"));
    let at_end = json(&folder, &["--at", "end"]);
    assert_eq!(list(&at_end, "call_sites"), list(&leaks, "call_sites"));
}

#[test]
fn what_was_alive_at_a_time_and_what_happened_in_one() {
    let folder = recorded();
    let peak = folder.peak();
    let peak_s = peak.number("peak_time_ns") as f64 / 1e9;
    // What is held is the last part of the peak. 0.15 s before and behind it there is nothing but sleep.
    let (before, behind) = (format!("{}", peak_s - 0.15), format!("{}", peak_s + 0.15));
    assert_eq!(row(&json(&folder, &["--at", &before]), "hold"), Value::Null);
    let at = json(&folder, &["--at", &behind]);
    assert_eq!(number(&row(&at, "hold"), "live_bytes"), 20_000_057);
    let categories = &at["categories"];
    let sum: u64 = ["heap", "python", "mmap"].iter().map(|kind| number(categories, kind)).sum();
    assert_eq!(sum, number(&at, "live_bytes"));

    let range = json(&folder, &["--range", &format!("{before}..{behind}")]);
    let held = row(&range, "hold");
    assert_eq!(number(&held, "allocated_bytes"), 20_000_057);
    assert_eq!(number(&held, "retained_bytes"), 20_000_057);
    assert_eq!(row(&range, "keep"), Value::Null, "it was there before");
    let rest = json(&folder, &["--range", &format!("{behind}..end")]);
    assert_eq!(number(&row(&rest, "hold"), "freed_bytes"), 20_000_057);
    assert_eq!(number(&row(&rest, "hold"), "retained_bytes"), 0);
}

#[test]
fn how_long_it_lived() {
    const SLEEP_NS: u64 = 300_000_000;
    let folder = recorded();
    let lifetimes = json(&folder, &["--lifetimes"]);
    let held = row(&lifetimes, "hold");
    assert!(number(&held, "mean_lifetime_ns") >= SLEEP_NS, "{held}");
    assert!(number(&row(&lifetimes, "drop_later"), "longest_lifetime_ns") >= 3 * SLEEP_NS, "{lifetimes}");
    assert_eq!(number(&row(&lifetimes, "keep"), "kept_bytes"), 5_000_057);
    assert_eq!(row(&lifetimes, "keep")["mean_lifetime_ns"], Value::Null, "nothing of it was freed");

    let of_peak = json(&folder, &["--peak", "--lifetimes"]);
    assert_eq!(text(&of_peak, "schema"), "fil.peak-lifetimes/1");
    assert_eq!(number(&of_peak, "live_bytes"), folder.peak().number("peak_bytes"));
    let (held, later) = (row(&of_peak, "hold"), row(&of_peak, "drop_later"));
    assert!(number(&held, "age_ns") < SLEEP_NS, "it had just come: {held}");
    assert!(number(&later, "age_ns") >= SLEEP_NS, "it was there before: {later}");
    assert!((SLEEP_NS..2 * SLEEP_NS).contains(&number(&held, "freed_after_ns")), "{held}");
    assert!(number(&later, "freed_after_ns") >= 2 * SLEEP_NS, "{later}");
    assert_eq!(row(&of_peak, "keep")["freed_after_ns"], Value::Null);
}

#[test]
fn rows_may_be_functions_files_packages_threads_processes_or_kinds() {
    let folder = recorded();
    let total = number(&json(&folder, &["--leaks"]), "live_bytes");
    for (by, plural) in [
        ("function", "functions"),
        ("file", "files"),
        ("package", "packages"),
        ("thread", "threads"),
        ("process", "processes"),
        ("category", "kinds"),
    ] {
        let arguments = ["--leaks", "--by", by];
        let answer = json(&folder, &arguments);
        let sum: u64 = list(&answer, plural).iter().map(|row| number(row, "live_bytes")).sum();
        assert_eq!(sum, total, "by {by}");
        let csv = read_csv(&folder.analyze(&["--leaks", "--by", by, "--csv"]));
        let sum: u64 = csv.iter().map(|row| text(row, "live_bytes").parse::<u64>().expect("bytes")).sum();
        assert_eq!(sum, total, "by {by}");
        let table = folder.analyze(&arguments);
        assert!(table.contains("share") && table.lines().count() >= 4, "{table}");
    }
}

#[test]
fn filters_leave_the_rest_out() {
    let folder = recorded();
    let of_thread = json(&folder, &["--leaks", "--thread", "worker"]);
    assert_eq!(number(&row(&of_thread, "in_thread"), "live_bytes"), 2_000_057);
    assert_eq!(row(&of_thread, "keep"), Value::Null);
    let of_function = json(&folder, &["--peak", "--function", "keep", "--function", "hol?"]);
    assert_eq!(number(&of_function, "peak_bytes"), 5_000_057 + 20_000_057);
    for (kind, bytes) in [("python", 100 * 1_000_057), ("heap", 0), ("mmap", 0)] {
        let of_kind = json(&folder, &["--churn", "--category", kind, "--function", "drop_at_once"]);
        assert_eq!(number(&of_kind, "allocated_bytes"), bytes, "{kind}");
    }
    let nobody = json(&folder, &["--churn", "--process", "1"]);
    assert_eq!(number(&nobody, "allocated_bytes"), 0);
    let own = json(&folder, &["--leaks", "--file", "<string>"]);
    assert!(number(&own, "live_bytes") >= 7_000_114, "{own}");
}

#[test]
fn tables_say_what_was_asked_and_cut_off_nothing() {
    let folder = recorded();
    for (arguments, beginning) in [
        (vec!["--churn"], "Allocated in total:"),
        (vec!["--leaks"], "Still alive when the job ended:"),
        (vec!["--at", "50%"], "Alive after"),
        (vec!["--range", "..90%"], "From"),
        (vec!["--temporary"], "Temporary allocations:"),
        (vec!["--lifetimes"], "Blocks freed:"),
        (vec!["--peak", "--lifetimes"], "Peak memory:"),
    ] {
        let arguments: Vec<&str> = arguments.into_iter().chain(["--rows", "2"]).collect();
        let table = folder.analyze(&arguments);
        assert!(table.starts_with(beginning), "{arguments:?}: {table}");
        assert!(table.contains("other"), "{arguments:?}: {table}");
    }
}
