//! `fil run`: record a job, then show its peak and write the flamegraph beside the trace.
//!
//! What fil shows goes to stderr: stdout is the job's, and may be a file with its results.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use analyzer::flamegraph::Shape;

use crate::analyze::progress_bar::ProgressBar;
use crate::analyze::{self, Screen, flamegraph_file, out_of_memory_text, peak_table};
use crate::arguments::{PEAK_ROWS, RecordArguments};
use crate::ending::Ending;
use crate::error::CliError;
use crate::record;

/// Returns how fil ends: as the job.
pub(crate) fn run(arguments: &RecordArguments) -> Result<Ending, CliError> {
    let recording = record::record_job(arguments)?;
    if recording.finished.is_some() {
        let trace = analyze::open(&arguments.output)?;
        let mut bar = ProgressBar::of(trace.progress());
        let peak = analyzer::peak(&trace)?;
        let want = analyzer::out_of_memory(&trace)?;
        bar.clear();
        let mut stderr = io::stderr().lock();
        let screen = Screen::of(&stderr);
        if let Some(want) = &want {
            out_of_memory_text::write(want, &trace, PEAK_ROWS as usize, &screen, &mut stderr)?;
            writeln!(stderr)?;
        }
        peak_table::write(&peak, &trace, PEAK_ROWS as usize, &screen, &mut stderr)?;
        flamegraph_file::write(&peak, &trace, Shape::default(), &flamegraph_path(&arguments.output))?;
    }
    Ok(recording.ending)
}

/// `trace.svg` for `trace.fil`; any other name keeps its own ending in front.
fn flamegraph_path(trace: &Path) -> PathBuf {
    if trace.extension().is_some_and(|extension| extension == "fil") {
        return trace.with_extension("svg");
    }
    let mut path = trace.as_os_str().to_owned();
    path.push(".svg");
    PathBuf::from(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flamegraph_never_replaces_the_trace() {
        for (trace, graph) in [("trace.fil", "trace.svg"), ("a/night", "a/night.svg"), ("x.svg", "x.svg.svg")] {
            assert_eq!(flamegraph_path(Path::new(trace)), Path::new(graph));
        }
    }
}
