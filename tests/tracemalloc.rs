//! fil and CPython's own tracemalloc, asked for the same moment of the same program, agree per line.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;
use support::{Folder, Python, for_each_python, line_of, number, run, testdata};

/// Bytes and blocks of each line of testdata/lists.py.
type Lines = BTreeMap<u64, (u64, u64)>;

fn by_tracemalloc(python: &Python) -> Lines {
    let ended = run(Command::new(&python.path).arg(testdata("lists.py")).arg("tracemalloc")).success();
    let snapshot: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let lines = snapshot.as_object().expect("an object");
    lines
        .iter()
        .map(|(line, of_line)| (line.parse().expect("a number"), (number(of_line, "bytes"), number(of_line, "blocks"))))
        .collect()
}

fn by_fil(python: &Python) -> Lines {
    let folder = Folder::new();
    folder.record_testdata(&python.path, "lists.py");
    let mut lines = Lines::new();
    let runs_before_tracemalloc = ["<module>", "Animal", "Slotted"];
    for site in folder.peak().call_sites() {
        if !site.is_in("lists.py") || site.live_bytes == 0 || runs_before_tracemalloc.contains(&&*site.function) {
            continue;
        }
        let (bytes, blocks) = lines.entry(site.line).or_default();
        *bytes += site.live_bytes;
        *blocks += site.live_blocks;
    }
    lines
}

#[test]
fn fil_agrees_with_tracemalloc_on_every_line() {
    for_each_python(|python| {
        let mut expected = by_tracemalloc(python);
        // This line runs under tracemalloc only, and is not the program's.
        expected.remove(&line_of("lists.py", "tracemalloc.take_snapshot()"));
        assert!(expected.values().map(|(bytes, _)| bytes).sum::<u64>() > 50_000_000, "it sees the large lists");
        assert_eq!(by_fil(python), expected, "(bytes, blocks) of each line on {}", python.name);
    });
}

/// tracemalloc holds a lock while it allocates for itself: fil must not come back to it there. What it keeps of a
/// traceback stands on the line that it traces, beside the block.
#[test]
fn a_job_under_tracemalloc_is_recorded() {
    const BLOCK: u64 = 70_000_000 + 33;
    const TRACEBACK: u64 = 1000;
    let code = "
def hold(): return bytes(70_000_000)
bytes(1)  # what the first call makes for all others is not the block's
small = [str(number) for number in range(100_000)]
held = hold()
print('done')";
    for_each_python(|python| {
        for verify in ["0", "1"] {
            let folder = Folder::new();
            let mut command = folder.record_command(&python.path, &["-X", "tracemalloc=5", "-c", code]);
            let ended = run(command.env("FIL_VERIFY_STACKS", verify)).success();
            assert_eq!(ended.stdout, "done\n", "{ended:#?}");
            let held = folder.peak().bytes_of("<string>", "hold");
            assert!((BLOCK..BLOCK + TRACEBACK).contains(&held), "{held} on {}", python.name);
        }
    });
}
