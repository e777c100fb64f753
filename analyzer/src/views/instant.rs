//! What was alive at an instant.

use serde::Serialize;

use crate::call_view::CallView;
use crate::change::Change;
use crate::error::AnalyzerError;
use crate::held::{Apart, Categories, Held};
use crate::measure::{Column, Measure};
use crate::moment::{Moment, SiteMemory};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::Query;

/// An instant of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Behind all that happened up to and at this time: nanoseconds from the start of the job.
    Time(u64),
    /// When the job ended.
    End,
}

/// What a view of an instant is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct AtInstant {
    /// Nanoseconds from the start of the job.
    pub time_ns: u64,
    /// By kind of memory.
    pub categories: Categories,
    /// What the job had mapped beside what counts.
    pub apart: Apart,
}

impl Measure for SiteMemory {
    const COLUMNS: &'static [Column] = &[Column::bytes("live_bytes", "bytes"), Column::blocks("live_blocks", "blocks")];

    fn add(&mut self, other: &SiteMemory) {
        SiteMemory::add(self, other);
    }

    fn values(&self) -> Vec<Option<u64>> {
        vec![Some(self.bytes), Some(self.blocks)]
    }
}

/// What was alive at an instant: the contract `fil.at/1`, or at the end of the job `fil.leaks/1`.
pub fn at(trace: &Trace, when: When, query: &Query) -> Result<CallView<SiteMemory, AtInstant>, AnalyzerError> {
    let until_ns = match when {
        When::Time(ns) => Some(trace.header().monotonic_start_ns.saturating_add(ns)),
        When::End => None,
    };
    let (keeper, replayed) = replay_selected(trace, &query.selection, Keeper::until(until_ns));
    let (moment, kept_ns) = keeper.finish();
    let time_ns = match when {
        When::Time(ns) => ns,
        When::End => kept_ns.map_or(trace.duration_ns(), |ns| trace.since_start(ns)),
    };
    let held = Held::at(&moment, &replayed.sites);
    let about = AtInstant { time_ns, categories: held.by_category(), apart: held.apart };
    let schema = if when == When::End { "fil.leaks/1" } else { "fil.at/1" };
    Ok(CallView::new(schema, trace, about, query.grouping, held.sites))
}

/// Observes a replay and keeps an instant.
pub(crate) struct Keeper {
    moment: Moment,
    /// The instant, nanoseconds of the monotonic clock; the end of the job if there is none.
    until_ns: Option<u64>,
    /// When it came.
    kept_ns: Option<u64>,
}

impl Keeper {
    /// Keeps this instant of the monotonic clock, or the end of the job.
    fn until(until_ns: Option<u64>) -> Keeper {
        Keeper { moment: Moment::default(), until_ns, kept_ns: None }
    }

    /// Keeps the end of the job.
    pub(crate) fn of_end() -> Keeper {
        Keeper::until(None)
    }

    /// The moment, and when it was: if it did not come while all was replayed, it is the end of that.
    pub(crate) fn finish(mut self) -> (Moment, Option<u64>) {
        if self.kept_ns.is_none() {
            self.moment.keep();
        }
        (self.moment, self.kept_ns)
    }

    #[inline]
    fn pass(&mut self, ns: u64) {
        if self.kept_ns.is_none()
            && let Some(until_ns) = self.until_ns
            && ns > until_ns
        {
            self.kept_ns = Some(until_ns);
            self.moment.keep();
        }
    }
}

impl Observer for Keeper {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.moment.new_site(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        self.pass(ns);
        self.moment.change(change);
    }

    fn job_ends(&mut self, ns: u64) {
        if self.kept_ns.is_none() && self.until_ns.is_none() {
            self.kept_ns = Some(ns);
            self.moment.keep();
        }
    }
}
