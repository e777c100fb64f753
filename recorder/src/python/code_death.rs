//! Code objects die, and others are made at their addresses. Python calls the deallocator through a
//! plain slot of a static type; ours stands in front and forgets the address.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::mem::transmute;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::interning;
use super::layout::Layout;
use crate::guard::Guard;
use crate::real;

static ORIGINAL: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// From now on dying code objects are noticed. Called before Python is initialized.
pub(super) fn watch(layout: &Layout) {
    let code_type = real::symbol(c"PyCode_Type");
    if code_type.is_null() {
        return;
    }
    // SAFETY: PyCode_Type is a static, writable PyTypeObject whose tp_dealloc is at this offset, and
    // no code of Python's runs yet that could read the slot.
    unsafe {
        let slot = code_type.cast::<u8>().add(layout.type_dealloc).cast::<*mut c_void>();
        ORIGINAL.store(slot.read(), Ordering::Release);
        slot.write(on_code_death as *mut c_void);
    }
}

unsafe extern "C" fn on_code_death(code: *mut c_void) {
    {
        let _silence = Guard::silence();
        interning::forget_code(code as usize);
    }
    let original = ORIGINAL.load(Ordering::Acquire);
    // SAFETY: watch() stored the type's own deallocator before this function could be called; the
    // object goes on to it as it came.
    unsafe { transmute::<*mut c_void, unsafe extern "C" fn(*mut c_void)>(original)(code) }
}
