//! `fil diff`: compares two traces.
//!
//! As in `fil analyze`, stdout carries only the answer, and a damaged trace gives the answer that is left and the exit
//! code of a failure.

mod function_table;
mod verdict;

use std::io::{self, BufWriter, Write};
use std::path::Path;

use analyzer::diff::{self, Diff};
use analyzer::tables;

use crate::analyze::{Screen, open, selection, write_csv, write_file, write_json};
use crate::arguments::DiffArguments;
use crate::error::{CliError, FAILED};
use crate::messages::{say, warn};

/// Compares two traces. Returns the exit code.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<u8, CliError> {
    let (before, after) = (open(&arguments.before)?, open(&arguments.after)?);
    let selected = selection(&arguments.filters, &after)?;
    if selection(&arguments.filters, &before)?.born != selected.born {
        return Err(CliError::Usage(
            "--from and --until must be seconds here, for the two runs took different times".to_owned(),
        ));
    }
    let answer = diff::diff(&before, &after, &selected)?;
    for run in [&answer.before, &answer.after].into_iter().filter(|run| !run.complete) {
        warn(&format!("{} is not complete: the comparison is about what is in it", run.trace));
    }
    let screen = Screen::of(&io::stdout());
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.json {
        write_json(&answer, &mut out)?;
    } else if arguments.csv {
        write_csv(tables::diff(&answer)?, &mut out)?;
    } else {
        verdict::write(&answer, &screen, &mut out)?;
        function_table::write(&answer.functions, [&before, &after], arguments.rows as usize, &screen, &mut out)?;
    }
    out.flush()?;
    if let Some(svg) = &arguments.flamegraph {
        write_flamegraph(&answer, svg)?;
    }
    Ok(if before.damaged() || after.damaged() { FAILED } else { 0 })
}

fn write_flamegraph(answer: &Diff, svg: &Path) -> Result<(), CliError> {
    let mut graph = Vec::new();
    diff::flamegraph::write(answer, &mut graph)?;
    write_file(svg, &graph)?;
    say(&format!("flamegraph of both peaks: {}", svg.display()));
    Ok(())
}
