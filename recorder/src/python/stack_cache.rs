//! From frames to a stack id, in as few steps as the last stack of the thread allows.
//!
//! A stack id is a call path, which has an id of its own, and where the innermost frame is. So most often only the
//! latter has to be found out.
//!
//! Each thread keeps its last stack: the frames, outermost first, as addresses and positions, each with the id of
//! the call path that ends there. At the next event most frames are as they were. The walk goes
//! from the innermost frame outwards until a marker tells that what is behind a frame is as it was (`marker.rs`); only what changed is interned anew. So the result is always that of a whole walk.
//!
//! There are three ways, the shortest first:
//! 1. The innermost frame is the last one, in the same call: [`StackCache::last_stack`]. Or the thread is none of
//!    Python's: [`StackCache::has_no_frames`]. The others are behind [`StackCache::find_stack`].
//! 2. A few frames have run, were called or have returned: `innermost_walk.rs`.
//! 3. Anything else, and Pythons without markers: `whole_walk.rs`.

use format::{PathId, StackId};

use super::frames::Frame;
use super::interning;
use super::last_frame::LastFrame;
use super::layout::{self, KnownLayout, Layout, LayoutSource};
use super::marker::{Marker, MarkerNumbers, ThreadMark};
use super::path_memo::{Caller, PathMemo};
use super::position::FramePosition;
use super::self_check::Check;
use super::thread_states::QuickWay;
use super::{Python, python, self_check};

/// A frame is looked for among this many of the kept ones, from the innermost on: a call made,
/// a call returned, another call made.
pub(super) const NEAR: usize = 4;

/// A frame of the last stack.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// Address of the frame.
    pub(super) frame: usize,
    /// Address of its code object.
    pub(super) code: usize,
    /// Where it was when it was last looked at. The innermost one may have gone on.
    pub(super) position: FramePosition,
    /// The same as an index.
    pub(super) index: u32,
    /// The call path that ends here: that of a frame of `code`, called by `caller`.
    pub(super) path: PathId,
    caller: Caller,
    /// Put into the frame when the entries from here outwards were those of the chain.
    pub(super) marker: Marker,
}

/// A frame that is to be kept.
#[derive(Clone, Copy)]
pub(super) struct WalkedFrame {
    pub(super) frame: usize,
    pub(super) position: FramePosition,
    code: usize,
    index: u32,
}

impl WalkedFrame {
    #[inline(always)]
    pub(super) fn of<L: LayoutSource>(frame: Frame<L>) -> WalkedFrame {
        WalkedFrame { frame: frame.address(), position: frame.position(), code: frame.code(), index: frame.index() }
    }
}

/// See the module. What the first way needs stands in front.
#[derive(Default)]
#[repr(C)]
pub(crate) struct StackCache {
    quick_way: QuickWay,
    last: LastFrame,
    pub(super) thread_mark: ThreadMark,
    known_layout: KnownLayout,
    /// Whether frames may be marked: not while Python may run with them in another thread, to which C code gave them.
    pub(super) may_mark: bool,
    /// The same while something is to be checked, and `last` is none.
    checked_last: LastFrame,
    /// Address of the last thread state.
    thread_state: usize,
    /// The last stack, outermost frame first; behind `depth` what is left of deeper ones before.
    pub(super) entries: Vec<Entry>,
    pub(super) depth: usize,
    /// For `whole_walk.rs`.
    pub(super) fresh: Vec<WalkedFrame>,
    pub(super) marker_numbers: MarkerNumbers,
    /// [`interning::epoch`] when the entries were made.
    epoch: u64,
    /// The Python of this epoch; [`StackCache::quick_way`] and [`StackCache::known_layout`] are what the first way needs of it.
    python: Option<&'static Python>,
    paths: PathMemo,
}

/// Calls a function with the layout of this Python, as one that is known while compiling if it is one of `layout.rs`.
macro_rules! with_layout {
    ($known:expr, $python:expr, $layout:ident => $call:expr) => {
        match $known {
            KnownLayout::Python3_9 => {
                let $layout = layout::Python3_9;
                $call
            }
            KnownLayout::Python3_10 => {
                let $layout = layout::Python3_10;
                $call
            }
            KnownLayout::Python3_11 => {
                let $layout = layout::Python3_11;
                $call
            }
            KnownLayout::Python3_12 => {
                let $layout = layout::Python3_12;
                $call
            }
            KnownLayout::Python3_13 => {
                let $layout = layout::Python3_13;
                $call
            }
            KnownLayout::Python3_14 => {
                let $layout = layout::Python3_14;
                $call
            }
            KnownLayout::Other => {
                let $layout = &$python.layout;
                $call
            }
        }
    };
}

impl StackCache {
    /// The calling thread's stack by the first way. `None` if another one is needed. `check` tells where the thread is, and
    /// so whether it certainly holds the GIL, and `layout` is what Python's is if the caller knows it while it is compiled.
    #[inline(always)]
    pub(crate) fn last_stack(&self, check: Check, layout: Option<KnownLayout>) -> Option<StackId> {
        let thread_state = self.quick_way.thread_state(check == Check::Always);
        if thread_state as usize != self.last.thread_state {
            return None;
        }
        with_layout!(layout.unwrap_or(self.known_layout), self.python?, layout => {
            self.last.stack(thread_state, self.thread_mark, layout)
        })
    }

    /// Whether the calling thread, which need not hold the GIL, has no Python frames, as is found out at once for those of C
    /// libraries.
    #[inline(always)]
    pub(crate) fn has_no_frames(&self) -> bool {
        self.quick_way.has_no_state()
    }

