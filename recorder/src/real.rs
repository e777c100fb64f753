//! The functions behind the hooks: the next definitions after the recorder's own, so a user's own
//! allocator, preloaded or linked, stays in use.
//!
//! The dynamic linker may call malloc before the recorder's constructor ran, and `dlsym` may call
//! it while the real one is being looked up. A small arena serves those; its blocks are never
//! given back.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::mem::transmute;
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::reserve;

/// Bytes for allocations made while `dlsym` runs: glibc's takes a few hundred at most.
const EARLY_BYTES: usize = 16 << 10;
/// malloc's alignment on x86-64; the size of an early block is kept this far in front of it.
const EARLY_ALIGNMENT: usize = 16;

#[repr(align(16))]
struct EarlyArena {
    _bytes: [u8; EARLY_BYTES],
}

static mut EARLY_ARENA: EarlyArena = EarlyArena { _bytes: [0; EARLY_BYTES] };
static EARLY_USED: AtomicUsize = AtomicUsize::new(0);

/// A block of zeroed memory from the early arena, or null when it is used up.
pub(crate) fn early_alloc(size: usize) -> *mut c_void {
    let Some(whole) = size.checked_add(2 * EARLY_ALIGNMENT - 1).map(|bytes| bytes & !(EARLY_ALIGNMENT - 1)) else {
        return null_mut();
    };
    let start = EARLY_USED.fetch_add(whole, Ordering::Relaxed);
    if start.checked_add(whole).is_none_or(|end| end > EARLY_BYTES) {
        return null_mut();
    }
    // SAFETY: start..start + whole lies in the arena and is handed out once, by the fetch_add.
    unsafe {
        let block = (&raw mut EARLY_ARENA).cast::<u8>().add(start);
        block.cast::<usize>().write(size);
        block.add(EARLY_ALIGNMENT).cast()
    }
}

/// Whether the block came from the early arena.
#[inline]
pub(crate) fn is_early(block: *mut c_void) -> bool {
    let start = (&raw const EARLY_ARENA) as usize;
    (block as usize).wrapping_sub(start) < EARLY_BYTES
}

/// The size of a block of the early arena.
///
/// # Safety
/// `block` must come from [`early_alloc`].
pub(crate) unsafe fn early_size(block: *mut c_void) -> usize {
    // SAFETY: early_alloc wrote the size there.
    unsafe { block.byte_sub(EARLY_ALIGNMENT).cast::<usize>().read() }
}

macro_rules! real_functions {
    ($($name:ident: fn($($argument:ty),*) -> $result:ty;)*) => {
        #[allow(non_upper_case_globals)]
        mod address {
            $(pub(super) static $name: super::AtomicPtr<super::c_void> = super::AtomicPtr::new(super::null_mut());)*
        }

        /// Looks every function up. Done once, before the job has threads; doing it again is harmless.
        #[cold]
        pub(crate) fn resolve() {
            $(
                let name = concat!(stringify!($name), "\0");
                // SAFETY: the name ends with a zero byte and has none inside.
                let found = unsafe { libc::dlsym(libc::RTLD_NEXT, name.as_ptr().cast()) };
                address::$name.store(found, Ordering::Release);
            )*
        }

        $(
            /// The real function, or `None` while it is not known yet.
            #[inline(always)]
            pub(crate) fn $name() -> Option<unsafe extern "C" fn($($argument),*) -> $result> {
                let mut found = address::$name.load(Ordering::Acquire);
                if found.is_null() {
                    found = resolve_now(&address::$name);
                }
                // SAFETY: null becomes None; anything else is the C library's function of this
                // name, which has this signature (POSIX, or glibc's manual).
                unsafe { transmute::<*mut c_void, Option<unsafe extern "C" fn($($argument),*) -> $result>>(found) }
            }
        )*
    };
}

real_functions! {
    malloc: fn(usize) -> *mut c_void;
    calloc: fn(usize, usize) -> *mut c_void;
    realloc: fn(*mut c_void, usize) -> *mut c_void;
    reallocarray: fn(*mut c_void, usize, usize) -> *mut c_void;
    free: fn(*mut c_void) -> ();
    posix_memalign: fn(*mut *mut c_void, usize, usize) -> c_int;
    aligned_alloc: fn(usize, usize) -> *mut c_void;
    memalign: fn(usize, usize) -> *mut c_void;
    valloc: fn(usize) -> *mut c_void;
    pvalloc: fn(usize) -> *mut c_void;
    mmap: fn(*mut c_void, usize, c_int, c_int, c_int, libc::off_t) -> *mut c_void;
    munmap: fn(*mut c_void, usize) -> c_int;
    mprotect: fn(*mut c_void, usize, c_int) -> c_int;
    pkey_mprotect: fn(*mut c_void, usize, c_int, c_int) -> c_int;
    mremap: fn(*mut c_void, usize, usize, c_int, *mut c_void) -> *mut c_void;
    pthread_create: fn(*mut libc::pthread_t, *const libc::pthread_attr_t, *mut c_void, *mut c_void) -> c_int;
    thrd_create: fn(*mut libc::pthread_t, *mut c_void, *mut c_void) -> c_int;
    pthread_setname_np: fn(libc::pthread_t, *const c_char) -> c_int;
    prctl: fn(c_int, c_ulong, c_ulong, c_ulong, c_ulong) -> c_int;
    _exit: fn(c_int) -> !;
    abort: fn() -> !;
    unshare: fn(c_int) -> c_int;
    setns: fn(c_int, c_int) -> c_int;
    longjmp: fn(*mut c_void, c_int) -> !;
    _longjmp: fn(*mut c_void, c_int) -> !;
    siglongjmp: fn(*mut c_void, c_int) -> !;
    __longjmp_chk: fn(*mut c_void, c_int) -> !;
    fopen: fn(*const c_char, *const c_char) -> *mut libc::FILE;
}

