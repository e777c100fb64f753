//! Pythons whose call stacks fil does not read are recorded all the same, and it is said once.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use support::{Folder, for_each_python, run, testdata, unsupported_pythons};

/// Recorded without stacks, and said so, at once and in every answer.
#[test]
fn a_python_whose_stacks_cannot_be_read() {
    for python in unsupported_pythons() {
        println!("with {}, {}", python.name, python.why);
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, "held = bytearray(60_000_000)\nimport os; os._exit(0)").success();
        assert!(ended.fil_lines().iter().any(|line| line.contains("stack")), "{ended:#?}");
        let peak = folder.peak();
        assert!(peak.number("peak_bytes") > 60_000_000);
        assert!(peak.warnings().iter().any(|warning| warning.contains("stack")), "{:?}", peak.warnings());
        assert!(peak.stacks().iter().all(|(_, frames)| frames.is_empty()), "no wrong stacks");
    }
}

/// The same with a program that says of itself what such a Python says; the registries have none.
#[test]
fn a_free_threaded_python_is_recorded_without_stacks() {
    let folder = Folder::new();
    let source = testdata("free_threaded.c");
    run(Command::new("cc").current_dir(folder.path()).args(["-rdynamic", "-o", "python"]).arg(source)).success();
    let ended = run(&mut folder.fil(&["record", "--", "./python"])).success();
    assert!(ended.fil_lines().iter().any(|line| line.contains("free-threaded")), "{ended:#?}");
    let peak = folder.peak();
    let [warning] = &peak.warnings()[..] else { panic!("{:?}", peak.warnings()) };
    assert!(warning.contains("without Python call stacks") && warning.contains("free-threaded"), "{warning}");
    assert!(peak.number("peak_bytes") > 70_000_000);
    assert!(peak.stacks().iter().all(|(_, frames)| frames.is_empty()), "no wrong stacks");
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
