//! A slot goes from thread to thread with all that was written to it, and belongs to one of them at a time.

use std::ptr::{NonNull, null_mut};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::AtomicPtr;
use loom::thread;

use crate::last_free::LastFree;

/// A slot of one byte. loom tells when two threads are in it at once, or one does not see what another wrote.
struct Slot(UnsafeCell<u8>);

struct Slots {
    last_free: LastFree,
    slots: [Slot; 2],
}

// SAFETY: that only one thread at a time is in a slot is what is tested, by loom's cells.
unsafe impl Sync for Slots {}
// SAFETY: as above.
unsafe impl Send for Slots {}

impl Slots {
    fn new() -> Arc<Slots> {
        let slots = [0, 0].map(|byte| Slot(UnsafeCell::new(byte)));
        Arc::new(Slots { last_free: LastFree(AtomicPtr::new(null_mut())), slots })
    }

    /// What stands for the start of a slot: its number, from 1.
    fn start(number: usize) -> NonNull<u8> {
        NonNull::new(std::ptr::without_provenance_mut(number)).expect("from 1")
    }

    /// Writes to the slot, as who owns it, and gives it back. Returns the one that was displaced.
    fn use_and_give_back(&self, start: NonNull<u8>) -> Option<NonNull<u8>> {
        self.slots[start.as_ptr() as usize - 1].0.with_mut(|byte| {
            // SAFETY: the pointer is that of the cell.
            unsafe { *byte += 1 }
        });
        self.last_free.replace(start)
    }
}

#[test]
fn a_slot_has_one_owner_at_a_time_who_sees_what_the_last_one_wrote() {
    loom::model(|| {
        let slots = Slots::new();
        let owners = [1, 2].map(|number| {
            let slots = slots.clone();
            thread::spawn(move || {
                let displaced = slots.use_and_give_back(Slots::start(number));
                let taken = slots.last_free.take();
                // What was displaced, or taken, belongs to this thread.
                let mut owned: Vec<NonNull<u8>> = displaced.into_iter().chain(taken).collect();
                owned.iter().for_each(|start| {
                    slots.slots[start.as_ptr() as usize - 1].0.with_mut(|byte| {
                        // SAFETY: the pointer is that of the cell.
                        unsafe { *byte += 1 }
                    });
                });
                owned.sort();
                owned
            })
        });
        let mut owned: Vec<NonNull<u8>> =
            owners.into_iter().flat_map(|owner| owner.join().expect("does not panic")).collect();
        owned.extend(slots.last_free.take());
        owned.sort();
        assert_eq!(owned, [Slots::start(1), Slots::start(2)], "each has one owner, and none is lost");
    });
}
