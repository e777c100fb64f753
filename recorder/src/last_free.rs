//! The slot that became free last, which is the first to be taken again: it is in the processor's caches.
//!
//! Whoever takes it sees all that was done with it before: the swap that puts it there releases, the one that takes it
//! acquires. `tests/loom` tries all ways that this can go.

use std::ptr::{NonNull, null_mut};

use crate::atomic::{AtomicPtr, Ordering};

/// Where it begins, or null.
pub(crate) struct LastFree(pub(crate) AtomicPtr<u8>);

impl LastFree {
    /// Takes it, if there is one.
    pub(crate) fn take(&self) -> Option<NonNull<u8>> {
        NonNull::new(self.0.swap(null_mut(), Ordering::AcqRel))
    }

    /// Puts one there, in place of the one before, which comes back.
    pub(crate) fn replace(&self, start: NonNull<u8>) -> Option<NonNull<u8>> {
        NonNull::new(self.0.swap(start.as_ptr(), Ordering::AcqRel))
    }
}
