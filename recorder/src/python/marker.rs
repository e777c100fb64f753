//! Stack markers: how to know that a frame has not run since the last look, without looking at those behind it.
//!
//! A frame that waits for a Python function which the interpreter runs in the same loop has taken the callable and
//! its arguments from its value stack, and has put down where the top of that stack is now. What lies at the
//! top then is dead: nobody reads it, and the function's result will be written there. A marker is a number that
//! is put into that slot. As long as it is there, and the frame waits with the same top, the frame has not run. So the
//! frames behind it have not, either, and are as they were; and the function that it waits for is the same call.
//!
//! Why that is so. Say the frame has run since. If the function had returned, its result would lie there. So it raised
//! an exception; and the frame (or, where it has ended, another one in its place) has come to wait again, with the
//! top at the slot. The instruction at which it waits took from the value stack what lay at the slot, so the frame
//! has put it there before, over the marker. A number is used once per process, so no older marker is taken for it.
//!
//! For that the instruction must be one that takes what it needs, and all that begin to run a function do, in CPython
//! 3.11 to 3.13, with three exceptions. Generators: an iteration that resumes one takes nothing. So the frame that is
//! waited for must be a function's. In 3.13, the frame that stands in front of `__init__` waits with a slot that it
//! has never written. It has a code object of its own, so the code object must be the same. And in 3.12, attributes that
//! are called as methods, at which no frame counts as waiting: see `layout::Instructions`. (Tests cannot show that these
//! matter: an exception allocates its traceback in each frame that it passes. At that event the frame is the
//! innermost, and its marker and those of the frames further inwards are dropped.)
//!
//! Where C code stands between the two frames, the waiting one has put down nothing: its top is -1. (In 3.11 the inner one
//! also says that it is an entry, and from 3.12 on there is a frame of the interpreter's own between them.)
//!
//! Not from 3.14 on. There a frame puts down its top for calls of C functions as well, and what lies at that is not dead: it
//! may be the next frame. The frame of the interpreter's own between them would tell, but is not always to be relied on:
//! with greenlets, a marker was found in place of a frame's code object.
//!
//! The slot may hold any number: its frame owns only what lies below the top, and that is all that Python copies,
//! traverses or clears. Markers are odd, and addresses of nothing, so that they are no object's.
//!
//! The idea, and what it saves, are of fil's design; `FIL_STACK_MARKERS=0` in the environment does without.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use super::frames::Frame;
use super::layout::LayoutSource;

/// Markers begin with these bits, as no address of x86-64 does, and end with an odd digit.
const PATTERN: u64 = 0x5f11 << 48;

/// Threads take this many numbers at a time.
const BLOCK: u64 = 1 << 16;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

/// A thread's store of numbers that nobody else has.
#[derive(Default)]
pub(super) struct MarkerNumbers {
    next: u64,
    end: u64,
}

impl MarkerNumbers {
    #[inline(always)]
    fn take(&mut self) -> u64 {
        if self.next == self.end {
            self.next = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
            self.end = self.next + BLOCK;
        }
        self.next += 1;
        PATTERN | (self.next - 1) << 3 | 1
    }
}

/// A number that was put into a frame.
#[derive(Clone, Copy, Default)]
pub(super) struct Marker {
    /// Address of the slot, 0 if there is no marker.
    slot: usize,
    value: u64,
    /// The frame's code object.
    code: usize,
}

/// Reads the environment. With Python's JIT, results may stay in registers, and no slot tells of them.
pub(super) fn are_wanted() -> bool {
    let is_set_to = |name, default: &str| std::env::var(name).unwrap_or_default() == default;
    !is_set_to("FIL_STACK_MARKERS", "0") && (is_set_to("PYTHON_JIT", "") || is_set_to("PYTHON_JIT", "0"))
}

impl Marker {
    /// No marker.
    pub(super) const NONE: Marker = Marker { slot: 0, value: 0, code: 0 };

    /// Puts one into a frame of the calling thread's chain, if it waits for `inner` in the way that is needed.
    #[inline(always)]
    pub(super) fn place<L: LayoutSource>(frame: Frame<L>, inner: Frame<L>, numbers: &mut MarkerNumbers) -> Marker {
        let Some(slot) = frame.dead_slot(inner) else { return Marker::NONE };
        let value = numbers.take();
        // SAFETY: a dead slot is memory of the frame's, which only this thread writes, and nobody reads. Of a frame in
        // front of `__init__` (below), it is one of the two that this has.
        unsafe { (slot as *mut u64).write(value) };
        Marker { slot, value, code: frame.code() }
    }

    /// Whether it was put into this frame, which has not run since.
    #[inline(always)]
    pub(super) fn is_intact<L: LayoutSource>(self, frame: Frame<L>, inner: Frame<L>) -> bool {
        // SAFETY: the slot is the frame's dead one, so it can be read.
        frame.dead_slot(inner) == Some(self.slot)
            && unsafe { (self.slot as *const u64).read() } == self.value
            && frame.code() == self.code
    }
}
