//! The table `allocations`: every block and mapping with its birth and its end.
//!
//! It is written while the trace is replayed, a batch of rows after the other, and never held as a whole. A row is written
//! when its life ends, and those of what is never freed at the end. (A mapping that goes piece by piece is a row for each.)
//!
//! An end that did not take place (a realloc that failed, or memory that mremap moved) follows the end closely, so the last
//! rows wait for a while.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::RangeInclusive;

use polars::io::parquet::write::BatchedWriter;
use polars::prelude::{DataFrame, LazyFrame, ParquetCompression, ParquetWriter, PlRefPath, ScanArgsParquet};
use tempfile::NamedTempFile;

use crate::birth::Instant;
use crate::change::{Change, ChangeKind};
use crate::error::AnalyzerError;
use crate::groups::category_name;
use crate::image::ImageIndex;
use crate::replay::{Observer, replay};
use crate::selection::{Selection, SiteFilter};
use crate::site::Site;
use crate::sql::site_stacks::SiteStacks;
use crate::tables::{column, seconds};
use crate::trace::Trace;

/// Rows of the file that are compressed, and later read, together.
const BATCH_ROWS: usize = 256 << 10;

/// So many rows wait for what may undo their end.
const WAITING_ROWS: usize = 64 << 10;

/// The table in a temporary file.
pub(super) struct AllocationsFile {
    file: NamedTempFile,
}

impl AllocationsFile {
    /// For queries, as long as `keep` keeps it.
    pub(super) fn read(self, keep: &mut Option<NamedTempFile>) -> Result<LazyFrame, AnalyzerError> {
        let path = PlRefPath::try_from_path(self.file.path())?;
        *keep = Some(self.file);
        Ok(LazyFrame::scan_parquet(path, ScanArgsParquet::default())?)
    }
}

/// `allocated_s,freed_s,allocated_order,freed_order,bytes,category,process,thread,stack`: in the order in which they were
/// freed, about; those that a process has not freed come when it ends.
pub(super) fn write(trace: &Trace, selection: &Selection) -> Result<AllocationsFile, AnalyzerError> {
    let file = NamedTempFile::with_prefix("fil-allocations-")?;
    let writer = ParquetWriter::new(file.reopen()?).with_compression(ParquetCompression::Lz4Raw);
    let mut observer = Rows {
        trace,
        filter: SiteFilter::new(trace, selection),
        born: selection.born_on_clock(trace),
        stacks: SiteStacks::new(trace),
        sites: Vec::new(),
        waiting: VecDeque::with_capacity(WAITING_ROWS),
        left: Vec::new(),
        last_order: 0,
        batch: Vec::with_capacity(BATCH_ROWS),
        batches: writer.batched(to_table(&[], &[])?.schema())?,
        failed: None,
    };
    replay(trace, &mut observer);
    observer.finish()?;
    Ok(AllocationsFile { file })
}

/// A row.
#[derive(Clone, Copy)]
struct Allocation {
    site: usize,
    bytes: u64,
    /// The place of its allocation in the order of all events.
    order: u64,
    /// Nanoseconds from the start of the job.
    allocated_ns: u64,
    end: Option<End>,
}

/// When a life ended.
#[derive(Clone, Copy)]
struct End {
    /// Nanoseconds from the start of the job.
    ns: u64,
    /// The place of the last allocation before it.
    behind: u64,
}

/// What all rows of a site have in common.
struct OfSite {
    counts: bool,
    is_selected: bool,
    category: &'static str,
    process: u32,
    thread: String,
    stack: u32,
}

/// Observes a replay and writes the rows. It sees all memory: orders are told by what is not selected, too.
struct Rows<'a> {
    trace: &'a Trace,
    filter: SiteFilter<'a>,
    /// When what is selected came to life, nanoseconds of the monotonic clock; always, if there is none.
    born: Option<RangeInclusive<u64>>,
    stacks: SiteStacks<'a>,
    sites: Vec<OfSite>,
    waiting: VecDeque<Allocation>,
    /// What the process that is going has not freed.
    left: Vec<Allocation>,
    /// The place of the last allocation.
    last_order: u64,
    batch: Vec<Allocation>,
    batches: BatchedWriter<File>,
    /// The first thing that went wrong.
    failed: Option<AnalyzerError>,
}

