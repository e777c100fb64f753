//! `fil`: records a job's memory, and answers questions about it.
//!
//! The way through this program:
//!
//! - `arguments.rs` reads the command line;
//! - `record/` checks, launches the job with the recorder preloaded, and finishes its trace;
//! - `analyze/` asks the `analyzer` library and renders its answers;
//! - `diff/` asks it to compare two traces;
//! - `export.rs` has it write them in the formats of other tools;
//! - `info/` tells what is in a trace, `check/` whether a job kept to its memory;
//! - `run.rs` does the one and then the other.
//!
//! Answers go to stdout, everything else to stderr in lines that begin with `fil: `. This file is
//! the only place that decides the exit code of the process, and nothing here ends it earlier.

mod analyze;
mod arguments;
mod check;
mod diff;
mod ending;
mod error;
mod export;
mod info;
mod messages;
mod process_identity;
mod quantities;
mod record;
mod run;
mod times;

use std::process::ExitCode;

use arguments::{Action, Arguments};
use ending::Ending;
use error::CliError;
use mimalloc::MiMalloc;
use record::signal_witness;

/// The analyzer makes and drops millions of small blocks on all processors: with this allocator its answers take a tenth to a
/// quarter less time than with the C library's. (With huge pages, imports were answered in a quarter less still, but they cost
/// `fil record` 11 to 18 MiB of the job's machine.)
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The trace that is written and read unless another is named.
const DEFAULT_TRACE: &str = "trace.fil";
/// What a recording calls the trace that was there before.
const DEFAULT_OLD_TRACE: &str = "trace.fil.old";

fn main() -> ExitCode {
    if signal_witness::is_one() {
        // Its errors are those of pipes to a fil that is gone.
        return ExitCode::from(u8::from(signal_witness::run().is_err()));
    }
    let result = Arguments::read().map_err(CliError::from).and_then(|arguments| match arguments.action {
        Action::Record(arguments) => record::record(&arguments),
        Action::Analyze(arguments) => analyze::analyze(&arguments).map(Ending::Exit),
        Action::Diff(arguments) => diff::diff(&arguments).map(Ending::Exit),
        Action::Export(arguments) => export::export(&arguments).map(Ending::Exit),
        Action::Info(arguments) => info::info(&arguments).map(Ending::Exit),
        Action::Check(arguments) => check::check(&arguments).map(Ending::Exit),
        Action::Run(arguments) => run::run(&arguments),
    });
    result.unwrap_or_else(|error| Ending::Exit(error.tell())).exit_code()
}
