//! What hooks say, behind one safe call each. The guard shows that the caller is the outermost hook.

use std::ffi::c_void;

use format::{Domain, MappingKind, StackId};

use crate::guard::Guard;
use crate::python::{self, Check};
use crate::threads;

/// A block of `size` requested bytes came to life; null is a failed call and no event.
#[inline(always)]
pub(crate) fn alloc(guard: &mut Guard, domain: Domain, block: *mut c_void, size: usize) {
    guard.recording();
    if !block.is_null()
        && let Some(recorder) = threads::recorder(guard)
    {
        match domain {
            Domain::Python => recorder.alloc_python(block as usize, size),
            Domain::Heap => recorder.alloc_heap(block as usize, size),
        }
    }
}

/// A block is about to be given back.
#[inline(always)]
pub(crate) fn free(guard: &mut Guard, block: *mut c_void) {
    guard.recording();
    if let Some(recorder) = threads::recorder(guard) {
        recorder.free(block as usize);
    }
}

/// The real realloc failed: the block that was recorded as given back lives on.
#[cold]
pub(crate) fn undo_free(guard: &mut Guard) {
    guard.recording();
    if let Some(recorder) = threads::recorder(guard) {
        recorder.undo_free();
    }
}

/// A range was mapped, in place of whatever was there.
#[cold]
pub(crate) fn map(guard: &mut Guard, kind: MappingKind, accessible: bool, start: *mut c_void, length: usize) {
    guard.recording();
    let check = check_of_mapping(guard);
    if let Some(recorder) = threads::recorder(guard) {
        recorder.map(check, kind, accessible, start as usize, whole_pages(length));
    }
}

/// A range is about to be unmapped or moved.
#[cold]
pub(crate) fn unmap(guard: &mut Guard, start: *mut c_void, length: usize) {
    guard.recording();
    if let Some(recorder) = threads::recorder(guard) {
        recorder.unmap(start as usize, whole_pages(length));
    }
}

/// What this thread's last [`unmap`] took away is now mapped here.
#[cold]
pub(crate) fn remap(guard: &mut Guard, start: *mut c_void, length: usize) {
    guard.recording();
    let check = check_of_mapping(guard);
    if let Some(recorder) = threads::recorder(guard) {
        recorder.remap(check, start as usize, whole_pages(length));
    }
}

/// A range became accessible, or a reservation.
#[cold]
pub(crate) fn protect(guard: &mut Guard, accessible: bool, start: *mut c_void, length: usize) {
    guard.recording();
    let check = check_of_mapping(guard);
    if let Some(recorder) = threads::recorder(guard) {
        recorder.protect(check, accessible, start as usize, whole_pages(length));
    }
}

/// A mapping inside of Python's allocator is an arena.
fn check_of_mapping(guard: &Guard) -> Check {
    if guard.in_python_allocator() { Check::Never } else { Check::WhenVerifying }
}

/// What a new thread takes over from the one that starts it.
pub(crate) struct Origin {
    /// The stack that its allocations belong to while it has no Python frames.
    pub(crate) stack: StackId,
    /// Its name, if it is one of Python's.
    pub(crate) name: Option<String>,
}

/// The calling thread is about to start another.
#[cold]
pub(crate) fn origin_of_new_thread(guard: &mut Guard) -> Origin {
    guard.recording();
    let stack =
        threads::recorder(guard).map_or(StackId::EMPTY, |recorder| recorder.current_stack(Check::WhenVerifying));
    Origin { stack, name: python::name_of_started_thread() }
}

/// The calling thread has just been started.
#[cold]
pub(crate) fn thread_begins(guard: &mut Guard, name: &str) {
    guard.recording();
    threads::begin_named(guard, name);
}

/// The calling thread has named itself.
#[cold]
pub(crate) fn thread_named(guard: &mut Guard) {
    guard.recording();
    threads::rename(guard, &threads::kernel_name());
}

/// The kernel maps and unmaps whole pages.
fn whole_pages(length: usize) -> usize {
    const PAGE: usize = 4096;
    length.checked_next_multiple_of(PAGE).unwrap_or(length)
}
