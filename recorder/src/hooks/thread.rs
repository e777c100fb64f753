//! Starting and naming threads, as the dynamic linker finds these calls before the C library's: what a
//! thread allocates while it has no Python frames belongs to the Python stack that started it.
//!
//! Threads that the C library starts for itself (timers with SIGEV_THREAD, getaddrinfo_a) do not come
//! this way, nor do those of bare `clone` calls.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::{c_char, c_int, c_ulong, c_void};

use crate::guard::Guard;
use crate::thread_entry::{self, Start};
use crate::{real, record};

/// Starts a thread.
///
/// # Safety
/// POSIX's pthread_create.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    routine: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    let Some(real) = real::pthread_create() else { return libc::EAGAIN };
    start_through(routine, argument, |routine, argument| {
        // SAFETY: the arguments go on as the job gave them, but for a routine of the same type.
        unsafe { real(thread, attributes, routine, argument) }
    })
}

/// Starts a thread whose routine returns an int.
///
/// # Safety
/// C11's thrd_create.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn thrd_create(
    thread: *mut libc::pthread_t,
    routine: *mut c_void,
    argument: *mut c_void,
) -> c_int {
    /// `thrd_error` of glibc's threads.h.
    const THRD_ERROR: c_int = 2;
    let Some(real) = real::thrd_create() else { return THRD_ERROR };
    start_through(routine, argument, |routine, argument| {
        // SAFETY: as above; the routine's result is left in the register where it was.
        unsafe { real(thread, routine, argument) }
    })
}

/// Names a thread.
///
/// # Safety
/// glibc's pthread_setname_np.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn pthread_setname_np(thread: libc::pthread_t, name: *const c_char) -> c_int {
    let Some(real) = real::pthread_setname_np() else { return libc::ENOSYS };
    // SAFETY: the arguments go on as the job gave them.
    let error = unsafe { real(thread, name) };
    // SAFETY: it takes nothing.
    if error == 0 && thread == unsafe { libc::pthread_self() } {
        record_name();
    }
    error
}

/// Does many things, among them naming the calling thread.
///
/// # Safety
/// Linux's prctl. It takes up to four more arguments, all as long as a register; one that the job does
/// not give is whatever is in the register, here as there.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn prctl(
    option: c_int,
    second: c_ulong,
    third: c_ulong,
    fourth: c_ulong,
    fifth: c_ulong,
) -> c_int {
    let Some(real) = real::prctl() else { return -1 };
    // SAFETY: the arguments go on as the job gave them.
    let result = unsafe { real(option, second, third, fourth, fifth) };
    if option == libc::PR_SET_NAME && result == 0 {
        record_name();
    }
    result
}

/// The kernel is asked what it made of the name: it took at most 15 bytes, which need not have ended
/// with a zero.
fn record_name() {
    if let Some(mut guard) = Guard::enter() {
        record::thread_named(&mut guard);
    }
}

/// Starts the thread by `real_call`, which gets a routine and its argument and returns 0 if the thread
/// was started. What is started while nothing is recorded is not the recorder's to know of.
fn start_through(
    routine: *mut c_void,
    argument: *mut c_void,
    real_call: impl FnOnce(*mut c_void, *mut c_void) -> c_int,
) -> c_int {
    // The guard is given up before the real call: what the C library allocates there for the new
    // thread is the caller's.
    let Some(origin) = Guard::enter().map(|mut guard| record::origin_of_new_thread(&mut guard)) else {
        return real_call(routine, argument);
    };
    let start = Box::into_raw(Box::new(Start { routine, argument, origin }));
    let failed = real_call(thread_entry::entry(), start.cast());
    if failed != 0 {
        // SAFETY: from the box above; a thread that was not started does not take it.
        drop(unsafe { Box::from_raw(start) });
    }
    failed
}
