//! Which library a function is in.
#![allow(unsafe_code)]

use std::ffi::{CStr, OsStr, OsString, c_void};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;

/// Where the library of a function begins, and its path.
pub(crate) fn library_of(function: *const c_void) -> Option<(usize, OsString)> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked for; the structure is filled when the result is not 0, and the name in it is
    // a C string of the dynamic linker's, which lives as long as the library.
    unsafe {
        if function.is_null() || libc::dladdr(function, found.as_mut_ptr()) == 0 {
            return None;
        }
        let found = found.assume_init();
        Some((found.dli_fbase as usize, OsStr::from_bytes(CStr::from_ptr(found.dli_fname).to_bytes()).to_owned()))
    }
}
