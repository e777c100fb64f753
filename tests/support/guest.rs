//! A job with and without fil, which must not see a difference.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::{FIL, Folder, Python, run};

/// Runs a program of `testdata/` without fil and under it, with the words `before` in front of both, and
/// asserts that it printed the same and ended the same.
pub(crate) fn assert_the_same_as_without_fil(python: &Python, before: &[&str], program: &Path) {
    let folder = Folder::new();
    let mut without = Command::new(before.first().map_or(python.path.as_os_str(), OsStr::new));
    if !before.is_empty() {
        without.args(&before[1..]).arg(&python.path);
    }
    let without = run(without.arg(program).current_dir(folder.path()));
    let mut recorded = Command::new(before.first().map_or(FIL, |&word| word));
    if !before.is_empty() {
        recorded.args(&before[1..]).arg(FIL);
    }
    let recorded = run(recorded.args(["record", "--"]).arg(&python.path).arg(program).current_dir(folder.path()));
    assert_eq!(recorded.code(), without.code(), "{}: {recorded:#?}", python.name);
    for (mine, its) in recorded.stdout.lines().zip(without.stdout.lines()) {
        assert_eq!(mine, its, "{} after {before:?}", python.name);
    }
    assert_eq!(recorded.stdout, without.stdout, "{} after {before:?}", python.name);
    let of_job: Vec<&str> = recorded.stderr.lines().filter(|line| !line.starts_with("fil: ")).collect();
    assert_eq!(of_job.join("\n"), without.stderr.trim_end(), "{} after {before:?}", python.name);
    assert!(folder.peak().number("event_count") > 0, "it was recorded");
}
