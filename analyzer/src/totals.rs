//! What every site held at the peak and at the end of the job, and allocated in total: all of it in one replay.

use serde::Serialize;

use crate::change::{Change, ChangeKind};
use crate::high_water_mark::HighWaterMark;
use crate::measure::{Column, Measure};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::site::{Site, SiteId};
use crate::trace::Trace;

/// What somebody had in a run: memory that they allocated themselves, not what they called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Bytes that were alive at the peak of the run.
    pub live_bytes: u64,
    /// Blocks that were alive then.
    pub live_blocks: u64,
    /// Bytes allocated in total.
    pub allocated_bytes: u64,
    /// Blocks and mappings allocated in total.
    pub allocated_blocks: u64,
    /// Bytes that were alive when the job ended.
    pub end_bytes: u64,
}

impl Measure for Totals {
    const COLUMNS: &'static [Column] = &[
        Column::bytes("live_bytes", "at the peak"),
        Column::blocks("live_blocks", "blocks"),
        Column::bytes("allocated_bytes", "allocated"),
        Column::blocks("allocated_blocks", "blocks"),
        Column::bytes("end_bytes", "at the end"),
    ];

    fn add(&mut self, other: &Totals) {
        self.live_bytes = self.live_bytes.wrapping_add(other.live_bytes);
        self.live_blocks = self.live_blocks.wrapping_add(other.live_blocks);
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.allocated_blocks = self.allocated_blocks.wrapping_add(other.allocated_blocks);
        self.end_bytes = self.end_bytes.wrapping_add(other.end_bytes);
    }

    fn values(&self) -> Vec<Option<u64>> {
        let Totals { live_bytes, live_blocks, allocated_bytes, allocated_blocks, end_bytes } = *self;
        [live_bytes, live_blocks, allocated_bytes, allocated_blocks, end_bytes].map(Some).to_vec()
    }
}

/// See the module.
pub(crate) struct SiteTotals {
    /// By [`SiteId`]: all sites, those that do not count, too.
    pub(crate) sites: Vec<(Site, Totals)>,
    /// Most bytes ever alive at one instant.
    pub(crate) peak_bytes: u64,
    /// When they were, nanoseconds of the monotonic clock.
    pub(crate) peak_ns: u64,
}

impl SiteTotals {
    /// Replays a trace.
    pub(crate) fn of(trace: &Trace, selection: &Selection) -> SiteTotals {
        let meter = Meter { mark: HighWaterMark::default(), sites: Vec::new() };
        let (Meter { mark, sites }, replayed) = replay_selected(trace, selection, meter);
        let totals = |(at, beside): (usize, Totals)| {
            let at_peak = mark.moment.at(SiteId(at as u32));
            Totals { live_bytes: at_peak.bytes, live_blocks: at_peak.blocks, ..beside }
        };
        SiteTotals {
            sites: replayed.sites.iter().copied().zip(sites.into_iter().enumerate().map(totals)).collect(),
            peak_bytes: mark.peak_bytes,
            peak_ns: mark.peak_ns,
        }
    }
}

/// Observes a replay and keeps all of that.
struct Meter {
    mark: HighWaterMark,
    /// By site: what it allocated, and what it held when the job ended. What it held at the peak is the mark's to know.
    sites: Vec<Totals>,
}

impl Observer for Meter {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.mark.new_site(site);
        self.sites.push(Totals::default());
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