#[cold]
fn resolve_now(wanted: &AtomicPtr<c_void>) -> *mut c_void {
    static RESOLVING: AtomicUsize = AtomicUsize::new(0);
    // A second entry is dlsym's own allocation: the early arena serves it.
    if RESOLVING.swap(1, Ordering::Acquire) == 0 {
        resolve();
        RESOLVING.store(0, Ordering::Release);
    }
    wanted.load(Ordering::Acquire)
}

/// Address of a symbol of the job's, or null.
pub(crate) fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name is a C string; looking up has no other requirement.
    unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
}

/// A function of the job's, such as one of Python's API.
///
/// # Safety
/// `Function` is the type of a pointer to a C function, and the one of this name has that type.
pub(crate) unsafe fn function<Function: Copy>(name: &CStr) -> Option<Function> {
    const { assert!(size_of::<Function>() == size_of::<*mut c_void>()) };
    let address = symbol(name);
    // SAFETY: the sizes are equal, and the caller promises the type.
    (!address.is_null()).then(|| unsafe { std::mem::transmute_copy(&address) })
}

/// Rust's allocations inside the recorder: straight to the real allocator, never recorded. When that has nothing left, they
/// are of the reserve: for Rust an allocation that fails is the end of the process.
pub(crate) struct RealAllocator;

// SAFETY: malloc, calloc, posix_memalign and the reserve return null or a block of at least the size and alignment asked
// for, which stays valid until it is freed, calloc and the reserve one of zeros; realloc keeps the content and malloc's
// alignment. Blocks of the reserve go to nobody else.
unsafe impl std::alloc::GlobalAlloc for RealAllocator {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        if layout.align() <= EARLY_ALIGNMENT {
            // SAFETY: malloc takes any size.
            let block: *mut u8 = malloc().map_or(null_mut(), |malloc| unsafe { malloc(layout.size()) }).cast();
            return if block.is_null() { reserve::take(layout) } else { block };
        }
        let mut block = null_mut();
        // SAFETY: the alignment is a power of two over 16, so a multiple of a pointer's size.
        let failed = posix_memalign()
            .is_none_or(|posix_memalign| unsafe { posix_memalign(&mut block, layout.align(), layout.size()) } != 0);
        if failed { reserve::take(layout) } else { block.cast() }
    }

    /// Large blocks are zeros of the kernel's, which take no memory until they are written to.
    unsafe fn alloc_zeroed(&self, layout: std::alloc::Layout) -> *mut u8 {
        if layout.align() <= EARLY_ALIGNMENT {
            // SAFETY: calloc takes any size.
            let block: *mut u8 = calloc().map_or(null_mut(), |calloc| unsafe { calloc(1, layout.size()) }).cast();
            return if block.is_null() { reserve::take(layout) } else { block };
        }
        // SAFETY: the caller owes a valid layout (GlobalAlloc's contract); the block is as long as that says.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, _layout: std::alloc::Layout) {
        if !reserve::holds(block)
            && let Some(free) = free()
        {
            // SAFETY: the caller owes a block of this allocator's.
            unsafe { free(block.cast()) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: std::alloc::Layout, new_size: usize) -> *mut u8 {
        if layout.align() <= EARLY_ALIGNMENT && !reserve::holds(block) {
            // SAFETY: the caller owes a block of this allocator's, which came from malloc.
            let new: *mut u8 =
                realloc().map_or(null_mut(), |realloc| unsafe { realloc(block.cast(), new_size) }).cast();
            if !new.is_null() {
                return new;
            }
        }
        // SAFETY: the caller owes a valid layout and size (GlobalAlloc's contract).
        unsafe {
            let new = self.alloc(std::alloc::Layout::from_size_align_unchecked(new_size, layout.align()));
            if !new.is_null() {
                ptr::copy_nonoverlapping(block, new, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
