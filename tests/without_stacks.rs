//! Pythons whose call stacks fil does not read are recorded all the same, and it is said once.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use serde_json::Value;
use support::{Folder, Python, for_each_python_that, list, run, testdata, text, unsupported_pythons};

/// 60 MB, four times 20 MB, and passing small objects of all of them at once.
const THREADS_THAT_ALLOCATE: &str = "
import os, threading
held = [bytearray(60_000_000)]
def hold():
    [{number: str(number)} for number in range(20_000)]
    held.append(bytearray(20_000_000))
threads = [threading.Thread(target=hold) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
os._exit(0)
";

/// Recorded without stacks, and said so, at once and in every answer.
#[test]
fn a_python_whose_stacks_cannot_be_read() {
    for python in unsupported_pythons() {
        println!("with {}, {}", python.name, python.why);
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, THREADS_THAT_ALLOCATE).success();
        assert_eq!(ended.fil_lines().iter().filter(|line| line.contains("stack")).count(), 1, "{ended:#?}");
        let peak = folder.peak();
        let of_thread = |stack: &&Value| text(stack, "thread") != "MainThread";
        let threads = list(peak.value(), "stacks").iter().filter(of_thread).count();
        assert_eq!(threads, 4, "each has one stack, that of whoever has none: {}", peak.value());
        let about_stacks = peak.warnings().iter().filter(|warning| warning.contains("stack")).count();
        assert_eq!(about_stacks, 1, "{:?}", peak.warnings());
        assert!(peak.stacks().iter().all(|(_, frames)| frames.is_empty()), "no wrong stacks");
    }
}

/// Every byte of them counts: a block that is greater makes the peak greater by as much.
#[test]
fn bytes_are_exact_without_stacks() {
    let code = "
import mmap, os, sys
size = int(sys.argv[1])
held = bytes(size), bytearray(3 * size), [bytes(size // 1000) for _ in range(1000)]
mapped = mmap.mmap(-1, 4096 * size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
os._exit(0)
";
    for python in unsupported_pythons() {
        let [smaller, greater] = [100_000, 110_000].map(|size: u64| {
            let folder = Folder::new();
            run(&mut folder.record_reproducibly(&python.path, &["-c", code, &size.to_string()])).success();
            folder.peak().number("peak_bytes")
        });
        assert_eq!(greater - smaller, (1 + 3 + 1 + 4096) * 10_000, "{}", python.name);
    }
}

/// Found by dlopen, it comes too late for stacks. Its bytes count.
#[test]
fn a_python_that_is_loaded_late_is_recorded_without_stacks() {
    let built = Folder::new();
    let program = built.join("late");
    run(Command::new("cc").arg("-o").args([&program, &testdata("late_python.c")]).arg("-ldl")).success();
    let ask = "import sys
print(next(line.split()[-1] for line in open('/proc/self/maps') if 'libpython' in line), sys.base_prefix)";
    // The others have no libpython, or one that needs the C library of another system.
    let has_libpython = |python: &Python| python.name.ends_with("-shared") && python.version() <= (3, 13);
    for_each_python_that(has_libpython, |python| {
        let told = run(Command::new(&python.path).args(["-c", ask])).success().stdout;
        let (libpython, home) = told.trim().split_once(' ').expect("two paths");
        let [smaller, greater] = [60_000_000, 60_100_000].map(|size: u64| {
            let folder = Folder::new();
            let code = format!("held = bytearray({size})");
            let mut command = folder.record_reproducibly(&program, &[libpython, &code]);
            let ended = run(command.env("PYTHONHOME", home)).success();
            assert!(ended.fil_lines().iter().any(|line| line.contains("Python was loaded when")), "{ended:#?}");
            let peak = folder.peak();
            let [warning] = &peak.warnings()[..] else { panic!("{:?} on {}", peak.warnings(), python.name) };
            assert!(warning.contains("without Python call stacks"), "{warning}");
            peak.number("peak_bytes")
        });
        assert_eq!(greater - smaller, 100_000, "{}", python.name);
    });
}
