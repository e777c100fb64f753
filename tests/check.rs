//! Budgets of memory: kept, broken, and not known.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::{Ended, FIL, Folder, list, number, python, run, text};

/// Each function's name says what becomes of its memory. `bytearray` has 57 bytes of its own: one object of Python's and a
/// buffer with a byte behind it.
const CODE: &str = "
import threading
def keep(): return bytearray(5_000_000)
def hold(): return bytearray(20_000_000)
def pile(held): held.append(bytearray(1_000_000))
def in_thread(): kept[1] = bytearray(2_000_000)
kept = [keep(), None]
thread = threading.Thread(target=in_thread, name='worker')
thread.start(); thread.join()
piled = []
for _ in range(3): pile(piled)
del piled
held = hold()
del held
import os; os._exit(0)
";

fn recorded(code: &str) -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), code);
    folder
}

fn check(folder: &Folder, arguments: &[&str]) -> Ended {
    run(folder.fil(&["check"]).args(arguments))
}

/// The answer in JSON, and the exit code.
fn json(folder: &Folder, arguments: &[&str]) -> (Value, i32) {
    let ended = run(folder.fil(&["check", "--json"]).args(arguments));
    (serde_json::from_str(&ended.stdout).expect("JSON"), ended.code())
}

/// `verdict` of every budget.
fn verdicts(answer: &Value) -> Vec<&str> {
    list(answer, "budgets").iter().map(|budget| text(budget, "verdict")).collect()
}

#[test]
fn a_job_that_keeps_to_its_memory_passes() {
    let folder = recorded(CODE);
    let ended = check(&folder, &["--max-peak", "1GB", "--max-leaks", "1GiB", "--max-site", "hold=20000057"]);
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{ended:#?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].starts_with("ok   peak ") && lines[0].ends_with(" of 1.0 GB allowed"), "{lines:#?}");
    assert!(lines[1].starts_with("ok   left at the end ") && lines[1].ends_with(" of 1.0 GiB allowed"), "{lines:#?}");
    assert_eq!(lines[2], "ok   site hold 19.1 MiB of 20.0 MB allowed");
}

#[test]
fn what_breaks_a_budget_is_told_with_whose_it_is() {
    let folder = recorded(CODE);
    let ended = check(&folder, &["--max-peak", "10MB", "--max-leaks", "1MiB", "--max-site", "keep=5MB"]);
    assert_eq!((ended.code(), ended.stderr.as_str()), (1, ""), "{ended:#?}");
    let heads: Vec<&str> = ended.stdout.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(heads.len(), 3, "{ended:#?}");
    assert!(heads[0].starts_with("OVER peak ") && heads[0].contains(" of 10.0 MB allowed, by "), "{heads:#?}");
    assert!(heads[0].ends_with(" after the start"), "{heads:#?}");
    assert!(heads[1].starts_with("OVER left at the end ") && heads[1].contains(" of 1.0 MiB allowed"), "{heads:#?}");
    assert!(heads[2].starts_with("OVER site keep 4.8 MiB of 5.0 MB allowed, by 57 B, "), "{heads:#?}");
    // The largest holders, largest first, below each.
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(lines[1].starts_with("     ") && lines[1].contains("19.1 MiB  hold  <string>:4"), "{lines:#?}");
    assert!(lines[2].contains("4.8 MiB  keep  <string>:3"), "{lines:#?}");
    assert!(lines.last().is_some_and(|line| line.contains("100.0%") && line.contains("keep")), "{lines:#?}");
}

#[test]
fn in_json_sizes_are_exact() {
    let folder = recorded(CODE);
    let arguments = ["--max-peak", "1GB", "--max-leaks", "0", "--max-site", "pile=3MB", "--max-site", "nobody=0"];
    let (answer, code) = json(&folder, &arguments);
    assert_eq!((text(&answer, "schema"), code), ("fil.check/1", 1));
    assert_eq!((answer["kept"].as_bool(), text(&answer, "verdict")), (Some(false), "broken"));
    assert_eq!(verdicts(&answer), ["kept", "broken", "broken", "kept"]);
    let budgets = list(&answer, "budgets");
    let peak = folder.peak();
    assert_eq!(number(&budgets[0], "measured_bytes"), peak.number("peak_bytes"));
    assert_eq!(number(&budgets[0], "time_ns"), peak.number("peak_time_ns"));
    assert_eq!(budgets[0]["call_sites"], peak.value()["call_sites"]);
    assert_eq!(number(&budgets[1], "measured_bytes"), peak.number("end_bytes"));
    // Three at once, though each call makes one, and the four places of the list that they are in.
    assert_eq!(number(&budgets[2], "measured_bytes"), 3 * 1_000_057 + 4 * 8);
    assert_eq!((text(&budgets[2], "what"), text(&budgets[2], "pattern")), ("site", "pile"));
    for budget in budgets {
        let sum: u64 = list(budget, "call_sites").iter().map(|site| number(site, "live_bytes")).sum();
        assert_eq!(sum, number(budget, "measured_bytes"));
    }
}

#[test]
fn filters_choose_what_a_budget_is_for() {
    let folder = recorded(CODE);
    let (answer, code) = json(&folder, &["--max-leaks", "3MB", "--thread", "worker"]);
    assert_eq!((verdicts(&answer), code), (vec!["kept"], 0));
    assert!(number(&list(&answer, "budgets")[0], "measured_bytes") >= 2_000_057);
    let (answer, code) = json(&folder, &["--max-peak", "20MB", "--function", "hold"]);
    assert_eq!((verdicts(&answer), code), (vec!["broken"], 1));
    assert_eq!(number(&list(&answer, "budgets")[0], "measured_bytes"), 20_000_057);
}

#[test]
fn a_peak_stands_beside_that_of_an_earlier_run() {
    let folder = recorded(CODE);
    fs::rename(folder.join("trace.fil"), folder.join("before.fil")).expect("it was recorded");
    folder.record_code(&python(), &CODE.replace("20_000_000", "30_000_000")).success();
    let (answer, code) = json(&folder, &["before.fil", "--baseline", "before.fil", "--tolerance", "0%"]);
    assert_eq!((verdicts(&answer), code), (vec!["kept"], 0));

    let (answer, code) = json(&folder, &["--baseline", "before.fil"]);
    assert_eq!((verdicts(&answer), code), (vec!["broken"], 1));
    let budget = &list(&answer, "budgets")[0];
    let before = number(&budget["baseline"], "peak_bytes");
    assert_eq!(number(budget, "allowed_bytes"), before + before / 20, "5% if nothing is said");
    assert_eq!(text(&budget["baseline"], "trace"), "before.fil");

    let (_, code) = json(&folder, &["--baseline", "before.fil", "--tolerance", "11MB"]);
    assert_eq!(code, 0, "it is 10 MB more");
    let ended = check(&folder, &["--baseline", "before.fil", "--tolerance", "1MB"]);
    assert_eq!(ended.code(), 1, "{ended:#?}");
    assert!(
        ended.stdout.starts_with("OVER peak ") && ended.stdout.contains(" in before.fil and 1MB more), by "),
        "{ended:#?}"
    );
    let ended = check(&folder, &["--baseline", "before.fil", "--process", "1"]);
    ended.assert_one_line_error(&["--process", "--baseline"]);
}

/// It would have gone on.
#[test]
fn a_job_that_was_killed_does_not_pass() {
    let folder = recorded("held = bytearray(20_000_000)\nimport os; os.kill(os.getpid(), 9)");
    let ended = check(&folder, &["--max-peak", "1GB"]);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stdout.starts_with("?    peak ") && ended.stdout.ends_with("; not certain\n"), "{ended:#?}");
    assert_eq!(ended.fil_lines(), ["trace.fil cannot vouch for a budget: the job was killed by signal 9"]);
    let ended = check(&folder, &["--max-peak", "10MB"]);
    assert_eq!(ended.code(), 1, "so much it had in any case: {ended:#?}");
}

