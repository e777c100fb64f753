//! The spool file of this process: slots in shared memory that outlive it.
//!
//! The file grows by segments of [`SEGMENT_SLOTS`] slots, whose blocks are really allocated before
//! they are mapped: a full disk is then an error here and never a SIGBUS in the job. Nothing is
//! unmapped or given back while the process lives; free slots go round in a channel.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};
use format::spool::{
    SLOT_BYTES, SLOT_CAPACITY, SLOT_CHUNK_NUMBER, SLOT_FIRST_NS, SLOT_FIRST_TURN, SLOT_FREE, SLOT_HEADER_BYTES,
    SLOT_IN_USE, SLOT_KIND, SLOT_LENGTH, SLOT_STATE, SLOT_THREAD, SPOOL_HEADER_BYTES, SpoolHeader, slot_offset,
};
use format::{ChunkKind, ThreadNumber};

use crate::cancellation::CancellationHeldOff;
use crate::lock::Lock;

/// Slots by which the file grows: 1 MiB.
const SEGMENT_SLOTS: usize = 16;
/// Slots at most. Every thread holds one, so this bounds the threads that live at one time; a job
/// with few threads stops growing at [`COMFORTABLE_SLOTS`].
const MAX_SLOTS: usize = 16 << 10;
/// Up to here the file grows rather than let the job wait for the background thread: 8 MiB.
const COMFORTABLE_SLOTS: usize = 128;

/// A slot of the spool, owned by whoever writes into it.
pub(crate) struct Slot {
    start: *mut u8,
}

// SAFETY: a slot is reached through its one owner only; the mapping is never taken away.
unsafe impl Send for Slot {}

impl Slot {
    /// Starts a chunk in this slot.
    pub(crate) fn begin(
        &mut self,
        kind: ChunkKind,
        thread: ThreadNumber,
        chunk_number: u64,
        first_turn: u64,
        first_ns: u64,
    ) {
        self.word(SLOT_LENGTH).store(0, Ordering::Relaxed);
        self.word(SLOT_KIND).store(kind.number(), Ordering::Relaxed);
        self.word(SLOT_THREAD).store(thread.0, Ordering::Relaxed);
        self.long_word(SLOT_CHUNK_NUMBER).store(chunk_number, Ordering::Relaxed);
        self.long_word(SLOT_FIRST_TURN).store(first_turn, Ordering::Relaxed);
        self.long_word(SLOT_FIRST_NS).store(first_ns, Ordering::Relaxed);
        self.word(SLOT_STATE).store(SLOT_IN_USE, Ordering::Release);
    }

    /// The content is in the trace.
    pub(crate) fn end(&mut self) {
        self.word(SLOT_STATE).store(SLOT_FREE, Ordering::Release);
    }

    /// Where the content goes.
    #[inline(always)]
    pub(crate) fn content(&mut self) -> &mut [u8; SLOT_CAPACITY] {
        // SAFETY: a slot is SLOT_BYTES long, its content lies behind the header, and no one else
        // reaches it while self is borrowed.
        unsafe { &mut *self.start.add(SLOT_HEADER_BYTES).cast() }
    }

    /// `length` bytes of content are whole: from here on they are found whatever happens.
    #[inline(always)]
    pub(crate) fn publish(&mut self, length: usize) {
        self.word(SLOT_LENGTH).store(length as u32, Ordering::Release);
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the offsets are multiples of 4 inside the slot's header, which is aligned to
        // pages; the header is only reached through atomics.
        unsafe { AtomicU32::from_ptr(self.start.add(offset).cast()) }
    }

    fn long_word(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: as above; these offsets are multiples of 8.
        unsafe { AtomicU64::from_ptr(self.start.add(offset).cast()) }
    }
}

/// See the module.
pub(crate) struct Spool {
    path: CString,
    slot_count: Lock<usize>,
    free: (Sender<Slot>, Receiver<Slot>),
}

