//! From frames to a stack id, in as few steps as the last stack of the thread allows.
//!
//! Each thread keeps its last stack: the frames, outermost first, as addresses, each with the id of
//! the stack that ends there. At the next event most frames are as they were. The walk goes
//! from the innermost frame outwards until it meets a frame of the kept stack; from there on the
//! chain is compared with what is kept, to the outermost frame or to one of which a marker tells that neither it
//! nor those behind it have run (`marker.rs`), and only what changed is interned anew. An entry in front of that is
//! believed only if frame, code object and instruction are the same in the chain of now, so the result is always that
//! of a whole walk.
//!
//! Most often only the few innermost frames have run: that is tried first.

use format::{CodeId, StackId};

use super::frames::{Frame, FrameState, instruction_index};
use super::interning::{code_deaths, code_id, define_stack};
use super::layout::{self, KnownLayout, LayoutSource};
use super::marker::{Marker, MarkerNumbers};
use super::self_check::Check;
use super::stack_memo::StackMemo;
use super::{Python, python, self_check};

/// A new frame is looked for among this many of the kept ones, from the innermost on: a call made,
/// a call returned, another call made.
const NEAR: usize = 4;

/// Most frames that are looked at in the short way.
const INNERMOST: usize = 4;

#[derive(Clone, Copy)]
struct Entry {
    state: FrameState,
    /// The stack that ends at the frame behind.
    parent: StackId,
    code: CodeId,
    stack: StackId,
    /// Put into the frame when the entries from here outwards were those of the chain.
    marker: Marker,
}

