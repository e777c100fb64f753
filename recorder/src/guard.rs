//! Which calls are recorded: the outermost hook of a thread, and no call of the recorder's own.
//!
//! ```text
//!            enter                          recording
//!   Idle ----------> InHeapCall ----------------------------> Recording
//!    ^  \  enter_python                                          |  ^
//!    |   `---------> InPythonCall ---- enter_mapping -------------'  |
//!    '------------------ drop --------------------------------------'
//! ```
//!
//! A hook that finds its thread not idle calls the real function and says nothing: what a Python
//! allocation takes from malloc is part of that allocation. The one exception is a mapping made
//! inside a Python allocation, which is an arena of pymalloc.
//!
//! The word that tells the state also tells where on the stack the hook is. A nested call lies below it.
//! So a jump to above it leaves the hook, as that of a signal handler by `siglongjmp`. And should the jump itself have gone
//! unseen, the next call from above tells. Python's allocator is called most and looks least: it leaves that question
//! to the calls of the malloc and mmap families behind it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::background;
use crate::signal_stack;
use crate::thread_words::{ThreadWords, stack_pointer_plus, thread_words};

const IDLE: u64 = 0;
const IN_HEAP_CALL: u64 = 1;
const IN_PYTHON_CALL: u64 = 2;
const RECORDING: u64 = 3;
/// The bits of the word that hold the state; those above are the hook's place on the stack, which is
/// aligned to more than that.
const STATE: u64 = 3;
/// [`RECORDING`], at a place below which everything is.
const SILENT: u64 = u64::MAX;

/// Whether the calling hook is nested in the one that the word tells of.
#[inline(always)]
fn is_below(activity: u64) -> bool {
    stack_pointer_plus::<0>() < activity & !STATE
}

/// A state, here.
#[inline(always)]
fn here<const IN_STATE: u64>() -> u64 {
    stack_pointer_plus::<IN_STATE>()
}

/// The word of a thread whose hooks record: [`IDLE`] while recording is on, so that one comparison answers both questions.
static RECORDS_WHEN: AtomicU64 = AtomicU64::new(NEVER);
/// No thread has this word: a place is aligned to 8 bytes.
const NEVER: u64 = 4;

/// From now on hooks record.
pub(crate) fn switch_on() {
    RECORDS_WHEN.store(IDLE, Ordering::Release);
}

/// From now on hooks only pass on.
pub(crate) fn switch_off() {
    RECORDS_WHEN.store(NEVER, Ordering::Release);
}

/// Whether hooks record.
pub(crate) fn is_on() -> bool {
    RECORDS_WHEN.load(Ordering::Acquire) == IDLE
}

/// Proof that the calling thread is in its outermost hook; given up when dropped.
pub(crate) struct Guard {
    /// The calling thread's.
    words: &'static ThreadWords,
    previous: u64,
}

impl Guard {
    /// The guard for a call of the malloc family, unless the call is nested or recording is off.
    #[inline(always)]
    pub(crate) fn enter() -> Option<Guard> {
        let words = thread_words();
        let activity = words.activity.get();
        if activity != IDLE && !is_below(activity) {
            notice_jump(activity);
        }
        Guard::enter_as::<IN_HEAP_CALL>(words)
    }

    /// The guard for a call of Python's allocator.
    #[inline(always)]
    pub(crate) fn enter_python() -> Option<Guard> {
        Guard::enter_as::<IN_PYTHON_CALL>(thread_words())
    }

    /// The guard for a call of the mmap family: the outermost hook, or nested in a call of Python's
    /// allocator.
    #[inline(always)]
    pub(crate) fn enter_mapping() -> Option<Guard> {
        let words = thread_words();
        let previous = words.activity.get();
        if previous & STATE != IN_PYTHON_CALL || !is_below(previous) {
            return Guard::enter();
        }
        words.activity.set(here::<RECORDING>());
        Some(Guard { words, previous })
    }

    /// The words of the calling thread.
    #[inline(always)]
    pub(crate) fn words(&self) -> &'static ThreadWords {
        self.words
    }

    /// Whether the call is one of Python's allocator's own.
    pub(crate) fn in_python_allocator(&self) -> bool {
        self.previous & STATE == IN_PYTHON_CALL
    }

    /// The guard for work of the recorder's own on a thread of the job.
    #[inline(always)]
    pub(crate) fn silence() -> Guard {
        let words = thread_words();
        Guard { words, previous: words.activity.replace(here::<RECORDING>()) }
    }

    /// Nothing that the calling thread does from here on is recorded.
    pub(crate) fn silence_thread() {
        thread_words().activity.set(SILENT);
    }

    /// The recorder's own thread does the job's work from here on.
    pub(crate) fn end_silence() {
        thread_words().activity.set(IDLE);
    }

    #[inline(always)]
    fn enter_as<const IN_STATE: u64>(words: &'static ThreadWords) -> Option<Guard> {
        if words.activity.get() != RECORDS_WHEN.load(Ordering::Relaxed) {
            return None;
        }
        words.activity.set(here::<IN_STATE>());
        Some(Guard { words, previous: IDLE })
    }

    /// The real call is over; what follows is the recorder's own.
    #[inline(always)]
    pub(crate) fn recording(&self) {
        self.words.activity.set(self.words.activity.get() | RECORDING);
    }

    /// What follows is the real call of the malloc or mmap family, of which something was recorded in front.
    #[inline(always)]
    pub(crate) fn in_heap_call(&self) {
        self.words.activity.set(here::<IN_HEAP_CALL>());
    }

    /// What follows is the real call of Python's allocator, of which something was recorded in front.
    #[inline(always)]
    pub(crate) fn in_python_call(&self) {
        self.words.activity.set(here::<IN_PYTHON_CALL>());
    }
}

impl Drop for Guard {
    #[inline(always)]
    fn drop(&mut self) {
        self.words.activity.set(self.previous);
    }
}

/// The calling thread is about to jump to a place on its stack.
pub(crate) fn notice_jump_to(stack_pointer: u64) {
    let activity = thread_words().activity.get();
    if activity == IDLE || activity == SILENT {
        return;
    }
    // A handler may run on a stack of its own, which lies anywhere.
    let place = activity & !STATE;
    let handlers = signal_stack::addresses();
    let leaves = match (handlers.contains(&place), handlers.contains(&stack_pointer)) {
        (true, false) => true,
        (false, true) => false,
        _ => stack_pointer > place,
    };
    if leaves {
        leave_hook(activity);
    }
}

/// A hook is called from above that of `activity`: the calling thread has left that one.
#[cold]
#[inline(never)]
fn notice_jump(activity: u64) {
    // Unless it is a handler that interrupts the hook, on a stack of its own.
    if !signal_stack::is_in_use() {
        leave_hook(activity);
    }
}

/// The calling thread leaves the hook of `activity` by a jump out of a signal handler, and is idle from here on.
/// Out of the real call, all is well but for what that call was about to do. Out of the recorder, an event may be
/// half-made: recording ends.
#[cold]
fn leave_hook(activity: u64) {
    if activity & STATE == RECORDING {
        background::give_up_without_waiting("a signal handler jumped out of an allocation while it was recorded");
    }
    thread_words().activity.set(IDLE);
}
