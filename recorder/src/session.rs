//! What this process records into: the trace file, the spool, and the channel between the job's
//! threads and the background thread. One per process; a fork makes a new one.
//!
//! ```text
//!   job thread --full slot--> queue --background thread--> chunk --> trace
//!       ^                                   |
//!       '------------- free slot -----------'
//! ```

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use format::spool::{SPOOL_EXTENSION, SpoolHeader};
use format::{ChunkHeader, ChunkKind, ProcessKey, ThreadNumber};

use crate::background;
use crate::configuration::Configuration;
use crate::doorbell::Doorbell;
use crate::guard;
use crate::lock::Lock;
use crate::spool::{Slot, Spool};
use crate::trace_file::TraceFile;

/// How long a job's thread sleeps at most before it looks again for a free slot.
const SLOT_WAIT: Duration = Duration::from_millis(5);
/// How long it waits while none becomes free for anybody. A disk that takes nothing for so long may never take anything again, and the job is
/// not to wait for that: recording ends.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A slot to be appended, and what its chunk's header needs beyond the slot's own.
pub(crate) struct FullSlot {
    pub(crate) slot: Slot,
    pub(crate) header: ChunkHeader,
}

/// See the module.
pub(crate) struct Session {
    /// What it was started with; a child after a fork starts with the same.
    pub(crate) configuration: Configuration,
    pub(crate) process: ProcessKey,
    /// What the kernel calls its first thread.
    pub(crate) process_name: String,
    pub(crate) spool: Spool,
    /// The background thread has a copy of its own.
    pub(crate) trace: Lock<TraceFile>,
    queue: (Sender<FullSlot>, Receiver<FullSlot>),
    /// Rings when the background thread has something to do.
    pub(crate) work: Doorbell,
    /// Rings when a slot became free.
    slot_freed: Doorbell,
}

/// Null until [`Session::start`]. Sessions are never dropped: a late event may still look.
static CURRENT: AtomicPtr<Session> = AtomicPtr::new(std::ptr::null_mut());

