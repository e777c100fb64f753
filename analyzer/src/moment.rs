//! What every site held at one instant of a replay, which is found out to be of interest when it comes.
//!
//! Copying all sites at every such instant would cost too much, so it is done lazily. Every instant that is kept begins a
//! new epoch. A site that changes for the first time since then first saves what it held; a site that did not change since
//! holds it still.
//!
//! Sums wrap around: only damaged traces hold more than 2^63 bytes, and those must not panic.

use crate::change::Change;
use crate::site::{Site, SiteId};

/// Follows the memory of sites, and keeps it as it was at one instant: at first the beginning, when there was none.
#[derive(Default)]
pub(crate) struct Moment {
    sites: Vec<SiteMark>,
    /// Bytes that are alive now, of all sites that count.
    live_bytes: u64,
    /// Number of the instant that is kept.
    epoch: u64,
}

/// What is alive of one site, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SiteMemory {
    /// Live bytes.
    pub bytes: u64,
    /// Live blocks, and pieces of mappings.
    pub blocks: u64,
}

impl SiteMemory {
    pub(crate) fn add(&mut self, other: &SiteMemory) {
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.blocks = self.blocks.wrapping_add(other.blocks);
    }
}

struct SiteMark {
    live: SiteMemory,
    /// What it held at the instant of `epoch`.
    saved: SiteMemory,
    epoch: u64,
    counts: bool,
}

impl Moment {
    /// A site appears for the first time.
    pub(crate) fn new_site(&mut self, site: &Site) {
        let (live, saved) = (SiteMemory::default(), SiteMemory::default());
        // Saved for the epoch in force: it held nothing at that instant.
        self.sites.push(SiteMark { live, saved, epoch: self.epoch, counts: site.category.counts() });
    }

    /// Live bytes and blocks of a site change.
    #[inline]
    pub(crate) fn change<B>(&mut self, change: &Change<B>) {
        let mark = &mut self.sites[change.site.index()];
        if mark.epoch != self.epoch {
            mark.epoch = self.epoch;
            mark.saved = mark.live;
        }
        mark.live.bytes = mark.live.bytes.wrapping_add_signed(change.bytes);
        mark.live.blocks = mark.live.blocks.wrapping_add_signed(i64::from(change.blocks));
        if mark.counts {
            self.live_bytes = self.live_bytes.wrapping_add_signed(change.bytes);
        }
    }

    /// Bytes that are alive now, of all sites that count.
    #[inline]
    pub(crate) fn live_bytes(&self) -> u64 {
        self.live_bytes
    }

    /// This instant is the one to be kept from now on.
    #[inline]
    pub(crate) fn keep(&mut self) {
        self.epoch += 1;
    }

    /// What a site holds now.
    pub(crate) fn now(&self, site: SiteId) -> SiteMemory {
        self.sites[site.index()].live
    }

    /// What a site held at the instant that is kept.
    pub(crate) fn at(&self, site: SiteId) -> SiteMemory {
        let mark = &self.sites[site.index()];
        if mark.epoch == self.epoch { mark.saved } else { mark.live }
    }
}
