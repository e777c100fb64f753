//! The background thread: takes full slots, compresses them, appends them to the trace, and in
//! between makes time visible in the order of events and looks at the process's resident memory.
//!
//! It starts with the first event of a thread, with all signals blocked, and its own allocations are
//! never recorded. fork stops it first (Python warns of forks with other threads around); the parent
//! starts it again at once, the child with its first event. Nothing stops it at exit: what it had not
//! appended is in the spool. But a process whose first thread has ended ends with its last thread, so
//! this one ends the process when it is alone.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use format::{ChunkWriter, Definition, NoticeKind};

use crate::cancellation::CancellationHeldOff;
use crate::clock::now_ns;
use crate::definitions::DefinitionLog;
use crate::guard::{self, Guard};
use crate::real;
use crate::session::{FullSlot, Session};
use crate::turn::Turn;
use crate::{process_status, threads};

/// zstd's level. Measured on 18 million events of dicts and strings and 12 million of json: level 1
/// 0.19 and 0.27 bytes an event for 3 to 4 ns; level -1 a tenth more bytes for 0.5 to 1 ns less;
/// level 3 up to 7% fewer bytes for the same to 10% more time.
const COMPRESSION_LEVEL: i32 = 1;
/// How late the time of an event can be known after a pause; the thread wakes up this often.
const TICK: Duration = Duration::from_millis(5);
/// Time between two looks at the resident memory: reading it takes a few microseconds.
const RESIDENT_MEMORY_INTERVAL: Duration = Duration::from_millis(20);
/// zstd's work memory is on the heap; the thread itself needs little.
const STACK_BYTES: usize = 256 << 10;

const STOPPED: u8 = 0;
const RUNNING: u8 = 1;

static STATE: AtomicU8 = AtomicU8::new(STOPPED);
static STOP_ASKED: AtomicBool = AtomicBool::new(false);
static THREAD: AtomicU64 = AtomicU64::new(0);

/// Starts the thread if it does not run. `false`: it cannot be started.
pub(crate) fn ensure_running(session: &'static Session) -> bool {
    if STATE.load(Ordering::Acquire) == RUNNING || STATE.swap(RUNNING, Ordering::AcqRel) == RUNNING {
        return true;
    }
    let started = start(session);
    if !started {
        STATE.store(STOPPED, Ordering::Release);
    }
    started
}

fn start(session: &'static Session) -> bool {
    let mut attributes = MaybeUninit::uninit();
    let (mut all, mut before) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    let mut thread: libc::pthread_t = 0;
    // SAFETY: each call gets initialized or to-be-filled structures of its type; the thread's
    // argument is 'static. Signals are blocked around the creation, so the new thread has them
    // blocked, and this one gets its own mask back.
    let created = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        libc::pthread_attr_init(attributes.as_mut_ptr());
        libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK_BYTES);
        let argument = (&raw const *session).cast_mut().cast::<c_void>();
        // The real one: the hook would ask for the stack of the thread that is being attached.
        let created = real::pthread_create()
            .map_or(libc::EAGAIN, |create| create(&mut thread, attributes.as_ptr(), run as *mut c_void, argument));
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), null_mut());
        created
    };
    THREAD.store(thread, Ordering::Release);
    created == 0
}

/// Stops the thread and waits for it: for the prepare step of fork. Says whether it ran.
pub(crate) fn stop(session: &Session) -> bool {
    if STATE.load(Ordering::Acquire) != RUNNING {
        return false;
    }
    let _cancellation = CancellationHeldOff::new();
    STOP_ASKED.store(true, Ordering::Release);
    session.work.ring();
    // SAFETY: the thread was created joinable and is joined once: the state goes to STOPPED.
    unsafe { libc::pthread_join(THREAD.load(Ordering::Acquire), null_mut()) };
    STOP_ASKED.store(false, Ordering::Release);
    STATE.store(STOPPED, Ordering::Release);
    true
}

extern "C" fn run(session: *mut c_void) -> *mut c_void {
    Guard::silence_thread();
    // SAFETY: start() passed a reference to a leaked session.
    let session: &'static Session = unsafe { &*session.cast::<Session>() };
    // SAFETY: the name is a C string of less than 16 bytes.
    unsafe { libc::prctl(libc::PR_SET_NAME, c"fil-recorder".as_ptr()) };
    match ChunkWriter::new(COMPRESSION_LEVEL) {
        Ok(mut chunk_writer) => work(session, &mut chunk_writer),
        Err(error) => give_up(&format!("the compressor does not start: {error}")),
    }
    null::<c_void>().cast_mut()
}

fn work(session: &Session, chunk_writer: &mut ChunkWriter) {
    let mut last_look_ns = 0;
    while !STOP_ASKED.load(Ordering::Acquire) {
        let seen = session.work.rings();
        while let Some(full) = session.next_full() {
            append(session, chunk_writer, full);
            if STOP_ASKED.load(Ordering::Acquire) {
                return;
            }
        }
        Turn::tick();
        let now = now_ns();
        if u128::from(now - last_look_ns) >= RESIDENT_MEMORY_INTERVAL.as_nanos() {
            last_look_ns = now;
            if let Some(bytes) = resident_bytes() {
                DefinitionLog::write_without_waiting(&Definition::ResidentMemory { time_ns: now, bytes });
            }
        }
        if threads::first_thread_ended() && process_status::only_this_thread_is_left() {
            end_process();
        }
        session.work.wait(seen, TICK);
    }
}

/// What glibc does when a thread ends that is the last one: without this thread the job's own last
/// one would have come to it. What exit handlers allocate and free is the job's, so it is recorded,
/// by a background thread that this one's first event starts.
fn end_process() -> ! {
    STATE.store(STOPPED, Ordering::Release);
    Guard::end_silence();
    // SAFETY: exit is called once: no other thread is left that could call it.
    unsafe { libc::exit(0) }
}

fn append(session: &Session, chunk_writer: &mut ChunkWriter, mut full: FullSlot) {
    let content = &full.slot.content()[..full.length];
    match chunk_writer.chunk(full.header, content) {
        Ok(chunk) => match session.trace.lock().append(chunk) {
            Ok(()) => session.appended(full.slot),
            // The slot stays in the spool, in use, for whoever finishes the trace.
            Err(error) if error.kind() == ErrorKind::WriteZero || error.kind() == ErrorKind::StorageFull => {
                give_up("the disk is full");
            }
            Err(error) => give_up(&format!("the trace cannot be written: {error}")),
        },
        Err(error) => give_up(&error.to_string()),
    }
}

/// Recording ends here, the job goes on.
pub(crate) fn give_up(reason: &str) {
    if guard::is_on() {
        guard::switch_off();
        DefinitionLog::write(&Definition::Notice { kind: NoticeKind::RecordingStopped, text: reason });
    }
}

/// Second field of `/proc/self/statm` (proc(5)), in bytes.
fn resident_bytes() -> Option<u64> {
    let mut text = [0u8; 128];
    // SAFETY: the path is a C string, the buffer a live array of the length given; the descriptor
    // is closed where it was opened.
    let length = unsafe {
        let file = libc::open(c"/proc/self/statm".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        usize::try_from(length).ok()?
    };
    let pages: u64 = std::str::from_utf8(&text[..length]).ok()?.split(' ').nth(1)?.parse().ok()?;
    // SAFETY: sysconf takes a constant.
    let page_bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    Some(pages * u64::try_from(page_bytes).ok()?)
}
