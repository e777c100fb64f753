//! The walk compared with Python's public API, which knows the same frames.
//!
//! The first new stacks of a process are checked while it starts. If the two disagree, stacks are
//! turned off and the trace says so. With `FIL_VERIFY_STACKS=1` in the environment every event is
//! checked, and a difference aborts the job: that is for tests.
//!
//! The API makes frame objects, so it allocates. Those allocations are not recorded (the caller is
//! inside a hook), and garbage collection, which runs Python code, is switched off meanwhile. It is
//! asked only inside a call of Python's allocator: a call of malloc may come from one who holds a
//! lock that those allocations need (tracemalloc does, for its tables).
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::frames::instruction_index;
use super::{Python, StackCache, turn_stacks_off};
use crate::errno::ErrnoKept;
use crate::real;

/// Stacks checked per process: those of the start-up, with imports many frames deep.
const CHECKS: u32 = 100;

static CHECKS_LEFT: AtomicU32 = AtomicU32::new(CHECKS);
static API: OnceLock<Option<Api>> = OnceLock::new();
static VERIFYING: OnceLock<bool> = OnceLock::new();

/// The public functions that know frames: CPython 3.11 has all of them.
struct Api {
    current_thread_state: unsafe extern "C" fn() -> *mut c_void,
    current_frame: unsafe extern "C" fn() -> *mut c_void,
    back: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    code: unsafe extern "C" fn(*mut c_void) -> *mut c_void,
    last_instruction: unsafe extern "C" fn(*mut c_void) -> c_int,
    give_back: unsafe extern "C" fn(*mut c_void),
    disable_collection: unsafe extern "C" fn() -> c_int,
    enable_collection: unsafe extern "C" fn() -> c_int,
}

impl Api {
    fn find() -> Option<Api> {
        // SAFETY: these functions have these signatures in every CPython that has them.
        unsafe {
            Some(Api {
                current_thread_state: real::function(c"_PyThreadState_UncheckedGet")?,
                current_frame: real::function(c"PyEval_GetFrame")?,
                back: real::function(c"PyFrame_GetBack")?,
                code: real::function(c"PyFrame_GetCode")?,
                last_instruction: real::function(c"PyFrame_GetLasti")?,
                give_back: real::function(c"Py_DecRef")?,
                disable_collection: real::function(c"PyGC_Disable")?,
                enable_collection: real::function(c"PyGC_Enable")?,
            })
        }
    }
}

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
    let Some(api) = API.get_or_init(Api::find) else {
        return turn_stacks_off("this Python does not export what fil needs to check its call stacks");
    };
    // SAFETY: reads a global of Python's; allowed at any time.
    if unsafe { (api.current_thread_state)() }.cast_const().cast() != thread_state {
        return;
    }
    CHECKS_LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).ok();
    if !agrees(api, python, walked) {
        if verifying() {
            eprintln!("fil: the call stack differs from Python's own: {}", describe(api, python, walked));
            std::process::abort();
        }
        turn_stacks_off("the call stacks that fil reads differ from what this Python says itself");
    }
}

fn agrees(api: &Api, python: &Python, walked: &StackCache) -> bool {
    let walked: Vec<_> =
        walked.frames().map(|state| (state.code, i64::from(instruction_index(state, python.layout)))).collect();
    own_frames(api) == walked
}

/// Address of the code object and index of the instruction of each frame, innermost first, as
/// Python says it.
fn own_frames(api: &Api) -> Vec<(usize, i64)> {
    let mut frames = Vec::new();
    // SAFETY: this thread holds the GIL and has a thread state (the caller looked). The first frame
    // is borrowed, the ones behind it are new references, given back here; so are the code objects,
    // which their frames keep alive.
    unsafe {
        let collected = (api.disable_collection)();
        let mut frame = (api.current_frame)();
        let mut owned = false;
        while !frame.is_null() {
            let code = (api.code)(frame);
            frames.push((code as usize, i64::from((api.last_instruction)(frame)).max(0) / 2));
            (api.give_back)(code);
            let back = (api.back)(frame);
            if owned {
                (api.give_back)(frame);
            }
            frame = back;
            owned = true;
        }
        if collected != 0 {
            (api.enable_collection)();
        }
    }
    frames
}

fn describe(api: &Api, python: &Python, walked: &StackCache) -> String {
    let walked: Vec<_> = walked.frames().map(|state| (state.code, instruction_index(state, python.layout))).collect();
    format!("walked {walked:x?}, Python {:x?}", own_frames(api))
}
