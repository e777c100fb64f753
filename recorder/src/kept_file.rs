//! A file of the recorder's that the job does not notice and cannot take away.
//!
//! The job may close every descriptor and open files of its own under the numbers that became free.
//! So descriptors are kept far from the usual numbers, and looked at before each use: if one is no
//! longer the file, the file is opened again by its path, and the number is left alone. A descriptor
//! works where the path no longer does: after chroot, or when the job gave its rights up.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;

/// Descriptors of the recorder's begin here: above what jobs count on.
const FIRST_DESCRIPTOR: u64 = 500;
/// With a lower limit of descriptors they are its last ones: the trace and the spool.
const DESCRIPTORS_BELOW_LIMIT: u64 = 2;

/// See the module. A copy shares the descriptor; in the child after a fork it is the child's.
#[derive(Clone)]
pub(crate) struct KeptFile {
    path: CString,
    flags: i32,
    descriptor: i32,
    identity: Identity,
}

type Identity = (libc::dev_t, libc::ino_t);

impl KeptFile {
    /// Opens a file that is there. With the flags `O_CREAT | O_EXCL` it makes the file.
    pub(crate) fn open(path: CString, flags: i32) -> io::Result<KeptFile> {
        let descriptor = open_high(&path, flags)?;
        let identity = identity_of(descriptor).ok_or_else(io::Error::last_os_error)?;
        Ok(KeptFile { path, flags: flags & !(libc::O_CREAT | libc::O_EXCL), descriptor, identity })
    }

    /// The descriptor, of a file that was there all the time or is opened again.
    pub(crate) fn descriptor(&mut self) -> io::Result<i32> {
        if !self.is_open() {
            self.descriptor = open_high(&self.path, self.flags)?;
            if !self.is_open() {
                return Err(io::Error::other("another file stands in its place"));
            }
        }
        Ok(self.descriptor)
    }

    /// Gives the file this name, in the same folder.
    pub(crate) fn rename(&mut self, path: CString) -> io::Result<()> {
        // SAFETY: both are C strings.
        if unsafe { libc::rename(self.path.as_ptr(), path.as_ptr()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        self.path = path;
        Ok(())
    }

    /// Removes the file's name.
    pub(crate) fn remove(&self) {
        // SAFETY: a C string.
        unsafe { libc::unlink(self.path.as_ptr()) };
    }

    /// Its length in bytes.
    pub(crate) fn length(&self) -> u64 {
        status_of(self.descriptor).and_then(|status| u64::try_from(status.st_size).ok()).unwrap_or(0)
    }

    /// Closes the descriptor if it is still the file's. Copies lose it too.
    pub(crate) fn close(&self) {
        if self.is_open() {
            // SAFETY: the descriptor was found to be the recorder's own.
            unsafe { libc::close(self.descriptor) };
        }
    }

    /// Gives the calling thread a table of descriptors of its own with nothing in it but this file.
    /// The job can then close all of its descriptors and does not reach this one, and what the thread
    /// opens does not take a number that the job expects to get. Where the kernel cannot do it
    /// (before 5.9) the table stays shared, and [`KeptFile::descriptor`] has to look more often.
    pub(crate) fn separate_from_job(&self) {
        let Ok(kept) = u32::try_from(self.descriptor) else { return };
        // If the job has a file of its own under that number, it is not to be kept open here.
        let end_of_rest = if self.is_open() { kept } else { kept + 1 };
        // SAFETY: close_range takes numbers. The first call unshares the table before it closes
        // anything, so no descriptor of the job's is closed; only if it did, the second one closes
        // what is left below.
        unsafe {
            let unshared = libc::syscall(libc::SYS_close_range, kept + 1, u32::MAX, libc::CLOSE_RANGE_UNSHARE);
            if unshared == 0 && end_of_rest > 0 {
                libc::syscall(libc::SYS_close_range, 0, end_of_rest - 1, 0);
            }
        }
    }

    fn is_open(&self) -> bool {
        identity_of(self.descriptor) == Some(self.identity)
    }
}

fn open_high(path: &CString, flags: i32) -> io::Result<i32> {
    // SAFETY: the path is a C string; the mode is given as O_CREAT wants it.
    let low = unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC | libc::O_NOFOLLOW, 0o600) };
    if low < 0 {
        return Err(io::Error::last_os_error());
    }
    let wish = FIRST_DESCRIPTOR.min(descriptor_limit().saturating_sub(DESCRIPTORS_BELOW_LIMIT)) as i32;
    // The highest that is to be had. If all are taken, `low` itself will do.
    let high = (low + 1..=wish).rev().find_map(|wish| {
        // SAFETY: `low` is ours.
        let high = unsafe { libc::fcntl(low, libc::F_DUPFD_CLOEXEC, wish) };
        (high >= 0).then_some(high)
    });
    let Some(high) = high else { return Ok(low) };
    // SAFETY: `low` is ours and no longer needed.
    unsafe { libc::close(low) };
    Ok(high)
}

fn descriptor_limit() -> u64 {
    limit_of(libc::RLIMIT_NOFILE)
}

/// `ulimit -f` in bytes: a write beyond it would end the job with SIGXFSZ.
pub(crate) fn file_size_limit() -> u64 {
    limit_of(libc::RLIMIT_FSIZE)
}

fn limit_of(resource: libc::__rlimit_resource_t) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a constant and a live structure; if it fails, the limit stays infinite.
    unsafe { libc::getrlimit(resource, &mut limit) };
    limit.rlim_cur
}

fn identity_of(descriptor: i32) -> Option<Identity> {
    status_of(descriptor).map(|status| (status.st_dev, status.st_ino))
}

fn status_of(descriptor: i32) -> Option<libc::stat> {
    let mut status = MaybeUninit::uninit();
    // SAFETY: fstat takes any number as descriptor and fills the structure when it returns 0.
    unsafe { (libc::fstat(descriptor, status.as_mut_ptr()) == 0).then(|| status.assume_init()) }
}
