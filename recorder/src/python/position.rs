//! Where a frame is: in which code object, and at which instruction of it, as one number that is quickly compared.

use super::layout::{Layout, Position};

/// In place of an index, for a frame that has not begun: it stands in front of the first unit, and its line is
/// that of the definition. Functions that trace calls see frames so before Python 3.11.
pub(super) const NOT_BEGUN: u32 = u32::MAX;

/// Bits of a position that hold the index, where a frame has its code object and an index.
const INDEX_BITS: u32 = 21;
/// What stands there for [`NOT_BEGUN`].
const INDEX_NOT_BEGUN: u64 = (1 << INDEX_BITS) - 1;

/// The place of a frame in the code that is alive now. Equal positions are the same instruction of the same code
/// object, as long as no code object dies; but [`FramePosition::UNKNOWN`] equals nothing.
///
/// From 3.11 on it is the address of the code unit, which lies inside the code object. Before, it is made of the
/// address of the code object, of which 43 bits tell (user space has 47 on x86-64, and objects are aligned to
/// 16 bytes), and the index. Indexes beyond two million are unknown.
#[derive(Clone, Copy, Default)]
pub(super) struct FramePosition(pub(super) u64);

impl FramePosition {
    /// The position of no frame.
    pub(super) const UNKNOWN: FramePosition = FramePosition(0);

    /// Where whoever called the outermost frame is. No code object is there.
    pub(super) const OUTSIDE: FramePosition = FramePosition(1);

    /// From 3.11 on.
    #[inline(always)]
    pub(super) fn at_address(code_unit: usize) -> FramePosition {
        FramePosition(code_unit as u64)
    }

    /// Until 3.10.
    #[inline(always)]
    pub(super) fn at_index(code: usize, index: u32) -> FramePosition {
        let index = match u64::from(index) {
            index if index < INDEX_NOT_BEGUN => index,
            index if index == u64::from(NOT_BEGUN) => INDEX_NOT_BEGUN,
            _ => return FramePosition::UNKNOWN,
        };
        FramePosition((code as u64 >> 4) << INDEX_BITS | index)
    }

    /// Whether both are the same, and known.
    #[inline(always)]
    pub(super) fn is(self, other: FramePosition) -> bool {
        self.0 == other.0 && self.0 != FramePosition::UNKNOWN.0
    }
}

/// What the instructions of the code object at this address are counted from.
#[inline(always)]
pub(super) fn instructions(code: usize, layout: &Layout) -> usize {
    match layout.position {
        Position::Address { code_units, .. } => code + code_units,
        Position::LastInstruction { .. } => 0,
    }
}

/// The index of an instruction, as a frame says it: an address from 3.11 on, before that a number of bytes or units, with
/// the sign kept. `instructions` is what [`instructions`] says.
#[inline(always)]
pub(super) fn instruction_index(instructions: usize, instruction: usize, layout: &Layout) -> u32 {
    // One that has not begun is at the unit in front of the first: -1, which is NOT_BEGUN.
    match layout.position {
        Position::Address { .. } => (instruction.wrapping_sub(instructions) as isize >> 1) as u32,
        Position::LastInstruction { per_unit, .. } => (instruction as isize).div_euclid(per_unit as isize) as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: usize = 0x7fff_1234_5670;

    #[test]
    fn positions_tell_code_objects_and_indexes_apart() {
        let places =
            [(CODE, 0), (CODE, 1), (CODE, 2_097_150), (CODE, NOT_BEGUN), (CODE + 16, 0), (CODE - 16, NOT_BEGUN)];
        for (at, one) in places.into_iter().enumerate() {
            for (other_at, other) in places.into_iter().enumerate() {
                let is_same = FramePosition::at_index(one.0, one.1).is(FramePosition::at_index(other.0, other.1));
                assert_eq!(is_same, at == other_at, "{one:x?} {other:x?}");
            }
        }
    }

    #[test]
    fn an_unknown_position_equals_nothing() {
        for index in [2_097_151, 3_000_000, NOT_BEGUN - 1] {
            let position = FramePosition::at_index(CODE, index);
            assert!(!position.is(position), "{index}");
        }
    }
}
