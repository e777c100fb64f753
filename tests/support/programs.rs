//! The programs in `testdata/` that are recorded.

use std::path::{Path, PathBuf};

/// A program in `testdata/`.
pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name).canonicalize().expect("is in testdata/")
}

/// Number of the only line of a program in `testdata/` that contains `text`.
pub(crate) fn line_of(name: &str, text: &str) -> u64 {
    let source = std::fs::read_to_string(testdata(name)).expect("is in testdata/");
    let mut lines = source.lines().enumerate().filter(|(_, line)| line.contains(text)).map(|(index, _)| index + 1);
    let line = lines.next().expect("the line is there");
    assert_eq!(lines.next(), None, "more than one line of {name} contains {text:?}");
    line as u64
}
