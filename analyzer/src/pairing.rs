//! Finds, within one segment, which allocation a free belongs to that its chunk has not paired.
//!
//! What is left of each stretch is a touch of each of its addresses. Each becomes a step: what was there before ends at some
//! event, and something is there behind it or not. Where stretches are short, all touches of an address become one step, as
//! long as that is found to happen.
//! These steps [`crate::live_blocks`] takes, segment by segment.
//!
//! A trace may be incomplete, so nothing is taken for granted. A block that comes to life where one
//! is still alive replaces it: its free was lost. A free of an unknown address is ignored: the block
//! is older than the recording or inherited from the parent.

use std::cell::RefCell;

use format::ThreadNumber;

use crate::birth::Birth;
use crate::block_map::GROUP_BITS;
use crate::change::Change;
use crate::event_chunk::{EventChunk, OwnChange, OwnChangeKind};
use crate::image::ImageIndex;
use crate::segment::{Extra, OrderedRun, Segment, UndoneFree};
use crate::site::SiteId;
use crate::spread::spread;
use crate::touches::Touch;

/// A block that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<B> {
    /// Requested bytes.
    pub(crate) size: u64,
    pub(crate) site: SiteId,
    pub(crate) birth: B,
}

impl<B: Birth> Block<B> {
    const NO_SITE: SiteId = SiteId(u32::MAX);

    /// No block.
    pub(crate) fn none() -> Block<B> {
        Block { size: 0, site: Block::<B>::NO_SITE, birth: B::default() }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.site == Block::<B>::NO_SITE
    }
}

/// By how many shards of addresses the steps are divided. A constant, though nothing depends on it but speed: as many as
/// the largest machines have use for.
pub(crate) const SHARDS: usize = 16;

/// What a segment does to one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<B> {
    pub(crate) address: u64,
    /// The block that is there from now on, or none.
    pub(crate) block: Block<B>,
    pub(crate) image: ImageIndex,
    pub(crate) end: End,
}

/// By what ends what was there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// By the allocation at this position, which replaces it.
    Alloc(u32),
    /// By the loose free of this number.
    Free(u32),
    /// The same, and it is the last free of this thread's chunk.
    LastFree(u32, ThreadNumber),
    /// The last free of this thread's chunk was paired: it has ended the block of the step, or nothing. The step itself
    /// changes nothing.
    Paired(ThreadNumber),
    /// The last free of this thread's earlier chunk did not take place, as is told at this position.
    Undone(u32, ThreadNumber),
}

/// The steps of a segment: by shard of addresses, in order.
pub(crate) type Steps<B> = [Vec<Step<B>>; SHARDS];

thread_local! {
    /// Of one per thread much stays in the processor's own cache.
    static TABLE: RefCell<StepTable> = RefCell::default();
}

/// Pairs what can be paired within the segment. `steps` is what is left over.
pub(crate) fn pair<B: Birth>(segment: &mut Segment<B>, steps: &mut Steps<B>) {
    let loose_frees = std::mem::take(&mut segment.loose_frees);
    let extras = std::mem::take(&mut segment.extras);
    TABLE.with_borrow_mut(|table| {
        let mut pairing = Pairing { first_order: segment.first_order, loose_frees, extras, steps, table };
        pairing.pair(segment);
        segment.loose_frees = pairing.loose_frees;
        segment.extras = pairing.extras;
    });
}

struct Pairing<'a, B> {
    first_order: u64,
    loose_frees: Vec<Change<B>>,
    extras: Vec<(u32, Extra<B>)>,
    steps: &'a mut Steps<B>,
    table: &'a mut StepTable,
}

