//! The order between threads: one word that says whose turn it is.
//!
//! Before each event a thread looks whether the word still names it. If so, no other thread had an
//! event in between and nothing is to be noted. If not, it takes the next turn with a
//! compare-exchange, and its event stream notes the number.
//!
//! The background thread takes a turn now and then, too, and so does whoever ends an epoch (`interning.rs`). The next event of any thread then has to
//! take its own, and that is when it looks at the clock: an event after a pause is known to come after
//! it, and events in a row pay nothing for that.
//!
//! Why this orders what is causally ordered: if thread A's event comes before thread B's (A frees
//! an address that B then gets; A hands a block to B), then A looked at the word before B does, and
//! coherence lets B see that value or a later one. Either it is not B's, and B takes a higher turn;
//! or it is B's and was installed after A's, so it is higher already. Relaxed loads are enough,
//! because the order between the two looks comes from what made the events causally ordered.

use std::sync::atomic::{AtomicU64, Ordering};

use format::ThreadNumber;

/// Low bits of the word: the thread; the rest is the turn. 2^24 threads, 2^40 turns.
const THREAD_BITS: u32 = 24;
const THREAD_MASK: u64 = (1 << THREAD_BITS) - 1;

/// The number of no thread, for the turns of the clock.
const CLOCK: u64 = 0;

static TURN: AtomicU64 = AtomicU64::new(0);

/// Most threads that can be told apart in one process.
pub(crate) const MAX_THREADS: u32 = THREAD_MASK as u32;

/// A thread's turn, as the word says it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn(u64);

impl Turn {
    /// What a thread has before its first: a value the word never takes, so that it does not go on.
    pub(crate) const NONE: Turn = Turn(u64::MAX);

    /// Whether it is still this turn.
    #[inline(always)]
    pub(crate) fn goes_on(self) -> bool {
        TURN.load(Ordering::Relaxed) == self.0
    }

    /// The number for the event stream; 0 before the first.
    pub(crate) fn number(self) -> u64 {
        if self == Turn::NONE { 0 } else { self.0 >> THREAD_BITS }
    }

    /// Time has passed: the clock, as no thread, takes a turn if it does not have it.
    pub(crate) fn tick() {
        if TURN.load(Ordering::Relaxed) & THREAD_MASK != CLOCK {
            Turn::take(ThreadNumber(CLOCK as u32));
        }
    }

    /// Takes the next turn for `thread`. Also says whether the turn before was the clock's, see
    /// [`Turn::tick`].
    #[cold]
    pub(crate) fn take(thread: ThreadNumber) -> (Turn, bool) {
        let me = u64::from(thread.0) & THREAD_MASK;
        let mut current = TURN.load(Ordering::Relaxed);
        loop {
            let next = ((current >> THREAD_BITS) + 1) << THREAD_BITS | me;
            match TURN.compare_exchange_weak(current, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return (Turn(next), current & THREAD_MASK == CLOCK),
                Err(changed) => current = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_goes_on_until_another_thread_takes_one() {
        let (first, second) = (ThreadNumber(1), ThreadNumber(2));
        assert!(!Turn::NONE.goes_on(), "a thread's first event takes a turn, even if nobody had one");
        let (mine, _) = Turn::take(first);
        assert!(mine.goes_on());
        let (others, after_clock) = Turn::take(second);
        assert!(!after_clock);
        assert!(!mine.goes_on());
        assert!(others.goes_on());
        assert!(Turn::NONE.number() < mine.number() && mine.number() < others.number());
        assert!(Turn::take(first).0.number() > others.number());
        Turn::tick();
        Turn::tick();
        let (_, after_clock) = Turn::take(second);
        assert!(after_clock, "whoever is next looks at the clock");
        let (_, after_clock) = Turn::take(first);
        assert!(!after_clock, "and only that one");
    }
}
