//! Allocators of the user's that C++ code reaches without malloc: tcmalloc, jemalloc and mimalloc bring an
//! `operator new` of their own. libstdc++'s calls malloc, and nothing has to be done about it.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;

use crate::real;

/// `operator new(unsigned long)` in the names of the Itanium C++ ABI.
const OPERATOR_NEW: &CStr = c"_Znwm";

/// The library that has both malloc and an `operator new`, if that is so.
pub(crate) fn beside_malloc() -> Option<String> {
    let (of_malloc, _) = library_of(real::malloc()? as *const c_void)?;
    let (of_new, name) = library_of(real::symbol(OPERATOR_NEW))?;
    (of_malloc == of_new).then_some(name)
}

/// Where the library of a function begins, and its path.
fn library_of(function: *const c_void) -> Option<(usize, String)> {
    let mut found = MaybeUninit::<libc::Dl_info>::uninit();
    // SAFETY: any address may be asked for; the structure is filled when the result is not 0, and the name in it is
    // a C string of the dynamic linker's, which lives as long as the library.
    unsafe {
        if function.is_null() || libc::dladdr(function, found.as_mut_ptr()) == 0 {
            return None;
        }
        let found = found.assume_init();
        Some((found.dli_fbase as usize, CStr::from_ptr(found.dli_fname).to_string_lossy().into_owned()))
    }
}
