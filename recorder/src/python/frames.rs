//! The frames of the calling thread, innermost first, read where the interpreter keeps them.
//!
//! A thread only reads its own frames. They do not change while it is inside a hook, whether it
//! holds the GIL or not: what they point to is kept alive by the frames themselves.
#![allow(unsafe_code)]

use std::ffi::c_void;

use super::layout::{Layout, LayoutSource, MarkPlace, Position, Waiting};
use super::marker::ThreadMark;
use super::position::{FramePosition, instruction_index, instructions};

/// `_PyInterpreterFrame.owner` of a function's frame.
const OWNED_BY_THREAD: u8 = 0;
/// `_PyInterpreterFrame.owner` of a generator's frame: it counts as complete from its start.
const OWNED_BY_GENERATOR: u8 = 1;
/// From this owner on a frame is the interpreter's own and not of Python code. It came with 3.12.
const FIRST_OF_INTERPRETER: u8 = 3;
/// Low bits that 3.14 and later use as a tag in a frame's pointers to objects; always zero before.
const TAG_BITS: usize = 3;

/// `PyFrameObject.f_executing` of a frame that runs.
const EXECUTING: u8 = 1;
/// Where `owner` begins in the eight bytes of [`MarkPlace::Visited`].
const OWNER_SHIFT: u32 = 16;

/// A frame that is on the calling thread's chain right now. The type cannot outlive the hook: it is
/// made from the chain and never stored; what is stored is its address, as a number.
#[derive(Clone, Copy)]
pub(super) struct Frame<L> {
    address: *const u8,
    layout: L,
}

impl<L: LayoutSource> Frame<L> {
    /// The innermost frame, Python's or not, of this thread state.
    #[inline(always)]
    pub(super) fn innermost(thread_state: *const u8, source: L) -> Option<Frame<L>> {
        let layout = source.layout();
        // SAFETY: a live thread state of this layout's version points to a frame or nothing, or to
        // a cframe, which lives on the C stack or in the thread state and points to a frame or nothing.
        let address: *const u8 = unsafe {
            let frame: *const u8 = read(thread_state, layout.thread_frame);
            match layout.cframe_frame {
                Some(cframe_frame) if !frame.is_null() => read(frame, cframe_frame),
                _ => frame,
            }
        };
        Frame::new(address, source)
    }

    /// The innermost frame of this thread state, if it is the one at `address`, which is not 0. It has been asked for
    /// that before.
    #[inline(always)]
    pub(super) fn innermost_at(address: usize, thread_state: *const u8, source: L) -> Option<Frame<L>> {
        let layout = source.layout();
        // SAFETY: as above. Once a thread state has a cframe it always has one.
        let innermost: *const u8 = unsafe {
            let frame: *const u8 = read(thread_state, layout.thread_frame);
            layout.cframe_frame.map_or(frame, |cframe_frame| read(frame, cframe_frame))
        };
        (innermost as usize == address).then_some(Frame { address: innermost, layout: source })
    }

    #[inline(always)]
    fn new(address: *const u8, layout: L) -> Option<Frame<L>> {
        (!address.is_null()).then_some(Frame { address, layout })
    }

    /// The frame that waits for this one.
    #[inline(always)]
    pub(super) fn previous(self) -> Option<Frame<L>> {
        // SAFETY: a frame on the chain is live, and so is what its link points to.
        Frame::new(unsafe { read(self.address, self.layout().frame_previous) }, self.layout)
    }

    /// The frame that waits for this one, if it is the one at `address`, which is not 0.
    #[inline(always)]
    pub(super) fn previous_at(self, address: usize) -> Option<Frame<L>> {
        // SAFETY: as above.
        let previous: *const u8 = unsafe { read(self.address, self.layout().frame_previous) };
        (previous as usize == address).then_some(Frame { address: previous, layout: self.layout })
    }

    /// Where this frame's parts are.
    #[inline(always)]
    pub(super) fn layout(&self) -> &Layout {
        self.layout.layout()
    }

    #[inline(always)]
    pub(super) fn address(self) -> usize {
        self.address as usize
    }

    /// Address of the frame's code object.
    #[inline(always)]
    pub(super) fn code(self) -> usize {
        // SAFETY: a frame on the chain is live and initialized.
        unsafe { read::<usize>(self.address, self.layout().frame_code) & !TAG_BITS }
    }

    /// Where in it the frame is, as the frame says it: see [`instruction_index`].
    #[inline(always)]
    fn instruction(self) -> usize {
        // SAFETY: a frame on the chain is live and initialized.
        unsafe {
            match self.layout().position {
                Position::Address { instruction, .. } => read(self.address, instruction),
                // With the sign kept: -1 is the largest address.
                Position::LastInstruction { last_instruction, .. } => {
                    read::<i32>(self.address, last_instruction) as usize
                }
            }
        }
    }

