//! What goes wrong for users is told in one clear line, with exit code 2, and never a panic.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{FIL, Folder, copy_fil, python, run};

/// A folder with a trace of a job that holds 60 MB in the end.
fn recorded() -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), "held = bytearray(60_000_000)\nimport os; os._exit(0)").success();
    folder
}

fn change_trace(folder: &Folder, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join("trace.fil");
    let mut bytes = fs::read(&path).expect("recorded");
    change(&mut bytes);
    fs::write(&path, bytes).expect("written");
}

/// Offset of the `index`-th chunk.
fn chunk(bytes: &[u8], index: usize) -> usize {
    let starts: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, window)| window == b"FILc").map(|(at, _)| at).collect();
    starts[index]
}

#[test]
fn a_missing_trace() {
    let folder = Folder::new();
    for view in [&["analyze"][..], &["analyze", "--peak"], &["analyze", "--timeline"]] {
        run(&mut folder.fil(view)).assert_one_line_error(&["trace.fil", "fil record"]);
    }
    run(&mut folder.fil(&["analyze", "other.fil", "--peak"])).assert_one_line_error(&["other.fil"]);
}

#[test]
fn something_that_is_no_trace() {
    let folder = Folder::new();
    for content in [&b""[..], b"x", b"#!/usr/bin/env python\nprint('hello')\n", &[0; 10_000]] {
        fs::write(folder.join("trace.fil"), content).expect("written");
        run(&mut folder.fil(&["analyze", "--peak"])).assert_one_line_error(&["trace.fil", "not a fil trace"]);
    }
    run(&mut folder.fil(&["analyze", "/", "--peak"])).assert_one_line_error(&["/"]);
}

#[test]
fn a_trace_of_a_newer_version() {
    let folder = recorded();
    change_trace(&folder, |bytes| bytes[8] = 9);
    run(&mut folder.fil(&["analyze", "--peak"])).assert_one_line_error(&["trace.fil", "format 9", "newer"]);
}

/// Cut inside the header, nothing can be said.
#[test]
fn a_trace_cut_in_its_header() {
    for length in [4, 15, 60] {
        let folder = recorded();
        change_trace(&folder, |bytes| bytes.truncate(length));
        run(&mut folder.fil(&["analyze", "--peak"])).assert_one_line_error(&["trace.fil"]);
    }
}

/// Cut behind it, what is there is told, with a warning.
#[test]
fn a_trace_cut_in_the_middle_tells_what_is_left() {
    let folder = recorded();
    change_trace(&folder, |bytes| bytes.truncate(bytes.len() - 3));
    let ended = run(&mut folder.fil(&["analyze", "--peak"]));
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stdout.contains("Peak memory"), "{ended:#?}");
    assert!(ended.stderr.contains("fil: warning: the trace is cut short"), "{ended:#?}");
}

/// A damaged chunk costs only itself, and is told.
#[test]
fn a_damaged_trace_tells_what_is_left() {
    let folder = recorded();
    change_trace(&folder, |bytes| {
        let last = bytes.windows(4).filter(|window| window == b"FILc").count() - 1;
        let at = chunk(bytes, last) + 73;
        bytes[at] ^= 0x40;
    });
    let ended = run(&mut folder.fil(&["analyze", "--peak", "--json"]));
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stderr.contains("fil: warning: 1 damaged part of the trace"), "{ended:#?}");
    let peak: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(peak["complete"].as_bool(), Some(false));
    assert!(peak["peak_bytes"].as_u64() > Some(60_000_000), "the events are still there");
}

/// Whatever byte of it is damaged: an answer or one clear line.
#[test]
fn no_damage_makes_the_analyzer_panic() {
    let folder = recorded();
    let whole = fs::read(folder.join("trace.fil")).expect("recorded");
    let length = whole.len();
    // Headers of the file and of the first chunk byte by byte, then here and there.
    let first_chunk = chunk(&whole, 0);
    let places = (0..first_chunk.min(40))
        .step_by(3)
        .chain(first_chunk..first_chunk + 76)
        .chain((0..length).step_by(length / 40));
    for at in places {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        fs::write(folder.join("trace.fil"), bytes).expect("written");
        let ended = run(&mut folder.fil(&["analyze", "--peak", "--json"]));
        assert!(matches!(ended.code(), 0 | 2), "byte {at}: {ended:#?}");
        assert!(!ended.stderr.contains("panicked"), "byte {at}: {ended:#?}");
        assert!(!ended.stdout.is_empty() || ended.code() == 2, "byte {at}: {ended:#?}");
        assert!(!ended.stderr.is_empty(), "byte {at}: {ended:#?}");
    }
}

