//! Waiting without std's thread machinery: a futex word that a thread sleeps on and others ring.
//!
//! std's and crossbeam's blocking calls keep thread-locals with destructors, which are gone when a
//! thread's last frees arrive. A futex keeps nothing.
#![allow(unsafe_code)]

use std::ptr::null;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::errno;

pub(crate) struct Doorbell {
    rings: AtomicU32,
}

impl Doorbell {
    pub(crate) const fn new() -> Doorbell {
        Doorbell { rings: AtomicU32::new(0) }
    }

    /// How often it rang: to be read before looking whether there is something to do.
    pub(crate) fn rings(&self) -> u32 {
        self.rings.load(Ordering::Acquire)
    }

    /// Wakes all who wait.
    pub(crate) fn ring(&self) {
        self.rings.fetch_add(1, Ordering::Release);
        // SAFETY: FUTEX_WAKE takes the address of a live u32 and a count.
        unsafe {
            libc::syscall(libc::SYS_futex, self.rings.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, i32::MAX)
        };
    }

    /// Sleeps until it rings once more than `seen`, at most for `limit`. Says whether all of that has passed: a signal wakes
    /// it too.
    pub(crate) fn wait(&self, seen: u32, limit: Duration) -> bool {
        let limit = libc::timespec {
            tv_sec: limit.as_secs() as libc::time_t,
            tv_nsec: libc::c_long::from(limit.subsec_nanos() as i32),
        };
        // SAFETY: FUTEX_WAIT takes the address of a live u32, the value expected there and a
        // timeout; it returns at once if the value is another.
        let woken = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.rings.as_ptr(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                seen,
                &raw const limit,
                null::<u32>(),
                0,
            )
        };
        woken != 0 && errno::is(libc::ETIMEDOUT)
    }
}