impl Spool {
    /// Creates the file with its first segment.
    pub(crate) fn create(path: CString, header: &SpoolHeader) -> io::Result<Spool> {
        let file = open(&path, libc::O_CREAT | libc::O_EXCL)?;
        let header = header.encode();
        // SAFETY: the buffer is a live array of this length.
        let written = unsafe { libc::pwrite(file.as_raw_fd(), header.as_ptr().cast(), header.len(), 0) };
        if written != header.len() as isize {
            return Err(io::Error::last_os_error());
        }
        let spool = Spool { path, slot_count: Lock::new(0), free: crossbeam_channel::unbounded() };
        spool.grow(&mut spool.slot_count.lock(), &file)?;
        Ok(spool)
    }

    /// A free slot, if there is one or the file may grow. `None`: wait for the background thread.
    pub(crate) fn take(&self) -> Option<Slot> {
        if let Ok(slot) = self.free.1.try_recv() {
            return Some(slot);
        }
        let mut slot_count = self.slot_count.lock();
        if *slot_count < COMFORTABLE_SLOTS {
            self.open_and_grow(&mut slot_count);
        }
        self.free.1.try_recv().ok()
    }

    /// A free slot for one who cannot wait: a thread that begins when all slots are held by others, and
    /// the background thread, which would wait for itself.
    pub(crate) fn take_beyond_comfort(&self) -> Option<Slot> {
        self.take().or_else(|| {
            let mut slot_count = self.slot_count.lock();
            if *slot_count < MAX_SLOTS {
                self.open_and_grow(&mut slot_count);
            }
            self.free.1.try_recv().ok()
        })
    }

    /// Gives a slot back.
    pub(crate) fn give_back(&self, mut slot: Slot) {
        slot.end();
        // Fails only without a receiver, and that stands beside the sender.
        let _ = self.free.0.send(slot);
    }

    /// Held while the process forks, so that the child finds no lock taken.
    pub(crate) fn lock_for_fork(&self) -> &Lock<usize> {
        &self.slot_count
    }

    fn open_and_grow(&self, slot_count: &mut usize) {
        let _cancellation = CancellationHeldOff::new();
        // A failure (disk full, folder out of reach) leaves what there is: the job waits instead.
        if let Ok(file) = open(&self.path, 0) {
            let _ = self.grow(slot_count, &file);
        }
    }

    fn grow(&self, slot_count: &mut usize, file: &OwnedFd) -> io::Result<()> {
        let length = SEGMENT_SLOTS * SLOT_BYTES;
        let offset = slot_offset(*slot_count);
        let start = if *slot_count == 0 { 0 } else { offset };
        if (offset + length) as u64 > file_size_limit() {
            // Going over it would end the job with SIGXFSZ.
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        // SAFETY: the descriptor is open; the range is not negative.
        let failed = unsafe {
            libc::posix_fallocate(file.as_raw_fd(), start as libc::off_t, (offset - start + length) as libc::off_t)
        };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        let mmap = crate::real::mmap().ok_or(io::ErrorKind::Unsupported)?;
        // SAFETY: a fresh mapping of a range of the file that was just allocated.
        let segment = unsafe {
            mmap(
                null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset as libc::off_t,
            )
        };
        if segment == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        for index in 0..SEGMENT_SLOTS {
            // SAFETY: the slot lies in the segment, and is handed out once, here.
            let slot = Slot { start: unsafe { segment.cast::<u8>().add(index * SLOT_BYTES) } };
            let _ = self.free.0.send(slot);
        }
        *slot_count += SEGMENT_SLOTS;
        Ok(())
    }
}

const _: () =
    assert!(SPOOL_HEADER_BYTES.is_multiple_of(4096) && SLOT_BYTES.is_multiple_of(4096), "mappings begin at pages");

/// The job's limit for files that it writes, `ulimit -f`, in bytes.
fn file_size_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: a constant and a live structure; if it fails, the limit stays infinite.
    unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    limit.rlim_cur
}

fn open(path: &CString, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: the path is a C string; the mode is given as O_CREAT wants it.
    let descriptor = unsafe { libc::open(path.as_ptr(), flags | libc::O_RDWR | libc::O_CLOEXEC, 0o600) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: open just returned it, and no one else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}
