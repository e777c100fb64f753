//! The tables `call_sites` and `stacks`: what each held at the peak and at the end, and allocated in total.

use std::collections::BTreeMap;

use polars::prelude::DataFrame;

use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::{CallTree, NodeId};
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::high_water_mark::HighWaterMark;
use crate::replay::{Observer, replay};
use crate::site::{Site, SiteId};
use crate::sql::site_stacks::SiteStacks;
use crate::tables::column;
use crate::trace::Trace;
use crate::views::PerSite;

/// What a stack or a call site had.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    peak_bytes: u64,
    peak_blocks: u64,
    end_bytes: u64,
    end_blocks: u64,
    allocated_bytes: u64,
    allocated_blocks: u64,
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.peak_bytes = self.peak_bytes.wrapping_add(other.peak_bytes);
        self.peak_blocks = self.peak_blocks.wrapping_add(other.peak_blocks);
        self.end_bytes = self.end_bytes.wrapping_add(other.end_bytes);
        self.end_blocks = self.end_blocks.wrapping_add(other.end_blocks);
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.allocated_blocks = self.allocated_blocks.wrapping_add(other.allocated_blocks);
    }
}

/// `function,file,line`, then the numbers.
pub(super) fn call_sites(trace: &Trace) -> Result<DataFrame, AnalyzerError> {
    let (stacks, tree) = by_stack(trace);
    let mut call_sites = BTreeMap::<(&str, &str, u32), Totals>::new();
    for (stack, totals) in &stacks {
        call_sites.entry(innermost(&tree, *stack)).or_default().add(totals);
    }
    let (names, totals): (Vec<_>, Vec<_>) = call_sites.into_iter().unzip();
    table(&names, Vec::new(), &totals)
}

/// `stack,depth,function,file,line,frames`, then the numbers. The frames are those from the outermost on, as
/// `function (file:line)`, with `; ` between them.
pub(super) fn stacks(trace: &Trace) -> Result<DataFrame, AnalyzerError> {
    let (stacks, tree) = by_stack(trace);
    let names: Vec<_> = stacks.keys().map(|stack| innermost(&tree, *stack)).collect();
    let frames = |stack: &NodeId| {
        let mut frames: Vec<String> = tree
            .frames_from_innermost(*stack)
            .map(|frame| format!("{} ({}:{})", frame.function, frame.file, frame.line))
            .collect();
        frames.reverse();
        frames
    };
    let frames: Vec<Vec<String>> = stacks.keys().map(frames).collect();
    let more = vec![
        column("stack", stacks.keys().map(|stack| stack.number())),
        column("depth", frames.iter().map(|frames| frames.len() as u32)),
        column("frames", frames.iter().map(|frames| frames.join("; "))),
    ];
    table(&names, more, &stacks.into_values().collect::<Vec<_>>())
}

fn table(
    names: &[(&str, &str, u32)],
    mut columns: Vec<polars::prelude::Column>,
    totals: &[Totals],
) -> Result<DataFrame, AnalyzerError> {
    let numbers = |name, number: fn(&Totals) -> u64| column(name, totals.iter().map(number));
    columns.extend([
        column("function", names.iter().map(|(function, _, _)| *function)),
        column("file", names.iter().map(|(_, file, _)| *file)),
        column("line", names.iter().map(|(_, _, line)| *line)),
        numbers("peak_bytes", |totals| totals.peak_bytes),
        numbers("peak_blocks", |totals| totals.peak_blocks),
        numbers("end_bytes", |totals| totals.end_bytes),
        numbers("end_blocks", |totals| totals.end_blocks),
        numbers("allocated_bytes", |totals| totals.allocated_bytes),
        numbers("allocated_blocks", |totals| totals.allocated_blocks),
    ]);
    Ok(DataFrame::new(names.len(), columns)?)
}

fn innermost(tree: &CallTree, stack: NodeId) -> (&str, &str, u32) {
    match tree.innermost(stack).map(|frame| tree.frame(frame)) {
        Some(frame) => (&frame.function, &frame.file, frame.line),
        None => (NO_PYTHON_FRAME, "", 0),
    }
}

/// What every stack had that ever held memory which counts.
fn by_stack(trace: &Trace) -> (BTreeMap<NodeId, Totals>, CallTree) {
    let mut observer = Observed {
        stacks: SiteStacks::new(trace),
        mark: HighWaterMark::default(),
        now: PerSite::new(),
        at_end: Vec::new(),
    };
    replay(trace, &mut observer);
    let Observed { stacks, mark, now, at_end } = observer;
    let (stack_of_site, tree) = stacks.finish();
    let mut by_stack = BTreeMap::<NodeId, Totals>::new();
    for (at, totals) in now.iter().enumerate() {
        let Some(mut totals) = totals.copied() else { continue };
        let peak = mark.moment.at(SiteId(at as u32));
        (totals.peak_bytes, totals.peak_blocks) = (peak.bytes, peak.blocks);
        // A site that appeared after the end of the job held nothing then.
        (totals.end_bytes, totals.end_blocks) = at_end.get(at).copied().unwrap_or_default();
        by_stack.entry(stack_of_site[at]).or_default().add(&totals);
    }
    (by_stack, tree)
}

struct Observed<'a> {
    stacks: SiteStacks<'a>,
    mark: HighWaterMark,
    /// Of each site that counts; `end` is what it holds now.
    now: PerSite<Totals>,
    /// By site: bytes and blocks when the job ended.
    at_end: Vec<(u64, u64)>,
}

impl Observer for Observed<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.stacks.push(site);
        self.mark.new_site(site);
        self.now.push(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        self.mark.change(change, ns);
        let Some(totals) = self.now.get(change.site.index()) else { return };
        totals.end_bytes = totals.end_bytes.wrapping_add_signed(change.bytes);
        totals.end_blocks = totals.end_blocks.wrapping_add_signed(i64::from(change.blocks));
        if change.kind == ChangeKind::Begin {
            totals.allocated_bytes = totals.allocated_bytes.wrapping_add(change.bytes as u64);
            totals.allocated_blocks = totals.allocated_blocks.wrapping_add(change.blocks as u64);
        }
    }

    fn job_ends(&mut self, _ns: u64) {
        self.at_end = self.now.iter().map(|totals| totals.map_or((0, 0), |t| (t.end_bytes, t.end_blocks))).collect();
    }
}
