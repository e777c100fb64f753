//! What a job of `testdata/torture.c` said of itself, line by line.

use std::collections::BTreeMap;

/// Numbers of `testdata/torture.c`.
const FIRST_SIZE: u64 = 3_000_000;
const THREADS: u64 = 8;
const BLOCKS: u64 = 10_000;

/// A block of the job's: its size is that of no other block of its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Block {
    pub(crate) thread: u64,
    pub(crate) number: u64,
}

impl Block {
    /// The block of this size, if it is one of the job's own.
    pub(crate) fn of_size(size: u64) -> Option<Block> {
        let place = size.checked_sub(FIRST_SIZE)?;
        let block = Block { thread: place % THREADS, number: place / THREADS };
        (block.number < BLOCKS).then_some(block)
    }
}

/// What has happened to a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) allocations: u32,
    pub(crate) frees: u32,
}

/// What happened in a process, or was said or recorded of it.
pub(crate) type Story = BTreeMap<Block, Counts>;

/// What a job has acknowledged, by process id.
#[derive(Debug, Default)]
pub(crate) struct Acknowledged {
    pids: BTreeMap<u64, u32>,
    stories: BTreeMap<u64, Story>,
}

impl Acknowledged {
    /// Takes a line.
    pub(crate) fn note(&mut self, line: &str) {
        let fields: Vec<&str> = line.split(' ').collect();
        let number = |at: usize| -> u64 { fields[at].parse().unwrap_or_else(|_| panic!("no number in {line:?}")) };
        if fields[0] == "process" {
            self.pids.insert(number(1), u32::try_from(number(2)).expect("a process id"));
            return;
        }
        let block = Block { thread: number(2), number: number(3) };
        let counts = self.stories.entry(number(1)).or_default().entry(block).or_default();
        match fields[0] {
            "a" => counts.allocations += 1,
            "f" => counts.frees += 1,
            _ => panic!("not a line of the job: {line:?}"),
        }
    }

    /// The processes that have begun.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.pids.values().copied().collect()
    }

    /// Each process that has begun, and what it has said.
    pub(crate) fn processes(&self) -> impl Iterator<Item = (u32, Story)> {
        self.pids.iter().map(|(process, &pid)| (pid, self.stories.get(process).cloned().unwrap_or_default()))
    }
}
