//! What an mmap maps, told from its arguments.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use format::MappingKind;

use crate::errno::ErrnoKept;
use crate::guard::Guard;

/// Whether memory with this protection can be used at all.
pub(crate) fn is_accessible(protection: c_int) -> bool {
    protection & (libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC) != 0
}

/// The kind of a mapping that was just made. A file in memory (memfd, tmpfs) is a file: it takes
/// memory by being written to, mapped or not, and once however many processes map it.
pub(crate) fn kind_of(guard: &Guard, flags: c_int, file: c_int) -> MappingKind {
    // MAP_SHARED_VALIDATE is MAP_SHARED and MAP_PRIVATE at once.
    let shared = flags & libc::MAP_SHARED != 0;
    match (flags & libc::MAP_ANONYMOUS != 0 || is_dev_zero(file), shared) {
        (false, _) => MappingKind::File,
        (true, true) => MappingKind::Shared,
        (true, false) if guard.in_python_allocator() => MappingKind::PythonArena,
        (true, false) => MappingKind::Private,
    }
}

/// Whether the first and the last page of a range are mapped.
pub(crate) fn is_mapped(start: *mut c_void, length: usize) -> bool {
    const PAGE: usize = 4096;
    let _errno = ErrnoKept::new();
    let first = start as usize & !(PAGE - 1);
    let Some(end) = (start as usize).checked_add(length.max(1)) else { return false };
    let mut resident = 0u8;
    let mut is_page_mapped = |page: usize| {
        // SAFETY: mincore takes any address that begins a page, and writes a byte for each page asked for, which is one.
        unsafe { libc::mincore(page as *mut c_void, 1, &mut resident) == 0 }
    };
    is_page_mapped(first) && is_page_mapped((end - 1) & !(PAGE - 1))
}

/// Mapping `/dev/zero` is how anonymous memory was had before `MAP_ANONYMOUS`, and still is that.
fn is_dev_zero(file: c_int) -> bool {
    /// Linux, Documentation/admin-guide/devices.txt: character device 1, 5.
    const DEV_ZERO: libc::dev_t = libc::makedev(1, 5);
    let _errno = ErrnoKept::new();
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel fills the structure or fails; a bad descriptor is a failure.
    if unsafe { libc::fstat(file, status.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: fstat succeeded, so it is filled.
    let status = unsafe { status.assume_init() };
    status.st_mode & libc::S_IFMT == libc::S_IFCHR && status.st_rdev == DEV_ZERO
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn any_way_to_use_memory_is_access() {
        assert!(!is_accessible(libc::PROT_NONE));
        assert!(!is_accessible(libc::PROT_GROWSDOWN));
        for protection in [libc::PROT_READ, libc::PROT_WRITE, libc::PROT_EXEC] {
            assert!(is_accessible(protection));
        }
    }

    #[test]
    fn what_is_mapped_is_told_from_what_is_not() {
        let here = (&raw const DEV_NULL).cast_mut().cast();
        assert!(is_mapped(here, 1));
        assert!(!is_mapped(std::ptr::without_provenance_mut(1 << 40), 4096));
        assert!(!is_mapped(here, usize::MAX));
    }

    static DEV_NULL: u8 = 0;

    #[test]
    fn dev_zero_is_not_dev_null() {
        let open = |path| std::fs::File::open(path).expect("every Linux has it");
        assert!(is_dev_zero(open("/dev/zero").as_raw_fd()));
        assert!(!is_dev_zero(open("/dev/null").as_raw_fd()));
        assert!(!is_dev_zero(open("/proc/self/maps").as_raw_fd()));
        assert!(!is_dev_zero(-1));
    }
}
