//! The walk of a stack cache where the short ways end: many frames have run since the last stack, or there are no markers.
//!
//! The walk goes from the innermost frame outwards until it meets a frame of the kept stack; from there on the chain is
//! compared with what is kept, to the outermost frame or to one of which a marker tells that what is behind it is as it
//! was. An entry in front of that is believed only if frame and position are the same in the chain of now.

use format::StackId;

use super::frames::Frame;
use super::layout::LayoutSource;
use super::marker::Marker;
use super::stack_cache::{Entry, NEAR, StackCache, WalkedFrame};

/// What of the last stack is still right.
struct Comparison {
    /// How many entries, from the outermost on, are as they were.
    same: usize,
    /// Address of the frame at which a marker told so. 0: there is none, and the whole chain was looked at.
    last_looked_at: usize,
}

impl StackCache {
    /// Updates the entries in any case.
    #[inline(never)]
    pub(super) fn update_all<L: LayoutSource>(&mut self, innermost: Frame<L>) -> StackId {
        let Comparison { same, last_looked_at } = self.look_at_chain(innermost);
        let mut caller = self.caller(same);
        self.depth = same + self.fresh.len();
        for place in same..self.depth {
            let Some(walked) = self.fresh.pop() else { break };
            caller = self.keep(place, caller, walked, Marker::NONE, innermost.layout());
        }
        // Only now are the entries those of the chain.
        let mut frame = Some(innermost);
        while let Some(here) = frame
            && here.address() != last_looked_at
        {
            if here.is_complete() {
                self.mark(here);
            }
            frame = here.previous();
        }
        caller.stack
    }

    /// Finds out what is to be kept, and puts the other frames into `fresh`.
    fn look_at_chain<L: LayoutSource>(&mut self, innermost: Frame<L>) -> Comparison {
        self.fresh.clear();
        let mut frame = Some(innermost);
        let mut inner = None;
        let mut steps = self.depth;
        while let Some(here) = frame {
            if let Some(place) = self.place_of(here.address(), &mut steps)
                && let Some(comparison) = self.compare(here, inner, place)
            {
                return comparison;
            }
            if here.is_complete() {
                self.fresh.push(WalkedFrame::of(here));
            }
            inner = frame;
            frame = here.previous();
        }
        // The whole chain was walked: keep what is the same from the outermost frame on.
        let mut same = 0;
        while let (Some(entry), Some(walked)) = (self.kept().get(same), self.fresh.last())
            && entry.frame == walked.frame
            && entry.position.is(walked.position)
        {
            self.fresh.pop();
            same += 1;
        }
        Comparison { same, last_looked_at: 0 }
    }

    /// The entries of the last stack.
    pub(super) fn kept(&self) -> &[Entry] {
        &self.entries[..self.depth]
    }

    /// Where the kept frame at this address is, if it is found in so many steps, of which those that it takes are taken
    /// away.
    #[inline]
    fn place_of(&self, frame: usize, steps: &mut usize) -> Option<usize> {
        let near = self.depth.saturating_sub(NEAR);
        let is_it = |entry: &Entry| entry.frame == frame;
        if let Some(place) = self.kept()[near..].iter().rposition(is_it) {
            return Some(near + place);
        }
        // Frames of functions lie one behind the other: after many returns it is further outwards, below those others.
        // But deep recursion goes on in another piece of memory, which may lie below all of them. To look through them
        // once per walk is enough.
        let looked_at = self.entries[..near].iter().rev().take(*steps);
        let above = looked_at.take_while(|entry| entry.frame > frame).count();
        *steps -= above;
        near.checked_sub(above + 1).filter(|place| is_it(&self.entries[*place]))
    }

    /// Compares the chain from `innermost`, which `inner` is called by, outwards with the entries from `place`
    /// outwards, up to a frame of which a marker tells that what is behind it is as it was. If the frames are the same, the
    /// changed ones of them are put into `fresh`. `None` if the frames are others.
    #[inline]
    fn compare<L: LayoutSource>(
        &mut self,
        innermost: Frame<L>,
        inner: Option<Frame<L>>,
        place: usize,
    ) -> Option<Comparison> {
        let Some(comparison) = self.first_same(innermost, inner, place) else {
            // Markers have been put where the entries behind are not those of the chain.
            self.entries[..=place].iter_mut().for_each(|entry| entry.marker = Marker::NONE);
            return None;
        };
        let mut frame = Some(innermost);
        for index in (comparison.same..=place).rev() {
            let here = skip_to(frame?, &mut None, &self.entries[index])?;
            self.fresh.push(WalkedFrame::of(here));
            frame = here.previous();
        }
        Some(comparison)
    }

    /// The same, without putting frames anywhere. Puts markers where there are none, but not the mark of the thread.
    #[inline]
    fn first_same<L: LayoutSource>(
        &mut self,
        innermost: Frame<L>,
        inner: Option<Frame<L>>,
        place: usize,
    ) -> Option<Comparison> {
        let mut same = place + 1;
        let mut index = place;
        let (mut frame, mut inner) = (innermost, inner);
        loop {
            let entry = &mut self.entries[index];
            let here = skip_to(frame, &mut inner, entry)?;
            if !here.position().is(entry.position) {
                same = index;
            } else if inner.is_some_and(|inner| entry.marker.is_intact(here, inner)) {
                return Some(Comparison { same, last_looked_at: here.address() });
            } else {
                let marker = self.place_marker(here, inner);
                self.entries[index].marker = marker;
            }
            if here.is_marked(self.thread_mark) {
                return Some(Comparison { same, last_looked_at: here.address() });
            }
            if index == 0 {
                let is_whole = first_complete(here.previous()).is_none();
                return is_whole.then_some(Comparison { same, last_looked_at: 0 });
            }
            inner = Some(here);
            index -= 1;
            frame = here.previous()?;
        }
    }
}

/// The frame that stands where the kept one stood, if only frames that are not complete stand in
/// front of it. A frame that was pushed there anew and is not complete is passed over like those. `inner` becomes the
/// frame in front of it.
#[inline(always)]
fn skip_to<L: LayoutSource>(mut here: Frame<L>, inner: &mut Option<Frame<L>>, kept: &Entry) -> Option<Frame<L>> {
    loop {
        let is_there = here.address() == kept.frame;
        if is_there && here.position().is(kept.position) {
            return Some(here);
        }
        if here.is_complete() {
            return is_there.then_some(here);
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
