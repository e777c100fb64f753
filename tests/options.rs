//! What goes with questions: pictures of all of them, shapes of call stacks, times and sizes as filters, and a bar for those
//! that take a while.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{FIL, Folder, list, number, python, run, text};

const CODE: &str = "
def keep(): return bytearray(5_000_000)
def deep(left): return deep(left - 1) if left else keep()
early = deep(40)
for number in range(300_000): str(number)
late = keep()
for _ in range(50): bytearray(1_000_000)
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

/// The titles of a flamegraph's calls.
fn titles(folder: &Folder, arguments: &[&str]) -> Vec<String> {
    run(folder.fil(&["analyze", "--flamegraph", "out.svg"]).args(arguments)).success();
    let svg = std::fs::read_to_string(folder.join("out.svg")).expect("it was drawn");
    let titles = svg.split("<title>").skip(1).filter_map(|rest| rest.split("</title>").next());
    titles.map(str::to_owned).collect()
}

fn count(titles: &[String], start: &str) -> usize {
    titles.iter().filter(|title| title.starts_with(start)).count()
}

#[test]
fn every_answer_about_calls_has_a_picture() {
    let folder = recorded();
    let churn = titles(&folder, &["--churn"]);
    assert_eq!(count(&churn, "all ("), 1);
    assert!(churn.iter().any(|title| title.contains("47.7 MiB")), "fifty times a million bytes: {churn:?}");
    let leaks = titles(&folder, &["--leaks"]);
    assert!(count(&leaks, "keep (&lt;string&gt;:2)") > 0, "{leaks:?}");
    for question in
        [&["--at", "50%"][..], &["--range", "0.."], &["--lifetimes"], &["--peak", "--lifetimes"], &["--stack", "keep"]]
    {
        assert!(count(&titles(&folder, question), "keep") > 0, "{question:?}");
    }
    // Blocks are no bytes.
    let temporary = titles(&folder, &["--temporary=2"]);
    assert!(
        temporary.iter().any(|title| title.starts_with("all (") && title.contains(" blocks, 100%")),
        "{temporary:?}"
    );
}

#[test]
fn stacks_have_the_shape_that_is_asked_for() {
    let folder = recorded();
    let whole = titles(&folder, &["--stack", "keep"]);
    assert_eq!(count(&whole, "deep"), 41, "{whole:?}");
    let once = titles(&folder, &["--stack", "keep", "--collapse-recursion"]);
    assert_eq!(count(&once, "deep"), 1, "{once:?}");
    let merged = titles(&folder, &["--stack", "keep", "--merge-functions"]);
    assert_eq!(count(&merged, "keep (&lt;string&gt;)"), 2, "below deep, and below the module: {merged:?}");
    let inverted = titles(&folder, &["--stack", "keep", "--merge-functions", "--invert"]);
    assert_eq!(count(&inverted, "keep"), 1, "all of it begins with it: {inverted:?}");

    let shown = folder.analyze(&["--stack", "keep", "--collapse-recursion"]);
    assert_eq!(shown.matches("\n  deep").count(), 1, "{shown}");
    assert!(shown.starts_with("Call stacks that reach keep: 2, "), "{shown}");
    assert!(folder.analyze(&["--stack", "keep", "--rows", "1"]).ends_with("\nand 1 stack more\n"));
}

