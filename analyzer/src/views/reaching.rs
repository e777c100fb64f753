//! All call stacks that reach a call site: what each holds at the job's peak, and what it allocated in total.

use serde::Serialize;

use crate::call_site::NO_PYTHON_FRAME;
use crate::call_view::CallView;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::high_water_mark::HighWaterMark;
use crate::measure::{Column, Measure};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::selection::Pattern;
use crate::site::{Site, SiteId};
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;
use crate::views::{PerSite, Query};

/// What a stack has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Bytes alive at the peak.
    pub live_bytes: u64,
    /// Blocks and pieces of mappings alive at the peak.
    pub live_blocks: u64,
    /// Bytes allocated in total.
    pub allocated_bytes: u64,
    /// Blocks and mappings allocated in total.
    pub allocated_blocks: u64,
}

/// The peak that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PeakOfAll {
    /// The peak of all memory that the query selects.
    pub peak_bytes: u64,
    /// When it was: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
}

impl Measure for Reached {
    const COLUMNS: &'static [Column] = &[
        Column::bytes("live_bytes", "at the peak"),
        Column::blocks("live_blocks", "blocks"),
        Column::bytes("allocated_bytes", "allocated"),
        Column::blocks("allocated_blocks", "blocks"),
    ];

    fn add(&mut self, other: &Reached) {
        self.live_bytes = self.live_bytes.wrapping_add(other.live_bytes);
        self.live_blocks = self.live_blocks.wrapping_add(other.live_blocks);
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.allocated_blocks = self.allocated_blocks.wrapping_add(other.allocated_blocks);
    }

    fn values(&self) -> Vec<Option<u64>> {
        [self.live_bytes, self.live_blocks, self.allocated_bytes, self.allocated_blocks].map(Some).to_vec()
    }
}

/// The stacks whose innermost frame `call_site` is for, by function, by `file:line` or by file: the contract `fil.stacks/1`.
pub fn reaching(
    trace: &Trace,
    call_site: &Pattern,
    query: &Query,
) -> Result<CallView<Reached, PeakOfAll>, AnalyzerError> {
    let reach = Reach {
        resolver: StackResolver::new(trace.images()),
        call_site,
        mark: HighWaterMark::default(),
        sites: PerSite::new(),
    };
    let (observer, replayed) = replay_selected(trace, &query.selection, reach);
    let Reach { mark, mut sites, .. } = observer;
    for at in 0..replayed.sites.len() {
        if let Some(reached) = sites.get(at) {
            let held = mark.moment.at(SiteId(at as u32));
            (reached.live_bytes, reached.live_blocks) = (held.bytes, held.blocks);
        }
    }
    let about = PeakOfAll { peak_bytes: mark.peak_bytes, peak_time_ns: trace.since_start(mark.peak_ns) };
    let sites = sites.into_counted();
    Ok(CallView::new("fil.stacks/1", trace, about, query.grouping, sites, replayed.unreadable_chunks))
}

struct Reach<'a> {
    resolver: StackResolver<'a>,
    call_site: &'a Pattern,
    mark: HighWaterMark,
    sites: PerSite<Reached>,
}

impl Observer for Reach<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        let stack = self.resolver.resolve(site.image, site.stack);
        let is_for = match self.resolver.tree().innermost(stack).map(|frame| self.resolver.tree().frame(frame)) {
            Some(frame) => {
                self.call_site.is_for(&frame.function)
                    || self.call_site.is_for(&format!("{}:{}", frame.file, frame.line))
                    || self.call_site.is_for(&frame.file)
            }
            None => self.call_site.is_for(NO_PYTHON_FRAME),
        };
        self.mark.new_site(site);
        self.sites.push_if(site, is_for);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        self.mark.change(change, ns);
        if change.kind == ChangeKind::Begin
            && let Some(reached) = self.sites.get(change.site.index())
        {
            reached.allocated_bytes = reached.allocated_bytes.wrapping_add(change.bytes as u64);
            reached.allocated_blocks = reached.allocated_blocks.wrapping_add(change.blocks as u64);
        }
    }
}
