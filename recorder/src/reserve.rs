//! Memory of the recorder's own for when the job has used up all that it can have: a job that runs out of memory is to do so
//! by itself, and the trace is to tell of it to the last event.
//!
//! It is a stretch of zeros in the library, which takes no memory until it is written to. Blocks are taken from it one
//! behind the other and never given back: what still comes in this state is little. When half of it is taken, recording
//! ends, which the spool says.
#![allow(unsafe_code)]

use std::alloc::Layout;
use std::cell::UnsafeCell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::guard;
use crate::session::Session;

/// Enough for a few threads that begin, and for the walk over a very deep stack.
const BYTES: usize = 1 << 20;
/// The largest alignment that is asked for: a page's.
const ALIGNMENT: usize = 4096;

#[repr(align(4096))]
struct Reserve(UnsafeCell<[u8; BYTES]>);

// SAFETY: a part of it is reached by whoever took it, and by nobody else.
unsafe impl Sync for Reserve {}

static RESERVE: Reserve = Reserve(UnsafeCell::new([0; BYTES]));
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// A block of zeros, or null.
#[cold]
pub(crate) fn take(layout: Layout) -> *mut u8 {
    let end_of = |taken: usize| {
        let start = taken.checked_next_multiple_of(layout.align())?;
        start.checked_add(layout.size()).filter(|&end| end <= BYTES && layout.align() <= ALIGNMENT)
    };
    let Ok(taken) = TAKEN.fetch_update(Ordering::Relaxed, Ordering::Relaxed, end_of) else { return null_mut() };
    if is_half_taken() {
        guard::switch_off();
        // What has no memory can say no more than a word.
        if let Some(session) = Session::of_this_process() {
            session.spool.header.note_want_of_memory();
        }
    }
    // SAFETY: the block ends within the reserve, and nobody else has taken a part of it: the counter only rises, past it.
    unsafe { RESERVE.0.get().cast::<u8>().add(taken.next_multiple_of(layout.align())) }
}

/// Whether it is a block of the reserve.
#[inline]
pub(crate) fn holds(block: *mut u8) -> bool {
    (block as usize).wrapping_sub(RESERVE.0.get() as usize) < BYTES
}

fn is_half_taken() -> bool {
    TAKEN.load(Ordering::Relaxed) > BYTES / 2
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_come_to_an_end() {
        let layouts = [(1, 1), (100, 16), (5000, 4096), (8, 8)];
        let mut blocks = Vec::new();
        for (size, alignment) in layouts.into_iter().cycle() {
            let block = take(Layout::from_size_align(size, alignment).expect("a layout"));
            if block.is_null() {
                break;
            }
            assert!((block as usize).is_multiple_of(alignment) && holds(block));
            blocks.push((block as usize, size));
        }
        assert!(is_half_taken());
        blocks.sort_unstable();
        assert!(blocks.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
        assert!(blocks.len() > 400);
        assert!(take(Layout::from_size_align(BYTES, 1).expect("a layout")).is_null());
    }
}
