//! One chunk of events, decoded into what a replay needs: what each event changes, as far as the chunk itself tells.
//!
//! A chunk is cut into runs: what has the same turn and the same time in force. A run is what gets ordered; the events of a
//! run follow each other in memory.
//!
//! Most blocks do not live long: both ends of their lives are in the same stretch of events ([`Stretch`]), and are paired
//! here, while they are decoded. What a stretch does beyond that is told by one touch for each of its addresses.
//!
//! Invariant: a free that is undone by the same chunk never was. The block lived all the time, and nobody else
//! could get its address meanwhile.

mod decoding;

use std::ops::Range;

use format::{Event, StackId};

use crate::chunk_reader::{ChunkReader, UnreadableChunk};
use crate::local_sites::LocalSites;
use crate::rise::Rise;
use crate::site::{Category, SiteId};
use crate::touches::Touch;

pub(crate) use decoding::Stretch;

/// The events of a chunk and the runs they make up.
#[derive(Default)]
pub(crate) struct EventChunk {
    reader: ChunkReader,
    changes: Vec<OwnChange>,
    runs: Vec<Run>,
    /// Those of each stretch, by their first event.
    touches: Vec<Touch>,
    /// Allocations where a block of the same stretch is still alive, and the allocation of that block.
    replaced: Vec<(u32, u32)>,
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

/// What an event changes, as far as its own stretch tells. 16 bytes, as there are millions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnChange {
    /// Requested bytes of the block.
    pub(crate) size: u64,
    /// Index of its site, in [`EventChunk::site_ids`].
    pub(crate) site: u32,
    /// One of the following, or the index of the allocation of the block that ends here.
    what: u32,
}

const LOOSE_FREE: u32 = u32::MAX;
const NOTHING: u32 = u32::MAX - 1;
const BEGIN: u32 = u32::MAX - 2;

/// What becomes of a block by an [`OwnChange`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnChangeKind {
    /// It comes to life.
    Begin,
    /// The end of the life that began at the event of this index, of the same stretch.
    End(u32),
    /// A free of what was there before the stretch. It is the first event of a touch.
    LooseFree,
    /// Nothing: an undone free, a free of nothing, or the place of a rare event.
    Nothing,
}

impl OwnChange {
    const NOTHING: OwnChange = OwnChange { size: 0, site: 0, what: NOTHING };

    /// Of a block of its own stretch, at which event it began, and whether it ends here; `index` is that of this event.
    #[inline(always)]
    pub(crate) fn of_own_block(&self, index: u32) -> Option<(u32, bool)> {
        let ends = self.what != BEGIN;
        (self.what <= BEGIN).then_some((if ends { self.what } else { index }, ends))
    }

    #[inline]
    pub(crate) fn kind(&self) -> OwnChangeKind {
        match self.what {
            BEGIN => OwnChangeKind::Begin,
            LOOSE_FREE => OwnChangeKind::LooseFree,
            NOTHING => OwnChangeKind::Nothing,
            begin => OwnChangeKind::End(begin),
        }
    }
}

/// What a chunk has to say about the thread's last free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum LastFree {
    /// There was none here.
    #[default]
    Elsewhere,
    /// It is the event of this index. The next chunk of the thread may undo it.
    At { index: u32, address: u64 },
    /// It was undone.
    Undone,
}

/// Events of one thread at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Turn in force.
    pub(crate) turn: u64,
    /// Time in force, nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
    /// Indexes of its events.
    pub(crate) events: Range<u32>,
    /// What its own blocks make of live memory.
    pub(crate) rise: Rise,
    /// Whether no stretch goes on from the run before it.
    pub(crate) begins_stretch: bool,
    /// Whether no stretch goes on behind it.
    pub(crate) ends_stretch: bool,
    /// Indexes of the touches that begin in it.
    touches: Range<u32>,
}

impl EventChunk {
    fn clear(&mut self) {
        self.changes.clear();
        self.runs.clear();
        self.touches.clear();
        self.replaced.clear();
        self.rare.clear();
        self.sites.clear();
        self.site_ids.clear();
        self.last_free = LastFree::Elsewhere;
        self.undone = None;
    }

    pub(crate) fn run(&self, at: usize) -> Option<&Run> {
        self.runs.get(at)
    }

    /// What the event of this index changes.
    #[inline]
    pub(crate) fn change(&self, index: u32) -> &OwnChange {
        &self.changes[index as usize]
    }

    /// What the events of a run change.
    pub(crate) fn changes(&self, run: &Run) -> &[OwnChange] {
        &self.changes[run.events.start as usize..run.events.end as usize]
    }

    /// The touches that begin in a run.
    pub(crate) fn touches(&self, run: &Run) -> &[Touch] {
        &self.touches[run.touches.start as usize..run.touches.end as usize]
    }

    /// The allocations of a run where a block of the same stretch was alive, and the allocation of that block.
    pub(crate) fn replaced(&self, run: &Run) -> &[(u32, u32)] {
        part(&self.replaced, run)
    }

    /// What is rare in a run.
    pub(crate) fn rare(&self, run: &Run) -> &[(u32, Event)] {
        part(&self.rare, run)
    }

    /// Call stacks and kinds of memory of the blocks allocated here, each once.
    pub(crate) fn sites(&self) -> &[(StackId, Category)] {
        self.sites.sites()
    }

    /// Whether this chunk begins with an [`Event::UndoFree`] of a free in an earlier chunk.
    pub(crate) fn undoes_earlier_free(&self) -> bool {
        self.rare.iter().any(|(_, event)| *event == Event::UndoFree)
    }

    /// What becomes of the address of the thread's last free by this chunk, which `before` was until then.
    pub(crate) fn last_free_after(&self, before: Option<u64>) -> Option<u64> {
        match self.last_free {
            LastFree::Elsewhere => before,
            LastFree::At { address, .. } => Some(address),
            LastFree::Undone => None,
        }
    }

    /// The index and the address of the last free, if it is in this run and was not undone.
    pub(crate) fn last_free_in(&self, run: &Run) -> Option<(u32, u64)> {
        match self.last_free {
            LastFree::At { index, address } if run.events.contains(&index) => Some((index, address)),
            _ => None,
        }
    }
}

/// What happens in a run, of what is known by index.
fn part<'a, T>(all: &'a [(u32, T)], run: &Run) -> &'a [(u32, T)] {
    let from = all.partition_point(|(at, _)| *at < run.events.start);
    let to = all.partition_point(|(at, _)| *at < run.events.end);
    &all[from..to]
}
