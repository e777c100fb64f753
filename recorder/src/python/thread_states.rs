//! Which thread state is the calling thread's, and that it stays while it is read.
//!
//! Whoever holds the GIL has a live one. So has a thread in C without the GIL, until Python comes to its end: then
//! the states of all other threads are freed, while these go on in C and Python's thread-specific data still name
//! them. What the states lead to stays: frames are not freed with them, and keep their code alive. The two sides
//! agree without a lock on the usual way:
//!
//! ```text
//!   thread in C                         thread that ends Python
//!     counts itself as a reader           says that Python ends
//!     asks whether Python ends            waits until each counter has been 0
//!     reads, if not                       frees the states
//!     counts itself out
//! ```
//!
//! Each side writes before it reads, so one of them sees the other.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::{NonNull, from_ref};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, fence};
use std::time::Duration;

use super::attached_place::{AttachedPlace, no_place};
use super::layout::Layout;
use crate::errno::ErrnoKept;
use crate::real;
use crate::thread_words::thread_words;

type GetThreadState = unsafe extern "C" fn() -> *mut c_void;
type IsFinalizing = unsafe extern "C" fn() -> c_int;

/// How to get the thread state of the calling thread.
pub(super) struct ThreadStates {
    /// The one that Python is running with, null while nobody does.
    attached: GetThreadState,
    /// Whether that is always this thread's, as from 3.12 on. Before, it is that of whatever thread holds the GIL.
    attached_is_own: bool,
    /// The one that the thread had first.
    of_this_thread: GetThreadState,
    /// Where `attached` finds it.
    attached_place: AttachedPlace,
    /// Whether Python comes to its end.
    is_finalizing: IsFinalizing,
}

/// The thread state of the calling thread. It is there as long as this is.
pub(super) struct OwnThreadState {
    address: *const u8,
    /// Where a thread that may not hold the GIL is counted.
    reader: Option<&'static AtomicU32>,
}

impl OwnThreadState {
    #[inline(always)]
    pub(super) fn address(&self) -> *const u8 {
        self.address
    }
}

impl OwnThreadState {
    /// Whether Python certainly runs with it, in this thread.
    #[inline(always)]
    pub(super) fn is_attached(&self) -> bool {
        self.reader.is_none()
    }
}

impl Drop for OwnThreadState {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(reader) = self.reader {
            reader.fetch_sub(1, Ordering::Release);
        }
    }
}

impl ThreadStates {
    pub(super) fn find(version: (u32, u32), layout: &Layout) -> Option<ThreadStates> {
        Some(ThreadStates {
            attached: get_unchecked()?,
            attached_is_own: version >= (3, 12),
            // SAFETY: the function has this signature in every CPython 3.
            of_this_thread: unsafe { real::function(c"PyGILState_GetThisThreadState") }?,
            attached_place: AttachedPlace::new(layout.runtime_thread_state),
            is_finalizing: is_finalizing()?,
        })
    }

    /// To be called when the calling thread has this state. Finds out where Python keeps the one that it runs with, if this
    /// tells. True if [`ThreadStates::quick_way`] knows more from now on.
    #[inline(always)]
    pub(super) fn learn_from(&self, own: &OwnThreadState, holds_gil: bool) -> bool {
        self.attached_place.may_be_found()
            && if !own.is_attached() {
                self.attached_is_own && self.attached_place.choose()
            } else {
                holds_gil && self.attached_place.look_for(own.address, self.attached as *const c_void)
            }
    }

    /// A quick way to it that may not find it, for the calling thread.
    pub(super) fn quick_way(&self) -> QuickWay {
        let place = self.attached_place.of_this_thread();
        let with_gil = place.unwrap_or_else(no_place);
        if !self.attached_is_own {
            return QuickWay { with_gil, without_gil: no_place(), first: self.of_this_thread };
        }
        let first = if place.is_some() { self.of_this_thread } else { some_state };
        QuickWay { with_gil, without_gil: with_gil, first }
    }

