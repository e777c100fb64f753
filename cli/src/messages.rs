//! What fil says beside its answers: lines on stderr that begin with `fil: `.
//!
//! A closed stderr is no reason to fail, so errors of writing are dropped.

use std::io::{self, Write};

/// One line.
pub(crate) fn say(sentence: &str) {
    let _ = writeln!(io::stderr(), "fil: {sentence}");
}

/// One line about something the reader of the results must know.
pub(crate) fn warn(sentence: &str) {
    let _ = writeln!(io::stderr(), "fil: warning: {sentence}");
}
