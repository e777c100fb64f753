//! From frames to a stack id, in as few steps as the last stack of the thread allows.
//!
//! Each thread keeps its last stack: the frames, outermost first, as addresses, each with the id of
//! the stack that ends there. At the next event most frames are as they were. The walk goes
//! from the innermost frame outwards until it meets a frame of the kept stack; from there on the
//! chain is compared with what is kept, to the outermost frame or to one of which a marker tells that neither it
//! nor those behind it have run (`marker.rs`), and only what changed is interned anew. An entry in front of that is
//! believed only if frame, code object and instruction are the same in the chain of now, so the result is always that
//! of a whole walk.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use format::{CodeId, Definition, StackId};

use super::frames::{Frame, FrameState, instruction_index};
use super::layout::Layout;
use super::marker::Marker;
use super::self_check::Check;
use super::{code_object, python, self_check};
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::intern_table::{InternTable, Key};

static CODES: InternTable = InternTable::new();
static STACKS: InternTable = InternTable::new();
/// Rises when a code object dies: kept stacks may name its address.
static CODE_DEATHS: AtomicU64 = AtomicU64::new(0);

/// A new frame is looked for among this many of the kept ones, from the innermost on: a call made,
/// a call returned, another call made. Everything else is a whole walk.
const NEAR: usize = 4;

/// Among the kept frames every how many'th gets a marker, when it is walked over. The few innermost come and go.
const MARKER_DISTANCE: usize = 4;
/// See above.
const UNMARKED: usize = 2;

#[derive(Clone, Copy)]
struct Entry {
    state: FrameState,
    code: CodeId,
    stack: StackId,
    /// Put into the frame when the entries from here outwards were those of the chain.
    marker: Marker,
}

/// See the module.
#[derive(Default)]
pub(crate) struct StackCache {
    /// The last stack, outermost frame first.
    entries: Vec<Entry>,
    /// Frames of now that are not kept, innermost first.
    fresh: Vec<FrameState>,
    /// `CODE_DEATHS` when the entries were made.
    code_deaths: u64,
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
        let deaths = CODE_DEATHS.load(Ordering::Acquire);
        if deaths != self.code_deaths {
            self.code_deaths = deaths;
            self.entries.clear();
        }
        let innermost = Frame::innermost(thread_state, &python.layout);
        self.update(innermost, &python.layout);
        if self.has_new && check == Check::Always || check != Check::Never && self_check::verifying() {
            self.has_new = false;
            self_check::check(python, thread_state, self, check);
        }
        self.entries.last().map_or(StackId::EMPTY, |entry| entry.stack)
    }

    /// The frames of the last [`StackCache::current_stack`], innermost first.
    pub(super) fn frames(&self) -> impl Iterator<Item = FrameState> {
        self.entries.iter().rev().map(|entry| entry.state)
    }

    /// Makes the entries those of the chain that begins at `innermost`.
    #[inline]
    fn update(&mut self, innermost: Option<Frame<'_>>, layout: &Layout) {
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
        while let (Some(entry), Some(state)) = (self.entries.get(same), self.fresh.last())
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
        let near = self.entries.len().saturating_sub(NEAR);
        let is_it = |entry: &Entry| entry.state.frame == frame;
        if let Some(place) = self.entries[near..].iter().rposition(is_it) {
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
    fn compare(&mut self, innermost: Frame<'_>, inner: Option<Frame<'_>>, place: usize) -> Option<usize> {
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
    fn first_same(&mut self, innermost: Frame<'_>, inner: Option<Frame<'_>>, place: usize) -> Option<usize> {
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
                if place - index >= UNMARKED && index % MARKER_DISTANCE == 0 {
                    entry.marker = Marker::place(here, inner);
                }
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
    fn intern_from(&mut self, same: usize, layout: &Layout) {
        let mut parent = if same == 0 { StackId::EMPTY } else { self.entries[same - 1].stack };
        let mut place = same;
        while let Some(state) = self.fresh.pop() {
            let code = match self.entries.get(place) {
                Some(older) if older.state.code == state.code => older.code,
                _ => code_id(state.code, layout),
            };
            let stack = self.stack_id(parent, code, instruction_index(state, layout));
            let entry = Entry { state, code, stack, marker: Marker::NONE };
            match self.entries.get_mut(place) {
                Some(older) => *older = entry,
                None => self.entries.push(entry),
            }
            parent = stack;
            place += 1;
        }
        self.entries.truncate(place);
    }

    #[inline]
    fn stack_id(&mut self, parent: StackId, code: CodeId, instruction: u32) -> StackId {
        let key = [parent.0, code.0, instruction];
        match STACKS.find(key) {
            Some(id) => StackId(id),
            None => {
                self.has_new = true;
                define_stack(key)
            }
        }
    }
}

/// The frame that stands where the kept one stood, if only frames that are not complete stand in
/// front of it. A frame that was pushed there anew and is not complete is passed over like those. `inner` becomes the
/// frame in front of it.
#[inline(always)]
fn skip_to<'a>(mut here: Frame<'a>, inner: &mut Option<Frame<'a>>, kept: FrameState) -> Option<Frame<'a>> {
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
fn first_complete(mut frame: Option<Frame<'_>>) -> Option<Frame<'_>> {
    while let Some(here) = frame
        && !here.is_complete()
    {
        frame = here.previous();
    }
    frame
}

/// The first ids of code objects and stacks that have not been given yet.
pub(crate) fn next_ids() -> (CodeId, StackId) {
    (CodeId(CODES.next_id()), StackId(STACKS.next_id()))
}

/// The code object at this address dies.
pub(super) fn forget_code(code: usize) {
    let key = code_key(code);
    if CODES.find(key).is_some() {
        let _log = DefinitionLog::lock();
        CODES.remove(key);
        CODE_DEATHS.fetch_add(1, Ordering::Release);
    }
}

fn code_key(code: usize) -> Key {
    [code as u32, (code as u64 >> 32) as u32, 0]
}

#[inline]
fn code_id(code: usize, layout: &Layout) -> CodeId {
    match CODES.find(code_key(code)) {
        Some(id) => CodeId(id),
        None => define_code(code, layout),
    }
}

// A definition is written before its id can be found: whoever uses the id, it is in the log.

#[cold]
#[inline(never)]
fn define_code(code: usize, layout: &Layout) -> CodeId {
    let _errno = ErrnoKept::new();
    let mut log = DefinitionLog::lock();
    if let Some(id) = CODES.find(code_key(code)) {
        return CodeId(id);
    }
    let id = CodeId(CODES.next_id());
    // SAFETY: the address is that of the code object of a frame on this thread's chain.
    unsafe { code_object::define(&mut log, id, code, layout) };
    CODES.insert(code_key(code));
    id
}

#[cold]
#[inline(never)]
fn define_stack(key: Key) -> StackId {
    let _errno = ErrnoKept::new();
    let mut log = DefinitionLog::lock();
    if let Some(id) = STACKS.find(key) {
        return StackId(id);
    }
    let id = StackId(STACKS.next_id());
    let [parent, code, instruction] = key;
    log.add(&Definition::Stack { id, parent: StackId(parent), code: CodeId(code), instruction });
    // A full table (2^31 stacks) gives the caller's stack instead.
    if STACKS.insert(key) { id } else { StackId(parent) }
}
