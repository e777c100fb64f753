//! What was allocated in total, however long it lived.

use crate::call_view::CallView;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::measure::{Column, Measure};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::{Nothing, PerSite, Query};

/// What was allocated in total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Churn {
    /// Bytes.
    pub allocated_bytes: u64,
    /// Blocks and mappings.
    pub allocated_blocks: u64,
}

impl Measure for Churn {
    const COLUMNS: &'static [Column] =
        &[Column::bytes("allocated_bytes", "allocated"), Column::blocks("allocated_blocks", "blocks")];

    fn add(&mut self, other: &Churn) {
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.allocated_blocks += other.allocated_blocks;
    }

    fn values(&self) -> Vec<Option<u64>> {
        vec![Some(self.allocated_bytes), Some(self.allocated_blocks)]
    }
}

/// Adds up all allocations: the contract `fil.churn/1`.
pub fn churn(trace: &Trace, query: &Query) -> Result<CallView<Churn, Nothing>, AnalyzerError> {
    let (observer, _) = replay_selected(trace, &query.selection, Allocations { sites: PerSite::new() });
    let sites = observer.sites.into_counted();
    Ok(CallView::new("fil.churn/1", trace, Nothing {}, query.grouping, sites))
}

struct Allocations {
    sites: PerSite<Churn>,
}

impl Observer for Allocations {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.sites.push(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, _ns: u64) {
        if change.kind == ChangeKind::Begin
            && let Some(churn) = self.sites.get(change.site.index())
        {
            churn.add(&Churn { allocated_bytes: change.bytes as u64, allocated_blocks: change.blocks as u64 });
        }
    }
}
