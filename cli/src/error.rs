//! Everything that keeps `fil` from doing what was asked: one sentence and one exit code each.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use crate::arguments::NoArguments;
use crate::messages;

/// Exit code of whatever fil itself could not do.
pub(crate) const FAILED: u8 = 2;
/// Exit code of shells for a command that is there but cannot be run.
const CANNOT_BE_RUN: u8 = 126;
/// Exit code of shells for a command that is not there.
const NOT_FOUND: u8 = 127;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{0}")]
    Usage(String),
    /// Not a failure: help and version end the program early, too.
    #[error("{0}")]
    TextAskedFor(clap::Error),
    #[error("cannot run '{}': not found", .0.display())]
    CommandNotFound(OsString),
    #[error("cannot run '{}': {reason}", command.display())]
    CommandNotExecutable { command: OsString, reason: String },
    #[error("cannot write {}: {reason}", path.display())]
    Output { path: PathBuf, reason: String },
    #[error("cannot read {}: {reason}", path.display())]
    Input { path: PathBuf, reason: String },
    #[error("{} is being recorded by another fil right now; name another file with -o", .0.display())]
    TraceInUse(PathBuf),
    #[error(
        "no folder to put the recorder library in{}; set TMPDIR to one that you can write to, where programs may \
             be run, and whose path has no space, colon or dollar sign", tried(.0)
    )]
    NoPlaceForLibrary(Option<(PathBuf, io::Error)>),
    #[error("{} was removed while the job ran: what was recorded is lost", .0.display())]
    TraceRemoved(PathBuf),
    #[error("cannot prepare for the job: {}", reason(.0))]
    Preparation(io::Error),
    #[error("cannot wait for the job: {}; the trace is there, without its end", reason(.0))]
    Waiting(io::Error),
    #[error("{0}")]
    Analyzer(#[from] analyzer::AnalyzerError),
    #[error("{0}")]
    Format(#[from] format::FormatError),
    #[error("cannot write the answer: {}", reason(.0))]
    Answer(#[from] io::Error),
}

fn tried(last: &Option<(PathBuf, io::Error)>) -> String {
    last.as_ref().map_or_else(String::new, |(folder, error)| format!(" ({}: {})", folder.display(), reason(error)))
}

impl CliError {
    pub(crate) fn output(path: &Path, error: &io::Error) -> CliError {
        CliError::Output { path: path.to_owned(), reason: reason(error) }
    }

    pub(crate) fn input(path: &Path, error: &io::Error) -> CliError {
        CliError::Input { path: path.to_owned(), reason: reason(error) }
    }

    /// Says it, each in its way, and returns the exit code.
    pub(crate) fn tell(&self) -> u8 {
        match self {
            CliError::TextAskedFor(text) => {
                // Whoever closed the pipe does not want the text.
                let _ = text.print();
                u8::try_from(text.exit_code()).unwrap_or(FAILED)
            }
            // `fil analyze | head`: the reader has what it wanted.
            CliError::Answer(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            CliError::CommandNotFound(_) => self.tell_and(NOT_FOUND),
            CliError::CommandNotExecutable { .. } => self.tell_and(CANNOT_BE_RUN),
            _ => self.tell_and(FAILED),
        }
    }

    fn tell_and(&self, exit_code: u8) -> u8 {
        messages::say(&self.to_string());
        exit_code
    }
}

impl From<NoArguments> for CliError {
    fn from(reason: NoArguments) -> CliError {
        match reason {
            NoArguments::Text(text) => CliError::TextAskedFor(text),
            NoArguments::Mistake(sentence) => CliError::Usage(sentence),
        }
    }
}

/// The system's words without Rust's "(os error 13)", which helps nobody.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_shells() {
        assert_eq!(CliError::CommandNotFound("x".into()).tell(), 127);
        assert_eq!(CliError::CommandNotExecutable { command: "x".into(), reason: "no".into() }.tell(), 126);
        assert_eq!(CliError::NoPlaceForLibrary(None).tell(), 2);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        assert_eq!(CliError::Answer(io::ErrorKind::BrokenPipe.into()).tell(), 0);
    }

    #[test]
    fn reasons_are_for_people() {
        let error = io::Error::from_raw_os_error(28);
        assert_eq!(reason(&error), "No space left on device");
    }
}
