//! A lock for rare work of a few microseconds. Unlike std's it can be held across fork: taken in
//! the prepare step, let go in parent and child.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering};

/// Looks at a taken lock this often before the processor is given away.
const SPINS: u32 = 100;

pub(crate) struct Lock<T> {
    taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached by one thread at a time, the one that took the lock.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    pub(crate) const fn new(value: T) -> Lock<T> {
        Lock { taken: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits for the lock. The caller's thread must not hold it.
    pub(crate) fn lock(&self) -> Locked<'_, T> {
        let mut spins = 0;
        while self.taken.swap(true, Ordering::Acquire) {
            spins += 1;
            if spins % SPINS == 0 {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
        Locked { lock: self }
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_lock(&self) -> Option<Locked<'_, T>> {
        if self.taken.swap(true, Ordering::Acquire) {
            return None;
        }
        // Made only here: one that is dropped lets go of the lock, whoever has it.
        Some(Locked { lock: self })
    }

    /// Takes the lock and keeps it: for the prepare step of fork.
    pub(crate) fn hold(&self) {
        std::mem::forget(self.lock());
    }

    /// Lets go of a lock that [`Lock::hold`] took on this thread.
    pub(crate) fn let_go(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

pub(crate) struct Locked<'a, T> {
    lock: &'a Lock<T>,
}

impl<T> Deref for Locked<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the lock is held as long as self lives.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Locked<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and self is borrowed exclusively.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Drop for Locked<'_, T> {
    fn drop(&mut self) {
        self.lock.let_go();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trying_does_not_open_a_lock_that_another_holds() {
        let lock = Lock::new(1);
        let held = lock.lock();
        assert!(lock.try_lock().is_none());
        assert!(lock.try_lock().is_none(), "the first try must have left it taken");
        drop(held);
        assert_eq!(lock.try_lock().map(|value| *value), Some(1));
        assert!(lock.try_lock().is_some(), "and a try that succeeded lets go in the end");
    }
}