    /// Where the frame is.
    #[inline(always)]
    pub(super) fn position(self) -> FramePosition {
        match self.layout().position {
            Position::Address { .. } => FramePosition::at_address(self.instruction()),
            Position::LastInstruction { .. } => FramePosition::at_index(self.code(), self.index()),
        }
    }

    /// Index of the code unit that the frame is at, or [`NOT_BEGUN`](super::position::NOT_BEGUN).
    #[inline(always)]
    pub(super) fn index(self) -> u32 {
        self.index_behind(instructions(self.code(), self.layout()))
    }

    /// The same, of a frame that is known to have the code object whose [`instructions`] are there.
    #[inline(always)]
    pub(super) fn index_behind(self, instructions: usize) -> u32 {
        instruction_index(instructions, self.instruction(), self.layout())
    }

    /// The object in a local variable, null if it is not set.
    pub(super) fn local(self, index: usize) -> *const u8 {
        // SAFETY: a live frame of a function has all its local variables there.
        let reference: usize = unsafe { read(self.address, self.layout().frame_locals + index * size_of::<usize>()) };
        (reference & !TAG_BITS) as *const u8
    }

    /// Whether it is the call of a function that [`Frame::mark`] was called in, so that the frames behind it are as
    /// they were then.
    #[inline(always)]
    pub(super) fn is_marked(self, mark: ThreadMark) -> bool {
        // SAFETY: a live frame of this layout.
        unsafe {
            match self.layout().mark {
                None => false,
                Some(MarkPlace::Executing(flag)) => read::<u8>(self.address, flag) == ThreadMark::EXECUTING,
                Some(MarkPlace::StackTop(top)) => read::<i32>(self.address, top) == mark.top(),
                Some(MarkPlace::Visited(start)) => read::<u64>(self.address, start) >> OWNER_SHIFT == mark.visited(),
            }
        }
    }

    /// Whether it is a generator's in a Python where those cannot be marked, but others can.
    #[inline(always)]
    pub(super) fn is_unmarkable_generator(self) -> bool {
        matches!(self.layout().mark, Some(MarkPlace::Visited(start)) if self.owner_at(start) == OWNED_BY_GENERATOR)
    }

    /// Marks the frame, if it can be. To be called when the frames behind it are kept.
    #[inline(always)]
    pub(super) fn mark(self, mark: ThreadMark) {
        // SAFETY: a live frame of this layout, of the thread that Python runs in. Nobody else writes there, and Python
        // takes both numbers alike: see `marker.rs`.
        unsafe {
            match self.layout().mark {
                None => {}
                Some(MarkPlace::Executing(flag)) => self.replace(flag, |it| it == EXECUTING, ThreadMark::EXECUTING),
                // -1, or the mark of the thread whose fork this is.
                Some(MarkPlace::StackTop(top)) => self.replace(top, i32::is_negative, mark.top()),
                // Python's own bytes in front of these stay as they are.
                Some(MarkPlace::Visited(start)) if self.owner_at(start) == OWNED_BY_THREAD => {
                    let [_, visited, padding @ .., _, _] = mark.visited().to_le_bytes();
                    self.write(start + 3, visited);
                    self.write(start + 4, padding);
                }
                Some(MarkPlace::Visited(_)) => {}
            }
        }
    }

    /// Puts a mark in place of what is there, if the frame can be marked.
    ///
    /// # Safety
    /// `offset` is that of a T in the frame, which no other thread writes, and Python takes both numbers alike.
    #[inline(always)]
    unsafe fn replace<T: Copy>(self, offset: usize, can_be_marked: impl Fn(T) -> bool, mark: T) {
        // SAFETY: the caller's promise.
        unsafe {
            if can_be_marked(read::<T>(self.address, offset)) {
                self.write(offset, mark);
            }
        }
    }

    /// # Safety
    /// The same.
    #[inline(always)]
    unsafe fn write<T>(self, offset: usize, value: T) {
        // SAFETY: the caller's promise.
        unsafe { self.address.cast_mut().add(offset).cast::<T>().write(value) }
    }

    /// The frame's owner, which is among the eight bytes of [`MarkPlace::Visited`] that begin there.
    #[inline(always)]
    fn owner_at(self, start: usize) -> u8 {
        // SAFETY: a live frame of this layout.
        unsafe { read(self.address, start + 2) }
    }

    /// Where the top of the frame's value stack is, if it waits for `inner`, which is the next frame on the chain, in
    /// the way that `marker.rs` tells of. Never 0.
    #[inline(always)]
    pub(super) fn waiting_top(self, inner: Frame<L>) -> Option<i32> {
        let waiting = self.layout().waiting.as_ref()?;
        // SAFETY: this is a live frame of this layout.
        let owner = unsafe { read::<u8>(self.address, waiting.owner) };
        if owner > OWNED_BY_GENERATOR { None } else { self.top_while_waiting(inner, waiting) }
    }

