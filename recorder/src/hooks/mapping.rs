//! mmap and munmap, as the dynamic linker finds them before the C library's. The C library's own
//! mappings (large blocks of malloc, thread stacks) do not come this way.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::{c_int, c_void};

use format::MappingKind;

use crate::guard::Guard;
use crate::{real, record};

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
    let guard = Guard::enter();
    // SAFETY: the arguments go on as the job gave them.
    let start = unsafe { real(address, length, protection, flags, file, offset) };
    if start != libc::MAP_FAILED {
        record_mapping(guard, start, length, protection, flags);
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
    // SAFETY: the arguments go on as the job gave them.
    unsafe { mmap(address, length, protection, flags, file, offset) }
}

/// Unmaps memory.
///
/// # Safety
/// POSIX's munmap.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn munmap(address: *mut c_void, length: usize) -> c_int {
    let Some(real) = real::munmap() else { return -1 };
    // munmap fails only for arguments that name no mapping, so recording first loses nothing, and
    // no other thread can map the range again before its end is in the log.
    if let Some(guard) = Guard::enter().or_else(Guard::enter_python_arena) {
        record::unmap(&guard, address, length);
    }
    // SAFETY: the arguments go on as the job gave them.
    unsafe { real(address, length) }
}

fn record_mapping(guard: Option<Guard>, start: *mut c_void, length: usize, protection: c_int, flags: c_int) {
    let counts = flags & libc::MAP_ANONYMOUS != 0 && protection != libc::PROT_NONE;
    match guard {
        Some(guard) if counts => record::map(&guard, MappingKind::Anonymous, start, length),
        Some(guard) if flags & libc::MAP_FIXED != 0 => record::unmap(&guard, start, length),
        Some(_) => {}
        None if counts => {
            if let Some(guard) = Guard::enter_python_arena() {
                record::map(&guard, MappingKind::PythonArena, start, length);
            }
        }
        None => {}
    }
}
