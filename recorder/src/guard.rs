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

use std::sync::atomic::{AtomicBool, Ordering};

use crate::thread_words::thread_words;

const IDLE: u64 = 0;
const IN_HEAP_CALL: u64 = 1;
const IN_PYTHON_CALL: u64 = 2;
const RECORDING: u64 = 3;

/// Whether anything is recorded in this process.
static RECORDING_ON: AtomicBool = AtomicBool::new(false);

/// From now on hooks record.
pub(crate) fn switch_on() {
    RECORDING_ON.store(true, Ordering::Release);
}

/// From now on hooks only pass on.
pub(crate) fn switch_off() {
    RECORDING_ON.store(false, Ordering::Release);
}

/// Whether hooks record.
pub(crate) fn is_on() -> bool {
    RECORDING_ON.load(Ordering::Acquire)
}

/// Proof that the calling thread is in its outermost hook; given up when dropped.
pub(crate) struct Guard {
    previous: u64,
}

impl Guard {
    /// The guard for a call of the malloc family, unless the call is nested or recording is off.
    #[inline(always)]
    pub(crate) fn enter() -> Option<Guard> {
        Guard::enter_as(IN_HEAP_CALL)
    }

    /// The guard for a call of Python's allocator.
    #[inline(always)]
    pub(crate) fn enter_python() -> Option<Guard> {
        Guard::enter_as(IN_PYTHON_CALL)
    }

    /// The guard for a call of the mmap family: the outermost hook, or nested in a call of Python's
    /// allocator.
    #[inline]
    pub(crate) fn enter_mapping() -> Option<Guard> {
        let words = thread_words();
        if words.activity.get() != IN_PYTHON_CALL {
            return Guard::enter();
        }
        words.activity.set(RECORDING);
        Some(Guard { previous: IN_PYTHON_CALL })
    }

    /// Whether the call is one of Python's allocator's own.
    pub(crate) fn in_python_allocator(&self) -> bool {
        self.previous == IN_PYTHON_CALL
    }

    /// The guard for work of the recorder's own on a thread of the job.
    pub(crate) fn silence() -> Guard {
        let words = thread_words();
        Guard { previous: words.activity.replace(RECORDING) }
    }

    /// Nothing that the calling thread does from here on is recorded.
    pub(crate) fn silence_thread() {
        thread_words().activity.set(RECORDING);
    }

    /// The recorder's own thread does the job's work from here on.
    pub(crate) fn end_silence() {
        thread_words().activity.set(IDLE);
    }

    #[inline(always)]
    fn enter_as(activity: u64) -> Option<Guard> {
        let words = thread_words();
        if words.activity.get() != IDLE || !RECORDING_ON.load(Ordering::Relaxed) {
            return None;
        }
        words.activity.set(activity);
        Some(Guard { previous: IDLE })
    }

    /// The real call is over; what follows is the recorder's own.
    #[inline(always)]
    pub(crate) fn recording(&self) {
        thread_words().activity.set(RECORDING);
    }

    /// What follows is the real call again (a free is recorded in front of it).
    #[inline(always)]
    pub(crate) fn in_python_call(&self) {
        thread_words().activity.set(IN_PYTHON_CALL);
    }
}

impl Drop for Guard {
    #[inline(always)]
    fn drop(&mut self) {
        thread_words().activity.set(self.previous);
    }
}
