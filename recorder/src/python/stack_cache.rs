//! From frames to a stack id, in as few steps as the last stack of the thread allows.
//!
//! Each thread keeps its last stack: the frames, outermost first, as addresses and positions, each with the id of
//! the stack that ends there. At the next event most frames are as they were. The walk goes
//! from the innermost frame outwards until a marker tells that what is behind a frame is as it was (`marker.rs`); only what changed is interned anew. So the result is always that of a whole walk.
//!
//! There are three ways, the shortest first:
//! 1. Nothing but the innermost frame has run, and C code that it called: [`StackCache::update_last`].
//! 2. A few frames have run, were called or have returned: [`StackCache::update_innermost`].
//! 3. Anything else, and Pythons without markers: `whole_walk.rs`.

use arrayvec::ArrayVec;
use format::StackId;

use super::frames::Frame;
use super::interning::code_deaths;
use super::layout::{self, KnownLayout, Layout, LayoutSource};
use super::marker::{Marker, MarkerNumbers, RunningMark};
use super::position::FramePosition;
use super::self_check::Check;
use super::stack_memo::StackMemo;
use super::whole_walk::WalkedFrame;
use super::{Python, python, self_check};

/// A frame is looked for among this many of the kept ones, from the innermost on: a call made,
/// a call returned, another call made.
pub(super) const NEAR: usize = 4;

/// Most frames that are looked at in the second way.
const INNERMOST: usize = 8;

/// A frame of the last stack.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Address of the frame.
    pub(super) frame: usize,
    pub(super) position: FramePosition,
    /// Put into the frame when the entries from here outwards were those of the chain.
    pub(super) marker: Marker,
    /// The stack that ends at the frame behind.
    parent: StackId,
    /// The stack that ends here: that of `parent` and a frame at `position`.
    stack: StackId,
}

/// See the module.
#[derive(Default)]
pub(crate) struct StackCache {
    /// The last stack, outermost frame first; behind `depth` what is left of deeper ones before.
    pub(super) entries: Vec<Entry>,
    pub(super) depth: usize,
    /// For `whole_walk.rs`.
    pub(super) fresh: Vec<WalkedFrame>,
    pub(super) marker_numbers: MarkerNumbers,
    pub(super) running_mark: RunningMark,
    /// [`code_deaths`] when the entries were made.
    code_deaths: u64,
    memo: StackMemo,
}

impl StackCache {
    /// The calling thread's stack. `check` tells whether Python's API may be asked if it is right.
    #[inline]
    pub(crate) fn current_stack(&mut self, check: Check) -> StackId {
        let Some(python) = python() else { return StackId::EMPTY };
        let thread_state = python.thread_states.of_this_thread();
        if thread_state.is_null() {
            return StackId::EMPTY;
        }
        let deaths = code_deaths();
        if deaths != self.code_deaths {
            self.forget_positions(deaths);
        }
        let stack = match python.known_layout {
            KnownLayout::Python3_9 => self.walk(thread_state, layout::Python3_9),
            KnownLayout::Python3_10 => self.walk(thread_state, layout::Python3_10),
            KnownLayout::Python3_11 => self.walk(thread_state, layout::Python3_11),
            KnownLayout::Python3_12 => self.walk(thread_state, layout::Python3_12),
            KnownLayout::Python3_13 => self.walk(thread_state, layout::Python3_13),
            KnownLayout::Python3_14 => self.walk(thread_state, layout::Python3_14),
            KnownLayout::Other => self.walk(thread_state, &python.layout),
        };
        if self.memo.has_new || self_check::verifying() {
            self.check(python, thread_state, stack, check);
        }
        stack
    }

    /// A code object has died: what is at its addresses now is another one.
    #[cold]
    #[inline(never)]
    fn forget_positions(&mut self, deaths: u64) {
        self.code_deaths = deaths;
        self.entries.clear();
        self.depth = 0;
        self.memo.clear();
    }

    #[cold]
    #[inline(never)]
    fn check(&mut self, python: &Python, thread_state: *const u8, stack: StackId, check: Check) {
        if check == Check::Always || check != Check::Never && self_check::verifying() {
            self.memo.has_new = false;
            self_check::check(python, thread_state, stack, check);
        }
    }

    /// Makes the entries those of the chain of this thread state.
    #[inline(always)]
    fn walk<L: LayoutSource>(&mut self, thread_state: *const u8, layout: L) -> StackId {
        let Some(innermost) = Frame::innermost(thread_state, layout) else {
            self.depth = 0;
            return StackId::EMPTY;
        };
        match self.update_last(innermost) {
            Some(stack) => stack,
            None => self.update(innermost),
        }
    }

