//! Python's garbage collector, kept from running while the recorder has Python make objects.
#![allow(unsafe_code)]

use std::ffi::c_int;

use crate::real;

/// The switch. It exists since 3.10; before that, nothing that the recorder asks makes an object that could set a
/// collection off.
pub(super) struct Collection {
    disable: unsafe extern "C" fn() -> c_int,
    enable: unsafe extern "C" fn() -> c_int,
}

/// While this lives, nothing is collected.
pub(super) struct CollectionHeldOff<'a>(Option<&'a Collection>);

impl Collection {
    /// `None` if this Python has no switch.
    pub(super) fn find() -> Option<Collection> {
        // SAFETY: these functions have these signatures in every CPython that has them.
        unsafe { Option::zip(real::function(c"PyGC_Disable"), real::function(c"PyGC_Enable")) }
            .map(|(disable, enable)| Collection { disable, enable })
    }

    /// # Safety
    /// The calling thread holds the GIL as long as the result lives.
    pub(super) unsafe fn hold_off(&self) -> CollectionHeldOff<'_> {
        // SAFETY: the caller's promise. It says whether collection was on.
        let was_on = unsafe { (self.disable)() } != 0;
        CollectionHeldOff(was_on.then_some(self))
    }
}

impl Drop for CollectionHeldOff<'_> {
    fn drop(&mut self) {
        if let Some(collection) = self.0 {
            // SAFETY: whoever made this holds the GIL still.
            unsafe { (collection.enable)() };
        }
    }
}
