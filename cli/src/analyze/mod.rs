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
mod output;
mod overhead_text;
pub(crate) mod paths;
pub(crate) mod peak_table;
pub(crate) mod progress_bar;
mod screen;
mod sql_text;
mod stacks_text;
pub(crate) mod summary;
pub(crate) mod table;
pub(crate) mod terminal_text;
mod timeline;
mod timeline_plot;
mod view;
mod view_table;

use std::io::{self, BufWriter, Write};

use analyzer::flamegraph::Shape;
use analyzer::views::Query;
use analyzer::{Grouping, Pattern, Selection, Trace, tables};

use crate::arguments::{AnalyzeArguments, Filters, Rows, Shapes};
use crate::error::{CliError, FAILED};
use crate::messages::warn;
use crate::quantities::duration;

pub(crate) use open::{open, open_silently};
use output::{Form, Output};
pub(crate) use output::{not_the_trace, write_csv, write_file, write_json};
use progress_bar::ProgressBar;
pub(crate) use screen::Screen;
use view::View;

/// Answers one question about one trace. Returns the exit code.
pub(crate) fn analyze(arguments: &AnalyzeArguments) -> Result<u8, CliError> {
    let view = View::of(arguments)?;
    for file in [&arguments.form.parquet, &arguments.form.flamegraph].into_iter().flatten() {
        not_the_trace(file, &arguments.trace)?;
    }
    if let Some(option) = value_left_out(&view)
        && !arguments.trace.exists()
    {
        let name = arguments.trace.display();
        let reason = format!("there is no trace at {name}; if it is the value of {option}, write {option}={name}");
        return Err(CliError::Usage(reason));
    }
    let trace = open(&arguments.trace)?;
    let screen = Screen::of(&io::stdout());
    let mut out = BufWriter::new(io::stdout().lock());
    answer(&view, arguments, &trace, &screen, &mut out)?;
    out.flush()?;
    Ok(exit_code(&trace))
}

/// The option whose value may be left out, and may have been: what stands behind it is then taken for the trace.
fn value_left_out(view: &View) -> Option<&'static str> {
    match view {
        View::WhatIfFreed(site) if site.is_empty() => Some("--what-if-freed"),
        View::Temporary(1) => Some("--temporary"),
        _ => None,
    }
}

/// That of an answer, behind it: what it could not read is told here.
pub(crate) fn exit_code(trace: &Trace) -> u8 {
    let losses = trace.losses();
    losses.iter().for_each(|sentence| warn(sentence));
    if trace.damaged() || losses.is_some() { FAILED } else { 0 }
}

fn answer(
    view: &View,
    arguments: &AnalyzeArguments,
    trace: &Trace,
    screen: &Screen,
    mut out: impl Write,
) -> Result<(), CliError> {
    let form = Form::of(&arguments.form, arguments.questions.peak || *view != View::Peak);
    let rows = output::rows_of(&arguments.form);
    let bar = ProgressBar::of(trace.progress());
    if *view == View::Summary {
        return summary::write(&arguments.trace, trace, bar, screen, &mut out);
    }
    let output = Output { form, trace, screen, rows, bar, out };
    let query = Query {
        selection: selection(&arguments.filters, trace)?,
        grouping: arguments.form.by.map_or(Grouping::CallSite, grouping),
    };
    query.selection.not_there(trace).iter().for_each(|sentence| warn(sentence));
    let least_bytes = output::least_bytes(&arguments.form);
    match view {
        View::Peak if query.grouping == Grouping::CallSite => peak(arguments, least_bytes, &query, output),
        View::Timeline => timeline::timeline(&arguments.form, query, output),
        View::OutOfMemory => out_of_memory(least_bytes, &query, output),
        View::Peaks(number) => other_views::peaks(*number, &arguments.form, &query, output),
        View::WhatIfFreed(site) => other_views::what_if(site, least_bytes, &query, output),
        View::Sizes => other_views::sizes(&query, output),
        View::Overhead => overhead_text::overhead(arguments.form.buckets, &arguments.filters.process, output),
        View::Sql(question) => sql_text::sql(question, &query.selection, output),
        about_calls => call_views::write(about_calls, arguments, &query, output),
    }
}