    /// Whether the frame, in which a marker was put when its top was at `top`, waits for `inner` in that way.
    #[inline(always)]
    pub(super) fn still_waits(self, inner: Frame<L>, top: i32) -> bool {
        self.layout().waiting.as_ref().is_some_and(|waiting| self.top_while_waiting(inner, waiting) == Some(top))
    }

    #[inline(always)]
    fn top_while_waiting(self, inner: Frame<L>, waiting: &Waiting) -> Option<i32> {
        // SAFETY: both are live frames of this layout.
        unsafe {
            if read::<u8>(inner.address, waiting.owner) != OWNED_BY_THREAD {
                return None;
            }
            if let Some(is_entry) = waiting.is_entry
                && read::<u8>(inner.address, is_entry) != 0
            {
                return None;
            }
            if let Some(unmarkable) = waiting.unmarkable {
                // In front of a code object's code units are its other fields, longer than what this goes back.
                let instruction = self.instruction() - 2 * unmarkable.units_behind;
                if unmarkable.opcodes.contains(&read::<u8>(instruction as *const u8, 0)) {
                    return None;
                }
            }
            let top: i32 = read(self.address, waiting.stack_top);
            (top > 0).then_some(top)
        }
    }

    /// Address of the slot at this top of the frame's value stack.
    #[inline(always)]
    pub(super) fn slot(self, top: i32) -> usize {
        self.address() + self.layout().frame_locals + top as usize * size_of::<usize>()
    }

    /// Whether the frame is one of Python code that has begun its function's body; before that its
    /// line is not known, and Python's own tracebacks leave it out (`_PyFrame_IsIncomplete`).
    #[inline(always)]
    pub(super) fn is_complete(self) -> bool {
        let Position::Address { owner, code_first_traceable, code_units, .. } = self.layout().position else {
            return true;
        };
        // SAFETY: a live frame has its owner.
        match unsafe { read::<u8>(self.address, owner) } {
            FIRST_OF_INTERPRETER.. => false,
            OWNED_BY_GENERATOR => true,
            _ => {
                let code = self.code();
                // SAFETY: the frame is not the interpreter's, so it holds its code object.
                let first_traceable: i32 = unsafe { read(code as *const u8, code_first_traceable) };
                self.instruction() >= code + code_units + 2 * first_traceable.max(0) as usize
            }
        }
    }
}

/// Frames of the calling thread that have no object yet, see [`FramesWithoutObject::restore`].
pub(super) struct FramesWithoutObject {
    /// Addresses of the frames' pointers to their objects.
    pointers: Vec<usize>,
}

impl FramesWithoutObject {
    /// Those on the chain from `innermost` on. Until 3.10 there are none: frames are objects.
    pub(super) fn of<L: LayoutSource>(innermost: Option<Frame<L>>) -> FramesWithoutObject {
        let mut pointers = Vec::new();
        let mut frame = innermost;
        while let Some(here) = frame {
            if let Position::Address { object, .. } = here.layout().position
                && here.is_complete()
            {
                // SAFETY: a live frame of Python code has this pointer, which is initialized.
                let has_none = unsafe { read::<usize>(here.address, object) } == 0;
                if has_none {
                    pointers.push(here.address() + object);
                }
            }
            frame = here.previous();
        }
        FramesWithoutObject { pointers }
    }

    /// Takes from these frames the objects that they have got meanwhile, and gives these back.
    ///
    /// Python makes a frame's object when somebody asks for it, and an allocation of that very moment
    /// may be the one that is being recorded. Python does not expect that the frame has an object when
    /// the allocation returns: it would lose one of the two.
    ///
    /// # Safety
    /// The calling thread holds the GIL and has run no Python code since [`FramesWithoutObject::of`];
    /// nobody keeps the objects. `give_back` is `Py_DecRef`.
    pub(super) unsafe fn restore(self, give_back: unsafe extern "C" fn(*mut c_void)) {
        for pointer in self.pointers {
            let pointer = pointer as *mut *mut c_void;
            // SAFETY: the frame is still on the chain. Its reference to the object is the only one, and
            // moves from the frame to us; an object whose frame lives on gives back only itself
            // (as in _PyFrame_ClearExceptCode).
            unsafe {
                let object = pointer.replace(std::ptr::null_mut());
                if !object.is_null() {
                    give_back(object);
                }
            }
        }
    }
}

/// # Safety
/// `start + offset` holds a T.
#[inline(always)]
unsafe fn read<T: Copy>(start: *const u8, offset: usize) -> T {
    // SAFETY: the caller's promise.
    unsafe { start.add(offset).cast::<T>().read() }
}
