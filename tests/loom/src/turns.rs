//! Events that come one after the other, whatever made them do so, have turns that rise.

use format::ThreadNumber;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::thread;

use crate::turn_word::{Turn, TurnWord};

/// What a thread of the job keeps.
struct Recorder {
    thread: ThreadNumber,
    turn: Turn,
}

impl Recorder {
    fn new(thread: u32) -> Recorder {
        Recorder { thread: ThreadNumber(thread), turn: Turn::NONE }
    }

    /// An event: what the recorder does in front of each. Returns the turn that it belongs to.
    fn event(&mut self, word: &TurnWord) -> u64 {
        if !word.is_still(self.turn) {
            self.turn = word.take(self.thread).0;
        }
        self.turn.number()
    }
}

fn word() -> Arc<TurnWord> {
    Arc::new(TurnWord(AtomicU64::new(0)))
}

/// One thread frees a block, and another gets it from the allocator: its lock, or whatever it has instead, is the flag here.
#[test]
fn an_event_after_another_threads_event_has_a_later_turn() {
    loom::model(|| {
        let (word, freed) = (word(), Arc::new(AtomicBool::new(false)));
        let first = thread::spawn({
            let (word, freed) = (word.clone(), freed.clone());
            move || {
                let mut recorder = Recorder::new(1);
                // Two, so that the second may find its turn going on.
                recorder.event(&word);
                let turn = recorder.event(&word);
                freed.store(true, Ordering::Release);
                turn
            }
        });
        let mut recorder = Recorder::new(2);
        let before = recorder.event(&word);
        let saw_it = freed.load(Ordering::Acquire);
        let after = recorder.event(&word);
        let turn = first.join().expect("does not panic");
        assert!(before <= after);
        assert_ne!(before, turn, "a turn belongs to one thread");
        assert_ne!(after, turn);
        if saw_it {
            assert!(after > turn, "{after} came after {turn}");
        }
    });
}

/// The same by way of a third thread, which has no event of its own.
#[test]
fn an_order_that_goes_through_a_third_thread_is_kept() {
    loom::model(|| {
        let (word, one, two) = (word(), Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let first = thread::spawn({
            let (word, one) = (word.clone(), one.clone());
            move || {
                let turn = Recorder::new(1).event(&word);
                one.store(true, Ordering::Release);
                turn
            }
        });
        let middle = thread::spawn({
            let (one, two) = (one.clone(), two.clone());
            move || {
                if one.load(Ordering::Acquire) {
                    two.store(true, Ordering::Release);
                }
            }
        });
        let saw_it = two.load(Ordering::Acquire);
        let after = Recorder::new(2).event(&word);
        let turn = first.join().expect("does not panic");
        middle.join().expect("does not panic");
        assert!(!saw_it || after > turn, "{after} came after {turn}");
    });
}

/// The clock takes turns, too: whoever has an event after a tick looks at the clock.
#[test]
fn a_tick_ends_every_turn() {
    loom::model(|| {
        let word = word();
        let mut recorder = Recorder::new(1);
        let before = recorder.event(&word);
        let clock = thread::spawn({
            let word = word.clone();
            move || word.tick()
        });
        let during = recorder.event(&word);
        clock.join().expect("does not panic");
        let (_, after_clock) = if word.is_still(recorder.turn) {
            // The tick came in front of the event in between, which then had to take a turn of its own.
            assert!(during > before + 1, "{during} is behind the tick, and that behind {before}");
            (recorder.turn, true)
        } else {
            word.take(recorder.thread)
        };
        assert!(after_clock);
    });
}
