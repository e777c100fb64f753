//! The replay against a naive one: events sorted one by one, plain maps, a copy of everything at
//! every new maximum. Random threads, processes, turns, chunks, reallocs and mappings.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write;

use analyzer::{Granularity, Peak, Trace, peak};
use proptest::collection::vec;
use proptest::prelude::*;

const PAGE: u64 = 4096;
/// Stacks from here on are used for mappings.
const MAPPING_STACKS: u32 = 4;

#[derive(Clone, Copy, Debug)]
enum Operation {
    Alloc { address: u64, size: u64, stack: u32 },
    Free { address: u64 },
    FailedRealloc { address: u64, cut: bool },
    Map { page: u64, pages: u64, accessible: bool, stack: u32 },
    Unmap { page: u64, pages: u64 },
    Protect { page: u64, pages: u64, accessible: bool, stack: u32 },
    Mremap { page: u64, pages: u64, to: u64, new_pages: u64, stack: u32 },
}

/// One step of a job, in the order in which its process takes them.
#[derive(Clone, Copy, Debug)]
struct Step {
    process: usize,
    thread: u32,
    operation: Operation,
    /// Time that passes before it; the thread may or may not look at the clock.
    passed_ns: u64,
    stamped: bool,
    /// The thread's chunk ends in front of it.
    cut: bool,
    /// If a turn begins in a new chunk, it does so behind the chunk's header.
    late_turn: bool,
}

fn operation() -> impl Strategy<Value = Operation> {
    let address = (1..20u64).prop_map(|block| block * 16);
    let mapping_stack = MAPPING_STACKS..MAPPING_STACKS + 3;
    prop_oneof![
        4 => (address.clone(), 0..1000u64, 0..MAPPING_STACKS)
            .prop_map(|(address, size, stack)| Operation::Alloc { address, size, stack }),
        3 => address.clone().prop_map(|address| Operation::Free { address }),
        1 => (address, any::<bool>()).prop_map(|(address, cut)| Operation::FailedRealloc { address, cut }),
        1 => (0..12u64, 0..5u64, any::<bool>(), mapping_stack.clone())
            .prop_map(|(page, pages, accessible, stack)| Operation::Map { page, pages, accessible, stack }),
        1 => (0..12u64, 0..5u64).prop_map(|(page, pages)| Operation::Unmap { page, pages }),
        1 => (0..12u64, 0..5u64, any::<bool>(), mapping_stack.clone())
            .prop_map(|(page, pages, accessible, stack)| Operation::Protect { page, pages, accessible, stack }),
        1 => (0..12u64, 0..5u64, 0..12u64, 0..5u64, mapping_stack)
            .prop_map(|(page, pages, to, new_pages, stack)| Operation::Mremap { page, pages, to, new_pages, stack }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    (0..2usize, 1..4u32, operation(), 0..10u64, any::<bool>(), prop::bool::weighted(0.3), any::<bool>()).prop_map(
        |(process, thread, operation, passed_ns, stamped, cut, late_turn)| Step {
            process,
            thread,
            operation,
            passed_ns,
            stamped,
            cut,
            late_turn,
        },
    )
}

/// Ways to cut up a replay: so that these small traces are many segments and batches, or one.
fn granularity() -> impl Strategy<Value = Granularity> {
    let sizes = (1..8usize, prop_oneof![1..4u32, 1..200u32]);
    let few = sizes.prop_map(|(batch_chunks, segment_events)| Granularity { batch_chunks, segment_events });
    prop_oneof![4 => few, 1 => Just(Granularity::default())]
}

/// Steps in phases: now both processes run, now only one of them.
fn steps(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), count).prop_map(|mut steps| {
        for (at, step) in steps.iter_mut().enumerate() {
            step.process = match at / 100 % 3 {
                0 => 0,
                1 => 1,
                _ => step.process,
            };
        }
        steps
    })
}

/// The steps as a story for the trace builder.
fn story(steps: &[Step]) -> String {
    let mut story = String::new();
    for pid in [11, 10] {
        writeln!(story, "process {pid} start={}", pid - 10).unwrap();
        for stack in 1..MAPPING_STACKS + 3 {
            writeln!(story, "code {stack} f{stack} job.py {stack}\npath {stack} 0 {stack}").unwrap();
        }
    }
    let mut now = 1;
    let mut turns = [0, 0];
    let mut last_threads = [0, 0];
    for step in steps {
        now += step.passed_ns;
        writeln!(story, "in {}\nthread {}", 10 + step.process, step.thread).unwrap();
        if step.cut {
            writeln!(story, "cut").unwrap();
        }
        if last_threads[step.process] != step.thread {
            last_threads[step.process] = step.thread;
            turns[step.process] += 1;
            if !step.late_turn {
                writeln!(story, "turn {}", turns[step.process]).unwrap();
            }
        }
        if step.stamped {
            writeln!(story, "time {now}").unwrap();
        }
        writeln!(story, "late-turn {}", turns[step.process]).unwrap();
        match step.operation {
            Operation::Alloc { address, size, stack } => writeln!(story, "alloc {address} {size} stack={stack}"),
            Operation::Free { address } => writeln!(story, "free {address}"),
            Operation::FailedRealloc { address, cut } => {
                writeln!(story, "free {address}\n{}undo", if cut { "cut\n" } else { "" })
            }
            Operation::Map { page, pages, accessible, stack } => {
                let reserved = if accessible { "" } else { "reserved" };
                writeln!(story, "map {} {} {reserved} stack={stack}", page * PAGE, pages * PAGE)
            }
            Operation::Unmap { page, pages } => writeln!(story, "unmap {} {}", page * PAGE, pages * PAGE),
            Operation::Protect { page, pages, accessible, stack } => {
                let verb = if accessible { "open" } else { "close" };
                writeln!(story, "{verb} {} {} stack={stack}", page * PAGE, pages * PAGE)
            }
            Operation::Mremap { page, pages, to, new_pages, stack } => {
                writeln!(story, "unmap {} {}", page * PAGE, pages * PAGE).unwrap();
                writeln!(story, "remap {} {} stack={stack}", to * PAGE, new_pages * PAGE)
            }
        }
        .unwrap();
    }
    story + "end"
}

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

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
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

    #[test]
    fn the_answer_does_not_depend_on_the_number_of_threads(steps in steps(200..600)) {
        let bytes = support::trace_bytes(&story(&steps));
        let answer = |threads| with_threads(threads, || {
            let mut trace = Trace::from_bytes("t".into(), bytes.clone()).unwrap();
            trace.set_granularity(Granularity { batch_chunks: 2, segment_events: 40 });
            (peak(&trace).unwrap(), analyzer::timeline(&trace, &Default::default()).unwrap())
        });
        prop_assert_eq!(answer(1), answer(2));
        prop_assert_eq!(answer(1), answer(7));
    }
}
