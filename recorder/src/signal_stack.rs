//! The stack that a thread may have for its signal handlers, sigaltstack(2).
#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr::null;

/// Whether the calling thread runs on it.
pub(crate) fn is_in_use() -> bool {
    of_this_thread().is_some_and(|stack| stack.ss_flags & libc::SS_ONSTACK != 0)
}

/// Where it lies; nowhere if the calling thread has none.
pub(crate) fn addresses() -> Range<u64> {
    match of_this_thread() {
        Some(stack) if stack.ss_flags & libc::SS_DISABLE == 0 => {
            let start = stack.ss_sp as u64;
            start..start.saturating_add(stack.ss_size as u64)
        }
        _ => 0..0,
    }
}

fn of_this_thread() -> Option<libc::stack_t> {
    let mut stack = MaybeUninit::uninit();
    // SAFETY: nothing is changed; the structure is filled when the call returns 0.
    unsafe { (libc::sigaltstack(null(), stack.as_mut_ptr()) == 0).then(|| stack.assume_init()) }
}
