//! Which Python this is.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char};

use crate::real;

/// What `Py_GetVersion` says up to the first blank, such as "3.11.7"; `None` without Python. Python
/// allows the call before it is initialized.
pub(crate) fn version_text() -> Option<&'static str> {
    // SAFETY: Py_GetVersion has this signature in every CPython and returns a static C string.
    let text = unsafe {
        let function: unsafe extern "C" fn() -> *const c_char = real::function(c"Py_GetVersion")?;
        CStr::from_ptr(function())
    };
    text.to_str().ok()?.split_ascii_whitespace().next()
}

/// Whether this is a debug build. Those have this function, which reports what they look out for; all
/// others do not.
pub(super) fn is_debug_build() -> bool {
    !real::symbol(c"_Py_NegativeRefcount").is_null()
}

/// Major and minor version of such a text. Pre-releases of a minor version are not that version:
/// their layouts still changed.
pub(super) fn parse(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let _patch: u32 = parts.next()?.trim_end_matches('+').parse().ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn versions_are_read_and_prereleases_refused() {
        assert_eq!(parse("3.11.7"), Some((3, 11)));
        assert_eq!(parse("3.11.7+"), Some((3, 11)));
        assert_eq!(parse("3.11.0rc1"), None);
        assert_eq!(parse("3"), None);
    }
}
