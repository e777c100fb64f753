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

/// What is mapped. Together with whether it is accessible this decides whether it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MappingKind {
    /// Anonymous memory of this process alone.
    Private,
    /// Anonymous memory shared with the children of this process.
    Shared,
    /// A file or a device: its pages are not memory that the job asked for.
    File,
    /// Anonymous memory of Python's allocator: the objects in it are counted, the arena is not.
    PythonArena,
}

impl MappingKind {
    /// All of them, each at the place of its number in the format.
    pub const ALL: [MappingKind; 4] =
        [MappingKind::Private, MappingKind::Shared, MappingKind::File, MappingKind::PythonArena];
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
        /// What is mapped.
        kind: MappingKind,
        /// False for a reservation (`PROT_NONE`): addresses without memory behind them.
        accessible: bool,
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
    /// What is mapped in the range became accessible, or a reservation. What was so already stays
    /// as it is, with its call stack; the rest belongs to this call stack from now on.
    Protect {
        /// Whether it may be read, written or executed from now on.
        accessible: bool,
        /// First address.
        address: u64,
        /// Bytes.
        length: u64,
        /// Call stack of the call.
        stack: StackId,
    },
    /// What the last `Unmap` of this thread took away is mapped again, from `address` on, replacing
    /// whatever was mapped there: mremap moved it, or the unmapping failed.
    ///
    /// Its bytes keep their kind, access and call stack. It is cut off at `length`; if `length` is
    /// more than was unmapped, the bytes beyond are of the kind of the last one and belong to
    /// `stack`.
    Remap {
        /// First address.
        address: u64,
        /// Bytes.
        length: u64,
        /// Call stack of the call.
        stack: StackId,
    },
    /// A call asked for `size` bytes, of whichever allocator or of a mapping, and got none for want of memory.
    Failed {
        /// Requested bytes.
        size: u64,
        /// Call stack of the call.
        stack: StackId,
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
