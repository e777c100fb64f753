//! A stretch of the ordered events of all threads and processes: what one processor works at by itself.

use std::ops::Range;
use std::sync::Arc;

use format::ThreadNumber;

use crate::change::Change;
use crate::event_chunk::{BlockEvent, EventChunk};
use crate::image::ImageIndex;
use crate::replay::Failure;

/// See the module. A position is an index of an event in its segment.
#[derive(Default)]
pub(crate) struct Segment<B> {
    /// Place of its first event in the order of all events.
    pub(crate) first_order: u64,
    /// What happens instead of events.
    pub(crate) mark: Option<Mark>,
    pub(crate) runs: Vec<OrderedRun>,
    /// The chunks that its events are in.
    pub(crate) chunks: Vec<Arc<EventChunk>>,
    /// What is no change of one block by its own event, by position.
    pub(crate) extras: Vec<(u32, Extra<B>)>,
    /// Frees that did not take place, though the chunk with the free is over.
    pub(crate) undone: Vec<UndoneFree>,
    /// What each event changes, by position. That of a free becomes known by and by.
    pub(crate) changes: Vec<Change<B>>,
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

/// A stretch of events of one thread at one time.
#[derive(Clone, Debug)]
pub(crate) struct OrderedRun {
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    /// Nanoseconds of the monotonic clock. It never goes back.
    pub(crate) clock_ns: u64,
    /// Index in the chunks of the segment.
    chunk: u32,
    /// Its part of the chunk.
    events: Range<u32>,
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

impl<B> Segment<B> {
    /// Makes it an empty one, to be used again.
    pub(crate) fn clear(&mut self) {
        self.mark = None;
        self.runs.clear();
        self.chunks.clear();
        self.extras.clear();
        self.undone.clear();
        self.changes.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.mark.is_none() && self.runs.is_empty()
    }

    /// Adds a part of a chunk. The caller sees to it that the segment does not become too long.
    pub(crate) fn push(
        &mut self,
        image: ImageIndex,
        thread: ThreadNumber,
        clock_ns: u64,
        chunk: &Arc<EventChunk>,
        events: Range<u32>,
    ) {
        let known = self.chunks.iter().rposition(|known| Arc::ptr_eq(known, chunk));
        let index = known.unwrap_or_else(|| {
            self.chunks.push(Arc::clone(chunk));
            self.chunks.len() - 1
        });
        self.runs.push(OrderedRun { image, thread, clock_ns, chunk: index as u32, events });
    }

    pub(crate) fn chunk_of(&self, run: &OrderedRun) -> &EventChunk {
        &self.chunks[run.chunk as usize]
    }

    pub(crate) fn events_of(&self, run: &OrderedRun) -> &[BlockEvent] {
        self.chunk_of(run).events(&run.events)
    }
}

impl OrderedRun {
    /// How many events it has.
    pub(crate) fn len(&self) -> u32 {
        self.events.end - self.events.start
    }

    pub(crate) fn events(&self) -> &Range<u32> {
        &self.events
    }
}
