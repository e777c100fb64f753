//! Which recorder belongs to the calling thread: made at its first event, given up after its last.
//!
//! A thread's last frees come after its thread-local destructors have run, when nothing tells of
//! them any more. So a thread that ends keeps its recorder; the recorder goes on a list, and it is
//! finished when the kernel no longer knows the thread, which is looked at when the next one begins.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use format::{Definition, StackId, ThreadNumber};

use crate::background;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::guard::Guard;
use crate::lock::Lock;
use crate::session::Session;
use crate::thread_recorder::ThreadRecorder;
use crate::thread_words::thread_words;
use crate::turn::MAX_THREADS;

/// POSIX runs thread-specific destructors in this many rounds at least; we want the last one.
const DESTRUCTOR_ROUNDS: u64 = 4;
/// Longest thread name of the kernel with its zero byte.
const NAME_BYTES: usize = 16;

static NEXT_THREAD: AtomicU32 = AtomicU32::new(1);
static ENDED: Lock<Vec<EndedThread>> = Lock::new(Vec::new());
static KEY: AtomicU32 = AtomicU32::new(u32::MAX);
/// The first thread of the process came to its end, and the process goes on.
static FIRST_THREAD_ENDED: AtomicBool = AtomicBool::new(false);

struct EndedThread {
    kernel_id: i32,
    recorder: *mut ThreadRecorder,
}

// SAFETY: the recorder is touched only by its thread while that lives, and after that only by the
// one who takes this entry off the list, under its lock.
unsafe impl Send for EndedThread {}

/// The calling thread's recorder. The guard shows that this is the outermost hook, so no one else on this thread uses the
/// recorder.
pub(crate) fn recorder(guard: &mut Guard) -> Option<&mut ThreadRecorder> {
    let mut recorder: *mut ThreadRecorder = guard.words().recorder.get().cast();
    if recorder.is_null() {
        recorder = attach(None);
    }
    // SAFETY: the pointer came from a box in attach() and is freed only after this thread has
    // ended; the guard, of which there is one, excludes a second reference on this thread.
    unsafe { recorder.as_mut() }
}

/// The same if it has one already.
#[inline(always)]
pub(crate) fn known_recorder(guard: &mut Guard) -> Option<&mut ThreadRecorder> {
    let recorder: *mut ThreadRecorder = guard.words().recorder.get().cast();
    // SAFETY: as above.
    unsafe { recorder.as_mut() }
}

/// A thread of this name begins. It has its recorder from the start: such threads are Python's, and
/// allocate.
pub(crate) fn begin_named(_guard: &Guard, name: &str) {
    if thread_words().recorder.get().is_null() {
        attach(Some(name));
    }
}

/// The calling thread has named itself. One that has no recorder yet is asked when it gets one.
pub(crate) fn rename(guard: &mut Guard, name: &str) {
    if !thread_words().recorder.get().is_null()
        && let Some(recorder) = recorder(guard)
    {
        recorder.rename(name);
    }
}

/// Prepares for threads that end. Called once, before the job runs.
pub(crate) fn prepare() {
    let mut key = 0;
    // SAFETY: a live local, and a destructor of the right type.
    if unsafe { libc::pthread_key_create(&mut key, Some(on_thread_end)) } == 0 {
        KEY.store(key, Ordering::Release);
    }
}

#[cold]
#[inline(never)]
fn attach(given_name: Option<&str>) -> *mut ThreadRecorder {
    let _errno = ErrnoKept::new();
    finish_ended();
    let Some(session) = Session::current() else { return null_mut() };
    // From the first event on: someone must empty the slots, and the looks at the resident memory
    // also tell that the process lives.
    background::ensure_running(session);
    let thread = ThreadNumber(NEXT_THREAD.fetch_add(1, Ordering::Relaxed));
    let Some(slot) = session.first_slot().filter(|_| thread.0 < MAX_THREADS) else {
        background::give_up("the spool has no room for another thread");
        return null_mut();
    };
    let name = given_name.map_or_else(|| own_name(session), str::to_owned);
    DefinitionLog::write(&Definition::ThreadStart { thread, kernel_id: kernel_id() as u32, name: &name });
    let inherited_stack = StackId::from_number(thread_words().inherited_stack.get());
    let recorder = Box::into_raw(ThreadRecorder::new(session, thread, name.into(), inherited_stack, slot));
    thread_words().recorder.set(recorder.cast());
    wish_for_end(DESTRUCTOR_ROUNDS - 1);
    recorder
}

