//! The spool file of this process: slots in shared memory that outlive it.
//!
//! The file grows by segments, whose blocks are really allocated before they are mapped: a full disk
//! is then an error here and never a SIGBUS in the job. Nothing is unmapped or given back while the
//! process lives; free slots go round in a channel, but for the one that became free last, which is taken first: it is
//! still in the processor's caches.
//!
//! The process holds a lock on the file, flock(2), through the mapping: it lasts while the first
//! segment is mapped, even if the job closes every descriptor, and the kernel takes it back when the
//! process is gone, in whatever way, or has become another program. So whoever can take the lock
//! knows that nobody writes here any more.
#![allow(unsafe_code)]

use std::ffi::{CString, c_void};
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender};
use format::spool::{
    SLOT_BYTES, SLOT_CAPACITY, SLOT_CHUNK_NUMBER, SLOT_FIRST_NS, SLOT_FIRST_TURN, SLOT_FREE, SLOT_HEADER_BYTES,
    SLOT_IN_USE, SLOT_KIND, SLOT_LENGTH, SLOT_STATE, SLOT_THREAD, SPOOL_HEADER_BYTES, SpoolHeader,
    UNFINISHED_SPOOL_EXTENSION, slot_offset,
};
use format::{ChunkKind, EVENT_ROOM_BYTES, EventRoom, ShortEvent, ThreadNumber};

use crate::cancellation::CancellationHeldOff;
use crate::header_page::HeaderPage;
use crate::kept_file::{KeptFile, file_size_limit};
use crate::last_free::LastFree;
use crate::lock::Lock;

/// Slots at the start: most processes of a job that has many have one thread and are soon over.
const FIRST_SEGMENT_SLOTS: usize = 4;
/// Slots by which the file grows: 1 MiB.
const SEGMENT_SLOTS: usize = 16;
/// Slots at most. Every thread holds one, so this bounds the threads that live at one time; a job
/// with few threads stops growing at [`COMFORTABLE_SLOTS`].
const MAX_SLOTS: usize = 16 << 10;
/// Up to here the file grows rather than let the job wait for the background thread: 8 MiB.
const COMFORTABLE_SLOTS: usize = 128;

/// Events may begin up to here in a slot's content.
const LAST_EVENT: usize = SLOT_CAPACITY - EVENT_ROOM_BYTES;
/// And up to here those in front of which a time stamp and a turn are still to come.
const LAST_ALLOWED: usize = LAST_EVENT - EVENT_ROOM_BYTES;

/// A slot of the spool, owned by whoever writes into it.
pub(crate) struct Slot {
    start: NonNull<u8>,
    /// Bytes of its content that are written.
    length: usize,
    /// The next event may begin if no more than this is written. At most [`LAST_EVENT`].
    limit: usize,
}

// SAFETY: a slot is reached through its one owner only; the mapping is never taken away.
unsafe impl Send for Slot {}

impl Slot {
    /// No slot: one that has no room, and never will.
    pub(crate) const NONE: Slot = Slot { start: NonNull::dangling(), length: 1, limit: 0 };

    /// Takes the slot away, if it is one.
    pub(crate) fn take(&mut self) -> Option<Slot> {
        let slot = std::mem::replace(self, Slot::NONE);
        (!slot.is_none()).then_some(slot)
    }

    /// Whether it is [`Slot::NONE`]. Slots begin at pages, and so never where that does.
    pub(crate) fn is_none(&self) -> bool {
        self.start == NonNull::dangling()
    }

    fn new(start: NonNull<u8>) -> Slot {
        Slot { start, length: 0, limit: 0 }
    }

