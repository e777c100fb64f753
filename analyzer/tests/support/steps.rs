//! Random jobs, step by step, and the traces of them.

use std::fmt::Write;

use analyzer::Granularity;
use proptest::collection::vec;
use proptest::prelude::*;

/// Ways to cut up a replay: so that these small traces are many segments and batches, or one.
pub fn granularity() -> impl Strategy<Value = Granularity> {
    let sizes = (1..8usize, prop_oneof![1..4u32, 1..200u32]);
    let few = sizes.prop_map(|(batch_chunks, segment_events)| Granularity { batch_chunks, segment_events });
    prop_oneof![4 => few, 1 => Just(Granularity::default())]
}

pub const PAGE: u64 = 4096;
/// Stacks from here on are used for mappings.
pub const MAPPING_STACKS: u32 = 4;

#[derive(Clone, Copy, Debug)]
pub enum Operation {
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
pub struct Step {
    pub process: usize,
    pub thread: u32,
    pub operation: Operation,
    /// Time that passes before it; the thread may or may not look at the clock.
    pub passed_ns: u64,
    pub stamped: bool,
    /// The thread's chunk ends in front of it.
    pub cut: bool,
    /// If a turn begins in a new chunk, it does so behind the chunk's header.
    pub late_turn: bool,
}

pub fn operation() -> impl Strategy<Value = Operation> {
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

pub fn step() -> impl Strategy<Value = Step> {
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

/// Steps in phases: now both processes run, now only one of them.
pub fn steps(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Step>> {
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
pub fn story(steps: &[Step]) -> String {
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