#[test]
fn only_what_was_allocated_in_a_time_or_is_large() {
    let folder = recorded();
    let live = |arguments: &[&str]| {
        number(&json(&folder, &[&["--leaks", "--function", "keep"], arguments].concat()), "live_bytes")
    };
    let born = "SELECT allocated_s FROM allocations WHERE bytes BETWEEN 5000000 AND 6000000 ORDER BY allocated_s";
    let born = json(&folder, &["--sql", born]);
    let seconds: Vec<f64> = list(&born, "rows").iter().filter_map(|row| row[0].as_f64()).collect();
    let (middle, later) =
        (format!("{}", (seconds[0] + seconds[1]) / 2.0), format!("{}", (seconds[0] + 2.0 * seconds[1]) / 3.0));
    let one = 5_000_057;
    assert_eq!(live(&[]), 2 * one);
    assert_eq!(live(&["--until", &middle]), one);
    assert_eq!(live(&["--from", &middle]), one);
    assert_eq!(live(&["--from", &middle, "--until", &later]), 0);
    run(&mut folder.fil(&["analyze", "--leaks", "--from", "1000"])).assert_one_line_error(&["behind the end"]);
    let large = json(&folder, &["--leaks", "--min-bytes", "5MB"]);
    let functions: Vec<&str> = list(&large, "call_sites").iter().map(|row| text(row, "function")).collect();
    assert_eq!(functions, ["keep"]);
    assert_eq!(number(&large, "live_bytes"), live_bytes_of_all(&folder), "the total stays what it is");
}

fn live_bytes_of_all(folder: &Folder) -> u64 {
    number(&json(folder, &["--leaks"]), "live_bytes")
}

#[test]
fn a_filter_for_what_is_not_there_is_told() {
    let folder = recorded();
    for (arguments, words) in [
        (["--function", "kepe"], "no function like \"kepe\""),
        (["--file", "*/other.py"], "no file like \"*/other.py\""),
        (["--thread", "worker"], "no thread \"worker\""),
        (["--process", "1"], "no process 1"),
    ] {
        let ended = run(folder.fil(&["analyze", "--churn"]).args(arguments)).success();
        assert!(ended.stderr.contains(words), "{ended:?}");
    }
    let ended = run(&mut folder.fil(&["analyze", "--churn", "--function", "keep"])).success();
    assert_eq!(ended.stderr, "");
}

#[test]
fn options_that_do_not_fit_are_told_in_one_line() {
    let folder = Folder::new();
    for (arguments, words) in [
        (&["--churn", "--leaks"][..], &["two questions"][..]),
        (&["--sizes", "--rows", "3"], &["--rows", "--sizes"]),
        (&["--json"], &["need a question"]),
        (&["--peak", "--invert"], &["--peak"]),
        (&["--tmeline"], &["--tmeline", "fil analyze --help"]),
        (&["--what-if-freed", "job.py:3"], &["--what-if-freed=job.py:3"]),
    ] {
        run(folder.fil(&["analyze"]).args(arguments)).assert_one_line_error(words);
    }
}

#[test]
fn nothing_is_written_over_the_trace() {
    let folder = recorded();
    let before = std::fs::read(folder.join("trace.fil")).expect("it is there");
    std::fs::copy(folder.join("trace.fil"), folder.join("other.fil")).expect("can be copied");
    for arguments in [
        &["analyze", "--flamegraph", "trace.fil"][..],
        &["analyze", "--churn", "--parquet", "./trace.fil"],
        &["diff", "other.fil", "trace.fil", "--flamegraph", "other.fil"],
    ] {
        run(&mut folder.fil(arguments)).assert_one_line_error(&["is the trace"]);
    }
    assert!(std::fs::read(folder.join("trace.fil")).expect("it is there") == before);
}

/// A terminal that is made by script(1), of a trace that takes some seconds on any machine.
#[test]
fn a_bar_shows_after_a_second_and_is_gone_before_the_answer() {
    let folder = Folder::new();
    let code = "
length = 0
for number in range(30_000_000): length += len(str(number))
import os; os._exit(0)";
    folder.record_code(&python(), code).success();
    let command = format!("{FIL} analyze --peak --lifetimes --rows 1");
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &command, "/dev/null"]).current_dir(folder.path());
    terminal.env("RAYON_NUM_THREADS", "1").env("TERM", "xterm");
    let shown = run(&mut terminal).success().stdout;
    assert!(shown.contains("reading the trace, pass "), "{shown:?}");
    let answer = shown.rfind("Peak memory").expect("an answer");
    assert!(!shown[answer..].contains("pass"), "{shown:?}");
    // Nobody sees it in a file.
    assert!(!run(&mut folder.fil(&["analyze", "--peak"])).success().stderr.contains("pass"));
}
