//! What one run held at its peak and at its end, and allocated in total, in one replay.

use serde::Serialize;

use crate::call_view::{Row, StackRow, by_call};
use crate::groups::Grouping;
use crate::measure::Measure;
use crate::selection::Selection;
use crate::site::Site;
use crate::totals::{SiteTotals, Totals};
use crate::trace::Trace;

/// One of two runs that are compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// Nanoseconds from the start of the job to the end of the recording.
    pub duration_ns: u64,
    /// Most bytes ever alive at one instant, summed over the processes.
    pub peak_bytes: u64,
    /// Blocks that were alive then.
    pub peak_blocks: u64,
    /// The first such instant: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
    /// Bytes allocated in total.
    pub allocated_bytes: u64,
    /// Blocks and mappings allocated in total.
    pub allocated_blocks: u64,
    /// Bytes that were alive when the job ended.
    pub end_bytes: u64,
}

/// A run and who had what in it.
pub(super) struct Measured {
    pub(super) run: Run,
    pub(super) functions: Vec<Row<Totals>>,
    pub(super) stacks: Vec<StackRow<Totals>>,
}

/// Replays a trace.
pub(super) fn measure(trace: &Trace, selection: &Selection) -> Measured {
    let SiteTotals { sites, peak_bytes, peak_ns } = SiteTotals::of(trace, selection);
    let measured: Vec<(Site, Totals)> = sites.into_iter().filter(|(site, _)| site.category.counts()).collect();
    let mut total = Totals::default();
    measured.iter().for_each(|(_, memory)| total.add(memory));
    let (functions, stacks) = by_call(trace, Grouping::Function, &measured);
    let (complete, warnings) = trace.judged();
    let run = Run {
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete,
        warnings,
        duration_ns: trace.duration_ns(),
        peak_bytes,
        peak_blocks: total.live_blocks,
        peak_time_ns: trace.since_start(peak_ns),
        allocated_bytes: total.allocated_bytes,
        allocated_blocks: total.allocated_blocks,
        end_bytes: total.end_bytes,
    };
    Measured { run, functions, stacks }
}
