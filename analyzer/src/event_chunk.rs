//! One chunk of events, decoded into what a replay needs.
//!
//! A chunk is cut into runs: stretches of events with the same turn and the same time in force. A
//! run is what gets ordered; the events of a run follow each other in memory.
//!
//! Invariant: a free that is undone by the same chunk never was. The block lived all the time, and nobody else
//! could get its address meanwhile.

use std::ops::Range;

use format::{Event, EventDecoder, StackId};
use hashbrown::HashMap;

use crate::chunk_index::ChunkPlace;
use crate::chunk_reader::{ChunkReader, UnreadableChunk};
use crate::site::{Category, SiteId};
use crate::spread::spread;
use crate::trace_bytes::TraceBytes;

/// The events of a chunk and the runs they make up.
#[derive(Default)]
pub(crate) struct EventChunk {
    reader: ChunkReader,
    events: Vec<BlockEvent>,
    runs: Vec<Run>,
    /// What is no allocation or free, in order, each with its place among the events.
    rare: Vec<(u32, Event)>,
    sites: LocalSites,
    /// What the sites of this chunk are called in the whole replay.
    pub(crate) site_ids: Vec<SiteId>,
    last_free: LastFree,
    /// The address of the block of which the beginning of this chunk says that it was not freed after all: the thread's
    /// last free stands in an earlier chunk.
    pub(crate) undone: Option<u64>,
    /// Why not all events could be read.
    pub(crate) unreadable: Option<UnreadableChunk>,
}

/// An allocation or a free. 24 bytes, as there are millions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockEvent {
    pub(crate) address: u64,
    /// Requested bytes of an allocation.
    pub(crate) size: u64,
    what: u32,
}

/// What a [`BlockEvent`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockEventKind {
    /// An allocation at this site of the chunk, an index of [`EventChunk::site_ids`].
    Alloc(usize),
    Free,
    /// The last free of the chunk, which the next chunk of the thread may undo.
    LastFree,
    /// Nothing: an undone free, or the place of a rare event.
    Nothing,
}

const FREE: u32 = u32::MAX;
const LAST_FREE: u32 = u32::MAX - 1;
const NOTHING: u32 = u32::MAX - 2;

impl BlockEvent {
    #[inline]
    pub(crate) fn kind(&self) -> BlockEventKind {
        match self.what {
            FREE => BlockEventKind::Free,
            LAST_FREE => BlockEventKind::LastFree,
            NOTHING => BlockEventKind::Nothing,
            site => BlockEventKind::Alloc(site as usize),
        }
    }
}

/// What a chunk has to say about the thread's last free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LastFree {
    /// There was none here.
    #[default]
    Elsewhere,
    /// It is the event of this index.
    At(usize),
    /// It was undone.
    Undone,
}

/// A stretch of events of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Turn in force.
    pub(crate) turn: u64,
    /// Time in force, nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
    /// Indexes of its events.
    pub(crate) events: Range<u32>,
}

impl EventChunk {
    /// Reads and decodes. What can be read before an error is kept.
    ///
    /// `spare` is a chunk no longer needed, whose memory is used again: to give half a megabyte back
    /// for every chunk and ask for it anew took a quarter of the time of a replay.
    pub(crate) fn decode(trace: &TraceBytes, place: &ChunkPlace, spare: EventChunk) -> EventChunk {
        let header = &place.header;
        let mut chunk = spare;
        chunk.clear();
        let mut reader = std::mem::take(&mut chunk.reader);
        let raw = reader.read(trace, place).unwrap_or_else(|why| {
            chunk.unreadable = Some(why);
            &[]
        });
        // The stated count is believed only as far as the bytes can bear it out.
        chunk.events.reserve_exact((header.event_count as usize).min(raw.len()));
        let mut run = Run { turn: header.first_turn, ns: header.first_ns, events: 0..0 };
        for event in EventDecoder::new(raw, header.first_ns, header.first_turn) {
            match event {
                Ok(Event::Alloc { domain, address, size, stack }) => {
                    let what = chunk.sites.index_of(stack, Category::of_block(domain));
                    chunk.events.push(BlockEvent { address, size, what });
                }
                Ok(Event::Free { address }) => {
                    chunk.last_free = LastFree::At(chunk.events.len());
                    chunk.events.push(BlockEvent { address, size: 0, what: FREE });
                }
                Ok(Event::Time { ns }) => run.next(&mut chunk.runs, chunk.events.len(), |run| run.ns = ns),
                // They rise, whatever a damaged trace says: the schedule goes by the first one.
                Ok(Event::Turn { turn }) => {
                    run.next(&mut chunk.runs, chunk.events.len(), |run| run.turn = turn.max(run.turn));
                }
                Ok(Event::UndoFree) => chunk.undo_free(),
                Ok(rare) => chunk.push_rare(rare),
                Err(_) => chunk.unreadable = Some(UnreadableChunk::Undecodable),
            }
        }
        run.next(&mut chunk.runs, chunk.events.len(), |_| {});
        if let LastFree::At(index) = chunk.last_free {
            chunk.events[index].what = LAST_FREE;
        }
        chunk.reader = reader;
        chunk
    }