    /// Starts a chunk in this slot.
    pub(crate) fn begin(
        &mut self,
        kind: ChunkKind,
        thread: ThreadNumber,
        chunk_number: u64,
        first_turn: u64,
        first_ns: u64,
    ) {
        (self.length, self.limit) = (0, LAST_EVENT);
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

    /// What is written.
    pub(crate) fn content(&mut self) -> &[u8] {
        let length = self.length;
        &self.whole_content()[..length]
    }

    /// The room behind what is written.
    pub(crate) fn rest(&mut self) -> &mut [u8] {
        let length = self.length;
        &mut self.whole_content()[length..]
    }

    fn whole_content(&mut self) -> &mut [u8; SLOT_CAPACITY] {
        // SAFETY: a slot is SLOT_BYTES long, its content lies behind the header, and no one else
        // reaches it while self is borrowed.
        unsafe { &mut *self.start.as_ptr().add(SLOT_HEADER_BYTES).cast() }
    }

    /// From here on events may begin in this many more bytes, at least as many as a time stamp and a turn take. False if
    /// there is no room for these and an event.
    pub(crate) fn allow(&mut self, bytes: usize) -> bool {
        self.limit = (self.length + bytes).min(LAST_EVENT);
        self.length <= LAST_ALLOWED
    }

    /// Whether there is a [`Slot::room`].
    #[inline(always)]
    pub(crate) fn has_room(&self) -> bool {
        self.length <= self.limit
    }

    /// Where the next event goes, if one may begin here.
    #[inline(always)]
    pub(crate) fn room(&mut self) -> Option<&mut EventRoom> {
        if !self.has_room() {
            return None;
        }
        // SAFETY: what is written ends at LAST_EVENT or before, and so the room ends with the slot or before. As above, it
        // lies behind the header, and no one else reaches it.
        Some(unsafe { self.start.add(SLOT_HEADER_BYTES + self.length).cast().as_mut() })
    }

    /// Writes an event, if one may begin here and `encode` makes it. Then it is whole, and published.
    #[inline(always)]
    pub(crate) fn write_at_once(&mut self, encode: impl FnOnce() -> Option<ShortEvent>) -> bool {
        let length = self.length;
        if !self.has_room() {
            return false;
        }
        let Some(event) = encode() else { return false };
        // What is written to the room could change nothing here, but the compiler does not know that.
        let start = self.start;
        // SAFETY: as in room(), since the length is the same: `encode` does not reach the slot.
        let written = event.put(unsafe { start.add(SLOT_HEADER_BYTES + length).cast().as_mut() });
        self.length = length + written;
        // SAFETY: as in word().
        let published = unsafe { AtomicU32::from_ptr(start.as_ptr().add(SLOT_LENGTH).cast()) };
        published.store((length + written) as u32, Ordering::Release);
        true
    }

    /// So many more bytes are written. They belong to what follows them.
    #[inline(always)]
    pub(crate) fn advance(&mut self, written: usize) {
        self.length += written;
    }

    /// So many more bytes are written, and all up to there is whole: from here on it is found whatever happens.
    #[inline(always)]
    pub(crate) fn publish(&mut self, written: usize) {
        self.length += written;
        self.word(SLOT_LENGTH).store(self.length as u32, Ordering::Release);
    }

    fn word(&self, offset: usize) -> &AtomicU32 {
        // SAFETY: the offsets are multiples of 4 inside the slot's header, which is aligned to
        // pages; the header is only reached through atomics.
        unsafe { AtomicU32::from_ptr(self.start.as_ptr().add(offset).cast()) }
    }

    fn long_word(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: as above; these offsets are multiples of 8.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(offset).cast()) }
    }
}

/// See the module.
pub(crate) struct Spool {
    file: Lock<SpoolFile>,
    free: (Sender<Slot>, Receiver<Slot>),
    /// One more free slot.
    last_free: LastFree,
    pub(crate) header: HeaderPage,
}

/// What growing needs.
pub(crate) struct SpoolFile {
    file: KeptFile,
    slot_count: usize,
    /// Start and length of each, oldest first.
    segments: Vec<(usize, usize)>,
}

impl Spool {
    /// Creates the file with its first segment.
    pub(crate) fn create(path: CString, header: &SpoolHeader) -> io::Result<Spool> {
        let file = create_locked(path, header)?;
        let file = Lock::new(SpoolFile { file, slot_count: 0, segments: Vec::new() });
        let last_free = LastFree(AtomicPtr::new(null_mut()));
        let header = HeaderPage::new();
        let spool = Spool { file, free: crossbeam_channel::unbounded(), last_free, header };
        let grown = spool.grow(&mut spool.file.lock(), FIRST_SEGMENT_SLOTS);
        if grown.is_err() {
            spool.file.lock().file.remove();
            spool.abandon();
            spool.header.abandon(false);
        }
        grown.map(|()| spool)
    }

    /// A free slot, if there is one or the file may grow. `None`: wait for the background thread.
    pub(crate) fn take(&self) -> Option<Slot> {
        self.take_below(COMFORTABLE_SLOTS)
    }

    /// A free slot for one who cannot wait: a thread that begins when all slots are held by others, and
    /// the background thread, which would wait for itself.
    pub(crate) fn take_beyond_comfort(&self) -> Option<Slot> {
        self.take().or_else(|| self.take_below(MAX_SLOTS))
    }

    fn take_below(&self, max_slots: usize) -> Option<Slot> {
        if let Some(start) = self.last_free.take() {
            return Some(Slot::new(start));
        }
        if let Ok(slot) = self.free.1.try_recv() {
            return Some(slot);
        }
        let mut file = self.file.lock();
        if file.slot_count < max_slots {
            // A failure (disk full, folder out of reach) leaves what there is: the job waits instead.
            let _ = self.grow(&mut file, SEGMENT_SLOTS);
        }
        drop(file);
        self.free.1.try_recv().ok()
    }

    /// Gives a slot back.
    pub(crate) fn give_back(&self, mut slot: Slot) {
        slot.end();
        if let Some(start) = self.last_free.replace(slot.start) {
            // Fails only without a receiver, and that stands beside the sender.
            let _ = self.free.0.send(Slot::new(start));
        }
    }

