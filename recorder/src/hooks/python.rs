//! The MEM and OBJ domains of Python's allocator, wrapped: pymalloc stays in place behind them.
//!
//! Python's documentation of `PyMem_SetAllocator` is the contract: the functions get the context
//! they were installed with, malloc(0) returns a block, and a realloc that fails leaves the old one.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use format::Domain;

use crate::guard::Guard;
use crate::{real, record};

/// `PYMEM_DOMAIN_MEM` and `PYMEM_DOMAIN_OBJ` of `Include/cpython/pymem.h`, the same since 3.5.
const DOMAINS: [c_int; 2] = [1, 2];

/// As in the same header.
#[repr(C)]
#[derive(Clone, Copy)]
struct PyMemAllocatorEx {
    context: *mut c_void,
    malloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    calloc: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void),
}

/// The allocators behind the hooks, one per domain; a hook's context points to its own.
struct Originals(UnsafeCell<Option<[PyMemAllocatorEx; 2]>>);

// SAFETY: written once, by install(), before the hooks that read it are in place.
unsafe impl Sync for Originals {}

static ORIGINALS: Originals = Originals(UnsafeCell::new(None));

/// Wraps both domains of this process's Python.
pub(crate) fn install() {
    // SAFETY: the two functions have these signatures in every CPython since 3.5; they may be
    // called before Python is initialized; a zeroed structure is filled by the first call (its
    // function pointers are not called before). ORIGINALS is written before it is pointed to.
    unsafe {
        type Get = unsafe extern "C" fn(c_int, *mut PyMemAllocatorEx);
        type Set = unsafe extern "C" fn(c_int, *const PyMemAllocatorEx);
        let Some(get) = real::function::<Get>(c"PyMem_GetAllocator") else { return };
        let Some(set) = real::function::<Set>(c"PyMem_SetAllocator") else { return };
        let originals = &mut *ORIGINALS.0.get();
        let originals = originals.insert(DOMAINS.map(|domain| {
            let mut original = MaybeUninit::<PyMemAllocatorEx>::zeroed();
            get(domain, original.as_mut_ptr());
            original.assume_init()
        }));
        for (domain, original) in DOMAINS.into_iter().zip(originals) {
            let context = (&raw mut *original).cast();
            set(domain, &PyMemAllocatorEx { context, malloc, calloc, realloc, free });
        }
    }
}

/// # Safety
/// `context` is one that install() gave to Python.
#[inline(always)]
unsafe fn original(context: *mut c_void) -> &'static PyMemAllocatorEx {
    // SAFETY: install() pointed it into ORIGINALS, which is never written again.
    unsafe { &*context.cast() }
}

// SAFETY (of all calls below): Python calls a hook with the context it was installed with and with
// blocks of that allocator; both go to the original as they came.

unsafe extern "C" fn malloc(context: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: see above.
    let original = unsafe { original(context) };
    let guard = Guard::enter_python();
    // SAFETY: see above.
    let block = unsafe { (original.malloc)(original.context, size) };
    if let Some(guard) = guard {
        record::alloc(&guard, Domain::Python, block, size);
    }
    block
}

unsafe extern "C" fn calloc(context: *mut c_void, count: usize, size: usize) -> *mut c_void {
    // SAFETY: see above.
    let original = unsafe { original(context) };
    let guard = Guard::enter_python();
    // SAFETY: see above.
    let block = unsafe { (original.calloc)(original.context, count, size) };
    if let Some(guard) = guard {
        record::alloc(&guard, Domain::Python, block, count.wrapping_mul(size));
    }
    block
}

unsafe extern "C" fn realloc(context: *mut c_void, block: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: see above.
    let original = unsafe { original(context) };
    let guard = Guard::enter_python();
    if let (Some(guard), false) = (&guard, block.is_null()) {
        record::free(guard, block);
        guard.in_python_call();
    }
    // SAFETY: see above.
    let new = unsafe { (original.realloc)(original.context, block, size) };
    if let Some(guard) = guard {
        if new.is_null() && !block.is_null() {
            record::undo_free(&guard);
        } else {
            record::alloc(&guard, Domain::Python, new, size);
        }
    }
    new
}

unsafe extern "C" fn free(context: *mut c_void, block: *mut c_void) {
    // SAFETY: see above.
    let original = unsafe { original(context) };
    let guard = Guard::enter_python();
    if let (Some(guard), false) = (&guard, block.is_null()) {
        record::free(guard, block);
        guard.in_python_call();
    }
    // SAFETY: see above.
    unsafe { (original.free)(original.context, block) }
}
