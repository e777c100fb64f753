//! The questions about calls: what was alive at an instant, what was allocated in a time, how long it lived.
//!
//! realloc is a free and an allocation. If it fails it is neither, but where a chunk ends between its two events: when the
//! second is read the first has been told. That is a free and an allocation to those who count them.

mod churn;
mod instant;
mod lifetimes;
mod overhead;
mod peak_by;
mod peak_lifetimes;
mod peaks;
mod range;
mod reaching;
mod sizes;
mod temporary;
mod what_if;

pub use churn::{Churn, churn};
pub(crate) use instant::Keeper;
pub use instant::{AtInstant, When, at};
pub use lifetimes::{Lifetimes, lifetimes};
pub use overhead::{Overhead, OverheadAt, overhead};
pub use peak_by::{AtPeak, peak_by};
pub use peak_lifetimes::{PeakLifetimes, PeakMoment, peak_lifetimes};
pub use peaks::{Peaks, SeparatePeak, peaks};
pub use range::{Range, RangeMemory, range};
pub use reaching::{PeakOfAll, reaching};
pub use sizes::{SizeClass, Sizes, sizes};
pub use temporary::{Temporary, Threshold, temporary};
pub use what_if::{LeftOut, WhatIf, Without, best_without, what_if};

use serde::Serialize;

use crate::call_view::{Row, by_call};
use crate::groups::Grouping;
use crate::held::Held;
use crate::high_water_mark::HighWaterMark;
use crate::moment::SiteMemory;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::site::Site;
use crate::trace::Trace;

/// Which memory a view is about, and what its rows are.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Which memory.
    pub selection: Selection,
    /// What the rows are.
    pub grouping: Grouping,
}

/// A view that has nothing to tell but its rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Nothing {}

/// The peak of what a query selects, and who held it.
pub(crate) fn peak_rows(trace: &Trace, query: &Query) -> (PeakInstant, Vec<Row<SiteMemory>>) {
    let (mark, replayed) = replay_selected(trace, &query.selection, HighWaterMark::default());
    let held = Held::at(&mark.moment, &replayed.sites);
    let (rows, _) = by_call(trace, query.grouping, &held.sites);
    (PeakInstant { live_bytes: mark.peak_bytes, ns: mark.peak_ns }, rows)
}

/// A peak and when it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeakInstant {
    pub(crate) live_bytes: u64,
    /// Nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
}

/// Something per site, of those that count as memory of the job.
#[derive(Default)]
pub(crate) struct PerSite<M> {
    of_sites: Vec<(Site, Option<M>)>,
}

impl<M: Default> PerSite<M> {
    pub(crate) fn new() -> PerSite<M> {
        PerSite { of_sites: Vec::new() }
    }

    pub(crate) fn push(&mut self, site: &Site) {
        self.of_sites.push((*site, site.category.counts().then(M::default)));
    }

    /// The same, of a site that may not be asked for.
    pub(crate) fn push_if(&mut self, site: &Site, asked_for: bool) {
        self.of_sites.push((*site, (asked_for && site.category.counts()).then(M::default)));
    }

    /// That of the site of this index, if it counts.
    #[inline]
    pub(crate) fn get(&mut self, index: usize) -> Option<&mut M> {
        self.of_sites[index].1.as_mut()
    }

    pub(crate) fn for_each(&mut self, work: impl FnMut(&mut M)) {
        self.of_sites.iter_mut().filter_map(|(_, measure)| measure.as_mut()).for_each(work);
    }

    pub(crate) fn into_counted(self) -> Vec<(Site, M)> {
        self.of_sites.into_iter().filter_map(|(site, measure)| Some((site, measure?))).collect()
    }
}
