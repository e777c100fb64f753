//! Replays a trace: ordered events become changes of the live memory of sites, for whoever observes.
//!
//! Every answer is an [`Observer`] of the same replay. Its work is done batch by batch of chunks, in stages:
//!
//! 1. chunks are decoded, each by itself (`event_chunk`);
//! 2. their events are brought into one order and cut into segments (`order`, `segmenter`);
//! 3. in each segment by itself, frees are paired with allocations (`pairing`);
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
use crate::change::Change;
use crate::event_chunk::EventChunk;
use crate::image::ImageIndex;
use crate::live_blocks::LiveBlocks;
use crate::order::Merge;
use crate::pairing::{Steps, pair};
use crate::schedule::{ScheduledChunk, schedule};
use crate::segment::{Extra, Mark, Segment};
use crate::segmenter::Segmenter;
use crate::site::Site;
use crate::soundness::UnreadableChunks;
use crate::trace::Trace;

/// How the work of a replay is cut up. Answers do not depend on it, which tests show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granularity {
    /// Chunks that are decoded together.
    pub batch_chunks: usize,
    /// Most events that are paired together.
    pub segment_events: u32,
}

impl Default for Granularity {
    /// 32 chunks of 64 KiB, some 12 MB of decoded events, are enough to keep many processors busy. 32,768 events and the table
    /// of their addresses fit into a processor's own cache.
    fn default() -> Granularity {
        Granularity { batch_chunks: 32, segment_events: 32 << 10 }
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
    let mut decoded = decode(trace, batch, Vec::new());
    let mut spares = Vec::new();
    let mut paired = Paired::<O::Birth>::default();
    while !batch.is_empty() {
        decoded.iter().filter_map(|chunk| chunk.unreadable).for_each(|why| unreadable_chunks.note(why));
        let next = batches.next().unwrap_or_default();
        let chunks = std::mem::take(&mut decoded);
        let work = || rayon::join(|| replay.pair(batch, chunks, next), || decode(trace, next, spares));
        let ((), (now_paired, now_decoded)) = rayon::join(|| paired.tell(observer), work);
        replay.segmenter.reuse(std::mem::replace(&mut paired, now_paired.0).segments);
        spares = now_paired.1;
        decoded = now_decoded;
        trace.progress().advance(batch.len());
        batch = next;
    }
    paired.tell(observer);
    replay.end(O::SEES_WHAT_IS_LEFT).tell(observer);
    trace.note_unreadable(unreadable_chunks);
    Replayed { sites: replay.segmenter.into_sites() }
}

fn decode(trace: &Trace, batch: &[ScheduledChunk], mut spares: Vec<EventChunk>) -> Vec<EventChunk> {
    spares.resize_with(batch.len(), EventChunk::default);
    let pairs = batch.par_iter().zip(spares);
    pairs.map(|(chunk, spare)| EventChunk::decode(trace.bytes(), &chunk.place, spare)).collect()
}

struct Replay<B> {
    merge: Merge,
    segmenter: Segmenter<B>,
    blocks: LiveBlocks<B>,
    /// The steps of the segments that are worked at.
    steps: Vec<Steps<B>>,
}

impl<B: Birth> Replay<B> {
    /// Brings the events of decoded chunks into their order and pairs them. Gives back chunks that are no longer needed.
    fn pair(
        &mut self,
        batch: &[ScheduledChunk],
        mut decoded: Vec<EventChunk>,
        next: &[ScheduledChunk],
    ) -> (Paired<B>, Vec<EventChunk>) {
        for (scheduled, chunk) in batch.iter().zip(&mut decoded) {
            self.segmenter.name_sites(scheduled.image, scheduled.thread, chunk);
        }
        self.merge.admit(batch, decoded);
        self.merge.drain(next.first(), &mut self.segmenter);
        let paired = self.pair_segments();
        let spares = self.merge.take_passed().into_iter().filter_map(Arc::into_inner).collect();
        (paired, spares)
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
        segments.par_iter_mut().zip(&mut self.steps).for_each(|(segment, steps)| {
            pair(segment, steps);
            segment.chunks.clear();
        });
        self.blocks.apply(&mut segments, &self.steps);
        Paired { segments, new_sites }
    }
}

/// Segments of which all is known, in order.
#[derive(Default)]
struct Paired<B> {
    segments: Vec<Segment<B>>,
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
    let mut start = 0;
    for run in &segment.runs {
        let end = start + run.len();
        for (position, change) in (start..end).zip(&segment.changes[start as usize..end as usize]) {
            while let Some((_, extra)) = extras.next_if(|(at, _)| *at == position) {
                tell_extra(extra, run.clock_ns, observer);
            }
            if !change.is_none() {
                observer.change(change, run.clock_ns);
            }
        }
        start = end;
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
