//! The replay against a naive one: events sorted one by one, plain maps, a copy of everything at
//! every new maximum. Random threads, processes, turns, chunks, reallocs and mappings.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use analyzer::{Peak, Trace, peak};
use proptest::prelude::*;
use support::steps::{MAPPING_STACKS, Operation, PAGE, Step, granularity, steps, story};

/// Process, thread, stack.
type Site = (usize, u32, u32);

#[derive(Clone, Copy)]
struct Page {
    accessible: bool,
    site: Site,
}

/// The naive replay.
#[derive(Default)]
struct Oracle {
    blocks: BTreeMap<(usize, u64), (u64, Site)>,
    pages: BTreeMap<(usize, u64), Page>,
    peak_bytes: u64,
    peak_ns: u64,
    at_peak: BTreeMap<Site, (u64, u64)>,
    /// What was held when process 0 ended, the job's own.
    end_bytes: Option<u64>,
}

impl Oracle {
    fn replay(steps: &[Step]) -> Oracle {
        let mut now = 1;
        let mut clocks = [0, 1];
        let mut keyed = Vec::new();
        for &step in steps {
            now += step.passed_ns;
            if step.stamped {
                clocks[step.process] = now;
            }
            keyed.push((clocks[step.process], step));
        }
        keyed.sort_by_key(|(clock, step)| (*clock, step.process));
        let mut oracle = Oracle::default();
        for (clock, step) in keyed {
            if clock > clocks[0] {
                oracle.end_bytes.get_or_insert(oracle.live_bytes());
            }
            oracle.depart_until(clock, clocks);
            oracle.apply(&step, clock);
        }
        oracle.depart_until(clocks[0], clocks);
        oracle.end_bytes.get_or_insert(oracle.live_bytes());
        oracle
    }

    /// Drops what processes held whose last instants have passed.
    fn depart_until(&mut self, now: u64, last: [u64; 2]) {
        self.blocks.retain(|(process, _), _| last[*process] >= now);
        self.pages.retain(|(process, _), _| last[*process] >= now);
    }

    fn apply(&mut self, step: &Step, clock: u64) {
        let process = step.process;
        match step.operation {
            Operation::Alloc { address, size, stack } => {
                self.blocks.insert((process, address), (size, (process, step.thread, stack)));
            }
            Operation::Free { address } => {
                self.blocks.remove(&(process, address));
            }
            Operation::FailedRealloc { .. } => {}
            Operation::Map { page, pages, accessible, stack } => {
                for page in page..page + pages {
                    self.pages.insert((process, page), Page { accessible, site: (process, step.thread, stack) });
                }
            }
            Operation::Unmap { page, pages } => self.pages.retain(|&(mapped_process, mapped), _| {
                mapped_process != process || !(page..page + pages).contains(&mapped)
            }),
            Operation::Protect { page, pages, accessible, stack } => {
                for page in page..page + pages {
                    if let Some(page) = self.pages.get_mut(&(process, page))
                        && page.accessible != accessible
                    {
                        *page = Page { accessible, site: (process, step.thread, stack) };
                    }
                }
            }
            Operation::Mremap { page, pages, to, new_pages, stack } => {
                let moved: Vec<_> = (page..page + pages).map(|page| self.pages.remove(&(process, page))).collect();
                let beyond =
                    moved.last().copied().flatten().map(|last| Page { site: (process, step.thread, stack), ..last });
                for at in 0..new_pages {
                    match moved.get(at as usize).copied().unwrap_or(beyond) {
                        Some(page) => self.pages.insert((process, to + at), page),
                        None => self.pages.remove(&(process, to + at)),
                    };
                }
            }
        }
        let live = self.live_bytes();
        if live > self.peak_bytes {
            self.peak_bytes = live;
            self.peak_ns = clock;
            self.at_peak = self.by_site();
        }
    }

    fn live_bytes(&self) -> u64 {
        let accessible = self.pages.values().filter(|page| page.accessible).count() as u64;
        self.blocks.values().map(|(size, _)| size).sum::<u64>() + accessible * PAGE
    }

    fn by_site(&self) -> BTreeMap<Site, (u64, u64)> {
        let mut sites = BTreeMap::<Site, (u64, u64)>::new();
        for (size, site) in self.blocks.values() {
            let memory = sites.entry(*site).or_default();
            *memory = (memory.0 + size, memory.1 + 1);
        }
        for page in self.pages.values().filter(|page| page.accessible) {
            sites.entry(page.site).or_default().0 += PAGE;
        }
        sites
    }
}

/// The answer in the oracle's words. Pieces of mappings are not counted by the oracle.
fn by_site(peak: &Peak) -> BTreeMap<Site, (u64, u64)> {
    let site = |stack: &analyzer::StackMemory| {
        let frames = stack.frames.frames();
        let function = frames.first().map_or("f0", |frame| &frame.function);
        let number: u32 = function[1..].parse().unwrap();
        let thread = stack.thread.strip_prefix("thread ").unwrap().parse().unwrap();
        let blocks = if number < MAPPING_STACKS { stack.live_blocks } else { 0 };
        ((stack.process as usize - 10, thread, number), (stack.live_bytes, blocks))
    };
    peak.stacks.iter().map(site).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_replay_agrees_with_the_oracle(steps in steps(0..500), granularity in granularity()) {
        let mut trace: Trace = support::open(&story(&steps));
        trace.set_granularity(granularity);
        let oracle = Oracle::replay(&steps);
        let peak = peak(&trace).unwrap();
        prop_assert!(peak.complete, "{:?}", peak.warnings);
        prop_assert_eq!(peak.peak_bytes, oracle.peak_bytes);
        prop_assert_eq!(peak.peak_time_ns, oracle.peak_ns);
        prop_assert_eq!(by_site(&peak), oracle.at_peak);
        prop_assert_eq!(Some(peak.end_bytes), oracle.end_bytes);
    }
}
