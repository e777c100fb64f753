//! Replays a trace: ordered events become changes of the live memory of sites, for whoever observes.
//!
//! Every answer is an [`Observer`] of the same replay. Its work is done batch by batch of chunks, in stages:
//!
//! 1. chunks are decoded, each by itself, and most frees are paired with their allocations (`event_chunk`);
//! 2. their events are brought into one order and cut into segments (`order`, `segmenter`);
//! 3. what the chunks leave over is paired in each segment by itself (`pairing`);
//! 4. what a segment leaves over is paired with what is alive, divided by address (`live_blocks`);
//! 5. the observer is told, in order.
//!
//! The first, third and fourth stage take nearly all of the time, and all processors share in them. While one batch is in the
//! third and fourth, the one before it is in the fifth and the one behind it in the first.
//!
//! Nothing that is told depends on how the work is cut up, nor on how many processors there are.

use std::sync::Arc;

use format::{StackId, ThreadNumber};
use rayon::prelude::*;

use crate::birth::Birth;
use crate::change::{Change, ChangeKind};
use crate::event_chunk::{EventChunk, OwnChange, OwnChangeKind, Stretch};
use crate::image::ImageIndex;
use crate::live_blocks::LiveBlocks;
use crate::order::Merge;
use crate::pairing::{Block, Steps, pair};
use crate::schedule::{ScheduledChunk, schedule};
use crate::segment::{Extra, Mark, OrderedRun, Segment};
use crate::segmenter::Segmenter;
use crate::site::Site;
use crate::soundness::UnreadableChunks;
use crate::trace::Trace;

/// How the work of a replay is cut up. Answers do not depend on it, which tests show, but for the numbers of call stacks in
/// SQL: so it is the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granularity {
    /// Chunks that are decoded together.
    pub batch_chunks: usize,
    /// Most events that are paired together, but for those of stretches that have begun, which stay together.
    pub segment_events: u32,
}

impl Default for Granularity {
    /// 16 chunks of some 400 KiB, decoded, are enough to keep many processors busy, and few enough to stay in the cache that
    /// these share. What is left of 32,768 events fits into a processor's own.
    fn default() -> Granularity {
        Granularity { batch_chunks: 16, segment_events: 32 << 10 }
    }
}

/// Sees the live memory of the job change.
pub(crate) trait Observer {
    /// What it wants to know of when memory came to life whose life ends: `()` or [`crate::birth::Instant`].
    type Birth: Birth;
    /// Whether it is told of all that is alive when all is replayed, as [`Observer::gone`].
    const SEES_WHAT_IS_LEFT: bool = false;
    /// A site appears for the first time. Sites are numbered from 0 in this order.
    fn new_site(&mut self, site: &Site);
    /// Live bytes and blocks of a site change; `ns` is nanoseconds of the monotonic clock and never
    /// goes back.
    fn change(&mut self, change: &Change<Self::Birth>, ns: u64);
    /// The same because the process of the memory is gone: it was not freed.
    fn gone(&mut self, change: &Change<Self::Birth>, ns: u64) {
        self.change(change, ns);
    }
    /// Whether it need not know how some events go, but only what remains of them: while they happen, live memory rises by no
    /// more than these bytes. If so, [`Observer::remains`] is told instead of changes.
    fn needs_only_what_remains(&mut self, _rise_bytes: u64) -> bool {
        false
    }
    /// A part of what remains of events, in any order. Only for those who ask for it, and for none that asks for births.
    fn remains(&mut self, _change: &Change<Self::Birth>) {}
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
    /// By [`crate::site::SiteId`].
    pub(crate) sites: Vec<Site>,
}

