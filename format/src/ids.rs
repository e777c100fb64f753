//! Ids as types of their own, so that a stack cannot be taken for a code object.

use serde::{Deserialize, Serialize};

/// A call stack: a node of the tree of all stacks of one process. 0 is the empty stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StackId(pub u32);

impl StackId {
    /// No Python frame at all: the root of the tree.
    pub const EMPTY: StackId = StackId(0);
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
