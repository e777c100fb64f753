//! The call paths that a thread had last, by what they are made of: a small table in front of the one of all threads,
//! which is large and so further away from the processor, and which asks for the ids of code objects.

use format::{CodeId, PathId, StackId};

use super::interning::{code_id, path_id};
use super::layout::Layout;
use super::position::FramePosition;

/// Of 32 bytes each. Each key has one place.
const PLACES: usize = 512;

/// A frame that waits for another one: its stack, and where it is.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub(super) stack: StackId,
    pub(super) position: FramePosition,
}

impl Caller {
    /// Nobody, the caller of the outermost frame.
    pub(super) const NOBODY: Caller = Caller { stack: StackId::EMPTY, position: FramePosition::OUTSIDE };

    /// Whether a frame of the same code called by either has the same call path.
    #[inline(always)]
    pub(super) fn is(self, other: Caller) -> bool {
        self.position.is(other.position) && self.stack.path == other.stack.path
    }
}

impl Default for Caller {
    fn default() -> Caller {
        Caller { stack: StackId::EMPTY, position: FramePosition::UNKNOWN }
    }
}

#[derive(Clone, Copy, Default)]
struct Place {
    caller: Caller,
    /// Address of the code object.
    code: usize,
    path: PathId,
}

/// See the module.
#[derive(Default)]
pub(super) struct PathMemo {
    /// There from the first use on: threads without Python have none. (They are made in place; some threads have a stack
    /// that would not hold them.)
    places: Vec<Place>,
    /// What was interned last: the code object at an address, and a path.
    code: (usize, CodeId),
    last: PathId,
    /// Whether there is something to be checked: a path that no thread knew has come, or everything is.
    pub(super) has_new: bool,
}

impl PathMemo {
    /// The id of the call path of a frame with the code object at this address.
    #[inline(always)]
    pub(super) fn path(&mut self, caller: Caller, code: usize, layout: &Layout) -> PathId {
        match self.places.get(place_of(caller, code)) {
            Some(place) if place.code == code && place.caller.is(caller) => place.path,
            _ => self.intern(caller, code, layout),
        }
    }

    #[inline(never)]
    fn intern(&mut self, caller: Caller, code: usize, layout: &Layout) -> PathId {
        if self.code.0 != code {
            self.code = (code, code_id(code, layout));
        }
        let (path, is_new) = path_id(caller.stack, self.code.1, self.last);
        self.last = path;
        self.has_new |= is_new;
        if self.places.is_empty() {
            self.places.resize(PLACES, Place::default());
        }
        if let Some(place) = self.places.get_mut(place_of(caller, code)) {
            *place = Place { caller, code, path };
        }
        path
    }

    /// Forgets everything: a code object has died, and its addresses may become another's.
    pub(super) fn clear(&mut self) {
        self.places.fill(Place::default());
        self.code = (0, CodeId::default());
    }
}

#[inline(always)]
fn place_of(caller: Caller, code: usize) -> usize {
    // Fibonacci hashing: the upper bits of a product with an odd number near 2^64 divided by the golden ratio.
    let key = caller.position.0 ^ u64::from(caller.stack.path.0) << 32 ^ (code as u64).rotate_left(20);
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - PLACES.ilog2())) as usize
}
