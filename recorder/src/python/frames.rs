//! The frames of the calling thread, innermost first, read where the interpreter keeps them.
//!
//! A thread only reads its own frames. They do not change while it is inside a hook, whether it
//! holds the GIL or not: what they point to is kept alive by the frames themselves.
#![allow(unsafe_code)]

use std::ffi::c_void;

use super::layout::Layout;
use crate::real;

/// How to get the thread state of the calling thread.
pub(super) struct ThreadStates {
    of_this_thread: unsafe extern "C" fn() -> *mut c_void,
}

impl ThreadStates {
    pub(super) fn find() -> Option<ThreadStates> {
        // SAFETY: the function has this signature in every CPython 3.
        unsafe { real::function(c"PyGILState_GetThisThreadState") }
            .map(|of_this_thread| ThreadStates { of_this_thread })
    }

    /// The thread state, null if this thread is not one of Python's (or Python does not run).
    #[inline(always)]
    pub(super) fn of_this_thread(&self) -> *const u8 {
        // SAFETY: it reads thread-specific data; allowed at any time, without the GIL.
        unsafe { (self.of_this_thread)() }.cast::<u8>()
    }
}

/// A frame that is on the calling thread's chain right now. The type cannot outlive the hook: it is
/// made from the chain and never stored; what is stored is its address, as a number.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    address: *const u8,
    layout: &'a Layout,
}

/// The parts of a frame that decide whether it is as it was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameState {
    /// Address of the frame.
    pub(super) frame: usize,
    /// Address of its code object.
    pub(super) code: usize,
    /// Address of the code unit it is at.
    pub(super) instruction: usize,
}

impl<'a> Frame<'a> {
    /// The innermost frame, Python's or not, of this thread state.
    #[inline(always)]
    pub(super) fn innermost(thread_state: *const u8, layout: &'a Layout) -> Option<Frame<'a>> {
        // SAFETY: a live thread state of this layout's version points to a cframe, which lives on
        // the C stack or in the thread state and points to a frame or nothing.
        let address = unsafe {
            let cframe: *const u8 = read(thread_state, layout.thread_cframe);
            if cframe.is_null() {
                return None;
            }
            read(cframe, layout.cframe_frame)
        };
        Frame::new(address, layout)
    }

    #[inline(always)]
    fn new(address: *const u8, layout: &'a Layout) -> Option<Frame<'a>> {
        (!address.is_null()).then_some(Frame { address, layout })
    }

    /// The frame that waits for this one.
    #[inline(always)]
    pub(super) fn previous(self) -> Option<Frame<'a>> {
        // SAFETY: a frame on the chain is live, and so is what its link points to.
        Frame::new(unsafe { read(self.address, self.layout.frame_previous) }, self.layout)
    }

    #[inline(always)]
    pub(super) fn address(self) -> usize {
        self.address as usize
    }

    #[inline(always)]
    pub(super) fn state(self) -> FrameState {
        // SAFETY: a frame on the chain is live and initialized.
        unsafe {
            FrameState {
                frame: self.address(),
                code: read::<usize>(self.address, self.layout.frame_code),
                instruction: read::<usize>(self.address, self.layout.frame_instruction),
            }
        }
    }

    /// The object in a local variable, null if it is not set.
    pub(super) fn local(self, index: usize) -> *const u8 {
        /// From 3.14 on the lowest bits of a reference say who owns it (`_PyStackRef`).
        const OWNER_BITS: usize = 7;
        // SAFETY: a live frame of a function has all its local variables there.
        let reference: usize = unsafe { read(self.address, self.layout.frame_locals + index * size_of::<usize>()) };
        (reference & !OWNER_BITS) as *const u8
    }

    /// Whether the frame has begun its function's body; before that its line is not known, and
    /// Python's own tracebacks leave it out (`_PyFrame_IsIncomplete`).
    pub(super) fn is_complete(self) -> bool {
        let FrameState { code, instruction, .. } = self.state();
        // SAFETY: a live frame holds its code object.
        unsafe {
            let owner: u8 = read(self.address, self.layout.frame_owner);
            let first_traceable: i32 = read(code as *const u8, self.layout.code_first_traceable);
            let first = code + self.layout.code_units + 2 * first_traceable.max(0) as usize;
            owner == self.layout.owner_generator || instruction >= first
        }
    }
}

/// Index of the code unit at `instruction` in its code object. A generator that has not begun
/// stands in front of the first.
pub(super) fn instruction_index(state: FrameState, layout: &Layout) -> u32 {
    let offset = state.instruction.wrapping_sub(state.code + layout.code_units) as isize;
    (offset / 2).clamp(0, u32::MAX as isize) as u32
}

/// # Safety
/// `start + offset` holds a T.
#[inline(always)]
unsafe fn read<T: Copy>(start: *const u8, offset: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { start.add(offset).cast::<T>().read() }
}
