//! The walk compared with Python's public API, which knows the same frames.
//!
//! The first new stacks of a process are checked while it starts. If the two disagree, stacks are
//! turned off and the trace says so. With `FIL_VERIFY_STACKS=1` in the environment every event is
//! checked, and a difference aborts the job: that is for tests. The trace says how many were checked.
//! `FIL_VERIFY_STACKS=wrong` forgets the innermost frame of each: a test of the test.
//!
//! The API makes frame objects, so it allocates; they are taken away again. Those allocations are not recorded (the caller is
//! inside a hook), and garbage collection, which runs Python code, is switched off meanwhile. It is
//! asked only inside a call of Python's allocator: a call of malloc may come from one who holds a
//! lock that those allocations need (tracemalloc does, for its tables).
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use format::NoticeKind;

use super::frames::{Frame, instruction_index};
use super::public_api::PublicApi;
use super::{Python, StackCache, give_notice, turn_stacks_off};
use crate::errno::ErrnoKept;

/// Stacks checked per process: those of the start-up, with imports many frames deep.
const CHECKS: u32 = 100;

static CHECKS_LEFT: AtomicU32 = AtomicU32::new(CHECKS);
static API: OnceLock<Option<PublicApi>> = OnceLock::new();
static VERIFYING: OnceLock<Verifying> = OnceLock::new();
static VERIFIED: AtomicU64 = AtomicU64::new(0);

#[derive(PartialEq, Eq)]
enum Verifying {
    No,
    EveryEvent,
    /// As above, with stacks that are wrong.
    WrongStacks,
}

/// Whether every event is to be checked.
#[inline(always)]
pub(super) fn verifying() -> bool {
    VERIFYING.get().is_some_and(|verifying| *verifying != Verifying::No)
}

/// Reads the environment; called before the job runs.
pub(super) fn prepare() {
    let _ = VERIFYING.set(match std::env::var("FIL_VERIFY_STACKS").as_deref() {
        Ok("1") => Verifying::EveryEvent,
        Ok("wrong") => Verifying::WrongStacks,
        _ => Verifying::No,
    });
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
    let forgotten = usize::from(VERIFYING.get() == Some(&Verifying::WrongStacks));
    let walked: Vec<_> =
        walked.frames().skip(forgotten).map(|state| (state.code, instruction_index(state, &python.layout))).collect();
    // SAFETY: the thread's own state is the one that Python runs with: it holds the GIL.
    let told = unsafe { api.frames(Frame::innermost(thread_state, &python.layout)) };
    if told != walked {
        if verifying() {
            eprintln!("fil: the call stack differs from Python's own: walked {walked:x?}, Python {told:x?}");
            std::process::abort();
        }
        turn_stacks_off("the call stacks that fil reads differ from what this Python says itself");
    } else if verifying() {
        count_verified();
    }
}

/// Writes down every power of two, so that the trace knows the number to a factor of two however the
/// process ends.
fn count_verified() {
    let verified = VERIFIED.fetch_add(1, Ordering::Relaxed) + 1;
    if verified.is_power_of_two() {
        let text = format!("at least {verified} call stacks were compared with Python's own, with no difference");
        give_notice(NoticeKind::StacksVerified, &text);
    }
}