    /// The thread state, if this thread is one of Python's (and Python runs). `last` is what this was the last time for
    /// this thread; before 3.12 it tells only if the thread holds the GIL.
    #[inline(always)]
    pub(super) fn of_this_thread(&self, last: usize, holds_gil: bool) -> Option<OwnThreadState> {
        // SAFETY: reads what is specific to the thread, or a variable; allowed at any time, without the GIL.
        let attached = unsafe { (self.attached)() };
        if attached as usize == last && last != 0 && (holds_gil || self.attached_is_own) {
            return Some(OwnThreadState { address: attached.cast(), reader: None });
        }
        self.find_of_this_thread(attached)
    }

    #[inline(never)]
    fn find_of_this_thread(&self, attached: *mut c_void) -> Option<OwnThreadState> {
        if self.attached_is_own && !attached.is_null() {
            return Some(OwnThreadState { address: attached.cast(), reader: None });
        }
        // SAFETY: reads what is specific to the thread; allowed at any time, without the GIL.
        let own = unsafe { (self.of_this_thread)() };
        if own.is_null() {
            return None;
        }
        if own == attached {
            return Some(OwnThreadState { address: own.cast(), reader: None });
        }
        let reader = counter();
        reader.fetch_add(1, Ordering::SeqCst);
        let state = OwnThreadState { address: own.cast(), reader: Some(reader) };
        (!self.is_finalizing()).then_some(state)
    }

    fn is_finalizing(&self) -> bool {
        // SAFETY: reads a variable; allowed at any time, without the GIL.
        unsafe { (self.is_finalizing)() != 0 }
    }

    /// To be called before a block of the RAW domain is freed, as thread states are.
    #[inline(always)]
    pub(super) fn before_raw_free(&self) {
        let ends = self.is_finalizing();
        if ends != READERS_ARE_GONE.load(Ordering::Relaxed) {
            // Any thread may free such blocks. Until one of them has waited to the end, all have to.
            if ends {
                wait_for_readers();
            }
            READERS_ARE_GONE.store(ends, Ordering::Relaxed);
        }
    }
}

/// Reads the thread state that Python is running with, if it can only be this thread's.
#[derive(Clone, Copy)]
pub(super) struct QuickWay {
    /// Variables that live as long as the thread whose way this is.
    with_gil: *const AtomicPtr<c_void>,
    without_gil: *const AtomicPtr<c_void>,
    /// The state that the thread had first, or, where nothing is known, one that is not null.
    first: GetThreadState,
}

impl Default for QuickWay {
    fn default() -> QuickWay {
        QuickWay::unknown()
    }
}

impl QuickWay {
    /// Finds nothing out.
    pub(super) fn unknown() -> QuickWay {
        QuickWay { with_gil: no_place(), without_gil: no_place(), first: some_state }
    }

    /// That of a process without a Python: no thread has a state.
    pub(super) fn without_python() -> QuickWay {
        QuickWay { first: no_state, ..QuickWay::unknown() }
    }

    /// Null if there is none, or it is not certain.
    #[inline(always)]
    pub(super) fn thread_state(self, holds_gil: bool) -> *const u8 {
        let place = if holds_gil { self.with_gil } else { self.without_gil };
        // SAFETY: the variable is there, since this is the thread whose way this is.
        unsafe { (*place).load(Ordering::Relaxed) }.cast_const().cast()
    }

    /// Whether the calling thread, which need not hold the GIL, certainly has no state: it is not one of Python's.
    #[inline(always)]
    pub(super) fn has_no_state(self) -> bool {
        // SAFETY: reads what is specific to the thread; allowed at any time, without the GIL.
        self.thread_state(false).is_null() && unsafe { (self.first)() }.is_null()
    }
}

unsafe extern "C" fn some_state() -> *mut c_void {
    NonNull::dangling().as_ptr()
}

