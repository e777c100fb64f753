//! The stacks that a thread had last, by what they are made of: a small table in front of the one of all threads,
//! which is large and so further away from the processor.

use format::{CodeId, StackId};

use super::interning::find_stack;

/// Of 16 bytes each. Each key has one place.
const PLACES: usize = 1024;

#[derive(Clone, Copy, Default)]
struct Place {
    parent: StackId,
    code: CodeId,
    instruction: u32,
    /// [`StackId::EMPTY`] in a place that is free.
    stack: StackId,
}

/// See the module. It has its places from its first use on: threads without Python have none. (They are made in place;
/// some threads have a stack that would not hold them.)
#[derive(Default)]
pub(super) struct StackMemo(Vec<Place>);

impl StackMemo {
    /// The id of a stack, if any thread knows it.
    #[inline(always)]
    pub(super) fn find(&mut self, parent: StackId, code: CodeId, instruction: u32) -> Option<StackId> {
        // Fibonacci hashing: the upper bits of a product with an odd number near 2^32 divided by the golden ratio.
        let mixed = (parent.0 ^ instruction.rotate_left(16) ^ code.0.rotate_left(8)).wrapping_mul(0x9e37_79b9);
        let index = (mixed >> (u32::BITS - PLACES.ilog2())) as usize;
        match self.0.get(index) {
            Some(place)
                if place.stack != StackId::EMPTY
                    && place.parent == parent
                    && place.code == code
                    && place.instruction == instruction =>
            {
                Some(place.stack)
            }
            _ => self.find_and_keep(index, parent, code, instruction),
        }
    }

    #[inline(never)]
    fn find_and_keep(&mut self, index: usize, parent: StackId, code: CodeId, instruction: u32) -> Option<StackId> {
        let stack = find_stack(parent, code, instruction)?;
        if self.0.is_empty() {
            self.0.resize(PLACES, Place::default());
        }
        if let Some(place) = self.0.get_mut(index) {
            *place = Place { parent, code, instruction, stack };
        }
        Some(stack)
    }
}
