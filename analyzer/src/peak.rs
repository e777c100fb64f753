//! The answer to "what was alive at the moment of peak memory, and who allocated it".
//!
//! Invariant: `categories`, `processes`, `call_sites` and `stacks` each sum to `peak_bytes`, and all
//! are in an order that depends on nothing but the trace.

use serde::Serialize;

use crate::error::AnalyzerError;
use crate::held::{Apart, CallSite, Categories, Held, ProcessMemory, StackMemory};
use crate::high_water_mark::HighWaterMark;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::site::Category;
use crate::trace::Trace;

/// Memory at the peak: the contract `fil.peak/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peak {
    /// `fil.peak/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Most bytes ever alive at one instant, summed over the processes.
    pub peak_bytes: u64,
    /// The first such instant: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
    /// Bytes that the job's own process had alive when the recording ended.
    pub end_bytes: u64,
    /// Events in the trace.
    pub event_count: u64,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// The peak by kind of memory.
    pub categories: Categories,
    /// How much of `categories.mmap` was mapped to be shared with child processes.
    pub shared_mmap_bytes: u64,
    /// What the job had mapped at the peak beside it.
    pub apart: Apart,
    /// The peak by process, largest first. All processes of the job are there.
    pub processes: Vec<ProcessMemory>,
    /// The peak by innermost Python frame, largest first.
    pub call_sites: Vec<CallSite>,
    /// The peak by thread and call stack, largest first.
    pub stacks: Vec<StackMemory>,
}

/// Finds the peak.
pub fn peak(trace: &Trace) -> Result<Peak, AnalyzerError> {
    peak_of(trace, &Selection::default())
}

/// Finds the peak of a part of the memory, as if there were nothing else.
pub fn peak_of(trace: &Trace, selection: &Selection) -> Result<Peak, AnalyzerError> {
    let (observer, replayed) = replay_selected(trace, selection, HighWaterMark::default());
    let mark = observer;
    let held = Held::at(&mark.moment, &replayed.sites);
    let (processes, position) = held.by_process(trace);
    let (call_sites, stacks) = held.by_call(trace, &position);
    let (complete, warnings) = trace.judged();
    Ok(Peak {
        schema: "fil.peak/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        peak_bytes: mark.peak_bytes,
        peak_time_ns: trace.since_start(mark.peak_ns),
        end_bytes: mark.end_bytes,
        event_count: trace.event_count(),
        complete,
        warnings,
        categories: held.by_category(),
        shared_mmap_bytes: held.in_category(Category::SharedMapping),
        apart: held.apart,
        processes,
        call_sites,
        stacks,
    })
}