unsafe extern "C" fn no_state() -> *mut c_void {
    std::ptr::null_mut()
}

/// Threads are spread over this many counters, so that few of them share one.
const COUNTERS: usize = 1 << COUNTER_BITS;
const COUNTER_BITS: u32 = 6;

/// Each in a cache line of its own, and in that of its neighbour, which processors fetch along.
#[repr(align(128))]
struct Counter(AtomicU32);

/// Threads that read thread states without the GIL.
static READERS: [Counter; COUNTERS] = [const { Counter(AtomicU32::new(0)) }; COUNTERS];
/// Python comes to its end, and those were waited for who had not seen that.
static READERS_ARE_GONE: AtomicBool = AtomicBool::new(false);

/// The one that the calling thread uses.
fn counter() -> &'static AtomicU32 {
    // 2^64 divided by the golden ratio: spreads what differs in any bits over the highest ones (Knuth, The Art of
    // Computer Programming 3, section 6.4).
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let place = from_ref(thread_words()) as u64;
    let hash = place.wrapping_mul(MULTIPLIER) >> (u64::BITS - COUNTER_BITS);
    &READERS[hash as usize % COUNTERS].0
}

/// Between two looks at the readers.
const STEP: Duration = Duration::from_micros(50);

/// Waits for those readers who have not seen that Python ends. None of them waits for the GIL; but should one never come
/// back, because a signal handler jumped out of it, the job goes on all the same.
#[cold]
#[inline(never)]
fn wait_for_readers() {
    const LONGEST: Duration = Duration::from_secs(1);
    let _errno = ErrnoKept::new();
    fence(Ordering::SeqCst);
    let mut steps = LONGEST.as_micros() / STEP.as_micros();
    for Counter(readers) in &READERS {
        while readers.load(Ordering::Acquire) != 0 && steps > 0 {
            std::thread::sleep(STEP);
            steps -= 1;
        }
    }
}

/// The child after a fork has none of the parent's other threads.
pub(crate) fn restart_in_child() {
    for Counter(readers) in &READERS {
        readers.store(0, Ordering::Relaxed);
    }
}

/// It got its public name in 3.13.
fn is_finalizing() -> Option<IsFinalizing> {
    // SAFETY: the function has this signature under both names.
    unsafe { real::function(c"Py_IsFinalizing").or_else(|| real::function(c"_Py_IsFinalizing")) }
}

/// The thread state that Python is running with, without any check. It got its public name in 3.13.
pub(super) fn get_unchecked() -> Option<GetThreadState> {
    // SAFETY: the function has this signature under both names.
    unsafe { real::function(c"PyThreadState_GetUnchecked").or_else(|| real::function(c"_PyThreadState_UncheckedGet")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    unsafe extern "C" fn ends() -> c_int {
        1
    }

    /// Whichever thread frees, and whether or not another one waits already.
    #[test]
    fn readers_are_waited_for() {
        static HAS_READ: AtomicBool = AtomicBool::new(false);
        let states = ThreadStates {
            attached: no_state,
            attached_is_own: true,
            of_this_thread: no_state,
            attached_place: AttachedPlace::new(None),
            is_finalizing: ends,
        };
        let reader = counter();
        reader.fetch_add(1, Ordering::SeqCst);
        let state = OwnThreadState { address: std::ptr::null(), reader: Some(reader) };
        let begun = Barrier::new(3);
        let free = || {
            begun.wait();
            states.before_raw_free();
            HAS_READ.load(Ordering::Acquire)
        };
        let freed = std::thread::scope(|scope| {
            let frees = [scope.spawn(free), scope.spawn(free)];
            begun.wait();
            // They have all the time to be wrong.
            std::thread::sleep(20 * STEP);
            HAS_READ.store(true, Ordering::Release);
            drop(state);
            frees.map(|thread| thread.join().is_ok_and(|has_read| has_read))
        });
        assert_eq!(freed, [true, true]);
    }
}
