//! A stretch of the ordered events of all threads and processes: what one processor works at by itself.

use std::sync::Arc;

use format::ThreadNumber;

use crate::change::{Change, ChangeKind};
use crate::event_chunk::{EventChunk, Run};
use crate::image::ImageIndex;
use crate::replay::Failure;
use crate::rise::Rise;

/// See the module. A position is an index of an event in its segment.
#[derive(Default)]
pub(crate) struct Segment<B> {
    /// Place of its first event in the order of all events.
    pub(crate) first_order: u64,
    /// What happens instead of events.
    pub(crate) mark: Option<Mark>,
    pub(crate) runs: Vec<OrderedRun>,
    /// The chunks that its events are in.
    chunks: Vec<Arc<EventChunk>>,
    /// By chunk: whether no stretch of it goes on behind this segment.
    ends_stretch: Vec<bool>,
    /// Whether a stretch has begun in front of this segment.
    is_cut: bool,
    /// What is no change of one block by its own event, by position.
    pub(crate) extras: Vec<(u32, Extra<B>)>,
    /// Frees that did not take place, though the chunk with the free is over.
    pub(crate) undone: Vec<UndoneFree>,
    /// What the frees change that are not paired by their chunk, in their order.
    pub(crate) loose_frees: Vec<Change<B>>,
    /// How far live memory may rise in it.
    pub(crate) rise: Rise,
}

/// A change of what is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The memory of an image stops to count at this time (nanoseconds of the monotonic clock). What it has at the end of
    /// the trace is not taken away.
    Departure { image: ImageIndex, ns: u64, clear: bool },
    /// The job has ended.
    JobEnd { ns: u64 },
}

/// A run in the order of all.
#[derive(Clone, Debug)]
pub(crate) struct OrderedRun {
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    /// Nanoseconds of the monotonic clock. It never goes back.
    pub(crate) clock_ns: u64,
    /// Position of its first event.
    pub(crate) position: u32,
    /// Index in the chunks of the segment.
    chunk: u32,
    pub(crate) run: Run,
}

/// What happens at an event, before what the event itself says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Extra<B> {
    Change(Change<B>),
    Failure(Failure),
}

/// A block that was not freed after all, by the last free of this thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UndoneFree {
    pub(crate) position: u32,
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    pub(crate) address: u64,
}

/// Events of a stretch behind which it is hardly worth the while to look for pairs in the rest of the segment.
const LONG_STRETCH: u64 = 8192;

impl<B> Segment<B> {
    /// Makes it an empty one, to be used again.
    pub(crate) fn clear(&mut self) {
        self.mark = None;
        self.runs.clear();
        self.chunks.clear();
        self.ends_stretch.clear();
        self.is_cut = false;
        self.extras.clear();
        self.undone.clear();
        self.loose_frees.clear();
        self.rise = Rise::default();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.mark.is_none() && self.runs.is_empty()
    }

    /// Adds a run of a chunk, at this position. The caller sees to it that the segment does not become too long.
    pub(crate) fn push(
        &mut self,
        image: ImageIndex,
        thread: ThreadNumber,
        clock_ns: u64,
        position: u32,
        chunk: &Arc<EventChunk>,
        run: &Run,
    ) {
        let known = self.chunks.iter().rposition(|known| Arc::ptr_eq(known, chunk));
        let index = known.unwrap_or_else(|| {
            self.chunks.push(Arc::clone(chunk));
            self.ends_stretch.push(false);
            self.is_cut |= !run.begins_stretch;
            self.chunks.len() - 1
        });
        self.ends_stretch[index] = run.ends_stretch;
        let (chunk, run) = (index as u32, run.clone());
        self.runs.push(OrderedRun { image, thread, clock_ns, position, chunk, run });
    }

    /// Sums up how far live memory may rise. Extras are counted as if they all happened first.
    pub(crate) fn note_rise(&mut self) {
        for (_, extra) in &self.extras {
            if let Extra::Change(change) = extra
                && change.kind != ChangeKind::End
            {
                self.rise.begin(u64::try_from(change.bytes).unwrap_or(u64::MAX));
            }
        }
        self.runs.iter().for_each(|run| self.rise.then(&run.run.rise));
    }

    /// Whether all of its stretches are in it from beginning to end.
    pub(crate) fn is_whole(&self) -> bool {
        !self.is_cut && self.ends_stretch.iter().all(|ends| *ends)
    }

    /// Whether stretches are so short that many blocks live longer than one, and no longer than the segment.
    pub(crate) fn has_short_stretches(&self) -> bool {
        let events: u64 = self.runs.iter().map(|run| run.run.events.len() as u64).sum();
        let stretches = self.runs.iter().filter(|run| run.run.begins_stretch).count() as u64;
        stretches * LONG_STRETCH > events
    }

    pub(crate) fn chunk_of(&self, run: &OrderedRun) -> &EventChunk {
        &self.chunks[run.chunk as usize]
    }
}

impl OrderedRun {
    /// The position of the event of this index in the chunk.
    pub(crate) fn position_of(&self, index: u32) -> u32 {
        self.position.wrapping_add(index.wrapping_sub(self.run.events.start))
    }
}
