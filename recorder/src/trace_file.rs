//! The trace as a process of the job sees it: a file to append whole chunks to.
//!
//! The job may close every descriptor, and open files of its own under the numbers that became
//! free. So the descriptor is kept far from the usual numbers, and looked at before each use: if it
//! is no longer the trace, the trace is opened again by its path, and the number is left alone.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;

/// Descriptors of the recorder's begin here if the limit allows: above what jobs count on.
const FIRST_DESCRIPTOR: i32 = 500;

pub(crate) struct TraceFile {
    path: CString,
    descriptor: i32,
    identity: (libc::dev_t, libc::ino_t),
}

impl TraceFile {
    /// Opens the trace that `fil record` created.
    pub(crate) fn open(path: CString) -> io::Result<TraceFile> {
        let descriptor = open_high(&path)?;
        let identity = identity_of(descriptor).ok_or_else(io::Error::last_os_error)?;
        Ok(TraceFile { path, descriptor, identity })
    }

    /// Appends a chunk in one write. A write cut short (disk full) is an error; readers find the
    /// next chunk behind the torn one.
    pub(crate) fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        if identity_of(self.descriptor) != Some(self.identity) {
            self.descriptor = open_high(&self.path)?;
            if identity_of(self.descriptor) != Some(self.identity) {
                return Err(io::Error::other("another file stands in the trace's place"));
            }
        }
        loop {
            // SAFETY: the buffer is a live slice; the descriptor was found to be the trace.
            let written = unsafe { libc::write(self.descriptor, chunk.as_ptr().cast(), chunk.len()) };
            if written == chunk.len() as isize {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            if written >= 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

fn open_high(path: &CString) -> io::Result<i32> {
    // SAFETY: the path is a C string.
    let low = unsafe { libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_APPEND | libc::O_CLOEXEC) };
    if low < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `low` is ours. If the limit of descriptors is below the wish, `low` itself will do.
    let high = unsafe { libc::fcntl(low, libc::F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR) };
    if high < 0 {
        return Ok(low);
    }
    // SAFETY: `low` is ours and no longer needed.
    unsafe { libc::close(low) };
    Ok(high)
}

fn identity_of(descriptor: i32) -> Option<(libc::dev_t, libc::ino_t)> {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: fstat takes any number as descriptor and fills the structure when it returns 0.
    unsafe {
        if libc::fstat(descriptor, status.as_mut_ptr()) != 0 {
            return None;
        }
        let status = status.assume_init();
        Some((status.st_dev, status.st_ino))
    }
}