/// Replays the whole trace.
pub(crate) fn replay<O: Observer + Send>(trace: &Trace, observer: &mut O) -> Replayed {
    let schedule = schedule(trace.images());
    let mut replay = Replay::<O::Birth> {
        merge: Merge::new(trace.images().len(), &schedule),
        segmenter: Segmenter::new(trace.images(), trace.granularity().segment_events),
        blocks: LiveBlocks::new(trace.images().len()),
        steps: Vec::new(),
    };
    trace.progress().begin(schedule.len());
    let mut unreadable_chunks = UnreadableChunks::default();
    let mut batches = schedule.chunks(trace.granularity().batch_chunks.max(1));
    let mut batch = batches.next().unwrap_or_default();
    let mut decoded = decode::<O::Birth>(trace, batch, Vec::new());
    let mut spares: Vec<EventChunk> = Vec::new();
    let mut paired = Paired::<O::Birth>::default();
    while !batch.is_empty() {
        decoded.iter().filter_map(|chunk| chunk.unreadable).for_each(|why| unreadable_chunks.note(why));
        let next = batches.next().unwrap_or_default();
        let chunks = std::mem::take(&mut decoded);
        let work = || rayon::join(|| replay.pair(batch, chunks, next), || decode::<O::Birth>(trace, next, spares));
        let ((), (now_paired, now_decoded)) = rayon::join(|| paired.tell(observer), work);
        let Paired { segments, passed, .. } = std::mem::replace(&mut paired, now_paired);
        replay.segmenter.reuse(segments);
        spares = passed.into_iter().filter_map(Arc::into_inner).collect();
        decoded = now_decoded;
        trace.progress().advance(batch.len());
        batch = next;
    }
    paired.tell(observer);
    replay.end(O::SEES_WHAT_IS_LEFT).tell(observer);
    trace.note_unreadable(unreadable_chunks);
    Replayed { sites: replay.segmenter.into_sites() }
}

fn decode<B: Birth>(trace: &Trace, batch: &[ScheduledChunk], mut spares: Vec<EventChunk>) -> Vec<EventChunk> {
    spares.resize_with(batch.len(), EventChunk::default);
    let pairs = batch.par_iter().zip(spares);
    let decode = |(chunk, spare): (&ScheduledChunk, EventChunk)| {
        let departure_ns = trace.images()[chunk.image.index()].departure_ns;
        let stretch = if B::IS_ASKED_FOR { Stretch::Run } else { Stretch::Turn { departure_ns } };
        EventChunk::decode(trace.bytes(), chunk, stretch, spare)
    };
    pairs.map(decode).collect()
}

struct Replay<B> {
    merge: Merge,
    segmenter: Segmenter<B>,
    blocks: LiveBlocks<B>,
    /// The steps of the segments that are worked at.
    steps: Vec<Steps<B>>,
}

impl<B: Birth> Replay<B> {
    /// Brings the events of decoded chunks into their order and pairs them.
    fn pair(&mut self, batch: &[ScheduledChunk], mut decoded: Vec<EventChunk>, next: &[ScheduledChunk]) -> Paired<B> {
        for (scheduled, chunk) in batch.iter().zip(&mut decoded) {
            self.segmenter.name_sites(scheduled.image, scheduled.thread, chunk);
        }
        self.merge.admit(batch, decoded);
        self.merge.drain(next.first(), &mut self.segmenter);
        self.pair_segments()
    }

    /// What is told when all events have come, with what is alive then or without.
    fn end(&mut self, with_what_is_left: bool) -> Paired<B> {
        self.segmenter.end(with_what_is_left);
        self.pair_segments()
    }

    fn pair_segments(&mut self) -> Paired<B> {
        let (mut segments, new_sites) = self.segmenter.take();
        if self.steps.len() < segments.len() {
            self.steps.resize_with(segments.len(), Steps::default);
        }
        segments.par_iter_mut().zip(&mut self.steps).for_each(|(segment, steps)| pair(segment, steps));
        self.blocks.apply(&mut segments, &self.steps);
        Paired { segments, passed: self.merge.take_passed(), new_sites }
    }
}

/// Segments of which all is known, in order.
#[derive(Default)]
struct Paired<B> {
    segments: Vec<Segment<B>>,
    /// Chunks that nobody needs but these segments.
    passed: Vec<Arc<EventChunk>>,
    /// Sites that appear in them for the first time.
    new_sites: Vec<Site>,
}

impl<B: Birth> Paired<B> {
    fn tell(&self, observer: &mut impl Observer<Birth = B>) {
        self.new_sites.iter().for_each(|site| observer.new_site(site));
        self.segments.iter().for_each(|segment| tell(segment, observer));
    }
}

