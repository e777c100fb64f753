//! Leaving namespaces and other things that processes share, as the dynamic linker finds these calls before the
//! C library's. The kernel refuses some of them to a process with more than one thread, and without fil the job
//! has one thread less. So the background thread stops for them, as it does for fork.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::c_int;

use crate::errno::ErrnoKept;
use crate::guard::Guard;
use crate::session::Session;
use crate::{background, real};

/// What unshare(2) does for a process of one thread only.
const NEED_ONE_THREAD: c_int = libc::CLONE_NEWUSER | libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM;

/// Stops sharing what the flags say.
///
/// # Safety
/// Linux's unshare.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn unshare(flags: c_int) -> c_int {
    let Some(real) = real::unshare() else { return -1 };
    // SAFETY: the argument goes on as the job gave it.
    let real_call = || unsafe { real(flags) };
    if flags & NEED_ONE_THREAD == 0 { real_call() } else { without_background(real_call) }
}

/// Enters a namespace, of users perhaps or of clocks.
///
/// # Safety
/// Linux's setns.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn setns(descriptor: c_int, kind: c_int) -> c_int {
    let Some(real) = real::setns() else { return -1 };
    // SAFETY: the arguments go on as the job gave them.
    without_background(|| unsafe { real(descriptor, kind) })
}

fn without_background(real_call: impl FnOnce() -> c_int) -> c_int {
    let _silence = Guard::silence();
    let Some(session) = Session::of_this_process() else { return real_call() };
    let errno = ErrnoKept::new();
    let ran = background::hold(session);
    drop(errno);
    let result = real_call();
    let _errno = ErrnoKept::new();
    background::let_go();
    if ran {
        background::ensure_running(session);
    }
    result
}
