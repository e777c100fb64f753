//! The malloc family, as the dynamic linker finds it before the C library's.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::{c_int, c_void};
use std::ptr::{copy_nonoverlapping, null_mut};

use format::Domain;

use super::python_domains;
use crate::guard::Guard;
use crate::{real, record};

/// Calls the real function, and records the block it returns.
///
/// SAFETY (for the calls in all of this file): the arguments go to the C library's function as
/// the job gave them; what the function asks of its caller, the job owes.
#[inline(always)]
fn alloc_through(size: usize, real_call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let Some(guard) = Guard::enter() else { return real_call() };
    let block = real_call();
    python_domains::stay_in_front(&guard);
    record::alloc(guard, None, Domain::Heap, block, size)
}

/// Allocates `size` bytes.
///
/// # Safety
/// C's malloc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn malloc(size: usize) -> *mut c_void {
    let Some(real) = real::malloc() else { return real::early_alloc(size) };
    // SAFETY: see alloc_through.
    alloc_through(size, || unsafe { real(size) })
}

/// Allocates an array of zeroed memory.
///
/// # Safety
/// C's calloc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    let Some(real) = real::calloc() else {
        return count.checked_mul(size).map_or(null_mut(), real::early_alloc);
    };
    // A product that overflows makes the real calloc fail.
    // SAFETY: see alloc_through.
    alloc_through(count.saturating_mul(size), || unsafe { real(count, size) })
}

/// Gives a block back.
///
/// # Safety
/// C's free.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn free(block: *mut c_void) {
    if block.is_null() || real::is_early(block) {
        return;
    }
    let Some(real) = real::free() else { return };
    let mut guard = Guard::enter();
    if let Some(guard) = &mut guard {
        record::free(guard, block);
        guard.in_heap_call();
    }
    // SAFETY: see alloc_through.
    unsafe { real(block) }
}

/// Changes the size of a block.
///
/// # Safety
/// C's realloc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    let Some(real) = real::realloc() else { return real::early_alloc(size) };
    if real::is_early(block) {
        // SAFETY: the block is of the early arena.
        return unsafe { move_from_early(block, size) };
    }
    // SAFETY: see alloc_through.
    realloc_through(block, size, || unsafe { real(block, size) })
}

/// Changes the size of a block to that of an array.
///
/// # Safety
/// glibc's reallocarray.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    let Some(real) = real::reallocarray() else { return null_mut() };
    if real::is_early(block) {
        // SAFETY: the block is of the early arena.
        return count.checked_mul(size).map_or(null_mut(), |bytes| unsafe { move_from_early(block, bytes) });
    }
    // A product that overflows makes the real call fail; taken for a size it must not look like 0,
    // which frees.
    let bytes = count.saturating_mul(size);
    // SAFETY: see alloc_through.
    realloc_through(block, bytes, || unsafe { real(block, count, size) })
}

/// Allocates with an alignment.
///
/// # Safety
/// POSIX's posix_memalign.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn posix_memalign(result: *mut *mut c_void, alignment: usize, size: usize) -> c_int {
    let Some(real) = real::posix_memalign() else { return libc::ENOMEM };
    let guard = Guard::enter();
    // SAFETY: see alloc_through.
    let error = unsafe { real(result, alignment, size) };
    match (guard, error) {
        // SAFETY: a successful call has written the block there.
        (Some(guard), 0) => drop(record::alloc(guard, None, Domain::Heap, unsafe { *result }, size)),
        (Some(mut guard), libc::ENOMEM) => record::aligned_failed(&mut guard, size),
        _ => {}
    }
    error
}

/// Allocates with an alignment.
///
/// # Safety
/// C's aligned_alloc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn aligned_alloc(alignment: usize, size: usize) -> *mut c_void {
    let Some(real) = real::aligned_alloc() else { return null_mut() };
    // SAFETY: see alloc_through.
    alloc_through(size, || unsafe { real(alignment, size) })
}

/// Allocates with an alignment.
///
/// # Safety
/// glibc's memalign.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn memalign(alignment: usize, size: usize) -> *mut c_void {
    let Some(real) = real::memalign() else { return null_mut() };
    // SAFETY: see alloc_through.
    alloc_through(size, || unsafe { real(alignment, size) })
}

/// Allocates whole pages' alignment.
///
/// # Safety
/// glibc's valloc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn valloc(size: usize) -> *mut c_void {
    let Some(real) = real::valloc() else { return null_mut() };
    // SAFETY: see alloc_through.
    alloc_through(size, || unsafe { real(size) })
}

/// Allocates whole pages.
///
/// # Safety
/// glibc's pvalloc.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn pvalloc(size: usize) -> *mut c_void {
    let Some(real) = real::pvalloc() else { return null_mut() };
    // SAFETY: see alloc_through.
    alloc_through(size, || unsafe { real(size) })
}

#[inline(always)]
fn realloc_through(block: *mut c_void, size: usize, real_call: impl FnOnce() -> *mut c_void) -> *mut c_void {
    let mut guard = Guard::enter();
    if let (Some(guard), false) = (&mut guard, block.is_null()) {
        record::free(guard, block);
        guard.in_heap_call();
    }
    let new = real_call();
    if let Some(mut guard) = guard {
        match (new.is_null(), block.is_null(), size) {
            // It was given back.
            (true, false, 0) => {}
            (true, false, _) => record::realloc_failed(&mut guard, Domain::Heap, size),
            _ => return record::alloc(guard, None, Domain::Heap, new, size),
        }
    }
    new
}

/// # Safety
/// `block` is of the early arena.
unsafe fn move_from_early(block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise; the new block is at least as large as what is copied.
    unsafe {
        let new = malloc(size);
        if !new.is_null() {
            copy_nonoverlapping(block.cast::<u8>(), new.cast(), real::early_size(block).min(size));
        }
        new
    }
}