    /// If another epoch has begun, nothing is found out at once. To be called whenever the thread takes a turn, since whoever ends
    /// an epoch ends the turn of each thread too.
    pub(crate) fn notice_epoch(&mut self) {
        if interning::epoch() != self.epoch {
            (self.last, self.checked_last) = (LastFrame::NONE, LastFrame::NONE);
            self.quick_way = QuickWay::unknown();
        }
    }

    /// The calling thread's stack by the other ways. `check` tells whether Python's API may be asked if it is right.
    #[inline(always)]
    pub(crate) fn find_stack(&mut self, check: Check) -> StackId {
        let epoch = interning::epoch();
        if epoch != self.epoch {
            self.begin_epoch(epoch);
        }
        let Some(python) = self.python else { return StackId::EMPTY };
        let Some(own) = python.thread_states.of_this_thread(self.thread_state, check == Check::Always) else {
            return StackId::EMPTY;
        };
        self.thread_state = own.address() as usize;
        self.may_mark = own.is_attached();
        if python.thread_states.learn_from(&own, check == Check::Always) {
            interning::next_epoch();
        }
        if self.paths.has_new {
            return self.find_and_check(python, own.address(), check);
        }
        let stack = self.walk(python, own.address());
        if self.paths.has_new { self.check(python, own.address(), stack, check) } else { stack }
    }

    /// While something is to be checked, all stacks come by here, so that the first way is checked too.
    #[cold]
    #[inline(never)]
    fn find_and_check(&mut self, python: &Python, thread_state: *const u8, check: Check) -> StackId {
        self.last = self.checked_last;
        let stack = self.last_stack(check, None).unwrap_or_else(|| self.walk(python, thread_state));
        self.check(python, thread_state, stack, check)
    }

    /// Checks a stack, and returns it. As long as something remains to be checked, the first way is closed.
    #[cold]
    #[inline(never)]
    fn check(&mut self, python: &Python, thread_state: *const u8, stack: StackId, check: Check) -> StackId {
        let verifying = self_check::verifying();
        if check == Check::Always || check != Check::Never && verifying {
            self.paths.has_new = verifying;
            self_check::check(python, thread_state, stack, check);
        }
        if self.paths.has_new {
            self.checked_last = std::mem::replace(&mut self.last, LastFrame::NONE);
        }
        stack
    }

    /// What was remembered is forgotten.
    #[cold]
    #[inline(never)]
    fn begin_epoch(&mut self, epoch: u64) {
        self.epoch = epoch;
        self.python = python();
        self.quick_way = self.python.map_or_else(QuickWay::without_python, |python| python.thread_states.quick_way());
        self.known_layout = self.python.map_or(KnownLayout::Other, |python| python.known_layout);
        (self.last, self.checked_last) = (LastFrame::NONE, LastFrame::NONE);
        self.entries.clear();
        self.depth = 0;
        self.paths.clear();
        self.paths.has_new |= self_check::verifying();
    }

    /// Makes the entries those of the chain of this thread state.
    #[inline(always)]
    fn walk(&mut self, python: &Python, thread_state: *const u8) -> StackId {
        with_layout!(self.known_layout, python, layout => self.walk_by(thread_state, layout))
    }

    /// The same. Each layout has its own, so that what is needed of it lies together.
    #[inline(never)]
    fn walk_by<L: LayoutSource>(&mut self, thread_state: *const u8, layout: L) -> StackId {
        let stack = match Frame::innermost(thread_state, layout) {
            Some(innermost) => match self.update_innermost(innermost) {
                Some(stack) => stack,
                None => self.update_all(innermost),
            },
            None => {
                self.depth = 0;
                StackId::EMPTY
            }
        };
        self.last = LastFrame::of(self.kept(), thread_state, layout);
        stack
    }

    /// Marks a frame of the chain whose entries are right, if that may be done.
    #[inline(always)]
    pub(super) fn mark<L: LayoutSource>(&self, frame: Frame<L>) {
        if self.may_mark {
            frame.mark(self.thread_mark);
        }
    }

    /// The same for one that waits for `inner`.
    #[inline(always)]
    pub(super) fn place_marker<L: LayoutSource>(&mut self, frame: Frame<L>, inner: Option<Frame<L>>) -> Marker {
        if self.may_mark { Marker::place(frame, inner, &mut self.marker_numbers) } else { Marker::NONE }
    }

    /// Whoever calls the frame on top of so many entries, from the outermost on.
    #[inline(always)]
    pub(super) fn caller(&self, depth: usize) -> Caller {
        depth.checked_sub(1).map_or(Caller::NOBODY, |last| self.entries[last].as_caller())
    }

    /// Makes the entry of this place that of a frame called by `caller`, and returns it as a caller.
    #[inline(always)]
    pub(super) fn keep(
        &mut self,
        place: usize,
        caller: Caller,
        WalkedFrame { frame, position, code, index }: WalkedFrame,
        marker: Marker,
        layout: &Layout,
    ) -> Caller {
        if let Some(entry) = self.entries.get_mut(place)
            && entry.code == code
            && entry.caller.is(caller)
        {
            // What was there before may also be of a deeper stack, and its path still be right.
            (entry.frame, entry.position, entry.index, entry.marker) = (frame, position, index, marker);
            return entry.as_caller();
        }
        let path = self.paths.path(caller, code, layout);
        let entry = Entry { frame, code, position, index, path, caller, marker };
        match self.entries.get_mut(place) {
            Some(kept) => *kept = entry,
            None => self.entries.push(entry),
        }
        entry.as_caller()
    }
}

impl Entry {
    /// The frame as one that waits where it was last looked at.
    #[inline(always)]
    pub(super) fn as_caller(&self) -> Caller {
        Caller { stack: StackId { path: self.path, instruction: self.index }, position: self.position }
    }
}
