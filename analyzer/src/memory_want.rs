//! Finds the instant at which a job wanted memory that it did not get, and what every site held then.

use crate::change::Change;
use crate::image::ImageIndex;
use crate::moment::Moment;
use crate::replay::{Failure, Observer};
use crate::site::Site;

/// Which instant is to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// The end of the job.
    End,
    /// The end of that process, of those that somebody ended, which held most then.
    LargestEnd,
    /// That failed call, of several, at which most was alive: what goes wrong behind it while an exception is handled asks
    /// for little and finds less alive, and a library that tries how much it can have does so early.
    Failure,
}

/// Observes a replay and keeps that instant.
pub(crate) struct MemoryWant {
    pub(crate) moment: Moment,
    kept: Kept,
    /// The failed call at which most was alive, and how much that was.
    pub(crate) failure: Option<(Failure, u64)>,
    /// How many calls failed.
    pub(crate) failures: u64,
    /// When the job ended, nanoseconds of the monotonic clock.
    pub(crate) end_ns: u64,
    /// The process, of those that somebody ended, that held most then.
    pub(crate) largest: Option<LargestEnd>,
    /// By image: whether somebody may have ended it.
    may_be_killed: Vec<bool>,
    /// By site: whose it is, if it counts.
    owners: Vec<Option<ImageIndex>>,
    /// What counts, by image.
    live_bytes: Vec<u64>,
}

/// The end of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LargestEnd {
    pub(crate) image: ImageIndex,
    /// What it held.
    own_bytes: u64,
    /// Nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
}

impl MemoryWant {
    /// For images of which these may have been killed.
    pub(crate) fn new(kept: Kept, may_be_killed: Vec<bool>) -> MemoryWant {
        MemoryWant {
            moment: Moment::default(),
            kept,
            failure: None,
            failures: 0,
            end_ns: 0,
            largest: None,
            owners: Vec::new(),
            live_bytes: vec![0; may_be_killed.len()],
            may_be_killed,
        }
    }
}

impl Observer for MemoryWant {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.moment.new_site(site);
        self.owners.push(site.category.counts().then_some(site.image));
    }

    fn failed(&mut self, failure: &Failure) {
        self.failures += 1;
        let live_bytes = self.moment.live_bytes();
        if self.failure.is_none_or(|(_, most)| live_bytes > most) {
            self.failure = Some((*failure, live_bytes));
            if self.kept == Kept::Failure {
                self.moment.keep();
            }
        }
    }

    fn departs(&mut self, image: ImageIndex, ns: u64) {
        let own_bytes = self.live_bytes[image.index()];
        if !self.may_be_killed[image.index()] {
            return;
        }
        if self.largest.is_none_or(|largest| own_bytes > largest.own_bytes) {
            self.largest = Some(LargestEnd { image, own_bytes, ns });
            if self.kept == Kept::LargestEnd {
                self.moment.keep();
            }
        }
    }

    fn job_ends(&mut self, ns: u64) {
        self.end_ns = ns;
        if self.kept == Kept::End {
            self.moment.keep();
        }
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, _ns: u64) {
        self.moment.change(change);
        if let Some(image) = self.owners[change.site.index()] {
            let live_bytes = &mut self.live_bytes[image.index()];
            *live_bytes = live_bytes.wrapping_add_signed(change.bytes);
        }
    }
}