fn peak<W: Write>(
    arguments: &AnalyzeArguments,
    least_bytes: u64,
    query: &Query,
    mut output: Output<W>,
) -> Result<(), CliError> {
    let mut peak = analyzer::peak_of(output.trace, &query.selection)?;
    peak.call_sites.retain(|row| row.live_bytes >= least_bytes);
    peak.stacks.retain(|row| row.live_bytes >= least_bytes);
    output.write(
        &peak,
        || tables::call_sites(&peak.call_sites, peak.peak_bytes),
        |output| peak_table::write(&peak, output.trace, output.rows, output.screen, &mut output.out),
    )?;
    if let Some(svg) = &arguments.form.flamegraph {
        flamegraph_file::write(&peak, output.trace, shape(arguments.shapes), svg)?;
    }
    Ok(())
}

/// In JSON there is an answer to whether there was one, too: null.
fn out_of_memory<W: Write>(least_bytes: u64, query: &Query, mut output: Output<W>) -> Result<(), CliError> {
    let mut want = analyzer::out_of_memory_of(output.trace, &query.selection)?;
    if let Some(want) = &mut want {
        want.call_sites.retain(|row| row.live_bytes >= least_bytes);
        want.stacks.retain(|row| row.live_bytes >= least_bytes);
    }
    let (call_sites, live_bytes) = want.as_ref().map_or((&[][..], 0), |want| (&want.call_sites, want.live_bytes));
    output.write(
        &want,
        || tables::call_sites(call_sites, live_bytes),
        |output| match &want {
            Some(want) => out_of_memory_text::write(want, output.trace, output.rows, output.screen, &mut output.out),
            None => writeln!(output.out, "Nothing shows that the job wanted memory that it did not get"),
        },
    )
}

/// Which memory an answer is about.
pub(crate) fn selection(filters: &Filters, trace: &Trace) -> Result<Selection, CliError> {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect::<Result<Vec<_>, _>>();
    let (length_ns, end_ns) = (trace.duration_ns(), trace.job_end_ns());
    let born = match (filters.from, filters.until) {
        (None, None) => None,
        (from, until) => Some((
            from.map_or(0, |time| time.in_job(length_ns, end_ns)),
            until.map_or(u64::MAX, |time| time.in_job(length_ns, end_ns)),
        )),
    };
    if let Some((from, _)) = born
        && from > length_ns
    {
        let (from, length) = (duration(from), duration(length_ns));
        return Err(CliError::Usage(format!("--from {from} is behind the end: the recording took {length}")));
    }
    if born.is_some_and(|(from, until)| from > until) {
        return Err(CliError::Usage("--until is before --from".to_owned()));
    }
    Ok(Selection {
        processes: filters.process.clone(),
        threads: filters.thread.clone(),
        categories: filters.category.clone(),
        functions: patterns(&filters.function)?,
        files: patterns(&filters.file)?,
        born,
    })
}

/// Of totals there are only those of all.
fn grouping(rows: Rows) -> Grouping {
    match rows {
        Rows::CallSite | Rows::Total => Grouping::CallSite,
        Rows::Function => Grouping::Function,
        Rows::File => Grouping::File,
        Rows::Package => Grouping::Package,
        Rows::Thread => Grouping::Thread,
        Rows::Process => Grouping::Process,
        Rows::Category => Grouping::Category,
    }
}

fn shape(shapes: Shapes) -> Shape {
    let Shapes { merge_functions, hide_imports, collapse_recursion, invert } = shapes;
    Shape { by_function: merge_functions, hide_imports, collapse_recursion, inverted: invert }
}
