//! Of what was alive at the peak: how old it was, and how long behind the peak it was freed. What was freed at once was a
//! passing copy; what is old and was kept long may not have been needed any more.

use serde::Serialize;

use crate::birth::Instant;
use crate::call_view::CallView;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::high_water_mark::HighWaterMark;
use crate::measure::{Column, Measure};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::{PerSite, Query};

/// The peak that a view is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PeakMoment {
    /// Most bytes ever alive at one instant.
    pub peak_bytes: u64,
    /// The first such instant: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
}

/// What was alive at the peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PeakLifetimes {
    /// Bytes.
    pub live_bytes: u64,
    /// Blocks, and pieces of mappings.
    pub live_blocks: u64,
    /// The sum over these bytes of their ages at the peak, nanoseconds.
    pub byte_ages_ns: u128,
    /// Bytes of these that were freed later.
    pub freed_bytes: u64,
    /// The sum over these bytes of the time from the peak until they were freed, nanoseconds.
    pub byte_delays_ns: u128,
}

impl PeakLifetimes {
    /// The mean age of the bytes at the peak, nanoseconds.
    pub fn age_ns(&self) -> Option<u64> {
        self.byte_ages_ns.checked_div(u128::from(self.live_bytes)).map(|ns| ns as u64)
    }

    /// Of the bytes that were freed: how long behind the peak that was in the mean, nanoseconds.
    pub fn freed_after_ns(&self) -> Option<u64> {
        self.byte_delays_ns.checked_div(u128::from(self.freed_bytes)).map(|ns| ns as u64)
    }
}

impl PeakLifetimes {
    /// What a mapping grows by is as old as the mapping: if that is behind the peak, more of it is freed than was alive.
    fn within_what_was_alive(self) -> PeakLifetimes {
        PeakLifetimes { freed_bytes: self.freed_bytes.min(self.live_bytes), ..self }
    }
}

impl Measure for PeakLifetimes {
    const COLUMNS: &'static [Column] = &[
        Column::bytes("live_bytes", "bytes"),
        Column::blocks("live_blocks", "blocks"),
        Column::ns("age_ns", "age"),
        Column::ns("freed_after_ns", "freed after"),
        Column::bytes("kept_bytes", "kept"),
    ];

    fn add(&mut self, other: &PeakLifetimes) {
        self.live_bytes = self.live_bytes.wrapping_add(other.live_bytes);
        self.live_blocks = self.live_blocks.wrapping_add(other.live_blocks);
        self.byte_ages_ns = self.byte_ages_ns.wrapping_add(other.byte_ages_ns);
        self.freed_bytes = self.freed_bytes.wrapping_add(other.freed_bytes);
        self.byte_delays_ns = self.byte_delays_ns.wrapping_add(other.byte_delays_ns);
    }

    fn values(&self) -> Vec<Option<u64>> {
        vec![
            Some(self.live_bytes),
            Some(self.live_blocks),
            self.age_ns(),
            self.freed_after_ns(),
            Some(self.live_bytes.wrapping_sub(self.freed_bytes)),
        ]
    }
}

/// How old what was alive at the peak was, and when it was freed: the contract `fil.peak-lifetimes/1`.
pub fn peak_lifetimes(trace: &Trace, query: &Query) -> Result<CallView<PeakLifetimes, PeakMoment>, AnalyzerError> {
    // The peak is known when all is over; what was alive at it is followed in a second replay.
    let (mark, _) = replay_selected(trace, &query.selection, HighWaterMark::default());
    let HighWaterMark { peak_bytes, peak_ns, .. } = mark;
    let follower = Follower {
        peak_bytes,
        live_bytes: 0,
        last_order: 0,
        peak: (peak_bytes == 0).then_some(Instant { order: 0, ns: peak_ns }),
        sites: PerSite::new(),
    };
    let (observer, _) = replay_selected(trace, &query.selection, follower);
    let sites = observer.sites.into_counted();
    let about = PeakMoment { peak_bytes, peak_time_ns: trace.since_start(peak_ns) };
    let sites = sites.into_iter().map(|(site, lives)| (site, lives.at_peak.within_what_was_alive())).collect();
    Ok(CallView::new("fil.peak-lifetimes/1", trace, about, query.grouping, sites))
}

/// Observes a replay whose peak is known.
struct Follower {
    peak_bytes: u64,
    live_bytes: u64,
    /// Place of the last allocation in the order of all events.
    last_order: u64,
    /// The peak, once it has come.
    peak: Option<Instant>,
    sites: PerSite<Lives>,
}

#[derive(Clone, Copy, Default)]
struct Lives {
    live_bytes: u64,
    live_blocks: u64,
    /// The sum over what is alive of its bytes times its birth, in nanoseconds.
    births: i128,
    at_peak: PeakLifetimes,
}

impl Observer for Follower {
    type Birth = Instant;

    fn new_site(&mut self, site: &Site) {
        self.sites.push(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, ns: u64) {
        let Change { bytes, site, blocks, kind, birth } = *change;
        let Some(lives) = self.sites.get(site.index()) else { return };
        match self.peak {
            None => {
                self.last_order = self.last_order.max(birth.order);
                self.live_bytes = self.live_bytes.wrapping_add_signed(bytes);
                lives.live_bytes = lives.live_bytes.wrapping_add_signed(bytes);
                lives.live_blocks = lives.live_blocks.wrapping_add_signed(i64::from(blocks));
                lives.births = lives.births.wrapping_add(i128::from(bytes).wrapping_mul(i128::from(birth.ns)));
                if self.live_bytes == self.peak_bytes {
                    self.reach_peak(ns);
                }
            }
            Some(peak) if birth.order <= peak.order => {
                let at_peak = &mut lives.at_peak;
                let delay_ns = u128::from(ns.saturating_sub(peak.ns));
                let byte_delays_ns = u128::from(bytes.unsigned_abs()).wrapping_mul(delay_ns);
                if kind == ChangeKind::End {
                    at_peak.freed_bytes = at_peak.freed_bytes.wrapping_add(bytes.unsigned_abs());
                    at_peak.byte_delays_ns = at_peak.byte_delays_ns.wrapping_add(byte_delays_ns);
                } else if kind == ChangeKind::Return {
                    at_peak.freed_bytes = at_peak.freed_bytes.saturating_sub(bytes.unsigned_abs());
                    at_peak.byte_delays_ns = at_peak.byte_delays_ns.saturating_sub(byte_delays_ns);
                }
            }
            Some(_) => {}
        }
    }

    fn gone(&mut self, change: &Change<Instant>, ns: u64) {
        if self.peak.is_none() {
            self.change(change, ns);
        }
    }
}

impl Follower {
    fn reach_peak(&mut self, ns: u64) {
        self.peak = Some(Instant { order: self.last_order, ns });
        self.sites.for_each(|lives| {
            let Lives { live_bytes, live_blocks, births, at_peak } = lives;
            let now = i128::from(*live_bytes).wrapping_mul(i128::from(ns));
            let byte_ages_ns = now.wrapping_sub(*births).max(0) as u128;
            *at_peak = PeakLifetimes { live_bytes: *live_bytes, live_blocks: *live_blocks, byte_ages_ns, ..*at_peak };
        });
    }
}
