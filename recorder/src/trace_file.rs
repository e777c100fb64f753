//! The trace as a process of the job sees it: a file to append whole chunks to.
//!
//! Whoever appends uses a copy of its own ([`TraceFile::clone`]): each chunk is one write to the end
//! of the file, so they need no order among themselves, in one process or in many.
#![allow(unsafe_code)]

use std::error::Error;
use std::ffi::CString;
use std::{fmt, io};

use crate::kept_file::{KeptFile, file_size_limit};

/// The trace has the size that the user wants it to have at most.
#[derive(Debug)]
pub(crate) struct SizeReached;

impl Error for SizeReached {}

impl fmt::Display for SizeReached {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the trace has the size that it may have")
    }
}

#[derive(Clone)]
pub(crate) struct TraceFile {
    file: KeptFile,
    /// The user's limit of its size.
    max_bytes: u64,
}

impl TraceFile {
    /// Opens the trace that `fil record` created, which is not to be larger than that.
    pub(crate) fn open(path: CString, max_bytes: u64) -> io::Result<TraceFile> {
        Ok(TraceFile { file: KeptFile::open(path, libc::O_WRONLY | libc::O_APPEND)?, max_bytes })
    }

    /// Appends a chunk in one write. A write cut short (disk full) is an error; readers find the
    /// next chunk behind the torn one.
    pub(crate) fn append(&mut self, chunk: &[u8]) -> io::Result<()> {
        let descriptor = self.file.descriptor()?;
        let length = self.file.length() + chunk.len() as u64;
        if length > self.max_bytes {
            return Err(io::Error::other(SizeReached));
        }
        if length > file_size_limit() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        loop {
            // SAFETY: the buffer is a live slice; the descriptor was found to be the trace.
            let written = unsafe { libc::write(descriptor, chunk.as_ptr().cast(), chunk.len()) };
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

    /// Whether it has that size already.
    pub(crate) fn is_full(&mut self) -> bool {
        self.file.descriptor().is_ok() && self.file.length() >= self.max_bytes
    }

    /// The same file, for the few words that say that it is full.
    pub(crate) fn without_limit(&self) -> TraceFile {
        TraceFile { max_bytes: u64::MAX, ..self.clone() }
    }

    /// See [`KeptFile::separate_from_job`].
    pub(crate) fn separate_from_job(&self) {
        self.file.separate_from_job();
    }
}
