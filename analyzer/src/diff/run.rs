//! What one run held at its peak and at its end, and allocated in total, in one replay.

use serde::Serialize;

use crate::call_view::{Row, StackRow, by_call};
use crate::change::{Change, ChangeKind};
use crate::diff::functions::FunctionMemory;
use crate::groups::Grouping;
use crate::high_water_mark::HighWaterMark;
use crate::measure::Measure;
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::site::{Site, SiteId};
use crate::soundness::unreadable_events;
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
    pub(super) functions: Vec<Row<FunctionMemory>>,
    pub(super) stacks: Vec<StackRow<FunctionMemory>>,
}

/// Replays a trace.
pub(super) fn measure(trace: &Trace, selection: &Selection) -> Measured {
    let meter = Meter { mark: HighWaterMark::default(), sites: Vec::new() };
    let (Meter { mark, sites }, replayed) = replay_selected(trace, selection, meter);
    let memory = |(at, beside): (usize, FunctionMemory)| {
        let at_peak = mark.moment.at(SiteId(at as u32));
        FunctionMemory { live_bytes: at_peak.bytes, live_blocks: at_peak.blocks, ..beside }
    };
    let measured = replayed.sites.iter().copied().zip(sites.into_iter().enumerate().map(memory));
    let measured: Vec<(Site, FunctionMemory)> = measured.filter(|(site, _)| site.category.counts()).collect();
    let mut total = FunctionMemory::default();
    measured.iter().for_each(|(_, memory)| total.add(memory));
    let (functions, stacks) = by_call(trace, Grouping::Function, &measured);
    let losses = unreadable_events(replayed.unreadable_chunks);
    let run = Run {
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete: trace.complete() && losses.is_none(),
        warnings: trace.warnings().iter().cloned().chain(losses).collect(),
        duration_ns: trace.duration_ns(),
        peak_bytes: mark.peak_bytes,
        peak_blocks: total.live_blocks,
        peak_time_ns: trace.since_start(mark.peak_ns),
        allocated_bytes: total.allocated_bytes,
        allocated_blocks: total.allocated_blocks,
        end_bytes: total.end_bytes,
    };
    Measured { run, functions, stacks }
}

/// Observes a replay and keeps all that is compared.
struct Meter {
    mark: HighWaterMark,
    /// By site: what it allocated, and what it held when the job ended. What it held at the peak is the mark's to know.
    sites: Vec<FunctionMemory>,
}

impl Observer for Meter {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.mark.new_site(site);
        self.sites.push(FunctionMemory::default());
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        self.mark.change(change, ns);
        if change.kind == ChangeKind::Begin {
            let site = &mut self.sites[change.site.index()];
            site.allocated_bytes = site.allocated_bytes.wrapping_add_signed(change.bytes);
            site.allocated_blocks = site.allocated_blocks.wrapping_add_signed(i64::from(change.blocks));
        }
    }

    fn job_ends(&mut self, ns: u64) {
        self.mark.job_ends(ns);
        for (at, site) in self.sites.iter_mut().enumerate() {
            site.end_bytes = self.mark.moment.now(SiteId(at as u32)).bytes;
        }
    }
}
