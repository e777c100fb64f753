//! Finds the peak in one pass: the first instant at which live bytes reach their maximum, and what
//! every site held then.
//!
//! Copying all sites at every new maximum would cost too much, so it is done lazily. Every maximum
//! begins a new epoch. A site that changes for the first time since a maximum first saves what it
//! held; a site that did not change since holds it still.
//!
//! Sums wrap around: only damaged traces hold more than 2^63 bytes, and those must not panic.

use crate::replay::Observer;
use crate::site::{Site, SiteId};

/// Observes a replay and keeps its peak.
#[derive(Default)]
pub(crate) struct HighWaterMark {
    sites: Vec<SiteMark>,
    live_bytes: u64,
    /// Most live bytes so far.
    pub(crate) peak_bytes: u64,
    /// When they were reached, nanoseconds of the monotonic clock.
    pub(crate) peak_ns: u64,
    /// Live bytes when the job ended.
    pub(crate) end_bytes: u64,
    /// Number of the last maximum.
    epoch: u64,
}

/// Memory of one site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SiteMemory {
    pub(crate) bytes: u64,
    pub(crate) blocks: u64,
}

struct SiteMark {
    live: SiteMemory,
    /// What it held at the maximum of `epoch`.
    saved: SiteMemory,
    epoch: u64,
    counts: bool,
}

impl HighWaterMark {
    /// What a site held at the peak.
    pub(crate) fn at_peak(&self, site: SiteId) -> SiteMemory {
        let mark = &self.sites[site.index()];
        if mark.epoch == self.epoch { mark.saved } else { mark.live }
    }
}

impl Observer for HighWaterMark {
    fn new_site(&mut self, site: &Site) {
        let (live, saved) = (SiteMemory::default(), SiteMemory::default());
        // Saved for the epoch in force: it held nothing at that maximum.
        self.sites.push(SiteMark { live, saved, epoch: self.epoch, counts: site.category.counts() });
    }

    fn job_ends(&mut self) {
        self.end_bytes = self.live_bytes;
    }

    #[inline]
    fn change(&mut self, site: SiteId, bytes: i64, blocks: i64, ns: u64) {
        let mark = &mut self.sites[site.index()];
        if mark.epoch != self.epoch {
            mark.epoch = self.epoch;
            mark.saved = mark.live;
        }
        mark.live.bytes = mark.live.bytes.wrapping_add_signed(bytes);
        mark.live.blocks = mark.live.blocks.wrapping_add_signed(blocks);
        if mark.counts {
            self.live_bytes = self.live_bytes.wrapping_add_signed(bytes);
            if self.live_bytes > self.peak_bytes {
                self.peak_bytes = self.live_bytes;
                self.peak_ns = ns;
                self.epoch += 1;
            }
        }
    }
}
