//! The walk compared with Python's public API, which knows the same frames.
//!
//! The first new stacks of a process are checked while it starts. If the two disagree, stacks are
//! turned off and the trace says so. With `FIL_VERIFY_STACKS=1` in the environment every event is
//! checked, and a difference aborts the job: that is for tests.
//!
//! The API makes frame objects, so it allocates; they are taken away again. Those allocations are not recorded (the caller is
//! inside a hook), and garbage collection, which runs Python code, is switched off meanwhile. It is
//! asked only inside a call of Python's allocator: a call of malloc may come from one who holds a
//! lock that those allocations need (tracemalloc does, for its tables).
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::frames::{Frame, instruction_index};
use super::public_api::PublicApi;
use super::{Python, StackCache, turn_stacks_off};
use crate::errno::ErrnoKept;

/// Stacks checked per process: those of the start-up, with imports many frames deep.
const CHECKS: u32 = 100;

static CHECKS_LEFT: AtomicU32 = AtomicU32::new(CHECKS);
static API: OnceLock<Option<PublicApi>> = OnceLock::new();
static VERIFYING: OnceLock<bool> = OnceLock::new();

/// Whether every event is to be checked.
#[inline(always)]
pub(super) fn verifying() -> bool {
    VERIFYING.get() == Some(&true)
}

/// Reads the environment; called before the job runs.
pub(super) fn prepare() {
    let _ = VERIFYING.set(std::env::var_os("FIL_VERIFY_STACKS").is_some_and(|value| value == "1"));
}

/// Compares the stack that was just walked inside a call of Python's allocator, if checks are left.
#[cold]
#[inline(never)]
pub(super) fn check(python: &Python, thread_state: *const u8, walked: &StackCache) {
    if !verifying() && CHECKS_LEFT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let _errno = ErrnoKept::new();
    let Some(api) = API.get_or_init(PublicApi::find) else {
        return turn_stacks_off("this Python does not export what fil needs to check its call stacks");
    };
    // A call of Python's allocator from a thread that does not hold the GIL is against its rules;
    // it is passed over.
    if api.attached_thread_state() != thread_state {
        return;
    }
    CHECKS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok();
    let walked: Vec<_> = walked.frames().map(|state| (state.code, instruction_index(state, &python.layout))).collect();
    // SAFETY: the thread's own state is the one that Python runs with: it holds the GIL.
    let told = unsafe { api.frames(Frame::innermost(thread_state, &python.layout)) };
    if told != walked {
        if verifying() {
            eprintln!("fil: the call stack differs from Python's own: walked {walked:x?}, Python {told:x?}");
            std::process::abort();
        }
        turn_stacks_off("the call stacks that fil reads differ from what this Python says itself");
    }
}
