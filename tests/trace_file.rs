//! Where the trace goes, whose it is, and what becomes of an older one.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use support::{Folder, Running, python, run};

#[test]
fn an_older_trace_is_kept_under_another_name() {
    let folder = Folder::new();
    folder.record_code(&python(), "first = bytearray(33_000_000)").success();
    let first = fs::read(folder.join("trace.fil")).expect("recorded");
    folder.record_code(&python(), "second = bytearray(44_000_000)").success();
    assert_eq!(folder.names(), ["trace.fil", "trace.fil.old"]);
    assert!(fs::read(folder.join("trace.fil.old")).expect("kept") == first);
    assert!(folder.peak().number("peak_bytes") > 44_000_000);
}

#[test]
fn a_trace_goes_where_it_is_told() {
    let folder = Folder::new();
    fs::create_dir(folder.join("results")).expect("created");
    let mut command = folder.fil(&["record", "-o", "results/night run.fil", "--"]);
    run(command.arg(python()).args(["-c", "import os; os.chdir('/')"])).success();
    assert_eq!(folder.names(), ["results"]);
    let table = folder.analyze(&["results/night run.fil", "--peak"]);
    assert!(!table.is_empty());
}

/// Of several that start at once with the same trace, one records and the others say why they do not.
#[test]
fn a_trace_is_of_one_job_only() {
    const FILS: usize = 4;
    let folder = Folder::new();
    let gate = folder.join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo is there").success());
    // Opening a pipe waits for the other side: the job lasts until the others have ended.
    let code = format!("open('{}').read()", gate.display());
    let (told, ends) = mpsc::channel();
    for _ in 0..FILS {
        let running = Running::start(&mut folder.record_command(&python(), &["-c", &code]));
        let told = told.clone();
        thread::spawn(move || told.send(running.end()));
    }
    for refused in ends.iter().take(FILS - 1) {
        refused.assert_one_line_error(&["trace.fil", "being recorded by another fil"]);
    }
    fs::write(&gate, "go").expect("the job reads");
    ends.recv().expect("the one that records").success();
    assert_eq!(folder.peak().value()["processes"].as_array().map(Vec::len), Some(1));
}

/// Another user's job, in a folder that only this user may write to, is no reason to fail.
#[test]
fn the_trace_belongs_to_who_recorded_it() {
    let folder = Folder::new();
    folder.record_code(&python(), "pass").success();
    let mode = fs::metadata(folder.join("trace.fil")).expect("recorded").permissions().mode();
    assert_eq!(mode & 0o600, 0o600);
    assert_eq!(mode & 0o111, 0, "a trace is no program");
}

#[test]
fn a_command_that_cannot_be_run_leaves_all_as_it_was() {
    let folder = Folder::new();
    fs::write(folder.join("trace.fil"), "an older trace").expect("written");
    fs::write(folder.join("notes.txt"), "not a program").expect("written");
    let before = folder.names();
    for (command, code) in [("no-such-command-of-fil", 127), ("./nor-this", 127), ("./notes.txt", 126), ("/tmp", 126)] {
        let ended = run(&mut folder.fil(&["record", "--", command]));
        assert_eq!(ended.code(), code, "{command}: {ended:#?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
        assert!(ended.stderr.contains(command), "{ended:#?}");
        assert_eq!(folder.names(), before);
        assert_eq!(fs::read_to_string(folder.join("trace.fil")).expect("kept"), "an older trace");
    }
}
