//! The calls that map memory, as the dynamic linker finds them before the C library's: mmap,
//! munmap, mremap, mprotect. The C library's own mappings (large blocks of malloc, thread stacks,
//! loaded libraries) do not come this way.
//!
//! A range that comes into use is recorded after the real call, one that goes out of use before:
//! another thread may get its addresses at once. If the call then fails, the range is mapped again
//! in the log. What a call that maps nothing new does (madvise) is of no interest.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::{c_int, c_void};

use crate::guard::Guard;
use crate::hooks::mapping_kind::{is_accessible, is_mapped, kind_of};
use crate::{real, record};

// SAFETY (of all real calls in this file): the arguments go to the C library's function as the job
// gave them; what the function asks of its caller, the job owes.

/// Maps memory.
///
/// # Safety
/// POSIX's mmap.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn mmap(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off_t,
) -> *mut c_void {
    let Some(real) = real::mmap() else { return libc::MAP_FAILED };
    let mut guard = Guard::enter_mapping();
    // SAFETY: see above.
    let start = unsafe { real(address, length, protection, flags, file, offset) };
    match &mut guard {
        // Huge pages are asked for by who does without them where none are set aside, as mostly.
        Some(_) if start == libc::MAP_FAILED && flags & libc::MAP_HUGETLB != 0 => {}
        Some(guard) if start == libc::MAP_FAILED => record::mapping_failed(guard, length),
        Some(guard) => record::map(guard, kind_of(guard, flags, file), is_accessible(protection), start, length),
        None => {}
    }
    start
}

/// Maps memory; the same as [`mmap`] where file offsets have 64 bits.
///
/// # Safety
/// glibc's mmap64.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn mmap64(
    address: *mut c_void,
    length: usize,
    protection: c_int,
    flags: c_int,
    file: c_int,
    offset: libc::off64_t,
) -> *mut c_void {
    // SAFETY: see above.
    unsafe { mmap(address, length, protection, flags, file, offset) }
}

/// Unmaps memory.
///
/// # Safety
/// POSIX's munmap.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    let Some(real) = real::munmap() else { return -1 };
    let mut guard = Guard::enter_mapping();
    if let Some(guard) = &mut guard {
        record::unmap(guard, address, length);
        guard.in_heap_call();
    }
    // SAFETY: see above.
    let result = unsafe { real(address, length) };
    if let Some(guard) = &mut guard
        && result != 0
    {
        record::remap(guard, address, length);
    }
    result
}

/// Moves a mapping, changes its size, or both.
///
/// C declares it with an ellipsis, for a fifth argument that is there with `MREMAP_FIXED` only (and
/// may be there with `MREMAP_DONTUNMAP`). x86-64 passes that one as it would a named one; where the
/// caller gave none there is some number, and the real function, which gets it too, ignores it.
///
/// # Safety
/// Linux's mremap.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_length: usize,
    new_length: usize,
    flags: c_int,
    wished: *mut c_void,
) -> *mut c_void {
    let Some(real) = real::mremap() else { return libc::MAP_FAILED };
    let mut guard = Guard::enter_mapping();
    // With a length of 0, what is mapped at `old` is mapped once more elsewhere: a page tells what.
    let length = old_length.max(1);
    if let Some(guard) = &mut guard {
        record::unmap(guard, old, length);
        guard.in_heap_call();
    }
    // SAFETY: see above.
    let new = unsafe { real(old, old_length, new_length, flags, wished) };
    if let Some(guard) = &mut guard {
        let old_stays = old_length == 0 || flags & libc::MREMAP_DONTUNMAP != 0 || new == libc::MAP_FAILED;
        if old_stays {
            record::remap(guard, old, length);
        }
        if new != libc::MAP_FAILED {
            record::remap(guard, new, new_length);
        } else if flags & libc::MREMAP_MAYMOVE != 0 {
            // Without that, it may mean that something else is mapped behind it.
            record::mapping_failed(guard, new_length);
        }
    }
    new
}

/// Changes how memory may be accessed.
///
/// # Safety
/// POSIX's mprotect.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn mprotect(address: *mut c_void, length: usize, protection: c_int) -> c_int {
    let Some(real) = real::mprotect() else { return -1 };
    // SAFETY: see above.
    protect_through(address, length, protection, || unsafe { real(address, length, protection) })
}

/// Changes how memory may be accessed, and by whom.
///
/// # Safety
/// Linux's pkey_mprotect.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn pkey_mprotect(address: *mut c_void, length: usize, protection: c_int, key: c_int) -> c_int {
    let Some(real) = real::pkey_mprotect() else { return -1 };
    // SAFETY: see above.
    protect_through(address, length, protection, || unsafe { real(address, length, protection, key) })
}

/// The range stays its owner's, accessible or not, so nobody else can get it in between.
fn protect_through(address: *mut c_void, length: usize, protection: c_int, real_call: impl FnOnce() -> c_int) -> c_int {
    let mut guard = Guard::enter_mapping();
    let result = real_call();
    match &mut guard {
        Some(guard) if result == 0 => record::protect(guard, is_accessible(protection), address, length),
        // By this, too, memory is asked for: that of a reservation. A range that is not mapped fails in the same way.
        Some(guard) if protection & libc::PROT_WRITE != 0 && is_mapped(address, length) => {
            record::mapping_failed(guard, length);
        }
        _ => {}
    }
    result
}
