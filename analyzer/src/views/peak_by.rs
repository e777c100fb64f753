//! The peak by functions, files, packages, threads, processes or kinds of memory.

use serde::Serialize;

use crate::call_view::CallView;
use crate::error::AnalyzerError;
use crate::held::{Apart, Categories, Held};
use crate::high_water_mark::HighWaterMark;
use crate::moment::SiteMemory;
use crate::selected_replay::replay_selected;
use crate::trace::Trace;
use crate::views::Query;

/// The peak that a view is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AtPeak {
    /// Most bytes ever alive at one instant.
    pub peak_bytes: u64,
    /// The first such instant: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
    /// The peak by kind of memory.
    pub categories: Categories,
    /// What the job had mapped beside what counts.
    pub apart: Apart,
}

/// What was alive at the peak, by any grouping: the contract `fil.peak-by/1`.
pub fn peak_by(trace: &Trace, query: &Query) -> Result<CallView<SiteMemory, AtPeak>, AnalyzerError> {
    let (mark, replayed) = replay_selected(trace, &query.selection, HighWaterMark::default());
    let held = Held::at(&mark.moment, &replayed.sites);
    let about = AtPeak {
        peak_bytes: mark.peak_bytes,
        peak_time_ns: trace.since_start(mark.peak_ns),
        categories: held.by_category(),
        apart: held.apart,
    };
    Ok(CallView::new("fil.peak-by/1", trace, about, query.grouping, held.sites))
}
