//! What the recorder tells of a job's memory, one value per event.

use crate::ids::StackId;

/// Which allocator served a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Domain {
    /// The MEM and OBJ domains of Python's allocator.
    Python,
    /// The malloc family.
    Heap,
}

/// What a mapping is for, which decides whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MappingKind {
    /// Anonymous memory that the job mapped itself: counts with its length.
    Anonymous,
    /// An arena of pymalloc: the Python objects in it are counted, the arena is not.
    PythonArena,
}

/// One event of one thread.
///
/// `Time` and `Turn` are marks: they say when, and in which place of the process's order, the
/// events after them happened. All others are counted as events of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A block of `size` requested bytes came to life.
    Alloc {
        /// Which allocator served it.
        domain: Domain,
        /// Address of the block.
        address: u64,
        /// Requested bytes.
        size: u64,
        /// Call stack of the allocation.
        stack: StackId,
    },
    /// The block at `address` is given back.
    Free {
        /// Address of the block.
        address: u64,
    },
    /// The last `Free` of this thread did not happen: a realloc failed and the block lives on.
    UndoFree,
    /// `length` bytes were mapped, replacing whatever was mapped in that range.
    Map {
        /// What the mapping is for.
        kind: MappingKind,
        /// First address.
        address: u64,
        /// Bytes.
        length: u64,
        /// Call stack of the call.
        stack: StackId,
    },
    /// The range is no longer mapped; it may cover parts of mappings, or none.
    Unmap {
        /// First address.
        address: u64,
        /// Bytes.
        length: u64,
    },
    /// Mark: the monotonic clock shows this.
    Time {
        /// Nanoseconds of `CLOCK_MONOTONIC`.
        ns: u64,
    },
    /// Mark: the events that follow belong to this turn.
    Turn {
        /// Turn number, unique and rising in the process.
        turn: u64,
    },
}

impl Event {
    /// Whether this is a mark rather than an event of the job.
    #[inline]
    pub fn is_mark(&self) -> bool {
        matches!(self, Event::Time { .. } | Event::Turn { .. })
    }
}
