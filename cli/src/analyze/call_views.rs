//! Views about calls: which is asked for, and how it is written.

use std::io::Write;

use analyzer::bytes::human_bytes;
use analyzer::views::{self, Query, Range, Threshold, When};
use analyzer::{CallView, Grouping, Measure, Pattern, Selection, Trace, tables};
use serde::Serialize;

use crate::analyze::{Screen, other_views, view_table, write_csv, write_json};
use crate::arguments::{AnalyzeArguments, Filters, Rows};
use crate::error::CliError;
use crate::quantities::{count, duration, share};
use crate::times::Time;

/// Whether such a view is asked for.
pub(crate) fn is_asked(arguments: &AnalyzeArguments) -> bool {
    let AnalyzeArguments { at, range, leaks, temporary, churn, lifetimes, .. } = arguments;
    at.is_some()
        || range.is_some()
        || *leaks
        || temporary.is_some()
        || *churn
        || *lifetimes
        || other_views::is_asked(arguments)
}

/// Which memory an answer is about.
pub(crate) fn selection(filters: &Filters) -> Result<Selection, CliError> {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect::<Result<Vec<_>, _>>();
    Ok(Selection {
        processes: filters.process.clone(),
        threads: filters.thread.clone(),
        categories: filters.category.clone(),
        functions: patterns(&filters.function)?,
        files: patterns(&filters.file)?,
    })
}

/// Answers and writes.
pub(crate) fn write(
    arguments: &AnalyzeArguments,
    trace: &Trace,
    screen: &Screen,
    out: impl Write,
) -> Result<(), CliError> {
    let query = Query { selection: selection(&arguments.filters)?, grouping: grouping(arguments.by)? };
    if other_views::is_asked(arguments) {
        return other_views::write(arguments, &query, trace, screen, out);
    }
    let form = Form { arguments, trace, screen };
    let (length_ns, end_ns) = (trace.duration_ns(), trace.job_end_ns());
    if let Some(at) = arguments.at {
        let when = if at == Time::End { When::End } else { When::Time(at.in_job(length_ns, end_ns)) };
        behind_the_end(when, length_ns)?;
        let view = views::at(trace, when, &query)?;
        form.write(&view, &alive(view.about.time_ns, view.total.bytes, length_ns), out)
    } else if arguments.leaks {
        let view = views::at(trace, When::End, &query)?;
        form.write(&view, &format!("Still alive when the job ended: {}", human_bytes(view.total.bytes)), out)
    } else if let Some(range) = arguments.range {
        let (from_ns, to_ns) = (range.from.in_job(length_ns, end_ns), range.to.in_job(length_ns, end_ns));
        behind_the_end(When::Time(from_ns), length_ns)?;
        if from_ns > to_ns {
            return Err(CliError::Usage("--range ends before it begins".to_owned()));
        }
        let view = views::range(trace, Range { from_ns, to_ns }, &query)?;
        let headline = format!(
            "From {} to {} of {}: {} allocated, {} freed; of what was allocated {} was still there at its end",
            duration(from_ns),
            duration(to_ns),
            duration(length_ns),
            human_bytes(view.total.allocated_bytes),
            human_bytes(view.total.freed_bytes),
            human_bytes(view.total.retained_bytes),
        );
        form.write(&view, &headline, out)
    } else if let Some(within_allocations) = arguments.temporary {
        let view = views::temporary(trace, Threshold { within_allocations }, &query)?;
        let (temporary, all) = (view.total.temporary_blocks, view.total.allocated_blocks);
        let headline =
            format!("Temporary allocations: {} of {} ({})", count(temporary), count(all), share(temporary, all));
        form.write(&view, &headline, out)
    } else if arguments.churn {
        let view = views::churn(trace, &query)?;
        let (bytes, blocks) = (view.total.allocated_bytes, view.total.allocated_blocks);
        form.write(&view, &format!("Allocated in total: {} in {} blocks", human_bytes(bytes), count(blocks)), out)
    } else if arguments.peak {
        let view = views::peak_lifetimes(trace, &query)?;
        let headline = format!(
            "Peak memory: {}, {} after the start of {}; what held it, and how long",
            human_bytes(view.about.peak_bytes),
            duration(view.about.peak_time_ns),
            duration(length_ns),
        );
        form.write(&view, &headline, out)
    } else {
        let view = views::lifetimes(trace, &query)?;
        let mean = view.total.mean_ns().map_or("-".to_owned(), duration);
        let (freed, all) = (count(view.total.freed_blocks), count(view.total.allocated_blocks));
        form.write(&view, &format!("Blocks freed: {freed} of {all}; they lived {mean} in the mean"), out)
    }
}

fn behind_the_end(when: When, length_ns: u64) -> Result<(), CliError> {
    match when {
        When::Time(ns) if ns > length_ns => Err(CliError::Usage(format!(
            "{} is behind the end: the recording took {}",
            duration(ns),
            duration(length_ns)
        ))),
        _ => Ok(()),
    }
}

fn alive(time_ns: u64, bytes: u64, length_ns: u64) -> String {
    format!(
        "Alive after {} of {}: {} ({} bytes)",
        duration(time_ns),
        duration(length_ns),
        human_bytes(bytes),
        count(bytes)
    )
}

fn grouping(rows: Rows) -> Result<Grouping, CliError> {
    Ok(match rows {
        Rows::CallSite => Grouping::CallSite,
        Rows::Function => Grouping::Function,
        Rows::File => Grouping::File,
        Rows::Package => Grouping::Package,
        Rows::Thread => Grouping::Thread,
        Rows::Process => Grouping::Process,
        Rows::Category => Grouping::Category,
        Rows::Total => return Err(CliError::Usage("--by total is for --timeline".to_owned())),
    })
}

/// How a view is written.
struct Form<'a> {
    arguments: &'a AnalyzeArguments,
    trace: &'a Trace,
    screen: &'a Screen,
}

impl Form<'_> {
    fn write<M: Measure, A: Serialize>(
        &self,
        view: &CallView<M, A>,
        headline: &str,
        mut out: impl Write,
    ) -> Result<(), CliError> {
        if self.arguments.json {
            write_json(view, out)
        } else if self.arguments.csv {
            write_csv(out, |csv| tables::write_csv(&mut tables::call_view(view)?, csv))
        } else {
            let rows = self.arguments.rows as usize;
            Ok(view_table::write(headline, view, self.trace, rows, self.screen, &mut out)?)
        }
    }
}