/// See the module.
#[derive(Default)]
pub(crate) struct StackCache {
    /// The last stack, outermost frame first; behind `depth` what is left of deeper ones before.
    entries: Vec<Entry>,
    depth: usize,
    /// The marker of the last entry but one.
    marker_behind: Marker,
    /// The frames of the short way, and their markers, innermost first.
    walked: [(FrameState, Marker); INNERMOST],
    /// Frames of now that are not kept, innermost first.
    fresh: Vec<FrameState>,
    /// [`code_deaths`] when the entries were made.
    code_deaths: u64,
    memo: StackMemo,
    marker_numbers: MarkerNumbers,
    /// Whether a stack that was not known has come since the last check.
    has_new: bool,
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
            self.code_deaths = deaths;
            self.entries.clear();
            self.depth = 0;
            self.marker_behind = Marker::NONE;
        }
        match python.known_layout {
            KnownLayout::Python3_9 => self.walk(thread_state, layout::Python3_9),
            KnownLayout::Python3_10 => self.walk(thread_state, layout::Python3_10),
            KnownLayout::Python3_11 => self.walk(thread_state, layout::Python3_11),
            KnownLayout::Python3_12 => self.walk(thread_state, layout::Python3_12),
            KnownLayout::Python3_13 => self.walk(thread_state, layout::Python3_13),
            KnownLayout::Python3_14 => self.walk(thread_state, layout::Python3_14),
            KnownLayout::Other => self.walk(thread_state, &python.layout),
        }
        if self.has_new && check == Check::Always || check != Check::Never && self_check::verifying() {
            self.check(python, thread_state, check);
        }
        self.kept().last().map_or(StackId::EMPTY, |entry| entry.stack)
    }

    /// The frames of the last [`StackCache::current_stack`], innermost first.
    pub(super) fn frames(&self) -> impl Iterator<Item = FrameState> {
        self.kept().iter().rev().map(|entry| entry.state)
    }

    fn kept(&self) -> &[Entry] {
        &self.entries[..self.depth]
    }

    #[cold]
    #[inline(never)]
    fn check(&mut self, python: &Python, thread_state: *const u8, check: Check) {
        self.has_new = false;
        self_check::check(python, thread_state, self, check);
    }

    /// Makes the entries those of the chain of this thread state.
    #[inline(always)]
    fn walk<L: LayoutSource>(&mut self, thread_state: *const u8, layout: L) {
        let innermost = Frame::innermost(thread_state, layout);
        if innermost.and_then(|innermost| self.update_last(innermost)).is_none() {
            self.update(innermost, layout);
        }
    }

    /// Updates the last entry, if the frame behind the innermost one still waits for it. Then it is the same, and only
    /// its instruction may be another. `None` if not.
    #[inline(always)]
    fn update_last<L: LayoutSource>(&mut self, innermost: Frame<L>) -> Option<()> {
        let behind = innermost.previous()?;
        let last = self.entries.get_mut(self.depth.wrapping_sub(1))?;
        // A frame that is not complete may stand there instead.
        if innermost.address() != last.state.frame || !self.marker_behind.is_intact(behind, innermost) {
            return None;
        }
        let instruction = innermost.instruction();
        if instruction != last.state.instruction {
            last.state.instruction = instruction;
            last.marker = Marker::NONE;
            let index = instruction_index(last.state, innermost.layout());
            last.stack = stack_id(&mut self.memo, &mut self.has_new, last.parent, last.code, index);
        }
        Some(())
    }

    #[inline(never)]
    fn update<L: LayoutSource>(&mut self, innermost: Option<Frame<L>>, layout: L) {
        if innermost.and_then(|innermost| self.update_innermost(innermost, layout)).is_none() {
            self.update_all(innermost, layout);
        }
        let behind = self.depth.checked_sub(2).map(|place| self.entries[place].marker);
        self.marker_behind = behind.unwrap_or(Marker::NONE);
    }

    /// Updates the innermost entries, if few calls and returns have happened and all is as it mostly is. `None` if not:
    /// then no entry has changed.
    #[inline(always)]
    fn update_innermost<L: LayoutSource>(&mut self, innermost: Frame<L>, layout: L) -> Option<()> {
        // Without markers all frames have to be looked at.
        layout.layout().waiting.as_ref()?;
        let mut place = self.likely_place(innermost)?;
        let mut count = 0;
        let (mut frame, mut marker) = (innermost, Marker::NONE);
        let same = loop {
            let state = frame.state();
            // What was kept once is complete.
            if self.entries.get(place).is_none_or(|entry| entry.state != state) && !frame.is_complete() {
                return None;
            }
            *self.walked.get_mut(count)? = (state, marker);
            count += 1;
            if place == 0 {
                break first_complete(frame.previous()).is_none().then_some(0)?;
            }
            place -= 1;
            let behind = frame.previous()?;
            if self.entries[place].marker.is_intact(behind, frame) {
                break place + 1;
            }
            marker = Marker::place(behind, frame, &mut self.marker_numbers);
            frame = behind;
        };
        let mut parent = if same == 0 { StackId::EMPTY } else { self.entries[same - 1].stack };
        for place in same..same + count {
            let (state, marker) = self.walked[same + count - 1 - place];
            parent = self.keep(place, state, parent, marker, layout);
        }
        self.depth = same + count;
        Some(())
    }

    /// Where the innermost frame belongs, if it was the innermost, or the one that has called that, or is called by one
    /// of them.
    #[inline(always)]
    fn likely_place<L: LayoutSource>(&self, innermost: Frame<L>) -> Option<usize> {
        let last = self.depth.checked_sub(1)?;
        let is_at = |place: usize, frame: Frame<L>| self.entries[place].state.frame == frame.address();
        if is_at(last, innermost) {
            return Some(last);
        }
        let behind = innermost.previous()?;
        if is_at(last, behind) {
            return Some(last + 1);
        }
        let before = last.checked_sub(1)?;
        if is_at(before, innermost) {
            return Some(before);
        }
        is_at(before, behind).then_some(last)
    }

    /// Updates the entries in any case.
    #[inline(never)]
    fn update_all<L: LayoutSource>(&mut self, innermost: Option<Frame<L>>, layout: L) {
        self.fresh.clear();
        let mut frame = innermost;
        let mut inner = None;
        while let Some(here) = frame {
            if let Some(place) = self.place_of(here.address())
                && let Some(same) = self.compare(here, inner, place)
            {
                return self.intern_from(same, layout);
            }
            if here.is_complete() {
                self.fresh.push(here.state());
            }
            inner = frame;
            frame = here.previous();
        }
        // The whole chain was walked: keep what is the same from the outermost frame on.
        let mut same = 0;
        while let (Some(entry), Some(state)) = (self.kept().get(same), self.fresh.last())
            && entry.state == *state
        {
            self.fresh.pop();
            same += 1;
        }
        self.intern_from(same, layout);
    }

    /// Where the kept frame at this address is, if it is found soon.
    #[inline]
    fn place_of(&self, frame: usize) -> Option<usize> {
        let near = self.depth.saturating_sub(NEAR);
        let is_it = |entry: &Entry| entry.state.frame == frame;
        if let Some(place) = self.kept()[near..].iter().rposition(is_it) {
            return Some(near + place);
        }
        // Frames of functions lie one behind the other: after many returns it is further outwards, below those others.
        let above = self.entries[..near].iter().rev().take_while(|entry| entry.state.frame > frame).count();
        near.checked_sub(above + 1).filter(|place| is_it(&self.entries[*place]))
    }

    /// Compares the chain from `innermost`, which `inner` is called by, outwards with the entries from `place`
    /// outwards, up to a frame that a marker tells has not run. If the frames are the same, the changed ones of them
    /// are put into `fresh`, and the result is how many entries, from the outermost on, are as they were. `None` if
    /// the frames are others.
    #[inline]
    fn compare<L: LayoutSource>(
        &mut self,
        innermost: Frame<L>,
        inner: Option<Frame<L>>,
        place: usize,
    ) -> Option<usize> {
        let Some(same) = self.first_same(innermost, inner, place) else {
            // Markers have been put where the entries behind are not those of the chain.
            self.entries[..=place].iter_mut().for_each(|entry| entry.marker = Marker::NONE);
            return None;
        };
        let mut frame = Some(innermost);
        for index in (same..=place).rev() {
            let here = skip_to(frame?, &mut None, self.entries[index].state)?;
            self.fresh.push(here.state());
            frame = here.previous();
        }
        Some(same)
    }

    /// How many entries, from the outermost on, are as they were, if the chain from `innermost` outwards has the frames
    /// of those from `place` outwards. Puts markers where there are none.
    #[inline]
    fn first_same<L: LayoutSource>(
        &mut self,
        innermost: Frame<L>,
        inner: Option<Frame<L>>,
        place: usize,
    ) -> Option<usize> {
        let mut same = place + 1;
        let mut index = place;
        let (mut frame, mut inner) = (innermost, inner);
        loop {
            let entry = &mut self.entries[index];
            let here = skip_to(frame, &mut inner, entry.state)?;
            if here.state() != entry.state {
                same = index;
            } else if let Some(inner) = inner {
                if entry.marker.is_intact(here, inner) {
                    break;
                }
                entry.marker = Marker::place(here, inner, &mut self.marker_numbers);
            } else {
                entry.marker = Marker::NONE;
            }
            inner = Some(here);
            if index == 0 {
                if first_complete(here.previous()).is_some() {
                    return None;
                }
                break;
            }
            index -= 1;
            frame = here.previous()?;
        }
        Some(same)
    }

    /// Keeps `same` entries and puts the fresh frames on top of them.
    #[inline]
    fn intern_from<L: LayoutSource>(&mut self, same: usize, layout: L) {
        let mut parent = if same == 0 { StackId::EMPTY } else { self.entries[same - 1].stack };
        let mut place = same;
        while let Some(state) = self.fresh.pop() {
            parent = self.keep(place, state, parent, Marker::NONE, layout);
            place += 1;
        }
        self.depth = place;
    }

    /// Makes the entry of this place that of a frame, and returns its stack.
    #[inline(always)]
    fn keep<L: LayoutSource>(
        &mut self,
        place: usize,
        state: FrameState,
        parent: StackId,
        marker: Marker,
        layout: L,
    ) -> StackId {
        let Some(older) = self.entries.get_mut(place).filter(|older| older.state.code == state.code) else {
            return self.keep_other(place, state, parent, marker, layout);
        };
        older.state.frame = state.frame;
        older.marker = marker;
        if older.parent != parent || older.state.instruction != state.instruction {
            let index = instruction_index(state, layout.layout());
            older.state.instruction = state.instruction;
            older.parent = parent;
            older.stack = stack_id(&mut self.memo, &mut self.has_new, parent, older.code, index);
        }
        older.stack
    }

    /// The same for a frame of another code object.
    #[inline(never)]
    fn keep_other<L: LayoutSource>(
        &mut self,
        place: usize,
        state: FrameState,
        parent: StackId,
        marker: Marker,
        layout: L,
    ) -> StackId {
        let code = code_id(state.code, layout.layout());
        let index = instruction_index(state, layout.layout());
        let stack = stack_id(&mut self.memo, &mut self.has_new, parent, code, index);
        let entry = Entry { state, parent, code, stack, marker };
        match self.entries.get_mut(place) {
            Some(older) => *older = entry,
            None => self.entries.push(entry),
        }
        stack
    }
}

/// The id of a stack. `has_new` tells whether it was not known.
#[inline(always)]
fn stack_id(memo: &mut StackMemo, has_new: &mut bool, parent: StackId, code: CodeId, instruction: u32) -> StackId {
    memo.find(parent, code, instruction).unwrap_or_else(|| {
        *has_new = true;
        define_stack(parent, code, instruction)
    })
}

/// The frame that stands where the kept one stood, if only frames that are not complete stand in
/// front of it. A frame that was pushed there anew and is not complete is passed over like those. `inner` becomes the
/// frame in front of it.
#[inline(always)]
fn skip_to<L: LayoutSource>(mut here: Frame<L>, inner: &mut Option<Frame<L>>, kept: FrameState) -> Option<Frame<L>> {
    loop {
        if here.state() == kept {
            return Some(here);
        }
        if here.is_complete() {
            return (here.address() == kept.frame).then_some(here);
        }
        *inner = Some(here);
        here = here.previous()?;
    }
}

/// The first complete frame from here outwards.
#[inline(always)]
fn first_complete<L: LayoutSource>(mut frame: Option<Frame<L>>) -> Option<Frame<L>> {
    while let Some(here) = frame
        && !here.is_complete()
    {
        frame = here.previous();
    }
    frame
}
