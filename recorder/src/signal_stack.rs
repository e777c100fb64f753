//! The stack that a thread may have for its signal handlers, sigaltstack(2).
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ptr::null;

/// Whether the calling thread runs on it.
pub(crate) fn is_in_use() -> bool {
    let mut stack = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: nothing is changed; the structure is filled when the call returns 0.
    unsafe {
        libc::sigaltstack(null(), stack.as_mut_ptr()) == 0 && stack.assume_init().ss_flags & libc::SS_ONSTACK != 0
    }
}
