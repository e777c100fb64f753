//! What hooks say, behind one safe call each. The guard shows that the caller is the outermost hook.

use std::ffi::c_void;

use format::{Domain, MappingKind, StackId};

use crate::errno::{self, ErrnoKept};
use crate::guard::Guard;
use crate::python::{self, Check, KnownLayout};
use crate::thread_recorder::AtOnce;
use crate::threads;

/// A block of `size` requested bytes came to life, or, if it is null, the call has failed. Returns the block. `layout` is
/// that of Python, if the caller knows it.
///
/// Nearly always all is done here. What remains is the end of the hook that calls this.
#[inline(always)]
pub(crate) fn alloc(
    mut guard: Guard,
    layout: Option<KnownLayout>,
    domain: Domain,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    guard.recording();
    if !block.is_null()
        && let Some(recorder) = threads::known_recorder(&mut guard)
    {
        match (recorder.alloc_at_once(check_of_block(domain), layout, domain, block as usize, size), domain) {
            (AtOnce::Written, _) => return block,
            (AtOnce::Unlikely(stack), Domain::Python) => return unlikely_alloc::<true>(guard, block, size, stack),
            (AtOnce::Unlikely(stack), Domain::Heap) => return unlikely_alloc::<false>(guard, block, size, stack),
            (AtOnce::No, _) => {}
        }
    }
    match domain {
        Domain::Python => alloc_slowly::<true>(guard, block, size),
        Domain::Heap => alloc_slowly::<false>(guard, block, size),
    }
}

const fn domain<const PYTHON: bool>() -> Domain {
    if PYTHON { Domain::Python } else { Domain::Heap }
}

/// Records a block, if it is one, in any case.
#[cold]
#[inline(never)]
fn alloc_slowly<const PYTHON: bool>(mut guard: Guard, block: *mut c_void, size: usize) -> *mut c_void {
    let domain = domain::<PYTHON>();
    if block.is_null() {
        // Python's allocators fail for nothing else, and need not set errno.
        if PYTHON || errno::is(libc::ENOMEM) {
            failed(&mut guard, check_of_block(domain), size);
        }
    } else if let Some(recorder) = threads::recorder(&mut guard) {
        recorder.alloc(check_of_block(domain), domain, block as usize, size);
    }
    block
}

/// A call asked for `size` bytes and got none. errno says that to the job, and stays.
#[cold]
fn failed(guard: &mut Guard, check: Check, size: usize) {
    let _errno = ErrnoKept::new();
    if let Some(recorder) = threads::recorder(guard) {
        recorder.failed(check, size);
    }
}

/// Records a block whose stack is known.
#[cold]
#[inline(never)]
fn unlikely_alloc<const PYTHON: bool>(
    mut guard: Guard,
    block: *mut c_void,
    size: usize,
    stack: StackId,
) -> *mut c_void {
    if let Some(recorder) = threads::known_recorder(&mut guard) {
        recorder.unlikely_alloc(domain::<PYTHON>(), block as usize, size, stack);
    }
    block
}

/// Python's allocator, its RAW domain aside, is called with the GIL only.
#[inline(always)]
fn check_of_block(domain: Domain) -> Check {
    match domain {
        Domain::Python => Check::Always,
        Domain::Heap => Check::WhenVerifying,
    }
}

/// A block is about to be given back.
#[inline(always)]
pub(crate) fn free(guard: &mut Guard, block: *mut c_void) {
    if !free_at_once(guard, block) {
        free_slowly(guard, block);
    }
}

/// The same if nothing is in the way, as nearly always. Else false comes back, and [`free_slowly`] is to be called.
#[inline(always)]
pub(crate) fn free_at_once(guard: &mut Guard, block: *mut c_void) -> bool {
    guard.recording();
    threads::known_recorder(guard).is_some_and(|recorder| recorder.free_at_once(block as usize))
}

/// The same in any case.
#[cold]
#[inline(never)]
pub(crate) fn free_slowly(guard: &mut Guard, block: *mut c_void) {
    if let Some(recorder) = threads::recorder(guard) {
        recorder.free(block as usize);
    }
}

/// The real realloc to `size` bytes failed: the block that was recorded as given back lives on.
#[cold]
pub(crate) fn realloc_failed(guard: &mut Guard, domain: Domain, size: usize) {
    guard.recording();
    let _errno = ErrnoKept::new();
    if let Some(recorder) = threads::recorder(guard) {
        recorder.undo_free();
        recorder.failed(check_of_block(domain), size);
    }
}

/// posix_memalign failed for want of memory, which its result says and not errno.
#[cold]
pub(crate) fn aligned_failed(guard: &mut Guard, size: usize) {
    guard.recording();
    failed(guard, check_of_block(Domain::Heap), size);
}

/// A call that maps memory failed. It is recorded if that was for want of memory; not if Python's allocator called, which
/// then tries something else, and is recorded if that fails too.
#[cold]
pub(crate) fn mapping_failed(guard: &mut Guard, length: usize) {
    let in_python_allocator = guard.in_python_allocator();
    guard.recording();
    if errno::is(libc::ENOMEM) && !in_python_allocator {
        let check = check_of_mapping(guard);
        failed(guard, check, length);
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
