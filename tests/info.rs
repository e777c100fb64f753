//! What is in a trace.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;

use serde_json::Value;
use support::{Folder, list, number, python, run, text};

/// A process with a thread, and a process that it starts.
const CODE: &str = "
import subprocess, sys, threading
def work(): return bytearray(1_000_000)
thread = threading.Thread(target=work, name='worker')
thread.start(); thread.join()
subprocess.run([sys.executable, '-c', 'held = bytearray(1_000_000)'], check=True)
import os; os._exit(0)
";

fn recorded() -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), CODE).success();
    folder
}

fn json(folder: &Folder, arguments: &[&str]) -> Value {
    let ended = run(folder.fil(&["info", "--json"]).args(arguments)).success();
    assert_eq!(ended.stderr, "");
    serde_json::from_str(&ended.stdout).expect("JSON")
}

#[test]
fn the_whole_is_told_for_programs() {
    let folder = recorded();
    let info = json(&folder, &[]);
    assert_eq!(text(&info, "schema"), "fil.info/1");
    assert_eq!(number(&info, "trace_bytes"), fs::metadata(folder.join("trace.fil")).expect("is there").len());
    assert_eq!((info["complete"].as_bool(), info["damaged"].as_bool()), (Some(true), Some(false)));
    assert_eq!(info["command"][1], "-c");
    assert_eq!(text(&info, "fil_version"), env!("CARGO_PKG_VERSION"));
    let folder_path = folder.path().canonicalize().expect("is there");
    assert_eq!(text(&info, "working_directory"), folder_path.to_str().expect("UTF-8"));
    assert_eq!((&info["end"]["exit_code"], &info["end"]["signal"]), (&Value::from(0), &Value::Null));
    // Recorded a moment ago, and this test is not from before 2020.
    assert!(number(&info, "wall_clock_start_ns") > 1_577_836_800_000_000_000);
    assert_eq!(info.get("chunks"), None);
    assert_eq!(number(&info, "event_count"), folder.peak().number("event_count"));

    let processes = list(&info, "processes");
    let (job, child) = (&processes[0], processes.last().expect("there are some"));
    assert_eq!(number(&info, "process_count"), 2);
    assert_eq!(number(child, "parent_pid"), number(job, "pid"));
    assert_eq!(child["command"][2], "held = bytearray(1_000_000)");
    assert!(text(job, "python_version").starts_with("3."));
    let threads = |process: &Value| -> Vec<String> {
        list(process, "threads").iter().map(|thread| text(thread, "name").to_owned()).collect()
    };
    assert!(threads(job).contains(&"worker".to_owned()), "{info:#}");
    assert!(threads(child).contains(&"MainThread".to_owned()), "{info:#}");
    for process in processes {
        let events: u64 = list(process, "threads").iter().map(|thread| number(thread, "event_count")).sum();
        assert_eq!(events, number(process, "event_count"));
    }
}

#[test]
fn chunks_are_the_whole_trace() {
    let folder = recorded();
    let info = json(&folder, &["--chunks"]);
    let mut end = number(&info["sizes"], "header_bytes");
    for chunk in list(&info, "chunks") {
        assert_eq!(number(chunk, "offset"), end);
        assert_eq!(chunk["sound"].as_bool(), Some(true));
        end += number(chunk, "bytes");
    }
    assert_eq!(end, number(&info, "trace_bytes"));
    let events: u64 = list(&info, "chunks").iter().filter_map(|chunk| chunk["event_count"].as_u64()).sum();
    assert_eq!(events, number(&info, "event_count"));
}

#[test]
fn people_read_fields_and_tables() {
    let folder = recorded();
    let ended = run(&mut folder.fil(&["info", "--chunks"])).success();
    let lines: Vec<&str> = ended.stdout.lines().collect();
    let field = |name: &str| {
        let line =
            lines.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {lines:#?}"));
        line.trim().to_owned()
    };
    assert_eq!(field("Trace "), "trace.fil");
    assert!(field("Size ").contains(" bytes per event"));
    assert!(field("Format ").starts_with("version 1, recorded by fil "));
    let started = field("Started ");
    assert!(started.len() == "2026-01-31T12:00:00Z".len() && started.ends_with('Z'), "{started}");
    assert!(field("Command ").contains("import subprocess"));
    assert_eq!(field("Ended "), "the job exited with code 0");
    assert_eq!((field("Processes ").as_str(), field("Complete ").as_str()), ("2", "yes"));
    assert!(field("Made of ").contains("events in "));
    for heading in ["parent", "thread", "decompressed"] {
        let headings = lines.iter().filter(|line| line.split_whitespace().any(|word| word == heading));
        assert!(headings.count() >= 1, "{heading}: {lines:#?}");
    }
    assert!(lines.iter().any(|line| line.ends_with("worker")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("end of the recording")), "{lines:#?}");
}

#[test]
fn damage_is_told_where_it_is() {
    let folder = recorded();
    let path = folder.join("trace.fil");
    let mut bytes = fs::read(&path).expect("recorded");
    let chunks: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"FILc")).collect();
    bytes[chunks[1] + 80] ^= 1;
    fs::write(&path, bytes).expect("written");
    let ended = run(&mut folder.fil(&["info", "--chunks", "--json"]));
    assert_eq!((ended.code(), ended.stderr.as_str()), (2, ""), "{ended:#?}");
    let info: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let damaged: Vec<&Value> = list(&info, "chunks").iter().filter(|chunk| chunk["sound"] == false).collect();
    assert_eq!(damaged.len(), 1, "{info:#}");
    assert_eq!((text(damaged[0], "kind"), number(damaged[0], "offset")), ("damaged", chunks[1] as u64));
    assert_eq!(number(&info["sizes"], "damaged_bytes"), number(damaged[0], "bytes"));
    let ended = run(&mut folder.fil(&["info"]));
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stdout.contains("Complete    no"), "{ended:#?}");
    assert!(ended.stdout.contains("Warnings    1 damaged part of the trace"), "{ended:#?}");
    assert_eq!(ended.stderr, "", "it is told once");
}

#[test]
fn a_job_that_was_killed_leaves_a_complete_trace() {
    let folder = Folder::new();
    folder.record_code(&python(), "held = bytearray(1_000_000)\nimport os; os.kill(os.getpid(), 9)");
    let info = json(&folder, &[]);
    assert_eq!((&info["end"]["exit_code"], &info["end"]["signal"]), (&Value::Null, &Value::from(9)));
    assert_eq!(info["complete"].as_bool(), Some(true), "the recording ended in order, though the job did not");
}

#[test]
fn what_is_no_trace_is_told_in_one_line() {
    let folder = Folder::new();
    run(&mut folder.fil(&["info"])).assert_one_line_error(&["trace.fil", "fil record"]);
    fs::write(folder.join("x"), "hello").expect("written");
    run(&mut folder.fil(&["info", "x"])).assert_one_line_error(&["x", "not a fil trace"]);
}
