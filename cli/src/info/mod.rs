//! `fil info`: what is in a trace, as a whole and chunk by chunk.
//!
//! The answer tells the warnings of the trace itself, so they are not on stderr.

mod tables;
mod text;

use std::io::{self, BufWriter, Write};

use crate::analyze::{Screen, open_silently, write_json};
use crate::arguments::InfoArguments;
use crate::error::{CliError, FAILED};

/// Tells of one trace. Returns the exit code.
pub(crate) fn info(arguments: &InfoArguments) -> Result<u8, CliError> {
    let trace = open_silently(&arguments.trace)?;
    let mut info = analyzer::info::info(&trace);
    if arguments.chunks {
        info.chunks = Some(analyzer::info::chunks(&trace)?);
    }
    let screen = Screen::of(&io::stdout());
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.json {
        write_json(&info, &mut out)?;
    } else {
        text::write(&info, &trace, &mut out)?;
        tables::write_processes(&info, &screen, &mut out)?;
        tables::write_threads(&info, &screen, &mut out)?;
        if let Some(chunks) = &info.chunks {
            tables::write_chunks(chunks, &screen, &mut out)?;
        }
    }
    out.flush()?;
    Ok(if trace.damaged() { FAILED } else { 0 })
}
