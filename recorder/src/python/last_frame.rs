//! The frame that a stack was last found to end with: what the quickest way to the next stack needs to know of it.

use format::{PathId, StackId};

use super::frames::Frame;
use super::layout::{LayoutSource, MarkPlace};
use super::marker::ThreadMark;
use super::position::{FramePosition, instructions};
use super::stack_cache::Entry;

/// See the module.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct LastFrame {
    /// Addresses of the thread state and the frame.
    pub(super) thread_state: usize,
    frame: usize,
    /// Where the instructions of its code object are.
    instructions: usize,
    /// Where generators cannot be marked: the frame behind it, and where that was.
    caller: usize,
    caller_position: FramePosition,
    /// The call path that ends there.
    path: PathId,
}

impl LastFrame {
    /// None. Thread states and frames are aligned.
    pub(super) const NONE: LastFrame = LastFrame {
        thread_state: 1,
        frame: 1,
        instructions: 0,
        caller: 1,
        caller_position: FramePosition::UNKNOWN,
        path: PathId(0),
    };

    /// The frame of the last of these entries, which are those of the chain of this thread state.
    #[inline(always)]
    pub(super) fn of<L: LayoutSource>(entries: &[Entry], thread_state: *const u8, layout: L) -> LastFrame {
        let Some((last, callers)) = entries.split_last() else { return LastFrame::NONE };
        let caller = callers.last().filter(|_| matches!(layout.layout().mark, Some(MarkPlace::Visited(_))));
        LastFrame {
            thread_state: thread_state as usize,
            frame: last.frame,
            instructions: instructions(last.code, layout.layout()),
            caller: caller.map_or(LastFrame::NONE.caller, |caller| caller.frame),
            caller_position: caller.map_or(FramePosition::UNKNOWN, |caller| caller.position),
            path: last.path,
        }
    }

    /// The stack of this thread state, which is that of the last frame. If the thread is in that again, in the same
    /// call, its call path is the last one, and only its position may be another.
    #[inline(always)]
    pub(super) fn stack<L: LayoutSource>(
        &self,
        thread_state: *const u8,
        mark: ThreadMark,
        layout: L,
    ) -> Option<StackId> {
        let innermost = Frame::innermost_at(self.frame, thread_state, layout)?;
        if !innermost.is_marked(mark) && !self.is_resumed(innermost, mark) {
            return None;
        }
        Some(StackId { path: self.path, instruction: innermost.index_behind(self.instructions) })
    }

    /// Whether the innermost frame, which is at the last one's address, is a generator's that cannot be marked, but is
    /// resumed by the same call at the same place as then.
    #[inline(always)]
    fn is_resumed<L: LayoutSource>(&self, innermost: Frame<L>, mark: ThreadMark) -> bool {
        innermost.is_unmarkable_generator()
            && instructions(innermost.code(), innermost.layout()) == self.instructions
            && innermost
                .previous_at(self.caller)
                .is_some_and(|caller| caller.is_marked(mark) && caller.position().is(self.caller_position))
    }
}

impl Default for LastFrame {
    fn default() -> LastFrame {
        LastFrame::NONE
    }
}
