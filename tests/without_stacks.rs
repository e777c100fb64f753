//! Pythons whose call stacks fil does not read are recorded all the same, and it is said once.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use support::{Folder, for_each_python, run, testdata, unsupported_pythons};

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
        let bytes = peak.number("peak_bytes");
        assert!((140_000_000..160_000_000).contains(&bytes), "{bytes}");
        let about_stacks = peak.warnings().iter().filter(|warning| warning.contains("stack")).count();
        assert_eq!(about_stacks, 1, "{:?}", peak.warnings());
        assert!(peak.stacks().iter().all(|(_, frames)| frames.is_empty()), "no wrong stacks");
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
    for_each_python(|python| {
        // The others have no libpython, or one that needs the C library of another system.
        if !python.name.ends_with("-shared") || python.version() > (3, 13) {
            return;
        }
        let told = run(Command::new(&python.path).args(["-c", ask])).success().stdout;
        let (libpython, home) = told.trim().split_once(' ').expect("two paths");
        let folder = Folder::new();
        let ended = run(folder.record_command(&program, &[libpython]).env("PYTHONHOME", home)).success();
        assert!(ended.fil_lines().iter().any(|line| line.contains("Python was loaded when")), "{ended:#?}");
        let peak = folder.peak();
        let [warning] = &peak.warnings()[..] else { panic!("{:?} on {}", peak.warnings(), python.name) };
        assert!(warning.contains("without Python call stacks"), "{warning}");
        assert!(peak.number("peak_bytes") > 60_000_000, "{}", python.name);
    });
}