#[test]
fn a_folder_that_cannot_be_written_to() {
    let folder = Folder::new();
    run(folder.fil(&["record", "-o", "no/such/folder/trace.fil", "--"]).arg(python()).args(["-c", "print('ran')"]))
        .assert_one_line_error(&["no/such/folder/trace.fil"]);

    // Root may write anywhere, so this is done as nobody, who must be able to reach `fil`.
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("ours");
    let fil = folder.join("fil");
    copy_fil(&fil);
    let locked = folder.join("locked");
    fs::create_dir(&locked).expect("created");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o555)).expect("ours");
    let mut command = Command::new(fil);
    command.current_dir(&locked).args(["record", "--", "/bin/echo", "ran"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    run(&mut command).assert_one_line_error(&["trace.fil", "permission"]);
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o755)).expect("ours");
}

/// The job ran, as it would have without fil; only there is nothing to show for it.
#[test]
fn a_command_that_never_loads_the_recorder() {
    let folder = Folder::new();
    fs::write(folder.join("static.c"), "#include <stdio.h>\nint main(void) { puts(\"ran\"); return 0; }\n")
        .expect("written");
    run(Command::new("cc").current_dir(folder.path()).args(["-static", "-o", "static", "static.c"])).success();
    let ended = run(&mut folder.fil(&["record", "--", "./static"]));
    assert_eq!((ended.code(), &*ended.stdout), (2, "ran\n"), "{ended:#?}");
    assert!(ended.fil_lines().iter().any(|line| line.contains("never loaded the recorder")), "{ended:#?}");
    assert_eq!(ended.fil_lines().len(), ended.stderr.lines().count(), "{ended:#?}");

    let peak = folder.peak();
    assert_eq!(peak.number("peak_bytes"), 0);
    assert!(peak.warnings().iter().any(|warning| warning.contains("nothing was recorded")), "{:?}", peak.warnings());
}

/// A program that is no Python at all: heap and mappings, without stacks.
#[test]
fn a_command_that_is_not_python() {
    let folder = Folder::new();
    let code = "#include <stdlib.h>\n#include <string.h>\n\
                int main(void) { void *held = malloc(70000001); memset(held, 1, 70000001); _Exit(0); }\n";
    fs::write(folder.join("holds.c"), code).expect("written");
    run(Command::new("cc").current_dir(folder.path()).args(["-o", "holds", "holds.c"])).success();
    run(&mut folder.fil(&["record", "--", "./holds"])).success();
    let peak = folder.peak();
    assert!((70_000_001..70_100_000).contains(&peak.number("peak_bytes")), "{}", peak.value());
}

#[test]
fn a_command_line_that_makes_no_sense() {
    let folder = Folder::new();
    for (arguments, word) in [
        (&["record"][..], "command"),
        (&["record", "--"], "command"),
        (&["analyze", "--peak", "--timeline"], "--timeline"),
        (&["analyze", "--no-such-option"], "--no-such-option"),
        (&["no-such-action"], "no-such-action"),
    ] {
        run(&mut folder.fil(arguments)).assert_one_line_error(&[word]);
    }
    assert_eq!(folder.names(), Vec::<String>::new());
}

#[test]
fn an_answer_that_cannot_be_written() {
    let folder = recorded();
    let out = "no/such/folder/peak.svg";
    assert!(!Path::new(out).exists());
    run(&mut folder.fil(&["analyze", "--flamegraph", out])).assert_one_line_error(&[out]);
}

/// `fil analyze | head` ends quietly.
#[test]
fn a_reader_who_leaves_is_no_error() {
    let folder = recorded();
    let pipeline = format!("'{FIL}' analyze --peak --json | head -c 1");
    let ended = run(Command::new("bash").current_dir(folder.path()).args(["-o", "pipefail", "-c", &pipeline]));
    assert_eq!((&*ended.stdout, &*ended.stderr), ("{", ""), "{ended:#?}");
    assert!(ended.status.success(), "{ended:#?}");
}
