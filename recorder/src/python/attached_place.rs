//! Where Python keeps the thread state that it is running with, so that the quickest way to a stack reads it without a call.
//!
//! Until 3.11 it is a field of `_PyRuntime`, which is exported, at an offset that `layout.rs` knows. From 3.12 on it is a
//! thread-local variable of Python's library or executable, `_Py_tss_tstate`, and that is hidden. But what is loaded
//! at the start has its thread-locals at one distance from the thread pointer in all threads (the static TLS block, see
//! U. Drepper, "ELF Handling For Thread-Local Storage"). So they are looked through once for the one that holds
//! what Python's own function returns. In 3.12 to 3.14 no other does. Where others do, as in 3.15, whose
//! `_Py_tss_gilstate` holds the state that a thread had first, it is the one that is null in a thread that has a state
//! with which Python does not run now: one that waits for a file, say. The first such event tells.
//!
//! Whether what is read here is right is checked like all of the quickest way: by `self_check.rs`.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::{from_mut, from_ref, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::errno::ErrnoKept;
use crate::real;
use crate::thread_words::thread_words;

/// What [`AttachedPlace::found`] says in place of an address or a distance, which are multiples of 8.
const NOT_LOOKED_FOR: usize = 1;
const NOT_FOUND: usize = 2;
const ONE_OF_SEVERAL: usize = 3;

/// Thread-locals of a library that has more of them than this are not looked through.
const MOST_BYTES: usize = 4096;
/// What is further than this from the recorder's own, which is in the static TLS block, is not taken to be there too.
const NEAR_BYTES: usize = 64 << 10;

/// See the module.
pub(super) struct AttachedPlace {
    /// Until 3.11: where in `_PyRuntime` it is.
    runtime_offset: Option<usize>,
    /// The address, or, of a thread-local, the distance from [`thread_words`] in each thread.
    found: AtomicUsize,
    /// The distances of those that have held a state with which Python ran, if these are several.
    candidates: OnceLock<Vec<usize>>,
}

impl AttachedPlace {
    /// Not looked for yet.
    pub(super) fn new(runtime_offset: Option<usize>) -> AttachedPlace {
        AttachedPlace { runtime_offset, found: AtomicUsize::new(NOT_LOOKED_FOR), candidates: OnceLock::new() }
    }

    /// The variable that holds the calling thread's state while Python runs with that, if it was found. It lives as long as
    /// the thread.
    pub(super) fn of_this_thread(&self) -> Option<*const AtomicPtr<c_void>> {
        let place = match (self.found.load(Ordering::Acquire), self.runtime_offset) {
            (NOT_LOOKED_FOR | NOT_FOUND | ONE_OF_SEVERAL, _) => return None,
            (address, Some(_)) => address,
            (distance, None) => here().wrapping_add(distance),
        };
        Some(place as *const AtomicPtr<c_void>)
    }

    /// Whether [`AttachedPlace::look_for`] or [`AttachedPlace::choose`] may find it.
    #[inline(always)]
    pub(super) fn may_be_found(&self) -> bool {
        matches!(self.found.load(Ordering::Relaxed), NOT_LOOKED_FOR | ONE_OF_SEVERAL)
    }

    /// Looks for it, if nobody has. The caller holds the GIL, with this thread state, which is what `function` returns. True
    /// if it was found.
    #[cold]
    #[inline(never)]
    pub(super) fn look_for(&self, thread_state: *const u8, function: *const c_void) -> bool {
        if self.found.load(Ordering::Relaxed) != NOT_LOOKED_FOR {
            return false;
        }
        let _errno = ErrnoKept::new();
        let found = match self.runtime_offset {
            Some(offset) => in_runtime(offset, thread_state).unwrap_or(NOT_FOUND),
            None => match &in_thread_locals(thread_state, function)[..] {
                [] => NOT_FOUND,
                [distance] => *distance,
                several => {
                    self.candidates.get_or_init(|| several.to_owned());
                    ONE_OF_SEVERAL
                }
            },
        };
        self.found.store(found, Ordering::Release);
        !matches!(found, NOT_FOUND | ONE_OF_SEVERAL)
    }

    /// Chooses it among several that held a thread state. In the calling thread it holds none now. True if it was found.
    #[cold]
    #[inline(never)]
    pub(super) fn choose(&self) -> bool {
        if self.found.load(Ordering::Acquire) != ONE_OF_SEVERAL {
            return false;
        }
        let candidates = self.candidates.get().map_or(&[][..], |candidates| candidates);
        // SAFETY: they are in the static TLS block, which all threads have.
        let is_null = |distance: usize| unsafe { *(here().wrapping_add(distance) as *const usize) } == 0;
        let mut null = candidates.iter().filter(|distance| is_null(**distance));
        match (null.next(), null.next()) {
            (Some(only), None) => {
                self.found.store(*only, Ordering::Release);
                true
            }
            _ => false,
        }
    }
}

/// What distances of thread-locals are measured from.
fn here() -> usize {
    from_ref(thread_words()) as usize
}

