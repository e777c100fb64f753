//! The clock of the whole job.
//!
//! Invariant: no two readings are equal, and every stretch of events of one process begins with a reading. A reader
//! brings processes into one order by their clocks, so it comes to the order in which the events were made up; and the
//! time of an event is always the last reading.

use fastrand::Rng;

/// Start of the job on the monotonic clock: not 0, so that nobody confuses it with the time since the start.
pub(crate) const JOB_START_NS: u64 = 5_000_000;
/// What one event takes.
const NS_PER_EVENT: u64 = 60;
/// One of so many readings comes after a pause.
const READINGS_PER_PAUSE: u32 = 1 << 14;
/// Longest pause.
const LONGEST_PAUSE_NS: u64 = 20_000_000;

/// See the module.
pub(crate) struct Clock {
    now_ns: u64,
    /// Events at the last reading.
    events: u64,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        Clock { now_ns: JOB_START_NS, events: 0 }
    }

    /// The last reading: nanoseconds of the monotonic clock.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// Reads the clock, `events` events after the start of the job.
    pub(crate) fn read(&mut self, events: u64, random: &mut Rng) -> u64 {
        let passed = (events - self.events) * NS_PER_EVENT + random.u64(1..256);
        let pause = if random.u32(0..READINGS_PER_PAUSE) == 0 { random.u64(0..LONGEST_PAUSE_NS) } else { 0 };
        self.events = events;
        self.now_ns += passed + pause;
        self.now_ns
    }
}