#[test]
fn a_job_that_ran_out_of_memory_does_not_pass() {
    let folder = recorded("held = bytearray(20_000_000)\nbytearray(1 << 60)");
    let ended = check(&folder, &["--max-peak", "1GB"]);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    let doubt = "trace.fil cannot vouch for a budget: an allocation failed, and the job exited with code 1";
    assert_eq!(ended.fil_lines(), [doubt]);
}

/// Whoever ran it knows of that.
#[test]
fn of_a_job_that_failed_otherwise_there_is_a_warning() {
    let folder = recorded("held = bytearray(20_000_000)\nimport os; os._exit(3)");
    let ended = check(&folder, &["--max-peak", "1GB"]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(ended.fil_lines(), ["warning: the job exited with code 3: what it did not come to is not measured"]);
}

#[test]
fn a_trace_that_is_not_whole_does_not_pass() {
    let folder = recorded(CODE);
    let path = folder.join("trace.fil");
    let bytes = fs::read(&path).expect("recorded");
    fs::write(&path, &bytes[..bytes.len() - 3]).expect("written");
    for budget in ["1GB", "1MB"] {
        let ended = check(&folder, &["--max-peak", budget]);
        assert_eq!(ended.code(), 2, "{ended:#?}");
        let told = "trace.fil cannot vouch for a budget: parts of the trace are damaged or missing";
        assert_eq!(ended.fil_lines().last(), Some(&told), "{ended:#?}");
    }
}

/// `set -o pipefail; fil check … | true` must not pass.
#[test]
fn a_closed_pipe_keeps_no_budget() {
    let folder = recorded(CODE);
    let pipeline = format!("set -o pipefail; '{FIL}' check --json --max-peak 1MB | true");
    let mut shell = Command::new("bash");
    shell.args(["-c", &pipeline]).current_dir(folder.path());
    assert_eq!(run(&mut shell).code(), 1);
}

#[test]
fn a_budget_is_needed_and_must_be_one() {
    let folder = recorded(CODE);
    check(&folder, &[]).assert_one_line_error(&["--max-peak", "fil check --help"]);
    check(&folder, &["--json"]).assert_one_line_error(&["--max-peak"]);
    check(&folder, &["--max-peak", "much"]).assert_one_line_error(&["much", "500MB"]);
    check(&folder, &["--max-site", "hold"]).assert_one_line_error(&["read_csv=500MB"]);
    check(&folder, &["--max-peak", "1GB", "--tolerance", "1%"]).assert_one_line_error(&["--baseline"]);
    check(&folder, &["--baseline", "other.fil"]).assert_one_line_error(&["other.fil"]);
}
