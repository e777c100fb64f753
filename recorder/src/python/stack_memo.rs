//! The stacks that a thread had last, by what they are made of: a small table in front of the one of all threads,
//! which is large and so further away from the processor, and which asks for the code object.

use format::StackId;

use super::interning::{code_id, stack_id};
use super::layout::Layout;
use super::position::{CodePlace, FramePosition};
use super::whole_walk::WalkedFrame;

/// Of 16 bytes each. Each key has one place.
const PLACES: usize = 1024;

#[derive(Clone, Copy, Default)]
struct Place {
    position: FramePosition,
    parent: StackId,
    stack: StackId,
}

/// See the module.
#[derive(Default)]
pub(super) struct StackMemo {
    /// There from the first use on: threads without Python have none. (They are made in place; some threads have a stack
    /// that would not hold them.)
    places: Vec<Place>,
    /// Whether a stack that no thread knew has come since this was last set to false.
    pub(super) has_new: bool,
}

impl StackMemo {
    /// The id of the stack of `parent` and a complete frame at `position`, if it is remembered.
    #[inline(always)]
    pub(super) fn find(&self, parent: StackId, position: FramePosition) -> Option<StackId> {
        let place = self.places.get(place_of(parent, position))?;
        (place.position.is(position) && place.parent == parent).then_some(place.stack)
    }

    /// The same, in any case: `walked` is the frame.
    #[inline(always)]
    pub(super) fn find_or_intern(
        &mut self,
        parent: StackId,
        position: FramePosition,
        walked: impl FnOnce() -> WalkedFrame,
        layout: &Layout,
    ) -> StackId {
        match self.find(parent, position) {
            Some(stack) => stack,
            None => self.intern(parent, &walked(), layout),
        }
    }

    #[inline(never)]
    fn intern(&mut self, parent: StackId, walked: &WalkedFrame, layout: &Layout) -> StackId {
        let CodePlace { code, index } = walked.place;
        let (stack, is_new) = stack_id(parent, code_id(code, layout), index);
        self.has_new |= is_new;
        // Where a frame can be without having begun, a position does not tell that it is complete.
        if walked.has_begun {
            if self.places.is_empty() {
                self.places.resize(PLACES, Place::default());
            }
            if let Some(place) = self.places.get_mut(place_of(parent, walked.position)) {
                *place = Place { position: walked.position, parent, stack };
            }
        }
        stack
    }

    /// Forgets everything: a code object has died, and its addresses may become another's.
    pub(super) fn clear(&mut self) {
        self.places.fill(Place::default());
    }
}

#[inline(always)]
fn place_of(parent: StackId, position: FramePosition) -> usize {
    // Fibonacci hashing: the upper bits of a product with an odd number near 2^64 divided by the golden ratio.
    let mixed = (position.0 ^ u64::from(parent.0) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (u64::BITS - PLACES.ilog2())) as usize
}
