//! The order between threads: one word that says whose turn it is.
//!
//! Before each event a thread looks whether the word still names it. If so, no other thread had an
//! event in between and nothing is to be noted. If not, it takes the next turn with a
//! compare-exchange, and its event stream notes the number.
//!
//! The background thread takes a turn now and then, too, and so does whoever ends an epoch (`interning.rs`). The next event
//! of any thread then has to take its own, and that is when it looks at the clock: an event after a pause is known to come
//! after it, and events in a row pay nothing for that.
//!
//! Why this orders what is causally ordered: if thread A's event comes before thread B's (A frees
//! an address that B then gets; A hands a block to B), then A looked at the word before B does, and
//! coherence lets B see that value or a later one. Either it is not B's, and B takes a higher turn;
//! or it is B's and was installed after A's, so it is higher already. Relaxed loads are enough,
//! because the order between the two looks comes from what made the events causally ordered. `tests/loom` tries all ways
//! that this can go.

use format::ThreadNumber;

use crate::atomic::{AtomicU64, Ordering};

/// Low bits of the word: the thread; the rest is the turn. 2^24 threads, 2^40 turns.
const THREAD_BITS: u32 = 24;
const THREAD_MASK: u64 = (1 << THREAD_BITS) - 1;

/// The number of no thread, for the turns of the clock.
const CLOCK: u64 = 0;

/// Most threads that can be told apart in one process.
pub(crate) const MAX_THREADS: u32 = THREAD_MASK as u32;

/// A thread's turn, as the word says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn(u64);

impl Turn {
    /// What a thread has before its first: a value the word never takes, so that it does not go on.
    pub(crate) const NONE: Turn = Turn(u64::MAX);

    /// The number for the event stream; 0 before the first.
    pub(crate) fn number(self) -> u64 {
        if self == Turn::NONE { 0 } else { self.0 >> THREAD_BITS }
    }
}

/// See the module. It begins with 0.
pub(crate) struct TurnWord(pub(crate) AtomicU64);

impl TurnWord {
    /// Whether it is still this turn.
    #[inline(always)]
    pub(crate) fn is_still(&self, turn: Turn) -> bool {
        self.0.load(Ordering::Relaxed) == turn.0
    }

    /// Time has passed: the clock, as no thread, takes a turn if it does not have it.
    pub(crate) fn tick(&self) {
        if self.0.load(Ordering::Relaxed) & THREAD_MASK != CLOCK {
            self.take(ThreadNumber(CLOCK as u32));
        }
    }

    /// Takes the next turn for `thread`. Also says whether the turn before was the clock's, see
    /// [`TurnWord::tick`].
    #[cold]
    pub(crate) fn take(&self, thread: ThreadNumber) -> (Turn, bool) {
        let me = u64::from(thread.0) & THREAD_MASK;
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let next = ((current >> THREAD_BITS) + 1) << THREAD_BITS | me;
            match self.0.compare_exchange_weak(current, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return (Turn(next), current & THREAD_MASK == CLOCK),
                Err(changed) => current = changed,
            }
        }
    }
}
