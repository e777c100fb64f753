//! Allocators of the user's that C++ code reaches without malloc: tcmalloc, jemalloc and mimalloc bring an
//! `operator new` of their own. libstdc++'s calls malloc, and nothing has to be done about it.

use std::ffi::{CStr, c_void};

use crate::library::library_of;
use crate::real;

/// `operator new(unsigned long)` in the names of the Itanium C++ ABI.
const OPERATOR_NEW: &CStr = c"_Znwm";

/// The library that has both malloc and an `operator new`, if that is so.
pub(crate) fn beside_malloc() -> Option<String> {
    let (of_malloc, _) = library_of(real::malloc()? as *const c_void)?;
    let (of_new, name) = library_of(real::symbol(OPERATOR_NEW))?;
    (of_malloc == of_new).then(|| name.to_string_lossy().into_owned())
}
