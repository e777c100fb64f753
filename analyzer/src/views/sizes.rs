//! How large the blocks were that the job allocated: a histogram by powers of two.

use serde::Serialize;

use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::site::{Category, Site};
use crate::trace::Trace;

/// Sizes of allocations: the contract `fil.sizes/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// `fil.sizes/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// Bytes allocated in total.
    pub allocated_bytes: u64,
    /// Blocks and mappings allocated in total.
    pub allocated_blocks: u64,
    /// From the smallest size to the largest that there was; what is between and has no blocks is there, too.
    pub sizes: Vec<SizeClass>,
}

/// Blocks and mappings of a size, or up to twice that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeClass {
    /// The least size in bytes: 0, or a power of two.
    pub from_bytes: u64,
    /// The largest size in bytes.
    pub to_bytes: u64,
    /// How many there were.
    pub allocated_blocks: u64,
    /// Their bytes.
    pub allocated_bytes: u64,
}

/// Adds up allocations by size.
pub fn sizes(trace: &Trace, selection: &Selection) -> Result<Sizes, AnalyzerError> {
    let (observer, _) = replay_selected(trace, selection, Histogram::default());
    let classes = observer.classes;
    let is_there = |class: &SizeClass| class.allocated_blocks > 0;
    let first = classes.iter().position(is_there).unwrap_or(0);
    let end = classes.iter().rposition(is_there).map_or(first, |last| last + 1);
    let named = |(at, class): (usize, &SizeClass)| {
        // The class of this index is that of numbers with so many binary digits.
        let from_bytes = if at == 0 { 0 } else { 1 << (at - 1) };
        let to_bytes = u64::MAX.checked_shr(u64::BITS - at as u32).unwrap_or(0);
        SizeClass { from_bytes, to_bytes, ..*class }
    };
    let (complete, warnings) = trace.judged();
    Ok(Sizes {
        schema: "fil.sizes/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete,
        warnings,
        allocated_bytes: classes.iter().fold(0, |sum, class| sum.wrapping_add(class.allocated_bytes)),
        allocated_blocks: classes.iter().map(|class| class.allocated_blocks).sum(),
        sizes: classes.iter().enumerate().map(named).take(end).skip(first).collect(),
    })
}

struct Histogram {
    /// By number of binary digits of the size.
    classes: [SizeClass; u64::BITS as usize + 1],
    categories: Vec<Category>,
}

impl Default for Histogram {
    fn default() -> Histogram {
        Histogram { classes: [SizeClass::default(); u64::BITS as usize + 1], categories: Vec::new() }
    }
}

impl Observer for Histogram {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.categories.push(site.category);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, _ns: u64) {
        let category = self.categories[change.site.index()];
        if change.kind == ChangeKind::Begin && category.counts() {
            let size = change.bytes as u64;
            let class = &mut self.classes[(u64::BITS - size.leading_zeros()) as usize];
            class.allocated_blocks += change.blocks as u64;
            class.allocated_bytes = class.allocated_bytes.wrapping_add(size);
        }
    }
}
