//! Threads: whoever starts one owns what it allocates outside Python code.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Folder, Place, Python, Row, for_each_python, library, line_of, number, run, testdata};

/// Runs a program with a library as its argument under fil, and without it, which must look the same.
/// The result is what it printed.
fn record_with_library(folder: &Folder, python: &Python, program: &str, library: &Path) -> String {
    let program = testdata(program);
    let arguments = [program.to_str().expect("UTF-8"), library.to_str().expect("UTF-8")];
    let plain = run(Command::new(&python.path).args(arguments)).success();
    let recorded = run(&mut folder.record_command(&python.path, &arguments)).success();
    assert_eq!(recorded.stdout, plain.stdout, "{}", python.name);
    assert!(!plain.stdout.is_empty());
    plain.stdout
}

/// A frame of testdata/c_threads.py, at its line with this text.
fn frame(function: &str, line: &str) -> Place {
    (function.to_owned(), "c_threads.py".to_owned(), line_of("c_threads.py", line))
}

#[test]
fn daemon_threads_that_are_in_c_when_python_ends_do_no_harm() {
    for_each_python(|python| {
        let folder = Folder::new();
        let library = library(&folder, "daemon_threads.c");
        // The threads are found at another place each time.
        for _ in 0..5 {
            record_with_library(&folder, python, "daemon_threads.py", &library);
        }
    });
}

#[test]
fn what_c_threads_allocate_belongs_to_the_python_stack_that_started_them() {
    for_each_python(|python| {
        let folder = Folder::new();
        let library = library(&folder, "c_threads.c");
        record_with_library(&folder, python, "c_threads.py", &library);
        let peak = folder.peak();
        let rows = peak.rows();
        let job =
            rows.iter().find(|row| row.thread == "MainThread" && row.frames.is_empty()).expect("start-up").process;

        let module = |line: &str| frame("<module>", line);
        let expected = [
            (10_000_001, vec![module("print(thread())"), frame("thread", "SIZE(10_000_001)")]),
            (10_000_006, vec![module("print(small_thread())"), frame("small_thread", "SIZE(10_000_006)")]),
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
    });
}

#[test]
fn threads_have_the_names_that_they_were_given() {
    for_each_python(|python| {
        let folder = Folder::new();
        let library = library(&folder, "c_threads.c");
        let printed = record_with_library(&folder, python, "thread_names.py", &library);
        let rows = folder.peak().rows();
        let blocks: Vec<_> = printed.lines().map(|line| line.split_once(' ').expect("a size and a name")).collect();
        assert_eq!(blocks.len(), 14, "{printed}");
        for (size, name) in blocks {
            let bytes: u64 = size.parse().expect("a size");
            let row = rows.iter().find(|row| row.live_bytes == bytes);
            let row = row.unwrap_or_else(|| panic!("{}: no row of {bytes} bytes in {rows:#?}", python.name));
            match name {
                "" => assert!(row.thread.starts_with("thread "), "{}: {row:#?}", python.name),
                name => assert_eq!(row.thread, name, "{}", python.name),
            }
        }
    });
}

/// What CPython itself allocates for a thread, before and after its frames, is owed to who starts it.
#[test]
fn nothing_of_a_python_thread_is_without_a_stack() {
    for_each_python(|python| {
        let folder = Folder::new();
        let code = "
import threading
ready, end = threading.Barrier(21), threading.Event()
def work():
    ready.wait()
    end.wait()
for _ in range(20):
    threading.Thread(target=work, name='worker').start()
ready.wait()
held = bytearray(50_000_000)
end.set()
";
        folder.record_code(&python.path, code).success();
        let rows = folder.peak().rows();
        let workers: Vec<&Row> = rows.iter().filter(|row| row.thread == "worker").collect();
        assert!(workers.len() >= 20, "{}: {workers:#?}", python.name);
        for worker in workers {
            assert!(!worker.frames.is_empty(), "{}: {worker:#?}", python.name);
        }
    });
}

#[test]
fn thousands_of_short_threads_are_exact_and_need_little_room() {
    for_each_python(|python| {
        let folder = Folder::new();
        let (program, library) = (testdata("many_threads.py"), library(&folder, "c_threads.c"));
        let arguments = [program.to_str().expect("UTF-8"), library.to_str().expect("UTF-8")];
        let ended = run(&mut folder.record_command(&python.path, &arguments)).success();
        let expected: Value = serde_json::from_str(&ended.stdout).expect("JSON");

        let peak = folder.peak();
        assert_eq!(peak.bytes_of("many_threads.py", "keep"), number(&expected, "python_bytes"), "{}", python.name);
        let c_threads = line_of("many_threads.py", "library.many_threads(");
        let rows = peak.rows();
        let of_c_threads = rows.iter().filter(|row| {
            row.thread != "MainThread" && row.frames.last().is_some_and(|(_, _, line)| *line == c_threads)
        });
        let bytes: u64 = of_c_threads.map(|row| row.live_bytes).sum();
        assert_eq!(bytes, number(&expected, "c_bytes"), "{}", python.name);

        // As many slots of 64 KiB as a job with few threads may have, and one step of growth over that.
        let spool_bytes = number(&expected, "spool_bytes");
        assert!(spool_bytes <= (128 + 16 + 1) * (64 << 10), "{}: {spool_bytes}", python.name);
    });
}
