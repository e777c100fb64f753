//! The walk compared with Python's public API, which knows the same frames.
//!
//! The first new stacks of a process are checked while it starts. If the two disagree, stacks are
//! turned off and the trace says so. With `FIL_VERIFY_STACKS=1` in the environment every event is
//! checked, and a difference aborts the job: that is for tests. The trace says how many were checked.
//! `FIL_VERIFY_STACKS=wrong` forgets the innermost frame of each: a test of the test.
//!
//! The API makes frame objects, so it allocates; they are taken away again. Those allocations are not recorded (the caller is
//! inside a hook), and garbage collection, which runs Python code, is switched off meanwhile. When it may
//! be asked, [`Check`] tells.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use format::{NoticeKind, StackId};

use super::frames::Frame;
use super::interning::frames_of;
use super::public_api::PublicApi;
use super::{Python, give_notice, turn_stacks_off};
use crate::errno::ErrnoKept;

/// Stacks checked per process: those of the start-up, with imports many frames deep.
const CHECKS: u32 = 100;

static CHECKS_LEFT: AtomicU32 = AtomicU32::new(CHECKS);
static API: OnceLock<Option<PublicApi>> = OnceLock::new();
static IS_VERIFYING: AtomicBool = AtomicBool::new(false);
/// Verifying, with stacks that are wrong.
static STACKS_ARE_WRONG: AtomicBool = AtomicBool::new(false);
static VERIFIED: AtomicU64 = AtomicU64::new(0);
static PASSED_OVER: AtomicU64 = AtomicU64::new(0);
static SEEN: AtomicU64 = AtomicU64::new(0);

/// Where a stack was walked, which decides whether Python may be asked about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// In front of Python's allocator: the caller holds the GIL, and Python expects that others allocate too.
    Always,
    /// Anywhere else: a caller of malloc may hold a lock that Python's allocations need, as tracemalloc does for its
    /// tables. The verifying mode asks if the thread holds the GIL and nothing stands in front of Python's allocator.
    WhenVerifying,
    /// Inside of Python's allocator, which is at work on its tables. The call that it is part of is checked.
    Never,
}

/// Whether every event is to be checked.
#[inline(always)]
pub(super) fn verifying() -> bool {
    IS_VERIFYING.load(Ordering::Relaxed)
}

/// Reads the environment; called before the job runs.
pub(super) fn prepare() {
    let wish = std::env::var("FIL_VERIFY_STACKS").unwrap_or_default();
    STACKS_ARE_WRONG.store(wish == "wrong", Ordering::Relaxed);
    IS_VERIFYING.store(wish == "wrong" || wish == "1", Ordering::Relaxed);
}

/// Compares what the id of the stack that was just walked stands for, if checks are left.
#[cold]
#[inline(never)]
pub(super) fn check(python: &Python, thread_state: *const u8, stack: StackId, check: Check) {
    if !verifying() && CHECKS_LEFT.load(Ordering::Relaxed) == 0 {
        return;
    }
    let _errno = ErrnoKept::new();
    let Some(api) = API.get_or_init(PublicApi::find) else {
        return turn_stacks_off("this Python does not export what fil needs to check its call stacks");
    };
    // Without the GIL nothing can be asked. (A call of Python's allocator is then against its rules.)
    if api.attached_thread_state() != thread_state || check == Check::WhenVerifying && !(python.is_allocator_ours)() {
        return count(&PASSED_OVER);
    }
    CHECKS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok();
    let forgotten = usize::from(STACKS_ARE_WRONG.load(Ordering::Relaxed));
    let walked: Vec<_> = frames_of(stack).skip(forgotten).collect();
    // SAFETY: the thread's own state is the one that Python runs with: it holds the GIL.
    let told = unsafe { api.frames(Frame::innermost(thread_state, &python.layout)) };
    if told != walked {
        if verifying() {
            eprintln!("fil: the call stack differs from Python's own: walked {walked:x?}, Python {told:x?}");
            std::process::abort();
        }
        turn_stacks_off("the call stacks that fil reads differ from what this Python says itself");
    } else {
        count(&VERIFIED);
    }
}

/// Counts a stack, and writes the numbers down at every power of two, so that the trace knows them to a factor of two
/// however the process ends.
fn count(kind: &AtomicU64) {
    kind.fetch_add(1, Ordering::Relaxed);
    let seen = SEEN.fetch_add(1, Ordering::Relaxed) + 1;
    if verifying() && seen.is_power_of_two() {
        let (verified, passed_over) = (VERIFIED.load(Ordering::Relaxed), PASSED_OVER.load(Ordering::Relaxed));
        let text = format!(
            "at least {verified} call stacks were compared with Python's own, with no difference; \
             at least {passed_over} could not be, for want of the GIL or because of others' allocators"
        );
        give_notice(NoticeKind::StacksVerified, &text);
    }
}
