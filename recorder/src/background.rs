//! The background thread: takes full slots, compresses them, appends them to the trace, and in
//! between makes time visible in the order of events and looks at the process's resident memory.
//!
//! It starts with the first event of a thread, with all signals blocked, and its own allocations are
//! never recorded. fork stops it first, so that the child finds nothing half-done, and the parent
//! starts it again; so does what only a process of one thread can do. Nothing stops it at exit: what it had not appended is in the spool. But a process
//! whose first thread has ended ends with its last thread, so this one ends the process when it is
//! alone.
//!
//! While it does not run (in the middle of a fork, or where the job may have no more threads) the
//! threads that wait for a slot do its work: recording goes on, without the looks in between.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::io::ErrorKind;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use format::{ChunkWriter, Definition, NoticeKind};

use crate::cancellation::CancellationHeldOff;
use crate::clock::now_ns;
use crate::definitions::DefinitionLog;
use crate::guard::{self, Guard};
use crate::lock::Lock;
use crate::real;
use crate::session::{FullSlot, Session};
use crate::trace_file::{SizeReached, TraceFile};
use crate::turn::Turn;
use crate::{process_status, python, threads};

/// zstd's level. Measured on events of dicts and strings, json, asyncio and pandas, 7 to 13 million of each: level 1 0.48, 1.06,
/// 0.87 and 0.50 bytes an event, level -1 0.53, 1.21, 0.95 and 0.58.
const COMPRESSION_LEVEL: i32 = 1;
/// How late the time of an event can be known after a pause; the thread wakes up this often.
const TICK: Duration = Duration::from_millis(5);
/// Time between two looks at the resident memory: reading it takes a few microseconds.
const RESIDENT_MEMORY_INTERVAL: Duration = Duration::from_millis(20);
/// zstd's work memory is on the heap; the thread itself needs little.
const STACK_BYTES: usize = 256 << 10;

/// The thread, if it runs. Held while it must not run, so that no one starts it meanwhile.
static THREAD: Lock<Option<libc::pthread_t>> = Lock::new(None);
/// Whether there is one: to be asked without the lock.
static RUNS: AtomicBool = AtomicBool::new(false);
static STOP_ASKED: AtomicBool = AtomicBool::new(false);
/// What the kernel calls the thread that ran last.
static KERNEL_ID: AtomicI32 = AtomicI32::new(0);

/// Starts the thread if it does not run and can be started.
pub(crate) fn ensure_running(session: &'static Session) {
    let mut thread = THREAD.lock();
    if thread.is_none() {
        *thread = start(session);
        RUNS.store(thread.is_some(), Ordering::Release);
    }
}

/// Whether the thread does its work, and nobody else needs to.
pub(crate) fn is_running() -> bool {
    RUNS.load(Ordering::Acquire)
}

fn start(session: &'static Session) -> Option<libc::pthread_t> {
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
    (created == 0).then_some(thread)
}

/// Stops the thread and waits for it, for what a process with more threads cannot do; nobody can start it again
/// before [`let_go`]. Says whether it ran.
pub(crate) fn hold(session: &Session) -> bool {
    let _cancellation = CancellationHeldOff::new();
    let mut held = THREAD.lock();
    let thread = held.take();
    std::mem::forget(held);
    let Some(thread) = thread else { return false };
    RUNS.store(false, Ordering::Release);
    STOP_ASKED.store(true, Ordering::Release);
    session.work.ring();
    // SAFETY: the thread was created joinable and is joined once: it was taken out of its place.
    unsafe { libc::pthread_join(thread, null_mut()) };
    STOP_ASKED.store(false, Ordering::Release);
    wait_until_not_counted();
    true
}

/// A thread can be joined a moment before the kernel has done with it. In that moment it still counts
/// as a thread of the process, which the job may look at after the fork.
fn wait_until_not_counted() {
    let thread = KERNEL_ID.load(Ordering::Acquire);
    // SAFETY: signal 0 only asks whether the thread exists.
    while unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, 0) } == 0 {
        std::thread::yield_now();
    }
}

/// Ends [`hold`].
pub(crate) fn let_go() {
    THREAD.let_go();
}

extern "C" fn run(session: *mut c_void) -> *mut c_void {
    Guard::silence_thread();
    // SAFETY: start() passed a reference to a leaked session.
    let session: &'static Session = unsafe { &*session.cast::<Session>() };
    // SAFETY: gettid takes nothing; the name is a C string of less than 16 bytes.
    unsafe {
        KERNEL_ID.store(libc::gettid(), Ordering::Release);
        libc::prctl(libc::PR_SET_NAME, c"fil-recorder".as_ptr());
    }
    let mut trace = session.trace.lock().clone();
    trace.separate_from_job();
    let worked = new_chunk_writer().and_then(|mut chunk_writer| work(session, &mut trace, &mut chunk_writer));
    if let Err(reason) = worked {
        give_up(&reason);
    }
    null::<c_void>().cast_mut()
}