impl Rows<'_> {
    #[inline]
    fn is_selected(&self, change: &Change<Instant>) -> bool {
        self.sites[change.site.index()].is_selected
            && self.born.as_ref().is_none_or(|born| born.contains(&change.birth.ns))
    }

    fn row(&self, change: &Change<Instant>, end: Option<End>) -> Allocation {
        Allocation {
            site: change.site.index(),
            bytes: change.bytes.unsigned_abs(),
            order: change.birth.order,
            allocated_ns: self.trace.since_start(change.birth.ns),
            end,
        }
    }

    /// The last end of this memory did not take place. Pieces of a mapping have the same birth, so that one is taken which
    /// is as large, if there is one.
    fn undo(&mut self, change: &Change<Instant>) {
        let is_it = |row: &Allocation| row.site == change.site.index() && row.order == change.birth.order;
        let mut bytes = change.bytes.unsigned_abs();
        let is_equal = |row: &Allocation| is_it(row) && row.bytes == bytes;
        if let Some(at) = self.waiting.iter().rposition(is_equal) {
            self.waiting.remove(at);
            return;
        }
        while bytes > 0
            && let Some(at) = self.waiting.iter().rposition(is_it)
        {
            let row = &mut self.waiting[at];
            let taken = bytes.min(row.bytes);
            row.bytes -= taken;
            bytes -= taken;
            if row.bytes == 0 {
                self.waiting.remove(at);
            }
        }
    }

    fn push(&mut self, row: Allocation) {
        self.batch.push(row);
        if self.batch.len() == BATCH_ROWS {
            self.write_batch();
        }
    }

    fn write_batch(&mut self) {
        if self.failed.is_none() && !self.batch.is_empty() {
            let written = to_table(&self.batch, &self.sites).and_then(|table| Ok(self.batches.write_batch(&table)?));
            self.failed = written.err();
        }
        self.batch.clear();
    }

    fn push_left(&mut self) {
        let mut left = std::mem::take(&mut self.left);
        left.sort_unstable_by_key(|row| (row.order, row.site, row.bytes));
        left.drain(..).for_each(|row| self.push(row));
        self.left = left;
    }

    fn finish(mut self) -> Result<(), AnalyzerError> {
        std::mem::take(&mut self.waiting).into_iter().for_each(|row| self.push(row));
        self.push_left();
        self.write_batch();
        match self.failed {
            Some(error) => Err(error),
            None => Ok(self.batches.finish().map(|_| ())?),
        }
    }
}

impl Observer for Rows<'_> {
    type Birth = Instant;
    const SEES_WHAT_IS_LEFT: bool = true;

    fn new_site(&mut self, site: &Site) {
        let image = &self.trace.images()[site.image.index()];
        self.sites.push(OfSite {
            counts: site.category.counts(),
            is_selected: self.filter.includes(site),
            category: category_name(site.category),
            process: image.key.pid,
            thread: image.thread_name(site.thread),
            stack: self.stacks.of(site).number(),
        });
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, ns: u64) {
        if !self.sites[change.site.index()].counts {
            return;
        }
        if change.kind == ChangeKind::Begin {
            // What a mapping grows by is as old as the mapping.
            self.last_order = self.last_order.max(change.birth.order);
        }
        if !self.is_selected(change) {
            return;
        }
        match change.kind {
            ChangeKind::End => {
                let end = End { ns: self.trace.since_start(ns), behind: self.last_order };
                let row = self.row(change, Some(end));
                if self.waiting.len() == WAITING_ROWS
                    && let Some(first) = self.waiting.pop_front()
                {
                    self.push(first);
                }
                self.waiting.push_back(row);
            }
            ChangeKind::Return => self.undo(change),
            ChangeKind::Begin | ChangeKind::Cut => {}
        }
    }

    fn gone(&mut self, change: &Change<Instant>, _ns: u64) {
        let counts = self.sites[change.site.index()].counts;
        if counts && change.kind == ChangeKind::End && self.is_selected(change) {
            self.left.push(self.row(change, None));
        }
    }

    fn departs(&mut self, _image: ImageIndex, _ns: u64) {
        self.push_left();
    }
}

fn to_table(rows: &[Allocation], sites: &[OfSite]) -> Result<DataFrame, AnalyzerError> {
    let of_site = |row: &Allocation| &sites[row.site];
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("allocated_s", rows.iter().map(|row| seconds(row.allocated_ns))),
            column("freed_s", rows.iter().map(|row| row.end.map(|end| seconds(end.ns)))),
            column("allocated_order", rows.iter().map(|row| row.order)),
            column("freed_order", rows.iter().map(|row| row.end.map(|end| end.behind))),
            column("bytes", rows.iter().map(|row| row.bytes)),
            column("category", rows.iter().map(|row| of_site(row).category)),
            column("process", rows.iter().map(|row| of_site(row).process)),
            column("thread", rows.iter().map(|row| of_site(row).thread.as_str())),
            column("stack", rows.iter().map(|row| of_site(row).stack)),
        ],
    )?)
}
