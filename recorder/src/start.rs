//! The library's constructor, which the dynamic linker calls before `main`, and its destructor, which `exit`
//! calls after all that the job wants done there.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int};

use crate::guard::Guard;
use crate::{fork, process, real};

#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = on_load;

#[cfg(not(test))]
#[used]
#[unsafe(link_section = ".fini_array")]
static DESTRUCTOR: extern "C" fn() = on_exit;

/// glibc gives constructors what it gives `main`.
#[cfg_attr(test, allow(dead_code))]
extern "C" fn on_load(count: c_int, arguments: *const *const c_char, _environment: *const *const c_char) {
    let _silence = Guard::silence();
    real::resolve();
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: `arguments` are `count` C strings that live as long as the process.
    let arguments: Vec<&CStr> = (0..count)
        .map(|index| unsafe { *arguments.add(index) })
        .take_while(|argument| !argument.is_null())
        // SAFETY: as above, and null was left out.
        .map(|argument| unsafe { CStr::from_ptr(argument) })
        .collect();
    if process::start(&arguments) {
        fork::prepare();
    }
}

#[cfg_attr(test, allow(dead_code))]
extern "C" fn on_exit() {
    process::note_end();
}