impl<B: Birth> Pairing<'_, B> {
    fn pair(&mut self, segment: &Segment<B>) {
        self.steps.iter_mut().for_each(Vec::clear);
        let short_stretches = segment.has_short_stretches();
        if short_stretches {
            let touches = segment.runs.iter().map(|run| segment.chunk_of(run).touches(&run.run).len()).sum();
            self.table.restart(touches);
        }
        let mut undone = segment.undone.iter().peekable();
        for run in &segment.runs {
            let chunk = segment.chunk_of(run);
            let last_free = chunk.last_free_in(&run.run);
            let is_last_free = |touch: &Touch| last_free.is_some_and(|(index, _)| index == touch.first);
            // Once it is so, it stays so: nothing is looked for any more.
            if segment.undone.is_empty() && (!short_stretches || self.table.is_of_no_use()) {
                for touch in chunk.touches(&run.run) {
                    self.touch(run, chunk, touch, is_last_free(touch), true);
                }
            } else {
                for touch in chunk.touches(&run.run) {
                    let position = run.position_of(touch.first);
                    while let Some(undone) = undone.next_if(|undone| undone.position < position) {
                        self.undo(undone);
                    }
                    let is_undone = |undone: &UndoneFree| undone.address == touch.address && undone.image == run.image;
                    let alone = !short_stretches || segment.undone.iter().any(is_undone);
                    self.touch(run, chunk, touch, is_last_free(touch), alone);
                }
            }
            for &(at, before) in chunk.replaced(&run.run) {
                let block = self.block_of_event(run, chunk, before);
                self.extras.push((run.position_of(at), Extra::Change(Change::of_free(block))));
            }
            if let Some((index, address)) = last_free {
                self.note_last_free(run, chunk, index, address);
            }
        }
        undone.for_each(|undone| self.undo(undone));
    }

    /// Takes a touch into the step of its address; or, if it is to be alone, into one of its own.
    #[inline(always)]
    fn touch(&mut self, run: &OrderedRun, chunk: &EventChunk, touch: &Touch, is_last_free: bool, alone: bool) {
        let &Touch { address, size, site, first, last, begins_with_free } = touch;
        let image = run.image;
        let block = if touch.leaves_block() { self.block(run, chunk, last, size, site) } else { Block::none() };
        let by_alloc = End::Alloc(run.position_of(first));
        let end = if begins_with_free {
            self.loose_frees.push(Change::none());
            let number = self.loose_frees.len() as u32 - 1;
            if is_last_free { End::LastFree(number, run.thread) } else { End::Free(number) }
        } else {
            by_alloc
        };
        let mut step = Step { address, block, image, end };
        let place = if alone { None } else { Some(self.table.find(self.steps, address, image)) };
        if let Some(Place::Taken { shard, index }) = place {
            let before = std::mem::replace(&mut self.steps[shard][index].block, block);
            self.end_block(before, end);
            if is_last_free {
                self.push(Step { block: before, end: End::Paired(run.thread), ..step });
            }
            return;
        }
        if is_last_free {
            // A step of its own, as who undoes this free must know what it was. Behind it nothing is there any more, so what is
            // put there later ends nothing, whatever its step says.
            self.push(Step { block: Block::none(), ..step });
            step.end = by_alloc;
            if block.is_none() {
                return;
            }
        }
        let (shard, index) = self.push(step);
        if let Some(Place::Free(place)) = place {
            self.table.fill(place, shard, index);
        }
    }

    /// A block, if there is one, is paired with what ends it.
    #[inline]
    fn end_block(&mut self, block: Block<B>, end: End) {
        if block.is_none() {
            return;
        }
        let change = Change::of_free(block);
        match end {
            End::Free(number) | End::LastFree(number, _) => self.loose_frees[number as usize] = change,
            End::Alloc(position) => self.extras.push((position, Extra::Change(change))),
            End::Paired(_) | End::Undone(..) => {}
        }
    }

    /// The last free of a chunk, which is in this run: unless it was loose, its chunk knows all of it.
    fn note_last_free(&mut self, run: &OrderedRun, chunk: &EventChunk, index: u32, address: u64) {
        let block = match chunk.change(index).kind() {
            OwnChangeKind::LooseFree => return,
            OwnChangeKind::End(begin) => self.block_of_event(run, chunk, begin),
            OwnChangeKind::Begin | OwnChangeKind::Nothing => Block::none(),
        };
        self.push(Step { address, block, image: run.image, end: End::Paired(run.thread) });
    }

    fn undo(&mut self, undone: &UndoneFree) {
        let &UndoneFree { position, image, thread, address } = undone;
        self.push(Step { address, block: Block::none(), image, end: End::Undone(position, thread) });
    }

    /// The block that comes to life at the event of this index. Where it is of another run than this one, nobody asks for its
    /// birth: see [`crate::event_chunk::Stretch`].
    #[inline]
    fn block(&self, run: &OrderedRun, chunk: &EventChunk, index: u32, size: u64, site: u32) -> Block<B> {
        let birth = B::at(self.first_order + u64::from(run.position_of(index)), run.clock_ns);
        Block { size, site: chunk.site_ids[site as usize], birth }
    }

    fn block_of_event(&self, run: &OrderedRun, chunk: &EventChunk, index: u32) -> Block<B> {
        let &OwnChange { size, site, .. } = chunk.change(index);
        self.block(run, chunk, index, size, site)
    }

    #[inline]
    fn push(&mut self, step: Step<B>) -> (usize, usize) {
        let shard = shard_of(step.address);
        self.steps[shard].push(step);
        (shard, self.steps[shard].len() - 1)
    }
}