fn tell<O: Observer>(segment: &Segment<O::Birth>, observer: &mut O) {
    let mut extras = segment.extras.iter().peekable();
    if let Some(mark) = segment.mark {
        tell_mark(mark, extras, observer);
        return;
    }
    // Segments that are not whole are asked about, too: one that rises out of all bounds must not go by unnoticed.
    let only_what_remains = observer.needs_only_what_remains(segment.rise.bytes());
    if only_what_remains && segment.is_whole() && !O::Birth::IS_ASKED_FOR {
        tell_what_remains(segment, observer);
        return;
    }
    let mut loose_frees = segment.loose_frees.iter();
    for run in &segment.runs {
        let chunk = segment.chunk_of(run);
        let mut changes = chunk.changes(&run.run);
        let mut teller =
            Teller { first_order: segment.first_order, run, chunk, loose_frees, index: run.run.events.start };
        let end = run.position + changes.len() as u32;
        while let Some((position, extra)) = extras.next_if(|(position, _)| *position < end) {
            let before = changes.split_off(..(position - run.position_of(teller.index)) as usize);
            teller.tell(before.unwrap_or_default(), observer);
            tell_extra(extra, run.clock_ns, observer);
        }
        teller.tell(changes, observer);
        loose_frees = teller.loose_frees;
    }
}

/// What a whole segment leaves behind, of what was there before and of its own.
fn tell_what_remains<O: Observer>(segment: &Segment<O::Birth>, observer: &mut O) {
    segment.loose_frees.iter().filter(|change| !change.is_none()).for_each(|change| observer.remains(change));
    for run in &segment.runs {
        let chunk = segment.chunk_of(run);
        let left = chunk.touches(&run.run).iter().filter(|touch| touch.leaves_block());
        let left = left.map(|touch| (touch.size, touch.site));
        // The ends of these are among the extras.
        let replaced = chunk.replaced(&run.run).iter().map(|&(_, begin)| chunk.change(begin));
        let replaced = replaced.map(|change| (change.size, change.site));
        for (size, site) in left.chain(replaced) {
            let block = Block { size, site: chunk.site_ids[site as usize], birth: O::Birth::default() };
            observer.remains(&Change::of_alloc(block));
        }
    }
    for (_, extra) in &segment.extras {
        match extra {
            Extra::Change(change) => observer.remains(change),
            Extra::Failure(failure) => observer.failed(failure),
        }
    }
}

/// Tells of a run what its chunk knows, and what was found out of its loose frees.
struct Teller<'a, B> {
    first_order: u64,
    run: &'a OrderedRun,
    chunk: &'a EventChunk,
    loose_frees: std::slice::Iter<'a, Change<B>>,
    /// Of the next event in the chunk.
    index: u32,
}

impl<B: Birth> Teller<'_, B> {
    fn tell(&mut self, changes: &[OwnChange], observer: &mut impl Observer<Birth = B>) {
        for change in changes {
            if let Some((begin, ends)) = change.of_own_block(self.index) {
                observer.change(&self.of_own_block(change, begin, ends), self.run.clock_ns);
            } else if change.kind() == OwnChangeKind::LooseFree
                && let Some(change) = self.loose_frees.next()
                && !change.is_none()
            {
                observer.change(change, self.run.clock_ns);
            }
            self.index += 1;
        }
    }

    /// The beginning or the end of a life that began at this event of the run. Which of the two can hardly be foreseen, so
    /// there is no branch for that.
    #[inline(always)]
    fn of_own_block(&self, change: &OwnChange, begin: u32, ends: bool) -> Change<B> {
        let birth = B::at(self.first_order + u64::from(self.run.position_of(begin)), self.run.clock_ns);
        let sign = 1 - 2 * i64::from(ends);
        Change {
            bytes: (change.size as i64).wrapping_mul(sign),
            site: self.chunk.site_ids[change.site as usize],
            blocks: sign as i16,
            kind: if ends { ChangeKind::End } else { ChangeKind::Begin },
            birth,
        }
    }
}

/// Segments with a mark have no events: all changes are those of the mark.
fn tell_mark<'a, O: Observer>(mark: Mark, changes: impl Iterator<Item = &'a (u32, Extra<O::Birth>)>, observer: &mut O)
where
    O::Birth: 'a,
{
    match mark {
        Mark::JobEnd { ns } => observer.job_ends(ns),
        Mark::Departure { image, ns, .. } => {
            observer.departs(image, ns);
            for (_, extra) in changes {
                if let Extra::Change(change) = extra {
                    observer.gone(change, ns);
                }
            }
        }
    }
}

fn tell_extra<O: Observer>(extra: &Extra<O::Birth>, ns: u64, observer: &mut O) {
    match extra {
        Extra::Change(change) => observer.change(change, ns),
        Extra::Failure(failure) => observer.failed(failure),
    }
}
