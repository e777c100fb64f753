//! Stack markers: how to know that a frame has not run since the last look, without looking at those behind it.
//!
//! A frame that waits for a Python function which the interpreter runs in the same loop has taken the callable and
//! its arguments from its value stack, and has put down where the top of that stack is now. What lies at the
//! top then is dead: nobody reads it, and the function's result will be written there. A marker is a number that
//! is put into that slot. As long as it is there, and the frame waits at the same instruction with the same top, the
//! frame has not run. So the frames behind it have not, either, and are as they were.
//!
//! Why that is so. Say the frame has run since. If the function had returned, its result would lie there. So it raised
//! an exception; and the frame (or, where it has ended, another one at its address) has come again to wait at
//! this instruction. This instruction took from the value stack what lay at the slot, so the frame has put it there
//! before, over the marker. For that the instruction must be one that takes what it needs, and all that begin to run a
//! function do, in CPython 3.11 to 3.15, with two exceptions. Generators: an iteration that resumes one takes
//! nothing. The frame that is waited for must be a function's. And in 3.12, attributes that are called as methods: see
//! `layout::Instructions`. A number is used once per process, so no older marker is taken for another. (What is more, an
//! exception that is caught has allocated its traceback there, and at that event all entries further inwards are
//! dropped, with their markers.)
//!
//! Where C code stands between the two frames, the waiting one has put down nothing. In 3.11 the inner one then says
//! that it is an entry; from 3.12 on there is a frame of the interpreter's own between them.
//!
//! The slot may hold any number: its frame owns only what lies below the top, and that is all that Python copies,
//! traverses or clears. Markers are odd, and addresses of nothing, so that they are no object's.
//!
//! The idea, and what it saves, are of fil's design; `FIL_STACK_MARKERS=0` in the environment does without.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use super::frames::Frame;

/// Markers begin with these bits, as no address of x86-64 does, and end with an odd digit.
const PATTERN: u64 = 0x5f11 << 48;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A number that was put into a frame.
#[derive(Clone, Copy, Default)]
pub(super) struct Marker {
    /// Address of the slot, 0 if there is no marker.
    slot: usize,
    value: u64,
}

/// Reads the environment. With Python's JIT, results may stay in registers, and no slot tells of them.
pub(super) fn are_wanted() -> bool {
    let is_set_to = |name, default: &str| std::env::var(name).unwrap_or_default() == default;
    !is_set_to("FIL_STACK_MARKERS", "0") && (is_set_to("PYTHON_JIT", "") || is_set_to("PYTHON_JIT", "0"))
}

impl Marker {
    /// No marker.
    pub(super) const NONE: Marker = Marker { slot: 0, value: 0 };

    /// Puts one into a frame of the calling thread's chain, if it waits for `inner` in the way that is needed.
    #[inline(never)]
    pub(super) fn place(frame: Frame<'_>, inner: Frame<'_>) -> Marker {
        let Some(slot) = frame.dead_slot(inner) else { return Marker::NONE };
        if frame.is_at_unmarkable() {
            return Marker::NONE;
        }
        let value = PATTERN | NEXT.fetch_add(1, Ordering::Relaxed) << 3 | 1;
        // SAFETY: a dead slot is memory of the frame's, which only this thread writes, and nobody reads.
        unsafe { (slot as *mut u64).write(value) };
        Marker { slot, value }
    }

    /// Whether the frame that it was put into has not run since. `frame` is at the same address and instruction.
    #[inline(always)]
    pub(super) fn is_intact(self, frame: Frame<'_>, inner: Frame<'_>) -> bool {
        // SAFETY: the slot is the frame's dead one, so it can be read.
        self.slot != 0
            && frame.dead_slot(inner) == Some(self.slot)
            && unsafe { (self.slot as *const u64).read() } == self.value
    }
}
