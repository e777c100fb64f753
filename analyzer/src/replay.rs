//! Replays a trace: ordered events become changes of the live memory of sites, for whoever observes.
//!
//! Every answer is an [`Observer`] of the same replay. The replay is sequential; what it does to one
//! address does not depend on any other address, so it can be divided by address.

use format::{Event, StackId, ThreadNumber};

use crate::image::{Image, ImageIndex};
use crate::live_memory::{Ledger, LiveMemory};
use crate::order::{EventSink, replay_in_order};
use crate::site::{Site, SiteId};
use crate::trace::Trace;

/// Sees the live memory of the job change.
pub(crate) trait Observer {
    /// A site appears for the first time. Sites are numbered from 0 in this order.
    fn new_site(&mut self, site: &Site);
    /// Live bytes and blocks of a site change; `ns` is nanoseconds of the monotonic clock and never
    /// goes back.
    fn change(&mut self, site: SiteId, bytes: i64, blocks: i64, ns: u64);
    /// A call has asked for memory and got none.
    fn failed(&mut self, _failure: &Failure) {}
    /// The memory of an image stops to count at `ns`: it is alive for the last time. Of those that are there when all is
    /// replayed this is told at the end.
    fn departs(&mut self, _image: ImageIndex, _ns: u64) {}
    /// The job has ended at `ns`: what is live now, its process held in the end. Other processes may go on.
    fn job_ends(&mut self, _ns: u64) {}
}

/// A call that asked for memory and got none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure {
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    pub(crate) stack: StackId,
    /// Requested bytes.
    pub(crate) size: u64,
    /// When, nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
}

/// What a replay leaves behind.
pub(crate) struct Replayed {
    /// By [`SiteId`].
    pub(crate) sites: Vec<Site>,
    /// Chunks that could not be read to their end.
    pub(crate) unreadable_chunks: u64,
}

/// Replays the whole trace.
pub(crate) fn replay(trace: &Trace, observer: &mut (impl Observer + Send)) -> Replayed {
    let mut replay = Replay::new(trace.images(), observer);
    let unreadable_chunks = replay_in_order(trace, &mut replay);
    replay.end();
    Replayed { sites: replay.ledger.sites, unreadable_chunks }
}

struct Replay<'a, O> {
    processes: Vec<LiveMemory>,
    /// Images whose memory stops to count, the next one last.
    departures: Vec<Departure>,
    departed: Vec<bool>,
    job_ended: bool,
    ledger: SiteLedger<'a, O>,
}

#[derive(Clone, Copy)]
struct Departure {
    ns: u64,
    image: ImageIndex,
    ends_job: bool,
}

impl<'a, O: Observer> Replay<'a, O> {
    fn new(images: &[Image], observer: &'a mut O) -> Replay<'a, O> {
        let indexes = || (0..images.len()).map(|at| ImageIndex(at as u32));
        let departure = |image: ImageIndex| {
            let Image { departure_ns, ends_job, .. } = images[image.index()];
            Departure { ns: departure_ns, image, ends_job }
        };
        let mut departures: Vec<Departure> = indexes().map(departure).collect();
        departures.sort_by_key(|departure| std::cmp::Reverse((departure.ns, departure.image)));
        Replay {
            processes: indexes().map(LiveMemory::new).collect(),
            departures,
            departed: vec![false; images.len()],
            job_ended: false,
            ledger: SiteLedger { sites: Vec::new(), clock_ns: 0, observer },
        }
    }

    /// Drops the memory of all images that are gone at this instant.
    fn depart_until(&mut self, ns: u64) {
        while let Some(departure) = self.departures.pop_if(|departure| departure.ns <= ns) {
            if departure.ends_job {
                self.end_job();
            }
            self.ledger.clock_ns = departure.ns.max(self.ledger.clock_ns);
            self.departed[departure.image.index()] = true;
            self.ledger.observer.departs(departure.image, self.ledger.clock_ns);
            self.processes[departure.image.index()].clear(&mut self.ledger);
        }
    }

    /// All events are replayed. Unless others went on, the job ends here with what it holds.
    fn end(&mut self) {
        let job = self.departures.iter().find(|departure| departure.ends_job).copied();
        if let Some(job) = job {
            self.depart_until(job.ns.saturating_sub(1));
        }
        self.end_job();
        while let Some(departure) = self.departures.pop() {
            self.ledger.observer.departs(departure.image, departure.ns.max(self.ledger.clock_ns));
        }
    }

    fn end_job(&mut self) {
        if !self.job_ended {
            self.job_ended = true;
            self.ledger.observer.job_ends(self.ledger.clock_ns);
        }
    }
}

impl<O: Observer> EventSink for Replay<'_, O> {
    fn run(&mut self, image: ImageIndex, thread: ThreadNumber, clock_ns: u64, events: &[Event]) {
        self.depart_until(clock_ns);
        self.ledger.clock_ns = clock_ns;
        if !self.departed[image.index()] {
            self.processes[image.index()].apply(thread, events, &mut self.ledger);
        }
    }
}

/// Numbers sites and tells the observer of changes, with the time.
struct SiteLedger<'a, O> {
    sites: Vec<Site>,
    clock_ns: u64,
    observer: &'a mut O,
}

impl<O: Observer> Ledger for SiteLedger<'_, O> {
    fn open_site(&mut self, site: Site) -> SiteId {
        let id = SiteId(self.sites.len() as u32);
        self.sites.push(site);
        self.observer.new_site(&site);
        id
    }

    #[inline]
    fn change(&mut self, site: SiteId, bytes: i64, blocks: i64) {
        self.observer.change(site, bytes, blocks, self.clock_ns);
    }

    fn failed(&mut self, image: ImageIndex, thread: ThreadNumber, stack: StackId, size: u64) {
        self.observer.failed(&Failure { image, thread, stack, size, ns: self.clock_ns });
    }
}
