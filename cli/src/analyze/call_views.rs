//! Views about calls: what is asked, and the sentence over the table.

use std::io::Write;

use analyzer::bytes::human_bytes;
use analyzer::views::{self, Query, Range, Threshold, When};
use analyzer::{CallView, Measure, Pattern, Trace, flamegraph, tables};
use serde::Serialize;

use crate::analyze::output::{Output, write_file};
use crate::analyze::{View, flamegraph_file, shape, view_table};
use crate::arguments::AnalyzeArguments;
use crate::error::CliError;
use crate::quantities::{count, duration, share};
use crate::times::{Time, TimeRange};

/// Answers a question about calls and writes the answer.
pub(crate) fn write<W: Write>(
    view: &View,
    arguments: &AnalyzeArguments,
    query: &Query,
    output: Output<W>,
) -> Result<(), CliError> {
    let trace = output.trace;
    let length_ns = trace.duration_ns();
    let mut written = Written { arguments, output };
    match view {
        View::At(time) => {
            let when = when(*time, trace)?;
            let view = views::at(trace, when, query)?;
            let headline = alive(view.about.time_ns, view.total.bytes, length_ns);
            written.write(view, &headline)
        }
        View::Leaks => {
            let view = views::at(trace, When::End, query)?;
            let headline = format!("Still alive when the job ended: {}", human_bytes(view.total.bytes));
            written.write(view, &headline)
        }
        View::Range(range) => {
            let view = views::range(trace, stretch(*range, trace)?, query)?;
            let headline = format!(
                "From {} to {} of {}: {} allocated, {} freed; of what was allocated {} was still there at its end",
                duration(view.about.from_ns),
                duration(view.about.to_ns),
                duration(length_ns),
                human_bytes(view.total.allocated_bytes),
                human_bytes(view.total.freed_bytes),
                human_bytes(view.total.retained_bytes),
            );
            written.write(view, &headline)
        }
        View::Temporary(within_allocations) => {
            let view = views::temporary(trace, Threshold { within_allocations: *within_allocations }, query)?;
            let (temporary, all) = (view.total.temporary_blocks, view.total.allocated_blocks);
            let numbers = format!("{} of {} ({})", count(temporary), count(all), share(temporary, all));
            written.write(view, &format!("Temporary allocations: {numbers}"))
        }
        View::Churn => {
            let view = views::churn(trace, query)?;
            let (bytes, blocks) = (view.total.allocated_bytes, view.total.allocated_blocks);
            written.write(view, &format!("Allocated in total: {} in {} blocks", human_bytes(bytes), count(blocks)))
        }
        View::Peak => {
            let view = views::peak_by(trace, query)?;
            let headline = format!(
                "Peak memory: {} ({} bytes), {} after the start of {}",
                human_bytes(view.about.peak_bytes),
                count(view.about.peak_bytes),
                duration(view.about.peak_time_ns),
                duration(length_ns),
            );
            written.write(view, &headline)
        }
        View::PeakLifetimes => {
            let view = views::peak_lifetimes(trace, query)?;
            let headline = format!(
                "Peak memory: {}, {} after the start of {}; what held it, and how long",
                human_bytes(view.about.peak_bytes),
                duration(view.about.peak_time_ns),
                duration(length_ns),
            );
            written.write(view, &headline)
        }
        View::Stack(call_site) => {
            let mut view = views::reaching(trace, &Pattern::new(call_site)?, query)?;
            if let Some(least) = arguments.form.min_bytes {
                view.leave_out_less_than(least.as_u64());
            }
            let headline = format!(
                "Call stacks that reach {call_site}: {}, with {} of the peak of {}, and {} allocated in total",
                count(view.stacks.len() as u64),
                human_bytes(view.total.live_bytes),
                human_bytes(view.about.peak_bytes),
                human_bytes(view.total.allocated_bytes),
            );
            written.write_stacks(view, &headline)
        }
        _ => {
            let view = views::lifetimes(trace, query)?;
            let mean = view.total.mean_ns().map_or("-".to_owned(), duration);
            let (freed, all) = (count(view.total.freed_blocks), count(view.total.allocated_blocks));
            written.write(view, &format!("Blocks freed: {freed} of {all}; they lived {mean} in the mean"))
        }
    }
}

fn when(time: Time, trace: &Trace) -> Result<When, CliError> {
    if time == Time::End {
        return Ok(When::End);
    }
    let ns = time.in_job(trace.duration_ns(), trace.job_end_ns());
    not_behind_the_end(ns, trace)?;
    Ok(When::Time(ns))
}

fn stretch(range: TimeRange, trace: &Trace) -> Result<Range, CliError> {
    let [from_ns, to_ns] = [range.from, range.to].map(|time| time.in_job(trace.duration_ns(), trace.job_end_ns()));
    not_behind_the_end(from_ns, trace)?;
    if from_ns > to_ns {
        return Err(CliError::Usage("--range ends before it begins".to_owned()));
    }
    Ok(Range { from_ns, to_ns })
}

fn not_behind_the_end(ns: u64, trace: &Trace) -> Result<(), CliError> {
    let length_ns = trace.duration_ns();
    if ns <= length_ns {
        return Ok(());
    }
    let (time, length) = (duration(ns), duration(length_ns));
    Err(CliError::Usage(format!("{time} is behind the end: the recording took {length}")))
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

/// How an answer is written.
struct Written<'a, W> {
    arguments: &'a AnalyzeArguments,
    output: Output<'a, W>,
}

impl<W: Write> Written<'_, W> {
    fn write<M: Measure, A: Serialize>(&mut self, view: CallView<M, A>, headline: &str) -> Result<(), CliError> {
        let view = self.prepare(view, headline)?;
        self.output.write(&view, || tables::call_view(&view), |output| view_table::write(headline, &view, output))
    }

    /// Of a view whose rows are its stacks.
    fn write_stacks<M: Measure, A: Serialize>(&mut self, view: CallView<M, A>, headline: &str) -> Result<(), CliError> {
        let view = self.prepare(view, headline)?;
        let shape = shape(self.arguments.shapes);
        self.output.write(
            &view,
            || tables::stacks(&view),
            |output| crate::analyze::stacks_text::write(headline, &view, shape, output),
        )
    }

    /// Leaves out what is too small, and draws the picture, if that is asked for.
    fn prepare<M: Measure, A>(&mut self, mut view: CallView<M, A>, headline: &str) -> Result<CallView<M, A>, CliError> {
        let forms = &self.arguments.form;
        if let Some(least) = forms.min_bytes {
            view.leave_out_less_than(least.as_u64());
        }
        if let Some(svg) = &forms.flamegraph {
            self.output.bar.clear();
            let mut graph = Vec::new();
            flamegraph::write_view(&view, headline, self.output.trace, shape(self.arguments.shapes), &mut graph)?;
            write_file(svg, &graph)?;
            flamegraph_file::tell(svg);
        }
        Ok(view)
    }
}
