//! What happened in a stretch of time: what was allocated, what was freed, and what of it was there at its end.

use serde::Serialize;

use crate::birth::Instant;
use crate::call_view::CallView;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::measure::{Column, Measure};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::{PerSite, Query};

/// A stretch of time, both ends included: nanoseconds from the start of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// Its beginning.
    pub from_ns: u64,
    /// Its end.
    pub to_ns: u64,
}

/// What happened in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeMemory {
    /// Bytes allocated in it that were alive at its end.
    pub retained_bytes: u64,
    /// Blocks, and pieces of mappings.
    pub retained_blocks: u64,
    /// Bytes allocated in it.
    pub allocated_bytes: u64,
    /// Blocks and mappings.
    pub allocated_blocks: u64,
    /// Bytes freed in it, whenever they were allocated.
    pub freed_bytes: u64,
    /// Blocks, and pieces of mappings.
    pub freed_blocks: u64,
}

impl Measure for RangeMemory {
    const COLUMNS: &'static [Column] = &[
        Column::bytes("retained_bytes", "retained"),
        Column::blocks("retained_blocks", "blocks"),
        Column::bytes("allocated_bytes", "allocated"),
        Column::blocks("allocated_blocks", "blocks"),
        Column::bytes("freed_bytes", "freed"),
        Column::blocks("freed_blocks", "blocks"),
    ];

    fn add(&mut self, other: &RangeMemory) {
        let sum = |one: &mut u64, other: u64| *one = one.wrapping_add(other);
        sum(&mut self.retained_bytes, other.retained_bytes);
        sum(&mut self.retained_blocks, other.retained_blocks);
        sum(&mut self.allocated_bytes, other.allocated_bytes);
        sum(&mut self.allocated_blocks, other.allocated_blocks);
        sum(&mut self.freed_bytes, other.freed_bytes);
        sum(&mut self.freed_blocks, other.freed_blocks);
    }

    fn values(&self) -> Vec<Option<u64>> {
        let RangeMemory { retained_bytes, retained_blocks, .. } = *self;
        let RangeMemory { allocated_bytes, allocated_blocks, freed_bytes, freed_blocks, .. } = *self;
        [retained_bytes, retained_blocks, allocated_bytes, allocated_blocks, freed_bytes, freed_blocks]
            .map(Some)
            .to_vec()
    }
}

/// What happened in a stretch of time: the contract `fil.range/1`.
pub fn range(trace: &Trace, range: Range, query: &Query) -> Result<CallView<RangeMemory, Range>, AnalyzerError> {
    let start_ns = trace.header().monotonic_start_ns;
    let stretch = Stretch {
        // What a damaged trace puts before the start belongs to it.
        from_ns: if range.from_ns == 0 { 0 } else { start_ns.saturating_add(range.from_ns) },
        to_ns: start_ns.saturating_add(range.to_ns),
        last_before: None,
        sites: PerSite::new(),
    };
    let (observer, _) = replay_selected(trace, &query.selection, stretch);
    let sites = observer.sites.into_counted();
    Ok(CallView::new("fil.range/1", trace, range, query.grouping, sites))
}

/// Observes a replay in a stretch of time.
struct Stretch {
    /// Nanoseconds of the monotonic clock.
    from_ns: u64,
    to_ns: u64,
    /// The last allocation before it, by its place in the order of all events.
    last_before: Option<u64>,
    sites: PerSite<RangeMemory>,
}

impl RangeMemory {
    #[inline]
    fn retain(&mut self, change: &Change<Instant>) {
        self.retained_bytes = self.retained_bytes.wrapping_add_signed(change.bytes);
        self.retained_blocks = self.retained_blocks.wrapping_add_signed(i64::from(change.blocks));
    }
}

impl Observer for Stretch {
    type Birth = Instant;

    fn new_site(&mut self, site: &Site) {
        self.sites.push(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, ns: u64) {
        let Change { bytes, site, blocks, kind, birth } = *change;
        if ns < self.from_ns {
            self.last_before = self.last_before.max(Some(birth.order));
            return;
        }
        if ns > self.to_ns {
            return;
        }
        let born_in_it = self.last_before < Some(birth.order);
        let Some(memory) = self.sites.get(site.index()) else { return };
        if born_in_it {
            memory.retain(change);
        }
        match kind {
            ChangeKind::Begin => {
                memory.allocated_bytes = memory.allocated_bytes.wrapping_add(bytes as u64);
                memory.allocated_blocks += blocks as u64;
            }
            ChangeKind::End => {
                memory.freed_bytes = memory.freed_bytes.wrapping_add(bytes.unsigned_abs());
                memory.freed_blocks += 1;
            }
            ChangeKind::Return => {
                // The end that did not take place may have been before the stretch: then it was not counted.
                if memory.freed_blocks > 0 && memory.freed_bytes >= bytes as u64 {
                    memory.freed_bytes -= bytes as u64;
                    memory.freed_blocks -= 1;
                }
            }
            ChangeKind::Cut => {}
        }
    }

    fn gone(&mut self, change: &Change<Instant>, ns: u64) {
        let born_in_it = self.last_before < Some(change.birth.order);
        if (self.from_ns..=self.to_ns).contains(&ns)
            && born_in_it
            && let Some(memory) = self.sites.get(change.site.index())
        {
            memory.retain(change);
        }
    }
}
