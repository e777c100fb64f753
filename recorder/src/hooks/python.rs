//! The three domains of Python's allocator, wrapped: malloc, pymalloc, or whatever the job chose, stays
//! in place behind them. `python_domains.rs` puts the hooks there.
//!
//! MEM and OBJ serve Python's objects. RAW is for whoever does not hold the GIL, and is by default
//! malloc under another name: its blocks count as heap, so the hooks come in two kinds.
//!
//! Python's documentation of `PyMem_SetAllocator` is the contract: the functions get the context
//! they were installed with, malloc(0) returns a block, and a realloc that fails leaves the old one.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use format::Domain;

use super::python_domains::stay_in_front;
use crate::guard::Guard;
use crate::python::KnownLayout;
use crate::{python, record};

/// As in `Include/cpython/pymem.h`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct PyMemAllocatorEx {
    context: *mut c_void,
    malloc: unsafe extern "C" fn(*mut c_void, usize) -> *mut c_void,
    calloc: unsafe extern "C" fn(*mut c_void, usize, usize) -> *mut c_void,
    realloc: unsafe extern "C" fn(*mut c_void, *mut c_void, usize) -> *mut c_void,
    free: unsafe extern "C" fn(*mut c_void, *mut c_void),
}

impl PyMemAllocatorEx {
    /// The hooks in front of this allocator of a domain, for a Python of this layout. It is kept for good: somebody may
    /// have stored the hooks and call them when others stand in their place.
    pub(super) fn hooked(self, raw: bool, layout: KnownLayout) -> PyMemAllocatorEx {
        let context = Box::into_raw(Box::new(self));
        if raw {
            ORIGINAL_RAW.store(context, Ordering::Release);
        }
        PyMemAllocatorEx { context: context.cast(), ..hooks(raw, layout) }
    }

    /// Whether these are the hooks.
    pub(super) fn is_hooked(&self) -> bool {
        let hooks = [free::<true> as *const () as usize, free::<false> as *const () as usize];
        hooks.contains(&(self.free as usize))
    }
}

/// The hooks, without a context. They know the layout of their Python while they are compiled.
fn hooks(raw: bool, layout: KnownLayout) -> PyMemAllocatorEx {
    const fn of<const RAW: bool, const LAYOUT: u8>() -> PyMemAllocatorEx {
        PyMemAllocatorEx {
            context: null_mut(),
            malloc: malloc::<RAW, LAYOUT>,
            calloc: calloc::<RAW, LAYOUT>,
            realloc: realloc::<RAW, LAYOUT>,
            free: free::<RAW>,
        }
    }
    macro_rules! hooks_for {
        ($($name:ident),*) => {
            match (raw, layout) {
                $(
                    (false, KnownLayout::$name) => of::<false, { KnownLayout::$name as u8 }>(),
                    (true, KnownLayout::$name) => of::<true, { KnownLayout::$name as u8 }>(),
                )*
            }
        };
    }
    hooks_for!(Python3_9, Python3_10, Python3_11, Python3_12, Python3_13, Python3_14, Other)
}

/// The layout of this number.
const fn layout<const LAYOUT: u8>() -> Option<KnownLayout> {
    Some(KnownLayout::ALL[LAYOUT as usize])
}

/// What stood in the RAW domain when the hooks were last put in front of it.
static ORIGINAL_RAW: AtomicPtr<PyMemAllocatorEx> = AtomicPtr::new(null_mut());

/// # Safety
/// `context` is that of an allocator made by [`PyMemAllocatorEx::hooked`]; in the RAW domain it may be null.
///
/// Python puts its own allocator there for a moment while it ends (`_PyMem_SetDefaultAllocator`), and threads without the GIL
/// that allocate meanwhile may have read the function before that and the context, which is then null, behind it.
#[inline(always)]
unsafe fn original<const RAW: bool>(context: *mut c_void) -> &'static PyMemAllocatorEx {
    let context = if RAW && context.is_null() { ORIGINAL_RAW.load(Ordering::Acquire) } else { context.cast() };
    // SAFETY: it points to a box that is never freed and never written again.
    unsafe { &*context }
}

/// What the blocks of the RAW domain and of the others count as.
const fn domain<const RAW: bool>() -> Domain {
    if RAW { Domain::Heap } else { Domain::Python }
}

// SAFETY (of all calls below): Python calls a hook with the context it was installed with and with
// blocks of that allocator; both go to the original as they came.

unsafe extern "C" fn malloc<const RAW: bool, const LAYOUT: u8>(context: *mut c_void, size: usize) -> *mut c_void {
    // SAFETY: see above.
    let original = unsafe { original::<RAW>(context) };
    // SAFETY: see above.
    let real = || unsafe { (original.malloc)(original.context, size) };
    let Some(guard) = Guard::enter_python() else { return real() };
    let block = real();
    if RAW {
        // The other domains may have lost their hooks, and this one not.
        stay_in_front(&guard);
    }
    record::alloc(guard, layout::<LAYOUT>(), domain::<RAW>(), block, size)
}

unsafe extern "C" fn calloc<const RAW: bool, const LAYOUT: u8>(
    context: *mut c_void,
    count: usize,
    size: usize,
) -> *mut c_void {
    // SAFETY: see above.
    let original = unsafe { original::<RAW>(context) };
    // SAFETY: see above.
    let real = || unsafe { (original.calloc)(original.context, count, size) };
    let Some(guard) = Guard::enter_python() else { return real() };
    let block = real();
    record::alloc(guard, layout::<LAYOUT>(), domain::<RAW>(), block, count.saturating_mul(size))
}

unsafe extern "C" fn realloc<const RAW: bool, const LAYOUT: u8>(
    context: *mut c_void,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    // SAFETY: see above.
    let original = unsafe { original::<RAW>(context) };
    let mut guard = Guard::enter_python();
    if let (Some(guard), false) = (&mut guard, block.is_null()) {
        record::free(guard, block);
        guard.in_python_call();
    }
    // SAFETY: see above.
    let new = unsafe { (original.realloc)(original.context, block, size) };
    if let Some(mut guard) = guard {
        if new.is_null() && !block.is_null() {
            record::realloc_failed(&mut guard, domain::<RAW>(), size);
        } else {
            return record::alloc(guard, layout::<LAYOUT>(), domain::<RAW>(), new, size);
        }
    }
    new
}

unsafe extern "C" fn free<const RAW: bool>(context: *mut c_void, block: *mut c_void) {
    if RAW {
        python::before_raw_free();
    }
    // SAFETY: see above.
    let original = unsafe { original::<RAW>(context) };
    // SAFETY: see above.
    let real = || unsafe { (original.free)(original.context, block) };
    if block.is_null() {
        return real();
    }
    let Some(mut guard) = Guard::enter_python() else { return real() };
    if !record::free_at_once(&mut guard, block) {
        // SAFETY: see above.
        return unsafe { free_slowly(guard, original, block) };
    }
    guard.in_python_call();
    real();
}

/// The rest of [`free`], if the block's end could not be recorded at once.
///
/// # Safety
/// As of [`free`]: the block is one of this allocator's.
#[cold]
#[inline(never)]
unsafe fn free_slowly(mut guard: Guard, original: &PyMemAllocatorEx, block: *mut c_void) {
    record::free_slowly(&mut guard, block);
    guard.in_python_call();
    // SAFETY: see above.
    unsafe { (original.free)(original.context, block) }
}