fn in_runtime(offset: usize, thread_state: *const u8) -> Option<usize> {
    let runtime = real::symbol(c"_PyRuntime");
    if runtime.is_null() {
        return None;
    }
    let place = runtime as usize + offset;
    // SAFETY: the offset is that of a pointer in this structure, which lives as long as the process; whoever writes it
    // does so atomically, or holds the GIL.
    let held = unsafe { AtomicPtr::from_ptr(place as *mut *mut u8) }.load(Ordering::Relaxed);
    (held.cast_const() == thread_state).then_some(place)
}

/// What a look through the loaded libraries is for, and what it finds.
struct Search {
    function: usize,
    wanted: usize,
    distances: Vec<usize>,
}

/// The distances of all that hold this, if it cannot be elsewhere.
fn in_thread_locals(thread_state: *const u8, function: *const c_void) -> Vec<usize> {
    let mut search = Search { function: function as usize, wanted: thread_state as usize, distances: Vec::new() };
    // SAFETY: the function below is what dl_iterate_phdr asks for, and the structure lives until it returns.
    unsafe { libc::dl_iterate_phdr(Some(look_into), from_mut(&mut search).cast()) };
    search.distances
}

/// Looks at one library. Not 0 if it is the one that has the function.
unsafe extern "C" fn look_into(info: *mut libc::dl_phdr_info, _size: usize, search: *mut c_void) -> c_int {
    // SAFETY: the dynamic linker gives a library, with its program headers, and what in_thread_locals() gave it.
    let (info, search, headers) = unsafe {
        let info = &*info;
        (info, &mut *search.cast::<Search>(), std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()))
    };
    let holds = |header: &libc::Elf64_Phdr| {
        let start = info.dlpi_addr.wrapping_add(header.p_vaddr) as usize;
        header.p_type == libc::PT_LOAD && (start..start + header.p_memsz as usize).contains(&search.function)
    };
    if !headers.iter().any(holds) {
        return 0;
    }
    let locals = headers.iter().find(|header| header.p_type == libc::PT_TLS);
    let bytes = locals.map_or(0, |header| header.p_memsz as usize);
    let first = info.dlpi_tls_data as usize;
    if first != 0 && bytes <= MOST_BYTES && first.abs_diff(here()) < NEAR_BYTES {
        let places = (first.next_multiple_of(8)..(first + bytes) & !7).step_by(8);
        // SAFETY: so many bytes of thread-locals are there in the calling thread; the place is a multiple of 8 among them.
        let holding = places.filter(|place| unsafe { *(*place as *const usize) } == search.wanted);
        search.distances = holding.map(|place| place.wrapping_sub(here())).collect();
    }
    1
}

/// Where the state is if there is none.
static NO_STATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// A place that holds no state.
pub(super) fn no_place() -> *const AtomicPtr<c_void> {
    from_ref(&NO_STATE)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use std::cell::Cell;
    use std::hint::black_box;

    use super::*;

    thread_local! {
        static CURRENT: Cell<usize> = const { Cell::new(0) };
        static ANOTHER: Cell<usize> = const { Cell::new(0) };
    }

    extern "C" fn current() -> *mut c_void {
        CURRENT.get() as *mut c_void
    }

    fn read(place: &AttachedPlace) -> usize {
        let place = place.of_this_thread().expect("it was found");
        // SAFETY: it is CURRENT.
        unsafe { (*place).load(Ordering::Relaxed) as usize }
    }

    fn look_for(value: usize) -> AttachedPlace {
        let place = AttachedPlace::new(None);
        assert!(place.may_be_found());
        let is_found = place.look_for(value as *const u8, current as *const c_void);
        assert_eq!(is_found, place.of_this_thread().is_some());
        place
    }

    #[test]
    fn a_thread_local_is_found_in_every_thread() {
        CURRENT.set(0x5f11_1234_5678);
        let place = look_for(0x5f11_1234_5678);
        assert!(!place.may_be_found(), "one thread-local holds this");
        CURRENT.set(8);
        assert_eq!(read(&place), 8);
        let others = std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                CURRENT.set(9);
                read(&place)
            });
            other.join().expect("does not panic")
        });
        assert_eq!((others, read(&place)), (9, 8));
    }

    #[test]
    fn what_is_nowhere_is_not_found() {
        let place = look_for(0x5f11_2345_6789);
        assert!(place.of_this_thread().is_none() && !place.may_be_found(), "no thread-local holds this");
    }

    /// Nobody reads it, which the compiler must not know.
    fn set_another(value: usize) {
        ANOTHER.with(|another| black_box(another).set(value));
    }

    #[test]
    fn of_several_it_is_the_one_that_becomes_null() {
        CURRENT.set(0x5f11_3456_7890);
        set_another(0x5f11_3456_7890);
        let place = look_for(0x5f11_3456_7890);
        assert!(place.of_this_thread().is_none() && place.may_be_found(), "two hold this");
        CURRENT.set(0);
        set_another(0);
        assert!(!place.choose(), "both are null");
        set_another(0x5f11_4567_8901);
        assert!(place.choose() && !place.may_be_found());
        CURRENT.set(7);
        assert_eq!(read(&place), 7);
    }
}
