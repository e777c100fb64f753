//! Makes up a job, writes its trace, and keeps its own account of what the job holds.
//!
//! The account shares nothing with the analyzer: what is true of the trace is known before anybody has read it. So traces
//! of any size can be checked, where a naive replay would take too long.
//!
//! - **what the job is**: [`program`] (functions, call paths, lines that allocate), [`lifetime`] (when a process runs and
//!   how much it holds), [`workload`] and [`mapping_steps`] (what a thread does next), [`addresses`] (which address a block gets)
//! - **writing it down**: [`clock`], [`thread_log`] (events to chunks), [`definitions`], [`chunk_file`] (the thread that
//!   compresses and writes)
//! - **the answer**: [`ledger`] (who holds what, and held at the peak), [`known_answer`]
//!
//! The job is made up in the order in which its events happen, of all processes: see [`clock`] for why a reader of the
//! trace must come to the same order. It is done by one thread; another one compresses and writes.

mod addresses;
mod chunk_file;
mod clock;
mod definitions;
mod job;
mod known_answer;
mod ledger;
mod lifetime;
mod line_table;
mod mapping_steps;
mod process;
mod program;
mod thread_log;
mod workload;

use std::io::Write;

use format::FormatError;

pub(crate) use known_answer::KnownAnswer;

/// What kind of job to make up. Equal plans give equal traces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Events, exactly.
    pub(crate) events: u64,
    /// Blocks that are alive at the peak, about.
    pub(crate) live_blocks: u64,
    /// Threads of each process, at least one.
    pub(crate) threads: u32,
    /// Processes, at least one.
    pub(crate) processes: u32,
    /// Lines of Python that allocate, at least one.
    pub(crate) call_sites: u32,
    /// For the random choices.
    pub(crate) seed: u64,
}

/// Why no trace was made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GenerateError {
    /// A part of the trace cannot be encoded.
    #[error("the trace cannot be encoded: {0}")]
    Format(#[from] FormatError),
    /// The file cannot be written.
    #[error("the trace cannot be written: {0}")]
    Write(#[from] std::io::Error),
    /// A definition is longer than any chunk.
    #[error("a definition does not fit into a chunk")]
    DefinitionTooLong,
}

/// Writes the trace of a job to `file`, which is given back, and tells what is to be found in it.
pub(crate) fn generate<W: Write + Send>(plan: &Plan, file: W) -> Result<(KnownAnswer, W), GenerateError> {
    std::thread::scope(|scope| {
        let (sender, receiver) = chunk_file::channel();
        let writer = scope.spawn(move || receiver.write_to(file));
        let answer = job::run(plan, sender);
        // The sender is gone, so the writer comes to its end.
        let file = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((answer?, file))
    })
}
