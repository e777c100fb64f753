//! `fil analyze`: asks the analyzer and renders its answers.
//!
//! stdout carries only the answer. Warnings, and where a file was written, go to stderr. A damaged
//! trace gives the answer that is left and the exit code of a failure.

mod call_site_table;
mod call_views;
pub(crate) mod flamegraph_file;
mod open;
mod other_views;
pub(crate) mod out_of_memory_text;
mod paths;
pub(crate) mod peak_table;
mod screen;
mod summary;
mod table;
mod terminal_text;
mod timeline_plot;
mod view_table;

use std::io::{self, BufWriter, Write};

use analyzer::{AnalyzerError, Peak, TimelineOptions, Trace, tables};
use serde::Serialize;

use crate::arguments::{AnalyzeArguments, Rows};
use crate::error::{CliError, FAILED};

pub(crate) use open::open;
pub(crate) use screen::Screen;

/// Answers one question about one trace. Returns the exit code.
pub(crate) fn analyze(arguments: &AnalyzeArguments) -> Result<u8, CliError> {
    let asks_of_calls = call_views::is_asked(arguments);
    let has_view = asks_of_calls
        || arguments.peak
        || arguments.timeline
        || arguments.out_of_memory
        || arguments.flamegraph.is_some();
    if (arguments.json || arguments.csv) && !has_view {
        return Err(CliError::Usage(
            "--json and --csv need a question: add --peak, --timeline or another (see `fil analyze --help`)".to_owned(),
        ));
    }
    if arguments.by != Rows::CallSite && !asks_of_calls && !(arguments.timeline && arguments.by == Rows::Total) {
        return Err(CliError::Usage("--by is not for this question (see `fil analyze --help`)".to_owned()));
    }
    let trace = open(&arguments.trace)?;
    let screen = Screen::of(&io::stdout());
    let mut out = BufWriter::new(io::stdout().lock());
    if asks_of_calls {
        call_views::write(arguments, &trace, &screen, &mut out)?;
    } else if arguments.timeline {
        write_timeline(arguments, &trace, &screen, &mut out)?;
    } else if arguments.out_of_memory {
        write_out_of_memory(arguments, &trace, &screen, &mut out)?;
    } else if arguments.peak || arguments.flamegraph.is_some() {
        let peak = analyzer::peak_of(&trace, &call_views::selection(&arguments.filters)?)?;
        write_peak(arguments, &peak, &trace, &screen, &mut out)?;
        if let Some(svg) = &arguments.flamegraph {
            flamegraph_file::write(&peak, &trace, svg)?;
        }
    } else {
        summary::write(&arguments.trace, &trace, &screen, &mut out)?;
    }
    out.flush()?;
    Ok(if trace.damaged() { FAILED } else { 0 })
}

fn write_peak(
    arguments: &AnalyzeArguments,
    peak: &Peak,
    trace: &Trace,
    screen: &Screen,
    mut out: impl Write,
) -> Result<(), CliError> {
    if arguments.json {
        write_json(peak, out)
    } else if arguments.csv {
        write_csv(out, |csv| tables::write_csv(&mut tables::call_sites(&peak.call_sites, peak.peak_bytes)?, csv))
    } else if arguments.peak {
        Ok(peak_table::write(peak, trace, arguments.rows as usize, screen, &mut out)?)
    } else {
        Ok(())
    }
}

/// In JSON there is an answer to whether there was one, too: null.
fn write_out_of_memory(
    arguments: &AnalyzeArguments,
    trace: &Trace,
    screen: &Screen,
    mut out: impl Write,
) -> Result<(), CliError> {
    let want = analyzer::out_of_memory(trace)?;
    if arguments.json {
        return write_json(&want, out);
    }
    let (call_sites, live_bytes) = want.as_ref().map_or((&[][..], 0), |want| (&want.call_sites, want.live_bytes));
    if arguments.csv {
        return write_csv(out, |csv| tables::write_csv(&mut tables::call_sites(call_sites, live_bytes)?, csv));
    }
    match &want {
        Some(want) => out_of_memory_text::write(want, trace, arguments.rows as usize, screen, &mut out)?,
        None => writeln!(out, "Nothing shows that the job wanted memory that it did not get")?,
    }
    Ok(())
}

fn write_timeline(
    arguments: &AnalyzeArguments,
    trace: &Trace,
    screen: &Screen,
    mut out: impl Write,
) -> Result<(), CliError> {
    let for_people = !arguments.json && !arguments.csv;
    let mut options = TimelineOptions::default();
    if let Some(buckets) = arguments.buckets {
        options.buckets = buckets as usize;
    } else if for_people {
        options.buckets = timeline_plot::buckets(screen);
    }
    let mut timeline = analyzer::timeline(trace, &options)?;
    if arguments.by == Rows::Total {
        timeline.rows.clear();
    }
    if arguments.json {
        write_json(&timeline, out)
    } else if arguments.csv {
        write_csv(out, |csv| match arguments.by {
            Rows::Total => tables::write_csv(&mut tables::timeline_totals(&timeline)?, csv),
            _ => tables::write_csv(&mut tables::timeline(&timeline)?, csv),
        })
    } else {
        Ok(timeline_plot::write(&timeline, screen, &mut out)?)
    }
}

pub(crate) fn write_json(answer: &impl Serialize, mut out: impl Write) -> Result<(), CliError> {
    serde_json::to_writer(&mut out, answer).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// By way of a buffer, so that a closed pipe is met here and not inside polars.
pub(crate) fn write_csv(
    mut out: impl Write,
    table: impl FnOnce(&mut Vec<u8>) -> Result<(), AnalyzerError>,
) -> Result<(), CliError> {
    let mut csv = Vec::new();
    table(&mut csv)?;
    Ok(out.write_all(&csv)?)
}
