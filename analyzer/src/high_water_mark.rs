//! Finds the peak in one pass: the first instant at which live bytes reach their maximum, and what
//! every site held then.

use crate::change::Change;
use crate::moment::Moment;
use crate::replay::Observer;
use crate::site::Site;

/// Observes a replay and keeps its peak.
#[derive(Default)]
pub(crate) struct HighWaterMark {
    /// The peak so far.
    pub(crate) moment: Moment,
    /// Most live bytes so far.
    pub(crate) peak_bytes: u64,
    /// When they were reached, nanoseconds of the monotonic clock.
    pub(crate) peak_ns: u64,
    /// Live bytes when the job ended.
    pub(crate) end_bytes: u64,
    /// Sums may have wrapped around, as in a damaged trace.
    is_doubtful: bool,
}

/// As long as nothing is or rises as much, no sum wraps around.
const MOST_BELIEVED: u64 = 1 << 62;

impl Observer for HighWaterMark {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.moment.new_site(site);
    }

    fn job_ends(&mut self, _ns: u64) {
        self.end_bytes = self.moment.live_bytes();
    }

    /// What stays below the peak so far is no peak.
    fn needs_only_what_remains(&mut self, rise_bytes: u64) -> bool {
        self.is_doubtful |= rise_bytes >= MOST_BELIEVED || self.peak_bytes >= MOST_BELIEVED;
        !self.is_doubtful && self.moment.live_bytes() + rise_bytes <= self.peak_bytes
    }

    #[inline]
    fn remains(&mut self, change: &Change<()>) {
        self.moment.change(change);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        self.moment.change(change);
        let live_bytes = self.moment.live_bytes();
        if live_bytes > self.peak_bytes {
            self.peak_bytes = live_bytes;
            self.peak_ns = ns;
            self.moment.keep();
        }
    }
}
