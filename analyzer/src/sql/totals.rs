//! The tables `call_sites` and `stacks`: what each held at the peak and at the end, and allocated in total.

use std::collections::BTreeMap;

use polars::prelude::{Column, DataFrame};

use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::{CallTree, NodeId};
use crate::error::AnalyzerError;
use crate::measure::Measure;
use crate::selection::Selection;
use crate::sql::site_stacks::SiteStacks;
use crate::tables::column;
use crate::totals::{SiteTotals, Totals};
use crate::trace::Trace;

/// `function,file,line`, then the numbers.
pub(super) fn call_sites(trace: &Trace, selection: &Selection) -> Result<DataFrame, AnalyzerError> {
    let (stacks, tree) = by_stack(trace, selection);
    let mut call_sites = BTreeMap::<(&str, &str, u32), Totals>::new();
    for (stack, totals) in &stacks {
        call_sites.entry(innermost(&tree, *stack)).or_default().add(totals);
    }
    let (names, totals): (Vec<_>, Vec<_>) = call_sites.into_iter().unzip();
    table(&names, Vec::new(), &totals)
}

/// `stack,depth,frames,function,file,line`, then the numbers. The frames are those from the outermost on, as
/// `function (file:line)`, with `; ` between them.
pub(super) fn stacks(trace: &Trace, selection: &Selection) -> Result<DataFrame, AnalyzerError> {
    let (stacks, tree) = by_stack(trace, selection);
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

fn table(names: &[(&str, &str, u32)], mut columns: Vec<Column>, totals: &[Totals]) -> Result<DataFrame, AnalyzerError> {
    let numbers = |name, number: fn(&Totals) -> u64| column(name, totals.iter().map(number));
    columns.extend([
        column("function", names.iter().map(|(function, _, _)| *function)),
        column("file", names.iter().map(|(_, file, _)| *file)),
        column("line", names.iter().map(|(_, _, line)| *line)),
        numbers("peak_bytes", |totals| totals.live_bytes),
        numbers("peak_blocks", |totals| totals.live_blocks),
        numbers("end_bytes", |totals| totals.end_bytes),
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

/// What every stack had that ever held memory which counts and is selected.
fn by_stack(trace: &Trace, selection: &Selection) -> (BTreeMap<NodeId, Totals>, CallTree) {
    let mut stacks = SiteStacks::new(trace);
    let mut by_stack = BTreeMap::<NodeId, Totals>::new();
    for (site, totals) in SiteTotals::of(trace, selection).sites {
        let stack = stacks.of(&site);
        // Sites that are not selected have nothing.
        if site.category.counts() && totals != Totals::default() {
            by_stack.entry(stack).or_default().add(&totals);
        }
    }
    (by_stack, stacks.finish())
}