    /// Held while the process forks, so that the child finds no lock taken.
    pub(crate) fn lock_for_fork(&self) -> &Lock<SpoolFile> {
        &self.file
    }

    /// Gives up slots and descriptor: for the child after a fork, where the spool is the parent's. No slot of it
    /// may be used from here on.
    pub(crate) fn abandon(&self) {
        let mut file = self.file.lock();
        if let Some(munmap) = crate::real::munmap() {
            for (start, length) in file.segments.drain(..) {
                let kept = if start == self.header.start() as usize { SPOOL_HEADER_BYTES } else { 0 };
                // SAFETY: a mapping of grow() or, of the first one, what is behind the header, unmapped once; the
                // caller uses its slots no more.
                unsafe { munmap((start + kept) as *mut c_void, length - kept) };
            }
        }
        file.file.close();
    }

    fn grow(&self, file: &mut SpoolFile, slots: usize) -> io::Result<()> {
        let _cancellation = CancellationHeldOff::new();
        let offset = slot_offset(file.slot_count);
        // The first segment begins with the file header.
        let start = if file.slot_count == 0 { 0 } else { offset };
        let end = offset + slots * SLOT_BYTES;
        let length = end - start;
        if end as u64 > file_size_limit() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let descriptor = file.file.descriptor()?;
        // SAFETY: the descriptor is open; the range is not negative.
        let failed = unsafe { libc::posix_fallocate(descriptor, start as libc::off_t, length as libc::off_t) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        let mmap = crate::real::mmap().ok_or(io::ErrorKind::Unsupported)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping of a range of the file that was just allocated.
        let segment = unsafe { mmap(null_mut(), length, access, libc::MAP_SHARED, descriptor, start as libc::off_t) };
        if segment == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        file.segments.push((segment as usize, length));
        if start == 0 {
            // SAFETY: the segment begins with the header's page, which abandon() leaves there.
            unsafe { self.header.is_mapped_at(segment.cast()) };
        }
        for index in 0..slots {
            // SAFETY: the slot lies in the segment, and is handed out once, here.
            let slot = unsafe { segment.cast::<u8>().add(offset - start + index * SLOT_BYTES) };
            if let Some(slot) = NonNull::new(slot) {
                let _ = self.free.0.send(Slot::new(slot));
            }
        }
        file.slot_count += slots;
        Ok(())
    }
}

/// A spool file that holds its header, and is locked. It has its name only then: whoever meets a spool can tell whose it is,
/// and a process that is killed in here leaves none.
fn create_locked(path: CString, header: &SpoolHeader) -> io::Result<KeptFile> {
    let unfinished = CString::new([path.as_bytes(), b".", UNFINISHED_SPOOL_EXTENSION.as_bytes()].concat())?;
    let mut file = KeptFile::open(unfinished, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)?;
    let named = lock_and_begin(&mut file, header).and_then(|()| file.rename(path));
    if named.is_err() {
        file.remove();
        file.close();
    }
    named.map(|()| file)
}

fn lock_and_begin(file: &mut KeptFile, header: &SpoolHeader) -> io::Result<()> {
    let descriptor = file.descriptor()?;
    let header = header.encode();
    // SAFETY: the descriptor is open; the buffer is a live array of this length.
    let written = unsafe {
        libc::flock(descriptor, libc::LOCK_EX | libc::LOCK_NB);
        libc::pwrite(descriptor, header.as_ptr().cast(), header.len(), 0)
    };
    if written == header.len() as isize { Ok(()) } else { Err(io::Error::last_os_error()) }
}

const _: () =
    assert!(SPOOL_HEADER_BYTES.is_multiple_of(4096) && SLOT_BYTES.is_multiple_of(4096), "mappings begin at pages");

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use format::constants::{BYTES_PER_TIME_STAMP, MAX_EVENT_BYTES};

    use super::*;

    /// Most bytes of a time stamp or of a turn.
    const MARK: usize = 11;

    #[test]
    fn marks_and_an_event_have_room_wherever_a_slot_is_allowed_to_be_written() {
        let memory: &'static mut [u64] = Box::leak(vec![0; SLOT_BYTES / 8].into_boxed_slice());
        let start = NonNull::new(memory.as_mut_ptr().cast()).expect("memory");
        for first in 0..2 * EVENT_ROOM_BYTES {
            let mut slot = Slot::new(start);
            slot.begin(ChunkKind::Events, ThreadNumber(1), 0, 0, 0);
            slot.advance(SLOT_CAPACITY - 4 * EVENT_ROOM_BYTES + first);
            while slot.allow(BYTES_PER_TIME_STAMP) {
                for mark in [MARK, MARK] {
                    assert!(slot.room().is_some());
                    slot.advance(mark);
                }
                while slot.has_room() {
                    slot.advance(MAX_EVENT_BYTES);
                    assert!(slot.content().len() <= SLOT_CAPACITY);
                }
            }
        }
    }
}
