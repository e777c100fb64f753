//! What can keep the analyzer from answering, one variant per failure: what is wrong and what to do.

use std::path::PathBuf;

use format::FormatError;

/// Why there is no answer. A damaged trace is not among these: it gives an answer and warnings.
#[derive(Debug, thiserror::Error)]
pub enum AnalyzerError {
    /// There is no file of this name.
    #[error("there is no trace at {}; record one with `fil record -- COMMAND`, or name another file", path.display())]
    NotFound {
        /// The name.
        path: PathBuf,
    },
    /// The operating system does not let us read the file.
    #[error("cannot read {}: {source}; check that it is a file you may read", path.display())]
    Unreadable {
        /// Its name.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{} is not a fil trace; name a file that `fil record` wrote (by default trace.fil)", path.display())]
    NotATrace {
        /// Its name.
        path: PathBuf,
    },
    /// The trace was written by a later fil.
    #[error("{} has trace format {found}, this fil reads up to {supported}; analyze it with a newer fil", path.display())]
    NewerVersion {
        /// Its name.
        path: PathBuf,
        /// Version of the trace.
        found: u32,
        /// Newest version this fil reads.
        supported: u32,
    },
    /// Not even the beginning of the trace can be read.
    #[error("the header of {} is damaged ({reason}); nothing can be read from it, record the job again", path.display())]
    DamagedHeader {
        /// Its name.
        path: PathBuf,
        /// What is wrong with it.
        reason: FormatError,
    },
    /// A filter is no pattern.
    #[error("{pattern:?} is no pattern: {reason}; `*` is for any characters, `?` for one")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The file became another one while it was read again and again.
    #[error("{} changed while it was analyzed; analyze it again when nothing writes to it", path.display())]
    Changed {
        /// Its name.
        path: PathBuf,
    },
    /// A question in SQL is not one that polars answers.
    #[cfg(feature = "tables")]
    #[error(
        "cannot answer this SQL: {reason}; the tables are call_sites, stacks, timeline, allocations, processes, threads and rss"
    )]
    Sql {
        /// What polars says.
        reason: String,
    },
    /// A table could not be made.
    #[cfg(feature = "tables")]
    #[error("cannot make the table: {0}; this is a bug in fil, please report it")]
    Table(#[from] polars::error::PolarsError),
    /// An answer could not be written.
    #[error("cannot write: {0}; check the output's folder and its free space")]
    Write(#[from] std::io::Error),
}
