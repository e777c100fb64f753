//! What was freed as soon as it was allocated: work that a buffer could do, used again and again.

use std::collections::VecDeque;

use hashbrown::HashMap;
use serde::Serialize;

use crate::birth::Instant;
use crate::call_view::CallView;
use crate::change::Change;
use crate::error::AnalyzerError;
use crate::measure::{Column, Measure};
use crate::replay::{Observer, replay};
use crate::selection::Selected;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::{PerSite, Query, is_cut};

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
    let finder = Finder {
        within: threshold.within_allocations.max(1) as usize,
        sites: PerSite::new(),
        thread_of_site: Vec::new(),
        threads: HashMap::new(),
        last_allocations: Vec::new(),
    };
    let mut observer = Selected::new(trace, &query.selection, finder);
    let replayed = replay(trace, &mut observer);
    let sites = observer.observer.sites.into_counted();
    Ok(CallView::new("fil.temporary/1", trace, threshold, query.grouping, sites, replayed.unreadable_chunks))
}

/// Observes a replay and finds temporary allocations.
struct Finder {
    within: usize,
    sites: PerSite<Temporary>,
    /// By site: an index of `last_allocations`.
    thread_of_site: Vec<usize>,
    threads: HashMap<(crate::image::ImageIndex, format::ThreadNumber), usize>,
    /// By thread: places in the order of all events, the last one last.
    last_allocations: Vec<VecDeque<u64>>,
}

impl Observer for Finder {
    type Birth = Instant;

    fn new_site(&mut self, site: &Site) {
        self.sites.push(site);
        let next = self.last_allocations.len();
        let thread = *self.threads.entry((site.image, site.thread)).or_insert(next);
        if thread == next {
            self.last_allocations.push(VecDeque::with_capacity(1));
        }
        self.thread_of_site.push(thread);
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, _ns: u64) {
        let Change { bytes, site, blocks, birth } = *change;
        let Some((temporary, category)) = self.sites.get(site.index()) else { return };
        if is_cut(bytes, category) {
            return;
        }
        let last = &mut self.last_allocations[self.thread_of_site[site.index()]];
        if blocks > 0 {
            temporary.allocated_blocks += 1;
            temporary.allocated_bytes = temporary.allocated_bytes.wrapping_add(bytes as u64);
            if last.len() == self.within {
                last.pop_front();
            }
            last.push_back(birth.order);
        } else if last.front().is_some_and(|first| birth.order >= *first) {
            temporary.temporary_blocks += 1;
            temporary.temporary_bytes = temporary.temporary_bytes.wrapping_add(bytes.unsigned_abs());
        }
    }
    fn gone(&mut self, _change: &Change<Instant>, _ns: u64) {}
}
