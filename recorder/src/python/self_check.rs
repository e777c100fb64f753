//! The walk compared with Python's public API, which knows the same frames.
//!
//! The first new stacks of a process are checked while it starts. If the two disagree, stacks are
//! turned off and the trace says so. With `FIL_VERIFY_STACKS=1` in the environment every event is
//! checked, and a difference aborts the job: that is for tests. The trace says how many were checked.
//! `FIL_VERIFY_STACKS=wrong-frame`, `wrong-caller` and `wrong-instruction` make mistakes: a test of the test.
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
use super::{Python, turn_stacks_off};
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;

/// Stacks checked per process: those of the start-up, with imports many frames deep.
const CHECKS: u32 = 100;

static CHECKS_LEFT: AtomicU32 = AtomicU32::new(CHECKS);
static API: OnceLock<Option<PublicApi>> = OnceLock::new();
static IS_VERIFYING: AtomicBool = AtomicBool::new(false);
static MISTAKE: OnceLock<Mistake> = OnceLock::new();
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

/// What is made wrong in stacks that are then verified.
#[derive(Clone, Copy)]
enum Mistake {
    /// The innermost frame is forgotten.
    Frame,
    /// The caller of the innermost frame is forgotten.
    Caller,
    /// The outermost frame is said to be at its next instruction.
    Instruction,
}

impl Mistake {
    fn named(name: &str) -> Option<Mistake> {
        match name {
            "wrong-frame" => Some(Mistake::Frame),
            "wrong-caller" => Some(Mistake::Caller),
            "wrong-instruction" => Some(Mistake::Instruction),
            _ => None,
        }
    }

    /// Makes it in a stack, innermost frame first. One that is too short for it stays as it is.
    fn make_in(self, stack: &mut Vec<(usize, u32)>) {
        match (self, &mut stack[..]) {
            (Mistake::Frame, [_, ..]) => drop(stack.remove(0)),
            (Mistake::Caller, [_, _, ..]) => drop(stack.remove(1)),
            (Mistake::Instruction, [.., (_, instruction)]) => *instruction = instruction.wrapping_add(1),
            _ => {}
        }
    }
}

/// Whether every event is to be checked.
#[inline(always)]
pub(super) fn verifying() -> bool {
    IS_VERIFYING.load(Ordering::Relaxed)
}

/// Reads the environment; called before the job runs.
pub(super) fn prepare() {
    let wish = std::env::var("FIL_VERIFY_STACKS").unwrap_or_default();
    let mistake = Mistake::named(&wish);
    IS_VERIFYING.store(mistake.is_some() || wish == "1", Ordering::Relaxed);
    if let Some(mistake) = mistake {
        MISTAKE.get_or_init(|| mistake);
    }
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
    let mut walked: Vec<_> = frames_of(stack).collect();
    if let Some(mistake) = MISTAKE.get() {
        mistake.make_in(&mut walked);
    }
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

/// Counts a stack, and writes the numbers down whenever their sum has grown by an eighth or less, so that the trace knows
/// them to an eighth however the process ends.
fn count(kind: &AtomicU64) {
    kind.fetch_add(1, Ordering::Relaxed);
    let seen = SEEN.fetch_add(1, Ordering::Relaxed) + 1;
    if verifying() && has_four_digits(seen) {
        let (verified, passed_over) = (VERIFIED.load(Ordering::Relaxed), PASSED_OVER.load(Ordering::Relaxed));
        let text = format!(
            "at least {verified} call stacks were compared with Python's own, with no difference; \
             at least {passed_over} could not be, for want of the GIL or because of others' allocators"
        );
        DefinitionLog::write_notice(NoticeKind::StacksVerified, &text);
    }
}

/// Whether only the first four binary digits of a number can be other than 0. From one such number to the next it is an
/// eighth or less.
fn has_four_digits(number: u64) -> bool {
    let rest = number.checked_ilog2().unwrap_or(0).saturating_sub(3);
    number.trailing_zeros() >= rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_four_digits_are_an_eighth_apart() {
        let numbers: Vec<u64> = (1..=100).filter(|&number| has_four_digits(number)).collect();
        let expected: Vec<u64> = (1..=16).chain((18..=32).step_by(2)).chain((36..=64).step_by(4)).collect();
        assert_eq!(numbers[..expected.len()], expected);
        assert_eq!(numbers[expected.len()..], [72, 80, 88, 96]);
    }

    #[test]
    fn mistakes_are_made() {
        let made = |name: &str, mut stack: Vec<(usize, u32)>| {
            Mistake::named(name).expect("is known").make_in(&mut stack);
            stack
        };
        let stack = vec![(3, 30), (2, 20), (1, 10)];
        assert_eq!(made("wrong-frame", stack.clone()), [(2, 20), (1, 10)]);
        assert_eq!(made("wrong-caller", stack.clone()), [(3, 30), (1, 10)]);
        assert_eq!(made("wrong-instruction", stack), [(3, 30), (2, 20), (1, 11)]);
        assert_eq!(made("wrong-caller", vec![(1, 10)]), [(1, 10)]);
    }
}
