//! Stack markers: how to know that a frame is as it was at the last look, without looking at those behind it.
//!
//! There are three.
//!
//! **Until 3.13, a frame that runs, or waits for a function of C,** says so by a number that Python does not need: in
//! 3.9 `f_executing` is 1, in 3.10 `f_stackdepth` and from 3.11 on `stacktop` is -1. Python only asks whether the first
//! is 0, and uses the others as the end of a loop from 0 on (and in 3.11 to 3.13 asks whether `stacktop` is 0). So fil
//! puts another number there that is taken alike. When the frame is left, by return, exception or yield, or calls a
//! Python function in the same loop of the interpreter, or a trace function, Python writes there, and again when it
//! comes back. So as long as the number is there, it is the same call of the same function, and those behind it still
//! wait for it: they are as they were. It may be at another instruction. Each thread has one number for that: when it
//! puts it there, it keeps what is behind the frame until its next look. (In 3.9 all have the same: there, each thread
//! has its own frames. A generator may become another thread's, but has been left before. From 3.12 on, what thread a
//! frame runs in is C code's choice.)
//!
//! **From 3.14 on** every call of a function begins with 0 in one byte of its frame, `visited`. It is there for a
//! garbage collector that works in increments, which wants to know what fil wants to know: whether it has seen this
//! call. That of 3.14.0 to 3.14.4 did; since then only that of free-threaded Pythons reads the byte. So fil puts a
//! number there, and the thread's into the four bytes of padding behind it. As long as they are there it is the same
//! call, whether the frame runs or waits, and again those behind it are as they were. Not so frames of generators and
//! coroutines, which another one waits for each time: they have no mark, and cost a look at each of them, out to the
//! first function. (3.14.0 to 3.14.4 have no markers.)
//!
//! One thing changes a frame that waits: whoever debugs may set its `f_lineno`, from a trace function. Until that
//! returns, what it allocates itself is told to the line before.
//!
//! **In 3.11 to 3.13, a frame that waits for a Python function which the interpreter runs in the same loop** has taken
//! the callable and its arguments from its value stack, and has put down where the top of that stack is now. What lies
//! at the top then is dead: nobody reads it, and the function's result will be written there. A marker is a number that
//! is put into that slot. As long as it is there, and the frame waits with the same top, the frame has not run. So the
//! frames behind it have not, either, and are as they were; and the function that it waits for is the same call.
//!
//! Why that is so. Say the frame has run since. If the function had returned, its result would lie there. So it raised
//! an exception; and the frame (or, where it has ended, another one in its place) has come to wait again, with the
//! top at the slot. The instruction at which it waits took from the value stack what lay at the slot, so the frame
//! has put it there before, over the marker. A number is used once per process, so no older marker is taken for it.
//!
//! For that the instruction must be one that takes what it needs, and all that begin to run a function do,
//! with three exceptions. Generators: an iteration that resumes one takes nothing. So the frame that is
//! waited for must be a function's. In 3.13, the frame that stands in front of `__init__` waits with a slot that it
//! has never written. It has a code object of its own, so the frame must be at the same position. And in 3.12, attributes that
//! are called as methods, at which no frame counts as waiting: see `layout::Instructions`. (Tests cannot show that these
//! matter: an exception allocates its traceback in each frame that it passes. At that event the frame is the
//! innermost, and its marker and those of the frames further inwards are dropped.)
//!
//! The slot may hold any number: its frame owns only what lies below the top, and that is all that Python copies,
//! traverses or clears. Markers are odd, and addresses of nothing, so that they are no object's. (From 3.14 on a frame
//! puts down its top for calls of C functions as well, and what lies at that is not dead: it may be the next frame.
//! With greenlets, a marker was found in place of a frame's code object.)
//!
//! The idea of the last, and what it saves, are of fil's design; `FIL_STACK_MARKERS=0` in the environment does without
//! all.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

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

/// What a thread puts into the frames that it has seen.
#[derive(Clone, Copy)]
pub(super) struct ThreadMark {
    number: i32,
}

impl ThreadMark {
    /// In place of 1 in `f_executing`.
    pub(super) const EXECUTING: u8 = 2;
    /// In place of 0 in `visited`.
    const VISITED: u64 = 0xf1;

    /// In place of -1 in `f_stackdepth` or `stacktop`: less than that.
    #[inline(always)]
    pub(super) fn top(self) -> i32 {
        self.number
    }

    /// What `owner`, which is 0 in all frames of functions, `visited` and the padding behind it hold.
    #[inline(always)]
    pub(super) fn visited(self) -> u64 {
        u64::from(self.number as u32) << 16 | ThreadMark::VISITED << 8
    }
}

impl Default for ThreadMark {
    /// One that no other thread has. (After two thousand million of them they come again.)
    fn default() -> ThreadMark {
        static NEXT: AtomicI32 = AtomicI32::new(-2);
        let number = NEXT.fetch_sub(1, Ordering::Relaxed);
        ThreadMark { number: if number < -1 { number } else { -2 } }
    }
}

/// A number that was put into a dead slot of a frame. The other kinds of marker need nothing to be kept.
#[derive(Clone, Copy, Default)]
pub(super) struct Marker {
    value: u64,
    /// Where the top of the frame's value stack was, 0 if there is no marker.
    top: i32,
}

/// Reads the environment. With Python's JIT, results may stay in registers, and no slot tells of them.
pub(super) fn are_wanted() -> bool {
    let is_set_to = |name, default: &str| std::env::var(name).unwrap_or_default() == default;
    !is_set_to("FIL_STACK_MARKERS", "0") && (is_set_to("PYTHON_JIT", "") || is_set_to("PYTHON_JIT", "0"))
}

impl Marker {
    /// No marker.
    pub(super) const NONE: Marker = Marker { value: 0, top: 0 };

    /// Puts one into a frame of the calling thread's chain, if it waits for `inner` in the way that is needed.
    #[inline(always)]
    pub(super) fn place<L: LayoutSource>(
        frame: Frame<L>,
        inner: Option<Frame<L>>,
        numbers: &mut MarkerNumbers,
    ) -> Marker {
        let Some(top) = inner.and_then(|inner| frame.waiting_top(inner)) else { return Marker::NONE };
        let value = numbers.take();
        // SAFETY: a dead slot is memory of the frame's, which only this thread writes, and nobody reads. Of a frame in
        // front of `__init__` (below), it is one of the two that this has.
        unsafe { (frame.slot(top) as *mut u64).write(value) };
        Marker { value, top }
    }

    /// Whether it was put into this frame, which has not run since. The frame is at the address and the position of the
    /// one that it was put into.
    #[inline(always)]
    pub(super) fn is_intact<L: LayoutSource>(self, frame: Frame<L>, inner: Frame<L>) -> bool {
        // SAFETY: no frame's top is 0, so a marker was put there, and the slot is the frame's dead one.
        frame.still_waits(inner, self.top) && unsafe { (frame.slot(self.top) as *const u64).read() } == self.value
    }
}
