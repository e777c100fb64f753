//! The turn word of this process.

use std::sync::atomic::AtomicU64;

use format::ThreadNumber;

use crate::turn_word::TurnWord;
pub(crate) use crate::turn_word::{MAX_THREADS, Turn};

static TURN: TurnWord = TurnWord(AtomicU64::new(0));

impl Turn {
    /// Whether it is still this turn.
    #[inline(always)]
    pub(crate) fn goes_on(self) -> bool {
        TURN.is_still(self)
    }

    /// See [`TurnWord::tick`].
    pub(crate) fn tick() {
        TURN.tick();
    }

    /// See [`TurnWord::take`].
    #[cold]
    pub(crate) fn take(thread: ThreadNumber) -> (Turn, bool) {
        TURN.take(thread)
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
