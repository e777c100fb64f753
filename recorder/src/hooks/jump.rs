//! The longjmp family, as the dynamic linker finds it before the C library's. A signal handler may leave by it, and
//! with it the hook that it has interrupted.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::{c_int, c_void};

use crate::{guard, jump_buffer, real};

/// Notes that the calling thread goes on where `buffer` was filled, and has it do so.
///
/// # Safety
/// What C asks of a caller of longjmp. Nothing here needs to be dropped.
#[inline(always)]
unsafe fn jump(real: Option<unsafe extern "C" fn(*mut c_void, c_int) -> !>, buffer: *mut c_void, value: c_int) -> ! {
    // SAFETY: the caller's promise: sigsetjmp has filled the buffer.
    guard::notice_jump_to(unsafe { jump_buffer::stack_pointer(buffer) });
    if let Some(real) = real {
        // SAFETY: the arguments go on as the job gave them.
        unsafe { real(buffer, value) }
    }
    std::process::abort()
}

/// Goes on where setjmp was called.
///
/// # Safety
/// C's longjmp.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn longjmp(buffer: *mut c_void, value: c_int) -> ! {
    // SAFETY: the job calls as C asks.
    unsafe { jump(real::longjmp(), buffer, value) }
}

/// Goes on where _setjmp was called.
///
/// # Safety
/// BSD's _longjmp.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn _longjmp(buffer: *mut c_void, value: c_int) -> ! {
    // SAFETY: the job calls as C asks.
    unsafe { jump(real::_longjmp(), buffer, value) }
}

/// Goes on where sigsetjmp was called.
///
/// # Safety
/// POSIX's siglongjmp.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn siglongjmp(buffer: *mut c_void, value: c_int) -> ! {
    // SAFETY: the job calls as POSIX asks.
    unsafe { jump(real::siglongjmp(), buffer, value) }
}

/// What all of them are for code compiled with `_FORTIFY_SOURCE`.
///
/// # Safety
/// glibc's __longjmp_chk.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn __longjmp_chk(buffer: *mut c_void, value: c_int) -> ! {
    // SAFETY: the job calls as glibc's header does.
    unsafe { jump(real::__longjmp_chk(), buffer, value) }
}
