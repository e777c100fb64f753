//! What recording takes of a job's memory: at most 16 MiB, and 16 bytes for each call path.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use support::{Folder, for_each_version, run, testdata};

/// What `many_stacks.py` printed: the bytes that it had in use at most, and its call paths.
fn most_bytes_and_paths(command: &mut Command) -> [u64; 2] {
    let ended = run(command).success();
    let numbers: Vec<u64> = ended.stdout.split_whitespace().map(|word| word.parse().expect("a number")).collect();
    let [most_kib, paths] = numbers[..] else { panic!("{ended:?}") };
    [most_kib << 10, paths]
}

#[test]
fn memory_is_that_of_call_paths_and_16_mib() {
    let program = testdata("many_stacks.py");
    // Tables grow at half a million paths.
    for depth in ["0", "18", "20"] {
        for_each_version(|python| {
            let [without, paths] = most_bytes_and_paths(Command::new(&python.path).arg(&program).arg(depth));
            let folder = Folder::new();
            let mut command = folder.record_command(&python.path, &[]);
            let [with, _] = most_bytes_and_paths(command.arg(&program).arg(depth));
            let added = with.saturating_sub(without);
            assert!(added <= (16 << 20) + 16 * paths, "{}: {added} bytes for {paths} call paths", python.name);
        });
    }
}
