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

/// A released version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    /// Major and minor.
    pub(super) feature: (u32, u32),
    pub(super) patch: u32,
}

impl Version {
    /// Whether its garbage collector works in increments and leaves notes in frames: that of 3.14.0 was taken back in
    /// 3.14.5 ("What's New In Python 3.14").
    pub(super) fn has_incremental_collector(self) -> bool {
        self.feature == (3, 14) && self.patch < 5
    }
}

/// The version of such a text. Pre-releases of a minor version are not that version: their layouts still changed.
pub(super) fn parse(text: &str) -> Option<Version> {
    let mut parts = text.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    let patch = parts.next()?.trim_end_matches('+').parse().ok()?;
    Some(Version { feature: (major, minor), patch })
}

#[cfg(test)]
mod tests {
    use super::{Version, parse};

    #[test]
    fn versions_are_read_and_prereleases_refused() {
        assert_eq!(parse("3.11.7"), Some(Version { feature: (3, 11), patch: 7 }));
        assert_eq!(parse("3.11.7+"), parse("3.11.7"));
        assert_eq!(parse("3.11.0rc1"), None);
        assert_eq!(parse("3"), None);
    }

    #[test]
    fn five_versions_have_the_incremental_collector() {
        let versions = ["3.13.11", "3.14.0", "3.14.4+", "3.14.5", "3.14.10", "3.15.0"];
        let have_it = versions.map(|text| parse(text).expect("known").has_incremental_collector());
        assert_eq!(have_it, [false, true, true, false, false, false]);
    }
}