    fn clear(&mut self) {
        self.events.clear();
        self.runs.clear();
        self.rare.clear();
        self.sites.clear();
        self.site_ids.clear();
        self.last_free = LastFree::Elsewhere;
        self.undone = None;
        self.unreadable = None;
    }

    fn undo_free(&mut self) {
        match std::mem::replace(&mut self.last_free, LastFree::Undone) {
            LastFree::At(index) => self.events[index].what = NOTHING,
            LastFree::Elsewhere => self.push_rare(Event::UndoFree),
            LastFree::Undone => {}
        }
    }

    fn push_rare(&mut self, event: Event) {
        self.rare.push((self.events.len() as u32, event));
        self.events.push(BlockEvent { address: 0, size: 0, what: NOTHING });
    }

    pub(crate) fn run(&self, at: usize) -> Option<&Run> {
        self.runs.get(at)
    }

    pub(crate) fn events(&self, range: &Range<u32>) -> &[BlockEvent] {
        &self.events[range.start as usize..range.end as usize]
    }

    /// What is rare in this part of the chunk.
    pub(crate) fn rare(&self, range: &Range<u32>) -> &[(u32, Event)] {
        let from = self.rare.partition_point(|(at, _)| *at < range.start);
        let to = self.rare.partition_point(|(at, _)| *at < range.end);
        &self.rare[from..to]
    }

    /// Call stacks and kinds of memory of the blocks allocated here, each once.
    pub(crate) fn sites(&self) -> &[(StackId, Category)] {
        &self.sites.sites
    }

    /// Whether this chunk begins with an [`Event::UndoFree`] of a free in an earlier chunk.
    pub(crate) fn undoes_earlier_free(&self) -> bool {
        self.rare.iter().any(|(_, event)| *event == Event::UndoFree)
    }

    /// What becomes of the thread's last free by this chunk, which `before` was until then.
    pub(crate) fn last_free_after(&self, before: Option<u64>) -> Option<u64> {
        match self.last_free {
            LastFree::Elsewhere => before,
            LastFree::At(index) => Some(self.events[index].address),
            LastFree::Undone => None,
        }
    }

    /// The address and the place of the last free, if it is in this part of the chunk and was not undone.
    pub(crate) fn last_free_in(&self, range: &Range<u32>) -> Option<u64> {
        match self.last_free {
            LastFree::At(index) if range.contains(&(index as u32)) => Some(self.events[index].address),
            _ => None,
        }
    }
}

impl Run {
    /// Ends this run behind `events` events and begins the next. A run without events is not kept: the
    /// time or turn of a mark is that of the events behind it.
    fn next(&mut self, runs: &mut Vec<Run>, events: usize, mark: impl FnOnce(&mut Run)) {
        self.events.end = events as u32;
        if !self.events.is_empty() {
            runs.push(self.clone());
        }
        self.events.start = self.events.end;
        mark(self);
    }
}

/// Numbers the sites of one chunk.
#[derive(Default)]
struct LocalSites {
    sites: Vec<(StackId, Category)>,
    indexes: HashMap<(StackId, Category), u32>,
    /// By a hash of the site: its index, or anything. It is never cleared, as the site itself tells.
    likely: Vec<u32>,
}

/// Sites of which the index is most often found at once: more than a chunk has, nearly always.
const LIKELY_SITES: usize = 4096;

impl LocalSites {
    fn clear(&mut self) {
        self.sites.clear();
        self.indexes.clear();
        self.likely.resize(LIKELY_SITES, 0);
    }

    #[inline]
    fn index_of(&mut self, stack: StackId, category: Category) -> u32 {
        let number = stack.number() ^ (category as u64) << 31;
        let place = (spread(number) >> (u64::BITS - LIKELY_SITES.ilog2())) as usize;
        let likely = self.likely[place];
        if self.sites.get(likely as usize) == Some(&(stack, category)) {
            return likely;
        }
        let index = self.find(stack, category);
        self.likely[place] = index;
        index
    }

    fn find(&mut self, stack: StackId, category: Category) -> u32 {
        *self.indexes.entry((stack, category)).or_insert_with(|| {
            self.sites.push((stack, category));
            (self.sites.len() - 1) as u32
        })
    }
}
