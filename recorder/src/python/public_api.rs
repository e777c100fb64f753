//! The calling thread's frames as Python's public API tells them: slow, and beyond doubt.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_long, c_void};

use super::collection::Collection;
use super::frames::{Frame, FramesWithoutObject};
use super::layout::LayoutSource;
use super::position::NOT_BEGUN;
use super::thread_states::get_unchecked;
use crate::real;

/// The public functions that know frames. They make objects, so they allocate.
pub(super) struct PublicApi {
    attached_thread_state: unsafe extern "C" fn() -> *mut c_void,
    current_frame: unsafe extern "C" fn() -> *mut c_void,
    back: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    code: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    last_instruction: LastInstruction,
    give_back: unsafe extern "C" fn(*mut c_void),
    collection: Option<Collection>,
}

/// How to ask a frame for the byte offset of its last instruction.
enum LastInstruction {
    /// `PyFrame_GetLasti`, since 3.11.
    Function(unsafe extern "C" fn(*mut c_void) -> c_int),
    /// The attribute `f_lasti`.
    Attribute {
        get: unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void,
        as_long: unsafe extern "C" fn(*mut c_void) -> c_long,
    },
}

impl PublicApi {
    /// `None` if this Python does not export them.
    pub(super) fn find() -> Option<PublicApi> {
        // SAFETY: these functions have these signatures in every CPython that has them.
        unsafe {
            Some(PublicApi {
                attached_thread_state: get_unchecked()?,
                current_frame: real::function(c"PyEval_GetFrame")?,
                back: real::function(c"PyFrame_GetBack")?,
                code: real::function(c"PyFrame_GetCode")?,
                last_instruction: match real::function(c"PyFrame_GetLasti") {
                    Some(function) => LastInstruction::Function(function),
                    None => LastInstruction::Attribute {
                        get: real::function(c"PyObject_GetAttrString")?,
                        as_long: real::function(c"PyLong_AsLong")?,
                    },
                },
                give_back: real::function(c"Py_DecRef")?,
                collection: Collection::find(),
            })
        }
    }

    /// The thread state that Python is running with.
    pub(super) fn attached_thread_state(&self) -> *const u8 {
        // SAFETY: reads a variable of Python's; allowed at any time.
        unsafe { (self.attached_thread_state)() }.cast_const().cast()
    }

    /// Address of the code object and index of the code unit of each frame, innermost first. The
    /// chain that begins at `innermost` is left as it is.
    ///
    /// # Safety
    /// The calling thread holds the GIL, and the chain is its own.
    pub(super) unsafe fn frames<L: LayoutSource>(&self, innermost: Option<Frame<L>>) -> Vec<(usize, u32)> {
        let without_object = FramesWithoutObject::of(innermost);
        let mut frames = Vec::new();
        // SAFETY: the caller's promise. No Python code runs here. The first frame is borrowed, the ones behind it are new
        // references, given back here; so are the code objects, which their frames keep alive.
        unsafe {
            let _held_off = self.collection.as_ref().map(|collection| collection.hold_off());
            let mut frame = (self.current_frame)();
            let mut owned = false;
            while !frame.is_null() {
                let code = (self.code)(frame);
                frames.push((code as usize, self.last_instruction(frame)));
                (self.give_back)(code);
                let back = (self.back)(frame);
                if owned {
                    (self.give_back)(frame);
                }
                frame = back;
                owned = true;
            }
            without_object.restore(self.give_back);
        }
        frames
    }

    /// Index of the code unit that the frame is at; [`NOT_BEGUN`] for one that has not begun.
    ///
    /// # Safety
    /// The calling thread holds the GIL, and `frame` is a frame object.
    unsafe fn last_instruction(&self, frame: *mut c_void) -> u32 {
        // SAFETY: the caller's promise; the attribute is a new reference to an integer.
        let byte_offset = unsafe {
            match &self.last_instruction {
                LastInstruction::Function(function) => c_long::from(function(frame)),
                LastInstruction::Attribute { get, as_long } => {
                    let number = get(frame, c"f_lasti".as_ptr());
                    if number.is_null() {
                        return u32::MAX;
                    }
                    let value = as_long(number);
                    (self.give_back)(number);
                    value
                }
            }
        };
        if byte_offset < 0 { NOT_BEGUN } else { (byte_offset / 2) as u32 }
    }
}
