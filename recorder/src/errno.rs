//! errno belongs to the job: recorder code that makes system calls inside a hook puts it back.
#![allow(unsafe_code)]

/// Puts back the errno of its creation when dropped.
pub(crate) struct ErrnoKept(i32);

impl ErrnoKept {
    pub(crate) fn new() -> ErrnoKept {
        ErrnoKept(errno())
    }
}

/// Whether this is why the last call failed that did.
pub(crate) fn is(error: i32) -> bool {
    errno() == error
}

fn errno() -> i32 {
    // SAFETY: glibc returns the address of the calling thread's errno, always valid.
    unsafe { *libc::__errno_location() }
}

impl Drop for ErrnoKept {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = self.0 }
    }
}
