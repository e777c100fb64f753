//! How long memory lived.

use crate::birth::Instant;
use crate::call_view::CallView;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::measure::{Column, Measure};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::{Nothing, PerSite, Query};

/// How long memory lived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifetimes {
    /// Bytes allocated.
    pub allocated_bytes: u64,
    /// Blocks and mappings allocated.
    pub allocated_blocks: u64,
    /// Blocks, and pieces of mappings, that were freed.
    pub freed_blocks: u64,
    /// The sum of their lifetimes in nanoseconds.
    pub lifetimes_ns: u128,
    /// The longest of them.
    pub longest_ns: u64,
    /// Bytes that were never freed: they were there when their process ended.
    pub kept_bytes: u64,
}

impl Lifetimes {
    /// The mean lifetime of what was freed, nanoseconds.
    pub fn mean_ns(&self) -> Option<u64> {
        self.lifetimes_ns.checked_div(u128::from(self.freed_blocks)).map(|ns| ns as u64)
    }
}

impl Measure for Lifetimes {
    const COLUMNS: &'static [Column] = &[
        Column::bytes("allocated_bytes", "allocated"),
        Column::blocks("allocated_blocks", "blocks"),
        Column::blocks("freed_blocks", "freed"),
        Column::ns("mean_lifetime_ns", "mean life"),
        Column::ns("longest_lifetime_ns", "longest"),
        Column::bytes("kept_bytes", "kept"),
    ];

    fn add(&mut self, other: &Lifetimes) {
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.allocated_blocks += other.allocated_blocks;
        self.freed_blocks += other.freed_blocks;
        self.lifetimes_ns += other.lifetimes_ns;
        self.longest_ns = self.longest_ns.max(other.longest_ns);
        self.kept_bytes = self.kept_bytes.wrapping_add(other.kept_bytes);
    }

    fn values(&self) -> Vec<Option<u64>> {
        vec![
            Some(self.allocated_bytes),
            Some(self.allocated_blocks),
            Some(self.freed_blocks),
            self.mean_ns(),
            (self.freed_blocks > 0).then_some(self.longest_ns),
            Some(self.kept_bytes),
        ]
    }
}

/// How long memory lived: the contract `fil.lifetimes/1`.
pub fn lifetimes(trace: &Trace, query: &Query) -> Result<CallView<Lifetimes, Nothing>, AnalyzerError> {
    let (observer, _) = replay_selected(trace, &query.selection, Lives { sites: PerSite::new() });
    let sites = observer.sites.into_counted();
    Ok(CallView::new("fil.lifetimes/1", trace, Nothing {}, query.grouping, sites))
}

struct Lives {
    sites: PerSite<Lifetimes>,
}

impl Observer for Lives {
    type Birth = Instant;

    fn new_site(&mut self, site: &Site) {
        self.sites.push(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, ns: u64) {
        let Change { bytes, site, blocks, kind, birth } = *change;
        let Some(lives) = self.sites.get(site.index()) else { return };
        lives.kept_bytes = lives.kept_bytes.wrapping_add_signed(bytes);
        let lifetime_ns = ns.saturating_sub(birth.ns);
        match kind {
            ChangeKind::Begin => {
                lives.allocated_bytes = lives.allocated_bytes.wrapping_add(bytes as u64);
                lives.allocated_blocks += blocks as u64;
            }
            ChangeKind::End => {
                lives.freed_blocks += 1;
                lives.lifetimes_ns += u128::from(lifetime_ns);
                lives.longest_ns = lives.longest_ns.max(lifetime_ns);
            }
            // The longest life stays as it is: this one goes on, and becomes longer.
            ChangeKind::Return => {
                lives.freed_blocks = lives.freed_blocks.saturating_sub(1);
                lives.lifetimes_ns = lives.lifetimes_ns.saturating_sub(u128::from(lifetime_ns));
            }
            ChangeKind::Cut => {}
        }
    }

    fn gone(&mut self, _change: &Change<Instant>, _ns: u64) {}
}
