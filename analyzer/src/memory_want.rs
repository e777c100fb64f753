//! Finds the instant at which a job wanted memory that it did not get, and what every site held then.

use crate::moment::Moment;
use crate::replay::{Failure, Observer};
use crate::site::{Site, SiteId};

/// Observes a replay and keeps its end, if that was it, or else that failed call, of several, at which most was alive: what
/// goes wrong behind it while an exception is handled asks for little and finds less alive, and a library that tries how
/// much it can have does so early.
pub(crate) struct MemoryWant {
    pub(crate) moment: Moment,
    /// The end is kept.
    is_end: bool,
    /// The failed call at which most was alive, and how much that was.
    pub(crate) failure: Option<(Failure, u64)>,
    /// How many calls failed.
    pub(crate) failures: u64,
    /// When the job ended, nanoseconds of the monotonic clock, and what was alive then.
    pub(crate) end: (u64, u64),
}

impl MemoryWant {
    /// Keeps the end, or a failed call.
    pub(crate) fn new(is_end: bool) -> MemoryWant {
        MemoryWant { moment: Moment::default(), is_end, failure: None, failures: 0, end: (0, 0) }
    }
}

impl Observer for MemoryWant {
    fn new_site(&mut self, site: &Site) {
        self.moment.new_site(site);
    }

    fn failed(&mut self, failure: &Failure) {
        self.failures += 1;
        let live_bytes = self.moment.live_bytes();
        if self.failure.is_none_or(|(_, most)| live_bytes > most) {
            self.failure = Some((*failure, live_bytes));
            if !self.is_end {
                self.moment.keep();
            }
        }
    }

    fn job_ends(&mut self, ns: u64) {
        self.end = (ns, self.moment.live_bytes());
        if self.is_end {
            self.moment.keep();
        }
    }

    #[inline]
    fn change(&mut self, site: SiteId, bytes: i64, blocks: i64, _ns: u64) {
        self.moment.change(site, bytes, blocks);
    }
}
