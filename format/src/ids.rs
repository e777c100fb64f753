//! Ids as types of their own, so that a call path cannot be taken for a code object.

use serde::{Deserialize, Serialize};

/// A call path, how a frame came to be called: a node of the tree of all call paths of one process. It says what the
/// code objects of a stack are, and where all but the innermost frame wait. 0 is that of no frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PathId(pub u32);

impl PathId {
    /// No Python frame at all: the root of the tree.
    pub const EMPTY: PathId = PathId(0);
}

/// A call stack: a call path, and where its innermost frame is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId {
    /// How the innermost frame came to be called.
    pub path: PathId,
    /// Where it is: the index of the code unit (two bytes each) being run.
    pub instruction: u32,
}

impl StackId {
    /// No Python frame at all.
    pub const EMPTY: StackId = StackId { path: PathId::EMPTY, instruction: 0 };

    /// Both parts as one number, and back: see [`StackId::from_number`].
    #[inline(always)]
    pub fn number(self) -> u64 {
        u64::from(self.path.0) << 32 | u64::from(self.instruction)
    }

    /// The inverse of [`StackId::number`].
    #[inline(always)]
    pub fn from_number(number: u64) -> StackId {
        StackId { path: PathId((number >> 32) as u32), instruction: number as u32 }
    }
}

/// A code object of one process. Never used twice, even if the address of the object is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CodeId(pub u32);

/// A thread within its process, counted from 1 in the order of their first events.
/// 0 stands for the process as a whole (its definitions).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ThreadNumber(pub u32);

/// A program image that ran: pids are reused and survive exec, so the instant at which recording
/// began (nanoseconds of the monotonic clock) is part of the identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessKey {
    /// Process id.
    pub pid: u32,
    /// `CLOCK_MONOTONIC` in nanoseconds when the recorder started in this image.
    pub start_ns: u64,
}