impl Session {
    /// The session of this process.
    #[inline]
    #[allow(unsafe_code)]
    pub(crate) fn current() -> Option<&'static Session> {
        // SAFETY: null or a leaked box, never freed and never written through this pointer.
        unsafe { CURRENT.load(Ordering::Acquire).as_ref() }
    }

    /// The same, unless this process is a copy that began without the handlers of fork, by a bare clone, vfork or
    /// _Fork: that one has no thread of the recorder's, and its locks are as they happened to be.
    pub(crate) fn of_this_process() -> Option<&'static Session> {
        Session::current().filter(|session| session.process.pid == std::process::id())
    }

    /// Creates the spool, and makes this the session of the process.
    pub(crate) fn start(configuration: Configuration, header: SpoolHeader, trace: TraceFile) -> io::Result<()> {
        let process = header.process;
        let mut path = configuration.spool_directory().to_owned();
        path.push(format!("/{}-{}.{SPOOL_EXTENSION}", process.pid, process.start_ns));
        let path = CString::new(path.into_vec())?;
        let spool = Spool::create(path, &header)?;
        let session = Box::leak(Box::new(Session {
            configuration,
            process,
            process_name: process_name(),
            spool,
            trace: Lock::new(trace),
            queue: crossbeam_channel::unbounded(),
            work: Doorbell::new(),
            slot_freed: Doorbell::new(),
        }));
        CURRENT.store(session, Ordering::Release);
        Ok(())
    }

    /// A slot for the chunk after a full one; `None` when recording has stopped. The job waits here if
    /// the background thread is behind.
    pub(crate) fn next_slot(&self) -> Option<Slot> {
        self.wait_for_slot().unwrap_or_else(|reason| {
            background::give_up(&reason);
            None
        })
    }

    /// As [`Session::next_slot`], for one who holds the lock of the definitions and must give up by
    /// itself: an error says why nothing more can be recorded.
    ///
    /// While there is no background thread (a fork is under way, or none can be started) the caller
    /// does its work. That must be so: whoever forks waits for locks that the caller may hold.
    pub(crate) fn wait_for_slot(&self) -> Result<Option<Slot>, String> {
        let mut patience = Patience::new();
        loop {
            let seen = self.slot_freed.rings();
            if let Some(slot) = self.spool.take() {
                return Ok(Some(slot));
            }
            if !guard::is_on() {
                return Ok(None);
            }
            if patience.is_over(seen) {
                return Err(format!("the trace has taken nothing for {} s", LONGEST_WAIT.as_secs()));
            }
            if !background::is_running() {
                background::append_queued(self)?;
            }
            patience.note_wait(self.slot_freed.wait(seen, SLOT_WAIT));
        }
    }

    /// A slot for a thread's first chunk. As long as the background thread has full ones, they come back
    /// by waiting, and thousands of short-lived threads need no more room than a few; those that threads
    /// hold do not, so the spool grows with the threads that live at one time.
    pub(crate) fn first_slot(&self) -> Option<Slot> {
        let mut patience = Patience::new();
        loop {
            let seen = self.slot_freed.rings();
            if let Some(slot) = self.spool.take() {
                return Some(slot);
            }
            if self.queue.1.is_empty() || !guard::is_on() || patience.is_over(seen) {
                return self.spool.take_beyond_comfort();
            }
            patience.note_wait(self.slot_freed.wait(seen, SLOT_WAIT));
        }
    }

    /// Hands a slot to the background thread.
    pub(crate) fn hand_over(&self, slot: Slot, header: ChunkHeader) {
        // Fails only without a receiver, and that stands beside the sender.
        let _ = self.queue.0.send(FullSlot { slot, header });
        self.work.ring();
    }

    /// The next slot to append.
    pub(crate) fn next_full(&self) -> Option<FullSlot> {
        self.queue.1.try_recv().ok()
    }

    /// A slot's content is in the trace.
    pub(crate) fn appended(&self, slot: Slot) {
        self.spool.give_back(slot);
        self.slot_freed.ring();
    }

    /// The header of a chunk of this process; lengths and the end are filled in later.
    pub(crate) fn chunk_header(
        &self,
        kind: ChunkKind,
        thread: ThreadNumber,
        chunk_number: u64,
        turn: u64,
        ns: u64,
    ) -> ChunkHeader {
        ChunkHeader {
            first_turn: turn,
            first_ns: ns,
            last_ns: ns,
            ..ChunkHeader::new(kind, self.process, thread, chunk_number)
        }
    }
}

/// For how long to wait while no slot becomes free. Waits are counted, and not time: while the whole job stands still (Ctrl-Z,
/// a debugger, a frozen container), it is nobody's fault that none does.
struct Patience {
    waits: u32,
    last_seen: Option<u32>,
}

impl Patience {
    fn new() -> Patience {
        Patience { waits: 0, last_seen: None }
    }

    /// Whether it is over, when so many slots have become free.
    fn is_over(&mut self, seen: u32) -> bool {
        if self.last_seen != Some(seen) {
            *self = Patience { waits: 0, last_seen: Some(seen) };
        }
        u128::from(self.waits) * SLOT_WAIT.as_nanos() >= LONGEST_WAIT.as_nanos()
    }

    /// One more wait is over. It counts if nothing ended it before its time.
    fn note_wait(&mut self, in_vain: bool) {
        self.waits += u32::from(in_vain);
    }
}

/// The kernel's name of this process, `/proc/self/comm`.
fn process_name() -> String {
    let name = std::fs::read("/proc/self/comm").unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_where_no_slot_becomes_free_for_long() {
        let waits = (LONGEST_WAIT.as_nanos() / SLOT_WAIT.as_nanos()) as u32;
        let mut patience = Patience::new();
        let mut wait = |times: u32, seen: u32, in_vain: bool| {
            (0..times).all(|_| {
                let is_over = patience.is_over(seen);
                patience.note_wait(in_vain);
                !is_over
            })
        };
        assert!(wait(waits, 7, true));
        assert!(wait(waits, 8, true), "one became free, if for somebody else");
        assert!(!wait(1, 8, true));
        assert!(wait(waits, 9, true));
        assert!(!wait(1, 9, false));
        assert!(wait(10 * waits, 10, false), "signals end waits early");
        assert!(wait(waits, 10, true));
        assert!(!wait(1, 10, true));
    }
}
