//! What is to be found in a generated trace. Bytes and times are as in `fil.peak/1`: integers, times in nanoseconds from
//! the start of the job.

use std::cmp::Reverse;

use serde::Serialize;

use super::clock::JOB_START_NS;
use super::ledger::{Category, Holding, Ledger};
use super::program::Program;

/// The answer, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct KnownAnswer {
    /// `fil.known-answer/1`.
    pub(crate) schema: &'static str,
    pub(crate) events: u64,
    pub(crate) processes: u32,
    /// Of all processes.
    pub(crate) threads: u32,
    pub(crate) peak_bytes: i64,
    pub(crate) peak_time_ns: u64,
    /// Blocks and mappings that were alive at the peak.
    pub(crate) peak_blocks: i64,
    /// What the job's own process held when it ended.
    pub(crate) end_bytes: i64,
    /// Requested bytes of all blocks that came to life, and lengths of all anonymous mappings, arenas not among them.
    pub(crate) allocated_bytes: i64,
    /// How many those were.
    pub(crate) allocated_blocks: i64,
    /// The peak by kind of memory.
    pub(crate) categories: KnownCategories,
    /// The peak by call site, the largest first; all that held anything.
    pub(crate) call_sites: Vec<KnownCallSite>,
}

/// Live bytes by kind of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub(crate) struct KnownCategories {
    pub(crate) heap: i64,
    pub(crate) python: i64,
    pub(crate) mmap: i64,
}

/// What a call site held at the peak, of all categories, processes and threads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct KnownCallSite {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) live_bytes: i64,
    pub(crate) live_blocks: i64,
}

/// How many there were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) events: u64,
    pub(crate) processes: u32,
    pub(crate) threads: u32,
}

impl KnownAnswer {
    /// What the ledger says, of a job that held `end_bytes` in the end.
    pub(crate) fn new(counts: Counts, ledger: &Ledger, end_bytes: i64, program: &Program) -> KnownAnswer {
        let mut by_call_site = vec![Holding::default(); program.call_sites.len()];
        let mut categories = KnownCategories::default();
        for (account, holding) in ledger.at_peak() {
            let sum = &mut by_call_site[account.call_site() as usize];
            sum.bytes += holding.bytes;
            sum.blocks += holding.blocks;
            match account.category() {
                Category::Heap => categories.heap += holding.bytes,
                Category::Python => categories.python += holding.bytes,
                Category::Mapping => categories.mmap += holding.bytes,
            }
        }
        let (peak_bytes, peak_ns) = ledger.peak();
        let peak_blocks = by_call_site.iter().map(|holding| holding.blocks).sum();
        let named = program.call_sites.iter().zip(by_call_site);
        let call_sites = named.filter(|(_, holding)| *holding != Holding::default()).map(|(name, holding)| {
            let (function, file, line) = (name.function.clone(), name.file.clone(), name.line);
            KnownCallSite { function, file, line, live_bytes: holding.bytes, live_blocks: holding.blocks }
        });
        let mut call_sites: Vec<KnownCallSite> = call_sites.collect();
        call_sites
            .sort_by_cached_key(|site| (Reverse(site.live_bytes), site.file.clone(), site.line, site.function.clone()));
        KnownAnswer {
            schema: "fil.known-answer/1",
            events: counts.events,
            processes: counts.processes,
            threads: counts.threads,
            peak_bytes,
            peak_time_ns: peak_ns - JOB_START_NS,
            peak_blocks,
            end_bytes,
            allocated_bytes: ledger.allocated.bytes,
            allocated_blocks: ledger.allocated.blocks,
            categories,
            call_sites,
        }
    }
}
