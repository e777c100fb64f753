//! Puts the hooks in front of Python's allocators, and sees to it that they stay there.
//!
//! They are installed before `main`. When Python then reads its configuration, `PYTHONMALLOC`, `-X dev`
//! and the like put other allocators in their place (`_PyMem_SetupAllocators`, CPython 3.9 to 3.15).
//! From there on Python's objects come from malloc, or pymalloc goes on without hooks; in both cases it
//! also calls malloc directly at once (its RAW domain), and so comes by here. That is where the hooks
//! are put in front again, until Python has a thread state: by then its allocators are settled.
//! Whatever is put in place later wraps the hooks (tracemalloc, or hooks of the job's own) and works
//! as it is.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use super::python::PyMemAllocatorEx;
use crate::guard::Guard;
use crate::lock::Lock;
use crate::{python, real};

/// `PYMEM_DOMAIN_RAW`, `PYMEM_DOMAIN_MEM` and `PYMEM_DOMAIN_OBJ` of `Include/cpython/pymem.h`, the same
/// since 3.5.
const RAW: c_int = 0;
const DOMAINS: [c_int; 3] = [RAW, 1, 2];

/// Whether other allocators may still take the place of the hooks.
static UNSETTLED: AtomicBool = AtomicBool::new(false);
static API: Lock<Option<Api>> = Lock::new(None);

/// The functions of Python's that know its allocators. All may be called before it is initialized.
struct Api {
    get: unsafe extern "C" fn(c_int, *mut PyMemAllocatorEx),
    set: unsafe extern "C" fn(c_int, *const PyMemAllocatorEx),
    thread_state: unsafe extern "C" fn() -> *mut c_void,
}

impl Api {
    fn find() -> Option<Api> {
        // SAFETY: these functions have these signatures in every CPython since 3.5.
        unsafe {
            Some(Api {
                get: real::function(c"PyMem_GetAllocator")?,
                set: real::function(c"PyMem_SetAllocator")?,
                thread_state: real::function(c"PyGILState_GetThisThreadState")?,
            })
        }
    }

    /// Puts the hooks in front of the domains that do not have them there.
    fn hook(&self) {
        for domain in DOMAINS {
            let allocator = self.allocator(domain);
            if !allocator.is_hooked() {
                let hooked = allocator.hooked(domain == RAW, python::known_layout());
                // SAFETY: Python copies the structure, under the lock of Api::allocator.
                unsafe { (self.set)(domain, &hooked) }
            }
        }
    }

    /// What stands in front of a domain.
    fn allocator(&self, domain: c_int) -> PyMemAllocatorEx {
        let mut allocator = MaybeUninit::uninit();
        // SAFETY: the call fills the structure for every domain there is. From 3.12 on it takes a lock, which
        // no one holds who calls malloc: under it Python only copies these structures.
        unsafe {
            (self.get)(domain, allocator.as_mut_ptr());
            allocator.assume_init()
        }
    }

    /// Whether the hooks are in front of every domain.
    fn is_hooked(&self) -> bool {
        DOMAINS.iter().all(|&domain| self.allocator(domain).is_hooked())
    }

    /// Whether the calling thread is one of Python's.
    fn has_thread_state(&self) -> bool {
        // SAFETY: it reads thread-specific data, and says null before there is a thread state.
        !unsafe { (self.thread_state)() }.is_null()
    }
}

/// Hooks both domains of this process's Python. Called once, before the job runs.
pub(crate) fn install() {
    let Some(api) = Api::find() else { return };
    api.hook();
    *API.lock() = Some(api);
    UNSETTLED.store(true, Ordering::Release);
}

/// Whether Python's allocations come to the hooks first.
pub(crate) fn are_first() -> bool {
    API.try_lock().is_some_and(|api| api.as_ref().is_some_and(Api::is_hooked))
}

/// To be called where the job allocates outside the hooks, which is when they may have been replaced.
#[inline(always)]
pub(super) fn stay_in_front(guard: &Guard) {
    if UNSETTLED.load(Ordering::Relaxed) {
        look(guard);
    }
}

#[cold]
fn look(guard: &Guard) {
    guard.recording();
    let Some(api) = API.try_lock() else { return };
    match &*api {
        Some(api) if !api.has_thread_state() => api.hook(),
        _ => UNSETTLED.store(false, Ordering::Relaxed),
    }
}