/// Finds the step of an address. Open addressing with linear probing.
#[derive(Default)]
struct StepTable {
    /// 0, or one more than an index of the steps of a shard, and the shard in the lower bits.
    places: Vec<u32>,
    shift: u32,
    /// How many addresses were looked for, and how many of them were there.
    looks: u32,
    found: u32,
}

/// So many addresses are looked for before it is known whether that is worth the while.
const FIRST_LOOKS: u32 = 1024;
/// At least one of so many must be there.
const LEAST_FOUND: u32 = 8;

/// What is found.
enum Place {
    /// A step of this address.
    Taken { shard: usize, index: usize },
    /// None yet: it has its place here.
    Free(usize),
}

impl StepTable {
    /// Forgets all, and makes room for this many steps.
    fn restart(&mut self, steps: usize) {
        let places = (2 * steps).next_power_of_two().max(2);
        self.places.clear();
        self.places.resize(places, 0);
        self.shift = u64::BITS - places.ilog2();
        (self.looks, self.found) = (0, 0);
    }

    /// Whether so few addresses were there already that each touch may as well be a step by itself, from now on.
    #[inline]
    fn is_of_no_use(&self) -> bool {
        self.looks >= FIRST_LOOKS && self.found < self.looks / LEAST_FOUND
    }

    #[inline]
    fn find<B>(&mut self, steps: &Steps<B>, address: u64, image: ImageIndex) -> Place {
        self.looks += 1;
        let mut place = (spread(address ^ u64::from(image.0) << 48) >> self.shift) as usize;
        while self.places[place] != 0 {
            let found = self.places[place] as usize;
            let (shard, index) = (found % SHARDS, found / SHARDS - 1);
            let step = &steps[shard][index];
            if step.address == address && step.image == image {
                self.found += 1;
                return Place::Taken { shard, index };
            }
            place = (place + 1) & (self.places.len() - 1);
        }
        Place::Free(place)
    }

    #[inline]
    fn fill(&mut self, place: usize, shard: usize, index: usize) {
        self.places[place] = ((index + 1) * SHARDS + shard) as u32;
    }
}

/// Neighbours stay together, as they do in a [`crate::block_map::BlockMap`].
#[inline]
fn shard_of(address: u64) -> usize {
    (spread(address >> GROUP_BITS) >> (u64::BITS - SHARDS.ilog2())) as usize
}