/// The child after a fork begins anew: its one thread has no recorder, and the parent's threads are
/// not its own.
pub(crate) fn restart_in_child() {
    let recorder: *mut ThreadRecorder = thread_words().recorder.replace(null_mut()).cast();
    if !recorder.is_null() {
        // The slot in it stays the parent's: dropping a recorder without finishing it does nothing.
        // SAFETY: from a box of attach(), on this thread, and its word is null from here on.
        drop(unsafe { Box::from_raw(recorder) });
    }
    ENDED.lock().clear();
    NEXT_THREAD.store(1, Ordering::Relaxed);
    FIRST_THREAD_ENDED.store(false, Ordering::Release);
}

/// Held while the process forks.
pub(crate) fn hold_for_fork() {
    ENDED.hold();
}

/// Ends [`hold_for_fork`].
pub(crate) fn let_go_after_fork() {
    ENDED.let_go();
}

/// Asks for `on_thread_end` with this many rounds still to wait.
fn wish_for_end(rounds: u64) {
    let key = KEY.load(Ordering::Acquire);
    if key != u32::MAX {
        // SAFETY: the key was created by prepare(); the value is a number, never followed. It is
        // one more than the rounds because null would not call the destructor.
        unsafe { libc::pthread_setspecific(key, (rounds + 1) as *mut c_void) };
    }
}

/// Whether the process can end with its last thread, rather than with its first.
pub(crate) fn first_thread_ended() -> bool {
    FIRST_THREAD_ENDED.load(Ordering::Acquire)
}

extern "C" fn on_thread_end(rounds_and_one: *mut c_void) {
    let _silence = Guard::silence();
    if kernel_id() == std::process::id() as i32 {
        FIRST_THREAD_ENDED.store(true, Ordering::Release);
    }
    let rounds = rounds_and_one as u64 - 1;
    if rounds > 1 {
        wish_for_end(rounds - 1);
        return;
    }
    let recorder: *mut ThreadRecorder = thread_words().recorder.get().cast();
    if !recorder.is_null() {
        ENDED.lock().push(EndedThread { kernel_id: kernel_id(), recorder });
    }
}

/// Finishes the recorders of threads that are gone.
fn finish_ended() {
    let mut ended = ENDED.lock();
    let own = kernel_id();
    let pid = std::process::id() as i32;
    let gone = ended.extract_if(.., |thread| {
        // SAFETY: signal 0 only asks whether the thread exists.
        thread.kernel_id == own || unsafe { libc::syscall(libc::SYS_tgkill, pid, thread.kernel_id, 0) } != 0
    });
    let gone: Vec<_> = gone.collect();
    drop(ended);
    for thread in gone {
        // SAFETY: from a box of attach(); the thread is gone (or its kernel id is now ours), and
        // the entry was taken off the list.
        unsafe { Box::from_raw(thread.recorder) }.finish();
    }
}

/// The name that the calling thread was given before it had a recorder, if any.
fn own_name(session: &Session) -> String {
    // Threads inherit the name of the one that starts them: the process's name is no thread's.
    Some(kernel_name()).filter(|name| *name != session.process_name).unwrap_or_default()
}

/// What the kernel calls the calling thread.
pub(crate) fn kernel_name() -> String {
    let mut name = [0u8; NAME_BYTES];
    // SAFETY: the kernel writes at most 16 bytes with a zero at the end.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    CStr::from_bytes_until_nul(&name).unwrap_or_default().to_string_lossy().into_owned()
}

fn kernel_id() -> i32 {
    // SAFETY: gettid takes nothing.
    unsafe { libc::gettid() }
}
