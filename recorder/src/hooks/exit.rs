//! The end of a process that calls for it, as the dynamic linker finds these calls before the C library's. What
//! the process holds counts up to here; of one that is killed it is known to a tick of the background thread.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::c_int;

use crate::{process, real};

/// Ends the process at once.
///
/// # Safety
/// POSIX's _exit.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn _exit(code: c_int) -> ! {
    process::note_end();
    if let Some(real) = real::_exit() {
        // SAFETY: it takes any code.
        unsafe { real(code) }
    }
    // SAFETY: so does the system call, which does not return.
    unsafe { libc::syscall(libc::SYS_exit_group, code) };
    unreachable!()
}

/// Ends the process by SIGABRT.
///
/// # Safety
/// C's abort.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn abort() -> ! {
    process::note_end();
    if let Some(real) = real::abort() {
        // SAFETY: it takes nothing.
        unsafe { real() }
    }
    std::process::abort()
}

/// Ends the process at once; the same as [`_exit`].
///
/// # Safety
/// C's _Exit.
#[cfg_attr(not(test), unsafe(no_mangle))]
#[allow(non_snake_case)]
pub unsafe extern "C" fn _Exit(code: c_int) -> ! {
    // SAFETY: the code goes on as the job gave it.
    unsafe { _exit(code) }
}
