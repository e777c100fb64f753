//! The walk of a stack cache where few frames have run since the last stack: as many as are looked at here.

use arrayvec::ArrayVec;
use format::StackId;

use super::frames::Frame;
use super::layout::LayoutSource;
use super::marker::Marker;
use super::stack_cache::{NEAR, StackCache, WalkedFrame};

/// Most frames that are looked at.
const INNERMOST: usize = 8;

impl StackCache {
    /// Updates the entries up to the first frame of which a marker tells that what is behind it is as it was. `None` if
    /// there are many; then no entry has changed, and no mark of the thread was set.
    #[inline(always)]
    pub(super) fn update_innermost<L: LayoutSource>(&mut self, innermost: Frame<L>) -> Option<StackId> {
        // Without markers all frames have to be looked at.
        innermost.layout().mark.as_ref()?;
        let place = self.place_near(self.depth, innermost.address());
        match place {
            Some(place) if innermost.is_marked(self.thread_mark) => self.return_to(place, innermost),
            _ => self.update_changed(innermost, place),
        }
    }

    /// The same, if the innermost frame, whose entry is at this place, if any, was called or has run.
    #[inline(never)]
    fn update_changed<L: LayoutSource>(&mut self, innermost: Frame<L>, place: Option<usize>) -> Option<StackId> {
        let mut walked: ArrayVec<(Frame<L>, Marker), INNERMOST> = ArrayVec::new();
        if innermost.is_complete() {
            walked.push((innermost, Marker::NONE));
        }
        // Frames further outwards are among this many entries, if at all.
        let mut candidates = place.unwrap_or(self.depth);
        let mut inner = innermost;
        let same = loop {
            let Some(frame) = inner.previous() else { break 0 };
            let place = self.place_near(candidates, frame.address());
            let entry = place.map(|place| &self.entries[place]);
            candidates = place.unwrap_or(candidates);
            let is_same_call = place.is_some() && frame.is_marked(self.thread_mark);
            let is_kept = entry.is_some_and(|entry| entry.position.is(frame.position()));
            if let Some(entry) = entry
                && !is_same_call
                && is_kept
                && entry.marker.is_intact(frame, inner)
            {
                break candidates + 1;
            }
            // What was kept once is complete.
            if is_kept || is_same_call || frame.is_complete() {
                let marker = self.place_marker(frame, Some(inner));
                walked.try_push((frame, marker)).ok()?;
            }
            if is_same_call {
                break candidates;
            }
            inner = frame;
        };
        let mut caller = self.caller(same);
        self.depth = same + walked.len();
        for (place, &(frame, marker)) in (same..).zip(walked.iter().rev()) {
            self.mark(frame);
            caller = self.keep(place, caller, WalkedFrame::of(frame), marker, frame.layout());
        }
        Some(caller.stack)
    }

    /// Where the entry of the frame at this address is, if it is one of the last before `end`.
    #[inline(always)]
    fn place_near(&self, end: usize, frame: usize) -> Option<usize> {
        let near = end.saturating_sub(NEAR);
        self.entries[near..end].iter().rposition(|entry| entry.frame == frame).map(|place| near + place)
    }

    /// Nothing but the frame of this entry has run, or what it called: it is where it may be another instruction.
    #[inline(always)]
    fn return_to<L: LayoutSource>(&mut self, place: usize, frame: Frame<L>) -> Option<StackId> {
        self.depth = place + 1;
        let entry = self.entries.get_mut(place)?;
        (entry.position, entry.index, entry.marker) = (frame.position(), frame.index(), Marker::NONE);
        Some(entry.as_caller().stack)
    }
}