    /// Updates the last entry, if the innermost frame has not been left since. Then it is the same, and only
    /// its position may be another. `None` if not, or if its stack is not at hand.
    #[inline(always)]
    fn update_last<L: LayoutSource>(&mut self, innermost: Frame<L>) -> Option<StackId> {
        let last = self.entries.get_mut(self.depth.wrapping_sub(1))?;
        if innermost.address() != last.frame || !innermost.is_marked_running(self.running_mark) {
            return None;
        }
        let position = innermost.position();
        if !position.is(last.position) {
            last.stack = self.memo.find(last.parent, position)?;
            last.position = position;
        }
        Some(last.stack)
    }

    #[inline(never)]
    fn update<L: LayoutSource>(&mut self, innermost: Frame<L>) -> StackId {
        match self.update_innermost(innermost) {
            Some(stack) => stack,
            None => self.update_all(innermost),
        }
    }

    /// Updates the entries up to the first frame of which a marker tells that what is behind it is as it was. `None` if
    /// there are many; then no entry has changed, and no frame was marked as running.
    #[inline(always)]
    fn update_innermost<L: LayoutSource>(&mut self, innermost: Frame<L>) -> Option<StackId> {
        // Without markers all frames have to be looked at.
        innermost.layout().running.as_ref()?;
        let mut walked: ArrayVec<(Frame<L>, FramePosition, Marker), INNERMOST> = ArrayVec::new();
        // Frames further outwards are among this many entries, if at all.
        let mut candidates = self.depth;
        let mut inner: Option<Frame<L>> = None;
        let mut frame = innermost;
        let same = loop {
            let position = frame.position();
            let nearest = self.entries[..candidates].iter().rev().take(NEAR);
            let distance = nearest.map(|entry| entry.frame).position(|kept| kept == frame.address());
            candidates -= distance.map_or(0, |distance| distance + 1);
            let entry = distance.map(|_| &self.entries[candidates]);
            let is_kept = entry.is_some_and(|entry| entry.position.is(position));
            let is_same_call = entry.is_some() && frame.is_marked_running(self.running_mark);
            if let (Some(entry), Some(inner), false) = (entry.filter(|_| is_kept), inner, is_same_call)
                && entry.marker.is_intact(frame, inner)
            {
                break candidates + 1;
            }
            // What was kept once is complete.
            if is_kept || is_same_call || frame.is_complete() {
                walked.try_push((frame, position, Marker::place(frame, inner, &mut self.marker_numbers))).ok()?;
            }
            if is_same_call {
                break candidates;
            }
            let Some(behind) = frame.previous() else { break 0 };
            inner = Some(frame);
            frame = behind;
        };
        let mut stack = self.stack_of(same);
        self.depth = same + walked.len();
        for (place, (frame, position, marker)) in (same..).zip(walked.into_iter().rev()) {
            frame.mark_running(self.running_mark);
            stack =
                self.keep(place, stack, frame.address(), position, marker, || WalkedFrame::of(frame), frame.layout());
        }
        Some(stack)
    }

    /// The stack of so many entries, from the outermost on.
    #[inline(always)]
    pub(super) fn stack_of(&self, depth: usize) -> StackId {
        depth.checked_sub(1).map_or(StackId::EMPTY, |last| self.entries[last].stack)
    }

    /// Makes the entry of this place that of a frame on top of `parent`, and returns its stack.
    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "the parts of an entry, and what a new stack needs")]
    pub(super) fn keep(
        &mut self,
        place: usize,
        parent: StackId,
        frame: usize,
        position: FramePosition,
        marker: Marker,
        walked: impl FnOnce() -> WalkedFrame,
        layout: &Layout,
    ) -> StackId {
        let Some(entry) = self.entries.get_mut(place) else {
            let stack = self.memo.find_or_intern(parent, position, walked, layout);
            self.entries.push(Entry { frame, position, marker, parent, stack });
            return stack;
        };
        // What was there before may also be of a deeper stack, and still be right.
        if !entry.position.is(position) || entry.parent != parent {
            entry.stack = self.memo.find_or_intern(parent, position, walked, layout);
        }
        (entry.frame, entry.position, entry.marker, entry.parent) = (frame, position, marker, parent);
        entry.stack
    }
}
