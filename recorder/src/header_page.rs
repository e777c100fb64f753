//! The first page of the spool file, in which a process says what takes no more than a word: that it lives, how it ended, and
//! what could not be said otherwise.
#![allow(unsafe_code)]

use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use format::spool::{
    SPOOL_ALIVE_NS, SPOOL_ENDED_ITSELF, SPOOL_HEADER_BYTES, SPOOL_SILENT_CHILDREN, SPOOL_WANT_OF_MEMORY,
};

use crate::real;

/// Where it is mapped; null before that, and after [`HeaderPage::abandon`], which a process of one thread calls.
pub(crate) struct HeaderPage(AtomicPtr<u8>);

impl HeaderPage {
    pub(crate) const fn new() -> HeaderPage {
        HeaderPage(AtomicPtr::new(null_mut()))
    }

    /// It is mapped here, by a mapping that nobody else takes away.
    ///
    /// # Safety
    /// `start` begins a page, which is mapped to be written until [`HeaderPage::abandon`].
    pub(crate) unsafe fn is_mapped_at(&self, start: *mut u8) {
        self.0.store(start, Ordering::Release);
    }

    /// Where it is mapped, or null.
    pub(crate) fn start(&self) -> *mut u8 {
        self.0.load(Ordering::Acquire)
    }

    /// The process lives at this instant.
    pub(crate) fn note_alive(&self, now_ns: u64) {
        let start = self.start();
        if !start.is_null() {
            // SAFETY: the page is mapped; the offset is a multiple of 8 in it, and is reached through atomics only.
            unsafe { AtomicU64::from_ptr(start.add(SPOOL_ALIVE_NS).cast()) }.store(now_ns, Ordering::Relaxed);
        }
    }

    /// The process ends itself.
    pub(crate) fn note_end(&self) {
        self.set(SPOOL_ENDED_ITSELF);
    }

    /// Recording has ended because the recorder got no memory.
    pub(crate) fn note_want_of_memory(&self) {
        self.set(SPOOL_WANT_OF_MEMORY);
    }

    /// Gives the page up, and with it this process's part in the lock. A child that is not recorded, and cannot say so in the
    /// trace, says so here.
    pub(crate) fn abandon(&self, child_is_silent: bool) {
        if child_is_silent && let Some(children) = self.word(SPOOL_SILENT_CHILDREN) {
            children.fetch_add(1, Ordering::Relaxed);
        }
        let start = self.0.swap(null_mut(), Ordering::AcqRel);
        if !start.is_null()
            && let Some(munmap) = real::munmap()
        {
            // SAFETY: the page was mapped, what is behind it went before; nobody finds its address any more.
            unsafe { munmap(start.cast(), SPOOL_HEADER_BYTES) };
        }
    }

    fn set(&self, offset: usize) {
        if let Some(word) = self.word(offset) {
            word.store(1, Ordering::Relaxed);
        }
    }

    /// The word at one of the format's offsets, while the page is mapped.
    fn word(&self, offset: usize) -> Option<&AtomicU32> {
        let start = NonNull::new(self.start())?;
        // SAFETY: the page is mapped; the offset is a multiple of 4 in it, and is reached through atomics only.
        Some(unsafe { AtomicU32::from_ptr(start.as_ptr().add(offset).cast()) })
    }
}
