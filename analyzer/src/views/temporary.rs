//! What was freed as soon as it was allocated: work that a buffer could do, used again and again.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use hashbrown::HashMap;
use serde::Serialize;

use crate::birth::Instant;
use crate::call_view::CallView;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::measure::{Column, Measure};
use crate::replay::{Observer, replay};
use crate::selection::SiteFilter;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::{PerSite, Query};

/// Memory is temporary if it is freed while it is among so many last allocations of its thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Threshold {
    /// So many; at least one.
    pub within_allocations: u32,
}

/// Temporary allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Temporary {
    /// Blocks and mappings that were temporary.
    pub temporary_blocks: u64,
    /// Their bytes.
    pub temporary_bytes: u64,
    /// All blocks and mappings.
    pub allocated_blocks: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
}

impl Measure for Temporary {
    const COLUMNS: &'static [Column] = &[
        Column::blocks("temporary_blocks", "temporary"),
        Column::bytes("temporary_bytes", "bytes"),
        Column::blocks("allocated_blocks", "of blocks"),
        Column::bytes("allocated_bytes", "of bytes"),
    ];

    fn add(&mut self, other: &Temporary) {
        self.temporary_blocks += other.temporary_blocks;
        self.temporary_bytes = self.temporary_bytes.wrapping_add(other.temporary_bytes);
        self.allocated_blocks += other.allocated_blocks;
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
    }

    fn values(&self) -> Vec<Option<u64>> {
        [self.temporary_blocks, self.temporary_bytes, self.allocated_blocks, self.allocated_bytes].map(Some).to_vec()
    }
}

/// Finds temporary allocations: the contract `fil.temporary/1`.
pub fn temporary(
    trace: &Trace,
    threshold: Threshold,
    query: &Query,
) -> Result<CallView<Temporary, Threshold>, AnalyzerError> {
    let mut finder = Finder {
        within: threshold.within_allocations.max(1) as usize,
        filter: SiteFilter::new(trace, &query.selection),
        born: query.selection.born_on_clock(trace),
        sites: PerSite::new(),
        thread_of_site: Vec::new(),
        threads: HashMap::new(),
        last_allocations: Vec::new(),
    };
    replay(trace, &mut finder);
    let sites = finder.sites.into_counted();
    Ok(CallView::new("fil.temporary/1", trace, threshold, query.grouping, sites))
}

/// Observes a replay and finds temporary allocations. It sees those of all sites, as what is not selected separates an
/// allocation from its free, too.
struct Finder<'a> {
    within: usize,
    filter: SiteFilter<'a>,
    /// When what counts came to life, nanoseconds of the monotonic clock; always, if there is none.
    born: Option<RangeInclusive<u64>>,
    sites: PerSite<Temporary>,
    /// By site: an index of `last_allocations`, if it counts.
    thread_of_site: Vec<Option<usize>>,
    threads: HashMap<(crate::image::ImageIndex, format::ThreadNumber), usize>,
    /// By thread: places in the order of all events, the last one last.
    last_allocations: Vec<VecDeque<u64>>,
}

impl Observer for Finder<'_> {
    type Birth = Instant;

    fn new_site(&mut self, site: &Site) {
        self.sites.push_if(site, self.filter.includes(site));
        let next = self.last_allocations.len();
        let thread = *self.threads.entry((site.image, site.thread)).or_insert(next);
        if thread == next {
            self.last_allocations.push(VecDeque::with_capacity(1));
        }
        self.thread_of_site.push(site.category.counts().then_some(thread));
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, _ns: u64) {
        let Change { bytes, site, blocks, kind, birth } = *change;
        let Some(thread) = self.thread_of_site[site.index()] else { return };
        let last = &mut self.last_allocations[thread];
        let is_recent = last.front().is_some_and(|first| birth.order >= *first);
        // What a mapping grows by is as old as the mapping, and no new allocation.
        if kind == ChangeKind::Begin && last.back().is_none_or(|back| birth.order > *back) {
            if last.len() == self.within {
                last.pop_front();
            }
            last.push_back(birth.order);
        }
        if self.born.as_ref().is_some_and(|born| !born.contains(&birth.ns)) {
            return;
        }
        let Some(temporary) = self.sites.get(site.index()) else { return };
        match kind {
            ChangeKind::Begin => {
                temporary.allocated_blocks += blocks as u64;
                temporary.allocated_bytes = temporary.allocated_bytes.wrapping_add(bytes as u64);
            }
            ChangeKind::End if is_recent => {
                temporary.temporary_blocks += 1;
                temporary.temporary_bytes = temporary.temporary_bytes.wrapping_add(bytes.unsigned_abs());
            }
            ChangeKind::Return if is_recent => {
                temporary.temporary_blocks = temporary.temporary_blocks.wrapping_sub(1);
                temporary.temporary_bytes = temporary.temporary_bytes.wrapping_sub(bytes as u64);
            }
            _ => {}
        }
    }

    fn gone(&mut self, _change: &Change<Instant>, _ns: u64) {}
}
