//! Threads: whoever starts one owns what it allocates outside Python code.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Folder, Place, Python, library, line_of, list, number, pythons, run, testdata, text};

/// Runs a program with a library as its argument under fil, and without it, which must look the same.
fn record_with_library(folder: &Folder, python: &Python, program: &str, library: &Path) {
    let program = testdata(program);
    let arguments = [program.to_str().expect("UTF-8"), library.to_str().expect("UTF-8")];
    let plain = run(Command::new(&python.path).args(arguments)).success();
    let recorded = run(&mut folder.record_command(&python.path, &arguments)).success();
    assert_eq!(recorded.stdout, plain.stdout, "{}", python.name);
    assert!(!plain.stdout.is_empty());
}

/// A row of `stacks`.
#[derive(Debug)]
struct Row {
    process: u64,
    thread: String,
    live_bytes: u64,
    frames: Vec<Place>,
}

fn rows(peak: &Value) -> Vec<Row> {
    let row = |stack: &Value| Row {
        process: number(stack, "process"),
        thread: text(stack, "thread").to_owned(),
        live_bytes: number(stack, "live_bytes"),
        frames: list(stack, "frames").iter().map(place).collect(),
    };
    list(peak, "stacks").iter().map(row).collect()
}

fn place(frame: &Value) -> Place {
    let file = Path::new(text(frame, "file")).file_name().unwrap_or_default();
    (text(frame, "function").to_owned(), file.to_string_lossy().into_owned(), number(frame, "line"))
}

/// A frame of testdata/c_threads.py, at its line with this text.
fn frame(function: &str, line: &str) -> Place {
    (function.to_owned(), "c_threads.py".to_owned(), line_of("c_threads.py", line))
}

#[test]
fn what_c_threads_allocate_belongs_to_the_python_stack_that_started_them() {
    for python in pythons() {
        let folder = Folder::new();
        let library = library(&folder, "c_threads.c");
        record_with_library(&folder, &python, "c_threads.py", &library);
        let peak = folder.peak();
        let rows = rows(peak.value());
        let job =
            rows.iter().find(|row| row.thread == "MainThread" && row.frames.is_empty()).expect("start-up").process;

        let module = |line: &str| frame("<module>", line);
        let expected = [
            (10_000_001, vec![module("print(thread())"), frame("thread", "SIZE(10_000_001)")]),
            (10_000_002, vec![module("print(thread_of_thread())"), frame("thread_of_thread", "SIZE(10_000_002)")]),
            (10_000_003, vec![module("print(c11_thread())"), frame("c11_thread", "SIZE(10_000_003)")]),
            (10_000_004, vec![frame("thread_of_python_thread", "SIZE(10_000_004)")]),
            (
                4_000_003,
                vec![
                    module("print(thread_that_calls_back())"),
                    frame("thread_that_calls_back", "CALLBACK(called_back)"),
                ],
            ),
            (50_000_005, vec![module("print(fork_in_thread())"), frame("fork_in_thread", "SIZE(50_000_005)")]),
        ];
        for (bytes, frames) in expected {
            let row = rows.iter().find(|row| row.live_bytes == bytes);
            let row = row.unwrap_or_else(|| panic!("{}: no row of {bytes} bytes in {rows:#?}", python.name));
            assert_eq!(row.frames, frames, "{}", python.name);
            // The child after a fork has one thread.
            assert_eq!(row.thread == "MainThread", row.process != job, "{}: {row:#?}", python.name);
        }
    }
}
