//! A thread that is to be cancelled is not cancelled in the middle of a malloc: system calls of recorder
//! code inside a hook are no cancellation points.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::ptr::null_mut;

unsafe extern "C" {
    fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
}

/// `PTHREAD_CANCEL_DISABLE` of glibc's pthread.h.
const CANCEL_DISABLE: c_int = 1;

/// While it lives, system calls are no cancellation points of the calling thread. malloc is none, so
/// what it takes inside a hook (opening a file, making it longer) must not be one either.
pub(crate) struct CancellationHeldOff(c_int);

impl CancellationHeldOff {
    pub(crate) fn new() -> CancellationHeldOff {
        let mut before = 0;
        // SAFETY: a constant and a live integer; the call never fails with these.
        unsafe { pthread_setcancelstate(CANCEL_DISABLE, &mut before) };
        CancellationHeldOff(before)
    }
}

impl Drop for CancellationHeldOff {
    fn drop(&mut self) {
        // SAFETY: a state that the same function returned. Switching back is no cancellation point.
        unsafe { pthread_setcancelstate(self.0, null_mut()) };
    }
}
