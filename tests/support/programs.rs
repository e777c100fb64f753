//! The programs in `testdata/` that are recorded.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::pythons::environment;
use super::{Folder, run};

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

/// A C program of `testdata/` as a library in this folder.
pub(crate) fn library(folder: &Folder, source: &str) -> PathBuf {
    let library = folder.join("library.so");
    let mut compile = Command::new("cc");
    compile.args(["-shared", "-fPIC", "-fexceptions", "-O1", "-pthread", "-o"]).arg(&library).arg(testdata(source));
    run(&mut compile).success();
    library
}

/// Says that something cannot be tested here, which in CI is a failure. Not by eprintln, which libtest shows for
/// a failed test only.
pub(crate) fn not_tested(why: &str) {
    writeln!(std::io::stderr(), "NOT TESTED: {why}").expect("stderr can be written");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{why}, and CI must test it");
}

/// The Python of an environment in which nothing is recorded; none, and that is said, if it is not here.
pub(crate) fn python_of(name: &str) -> Option<PathBuf> {
    has_program(name).then(|| environment(name).join("bin/python"))
}

/// Whether a program is here that scripts/test-environment/programs looks for. If not, that is said; if nobody looked,
/// that is a failure.
pub(crate) fn has_program(name: &str) -> bool {
    let found = environment(name).exists();
    if !found {
        let reason = std::fs::read_to_string(environment(&format!("{name}.missing")));
        let reason = reason.expect("./scripts/setup-test-environment looks for it");
        writeln!(std::io::stderr(), "NOT TESTED with {name}: {}", reason.trim()).expect("stderr can be written");
    }
    found
}