/// A compressor.
pub(crate) fn new_chunk_writer() -> Result<ChunkWriter, String> {
    ChunkWriter::new(COMPRESSION_LEVEL).map_err(|error| format!("the compressor does not start: {error}"))
}

fn work(session: &Session, trace: &mut TraceFile, chunk_writer: &mut ChunkWriter) -> Result<(), String> {
    let mut last_look_ns = 0;
    let mut late_python_told = false;
    while !STOP_ASKED.load(Ordering::Acquire) {
        let seen = session.work.rings();
        while let Some(full) = session.next_full() {
            append(session, trace, chunk_writer, full)?;
            if STOP_ASKED.load(Ordering::Acquire) {
                return Ok(());
            }
        }
        Turn::tick();
        let now = now_ns();
        session.spool.header.note_alive(now);
        if u128::from(now - last_look_ns) >= RESIDENT_MEMORY_INTERVAL.as_nanos() {
            last_look_ns = now;
            look_at_resident_memory(now);
            late_python_told = late_python_told || python::came_late() && tell_of_late_python();
        }
        if threads::first_thread_ended() && process_status::only_this_thread_is_left() {
            end_process();
        }
        session.work.wait(seen, TICK);
    }
    Ok(())
}

/// What glibc does when a thread ends that is the last one: without this thread the job's own last
/// one would have come to it. What exit handlers allocate and free is the job's, so it is recorded,
/// by a background thread that this one's first event starts.
fn end_process() -> ! {
    *THREAD.lock() = None;
    RUNS.store(false, Ordering::Release);
    Guard::end_silence();
    // SAFETY: exit is called once: no other thread is left that could call it.
    unsafe { libc::exit(0) }
}

/// Does the thread's work on a thread of the job's. An error says why nothing can be appended.
#[cold]
pub(crate) fn append_queued(session: &Session) -> Result<(), String> {
    let _cancellation = CancellationHeldOff::new();
    let mut chunk_writer = new_chunk_writer()?;
    while let Some(full) = session.next_full() {
        append(session, &mut session.trace.lock(), &mut chunk_writer, full)?;
    }
    let now = now_ns();
    session.spool.header.note_alive(now);
    look_at_resident_memory(now);
    Ok(())
}

fn append(
    session: &Session,
    trace: &mut TraceFile,
    chunk_writer: &mut ChunkWriter,
    mut full: FullSlot,
) -> Result<(), String> {
    let content = full.slot.content();
    let chunk = chunk_writer.chunk(full.header, content).map_err(|error| error.to_string())?;
    // After an error the slot stays in the spool, in use, for whoever finishes the trace.
    trace.append(chunk).map_err(|error| match error.kind() {
        ErrorKind::WriteZero | ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::QuotaExceeded => "the disk quota is used up".to_owned(),
        _ if error.get_ref().is_some_and(|error| error.is::<SizeReached>()) => error.to_string(),
        _ => format!("the trace cannot be written: {error}"),
    })?;
    session.appended(full.slot);
    Ok(())
}

fn look_at_resident_memory(now: u64) {
    if let Some(bytes) = resident_bytes() {
        DefinitionLog::write_without_waiting(&Definition::ResidentMemory { time_ns: now, bytes });
    }
}

/// Says whether it could.
fn tell_of_late_python() -> bool {
    tell_without_waiting(NoticeKind::NoStacks, "Python was loaded when the process already ran")
}

fn tell_without_waiting(kind: NoticeKind, text: &str) -> bool {
    DefinitionLog::write_without_waiting(&Definition::Notice { kind, time_ns: now_ns(), text })
}

/// Recording ends here, the job goes on.
pub(crate) fn give_up(reason: &str) {
    if guard::is_on() {
        guard::switch_off();
        DefinitionLog::write_notice(NoticeKind::RecordingStopped, reason);
    }
}

/// The same for a thread that may hold the lock of the definitions in a frame that is no more: then the reason
/// stays unsaid.
pub(crate) fn give_up_without_waiting(reason: &str) {
    const ATTEMPTS: usize = 1000;
    if guard::is_on() {
        guard::switch_off();
        for _ in 0..ATTEMPTS {
            if tell_without_waiting(NoticeKind::RecordingStopped, reason) {
                break;
            }
            std::thread::yield_now();
        }
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
