//! Follows live memory through buckets of time, row by row and in total.

use crate::change::Change;
use crate::replay::Observer;
use crate::site::Site;

/// Live bytes of one row in one bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Level {
    /// At the end of the bucket.
    pub(crate) live_bytes: u64,
    /// The most at one instant of the bucket; what was alive when it began is part of it.
    pub(crate) max_live_bytes: u64,
}

/// What is known when a bucket is over.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    pub(crate) total: Level,
    pub(crate) rows: Vec<Level>,
}

/// Observes a replay and keeps the levels at the end of every bucket.
pub(crate) struct BucketLevels<'a> {
    /// Ends of the buckets, nanoseconds of the monotonic clock.
    ends_ns: &'a [u64],
    /// The row of each site; none for memory that does not count.
    row_of_site: &'a [Option<usize>],
    current: Bucket,
    finished: Vec<Bucket>,
}

impl<'a> BucketLevels<'a> {
    pub(crate) fn new(ends_ns: &'a [u64], row_of_site: &'a [Option<usize>], rows: usize) -> BucketLevels<'a> {
        let current = Bucket { total: Level::default(), rows: vec![Level::default(); rows] };
        BucketLevels { ends_ns, row_of_site, current, finished: Vec::with_capacity(ends_ns.len()) }
    }

    /// The levels of all buckets.
    pub(crate) fn finish(mut self) -> Vec<Bucket> {
        while self.finished.len() < self.ends_ns.len() {
            self.finish_bucket();
        }
        self.finished
    }

    fn finish_bucket(&mut self) {
        self.finished.push(self.current.clone());
        for level in self.current.rows.iter_mut().chain([&mut self.current.total]) {
            level.max_live_bytes = level.live_bytes;
        }
    }
}

impl Level {
    #[inline]
    fn change(&mut self, bytes: i64) {
        self.live_bytes = self.live_bytes.wrapping_add_signed(bytes);
        self.max_live_bytes = self.max_live_bytes.max(self.live_bytes);
    }
}

impl Observer for BucketLevels<'_> {
    type Birth = ();

    fn new_site(&mut self, _site: &Site) {}

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        // What a damaged trace puts behind the end belongs to the last bucket.
        while self.finished.len() + 1 < self.ends_ns.len() && ns > self.ends_ns[self.finished.len()] {
            self.finish_bucket();
        }
        if let Some(row) = self.row_of_site.get(change.site.index()).copied().flatten() {
            self.current.rows[row].change(change.bytes);
            self.current.total.change(change.bytes);
        }
    }
}
