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

use crate::analyze::progress_bar::ProgressBar;
use crate::analyze::{Screen, exit_code, not_the_trace, open, selection, write_csv, write_file, write_json};
use crate::arguments::DiffArguments;
use crate::error::CliError;
use crate::messages::{say, warn};
use crate::{DEFAULT_OLD_TRACE, DEFAULT_TRACE};

/// Compares two traces. Returns the exit code.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<u8, CliError> {
    if !arguments.filters.process.is_empty() {
        let reason = "--process is not for fil diff: the processes of another run have other ids";
        return Err(CliError::Usage(reason.to_owned()));
    }
    let [before, after] = match (&arguments.before, &arguments.after) {
        (Some(before), Some(after)) => [before.as_path(), after.as_path()],
        _ => {
            say(&format!("{DEFAULT_TRACE} beside {DEFAULT_OLD_TRACE}, which was recorded before it"));
            [Path::new(DEFAULT_OLD_TRACE), Path::new(DEFAULT_TRACE)]
        }
    };
    if let Some(svg) = &arguments.flamegraph {
        not_the_trace(svg, before)?;
        not_the_trace(svg, after)?;
    }
    let (before, after) = (open(before)?, open(after)?);
    let selected = selection(&arguments.filters, &after)?;
    if selection(&arguments.filters, &before)?.born != selected.born {
        return Err(CliError::Usage(
            "--from and --until must be seconds here, for the two runs took different times".to_owned(),
        ));
    }
    // What is in one of them only may be what has changed.
    let not_before = selected.not_there(&before);
    selected.not_there(&after).iter().filter(|missing| not_before.contains(missing)).for_each(|missing| warn(missing));
    let mut bar = ProgressBar::of(after.progress());
    let answer = diff::diff(&before, &after, &selected)?;
    bar.clear();
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
    Ok(exit_code(&before).max(exit_code(&after)))
}

fn write_flamegraph(answer: &Diff, svg: &Path) -> Result<(), CliError> {
    let mut graph = Vec::new();
    diff::flamegraph::write(answer, &mut graph)?;
    write_file(svg, &graph)?;
    say(&format!("flamegraph of both peaks: {}", svg.display()));
    Ok(())
}
