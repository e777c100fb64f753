//! Finds, within one segment, which allocation each free belongs to.
//!
//! Most blocks do not live long: both ends of their lives are in one segment, which is looked at without regard to
//! anything else. What is left is one step for each address that the segment touches: what was there before, as its first
//! event tells, and what is there behind it. These steps [`crate::live_blocks`] takes, segment by segment.
//!
//! A trace may be incomplete, so nothing is taken for granted. A block that comes to life where one
//! is still alive replaces it: its free was lost. A free of an unknown address is ignored: the block
//! is older than the recording or inherited from the parent.

use std::cell::RefCell;

use format::ThreadNumber;

use crate::birth::Birth;
use crate::change::Change;
use crate::event_chunk::{BlockEvent, BlockEventKind};
use crate::image::ImageIndex;
use crate::segment::{Extra, Segment, UndoneFree};
use crate::site::SiteId;
use crate::spread::spread;

/// A block that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block<B> {
    /// Requested bytes.
    pub(crate) size: u64,
    pub(crate) site: SiteId,
    pub(crate) birth: B,
}

impl<B: Birth> Block<B> {
    fn none() -> Block<B> {
        Block { size: 0, site: SiteId(u32::MAX), birth: B::default() }
    }
}

/// By how many shards of addresses the steps are divided. A constant, though nothing depends on it but speed: as many as
/// the largest machines have use for.
pub(crate) const SHARDS: usize = 16;

/// What a segment does to one address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step<B> {
    pub(crate) address: u64,
    /// The block that is there from now on, if there is one.
    pub(crate) block: Block<B>,
    pub(crate) image: ImageIndex,
    /// The event at which what was there before ends.
    pub(crate) position: u32,
    pub(crate) kind: StepKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// A block is put there, by an allocation. What was there before is replaced.
    Put,
    /// What is there is freed by the event, and then a block is put there.
    Swap,
    /// What is there is freed by the event.
    Take,
    /// An allocation replaces what is there, and its block is gone by the end of the segment.
    Replace,
    /// What is there is freed by the event, the last free of this thread's chunk.
    Keep(ThreadNumber),
    /// The last free of this thread's earlier chunk did not take place.
    Revive(ThreadNumber),
}

/// The steps of a segment: by shard of addresses, in order.
pub(crate) type Steps<B> = [Vec<Step<B>>; SHARDS];

thread_local! {
    /// The memory that a segment needs while it is paired: of one per thread much stays in the processor's own cache.
    static TOUCHED: RefCell<Touched> = RefCell::default();
}

/// Pairs what can be paired within the segment. `steps` is what is left over.
pub(crate) fn pair<B: Birth>(segment: &mut Segment<B>, steps: &mut Steps<B>) {
    let changes = std::mem::take(&mut segment.changes);
    let extras = std::mem::take(&mut segment.extras);
    TOUCHED.with_borrow_mut(|touched| {
        let mut pairing = Pairing { changes, extras, steps, touched };
        pairing.pair(segment);
        segment.changes = pairing.changes;
        segment.extras = pairing.extras;
    });
}

struct Pairing<'a, B> {
    /// By position. A free whose block is not known has no change.
    changes: Vec<Change<B>>,
    extras: Vec<(u32, Extra<B>)>,
    steps: &'a mut Steps<B>,
    touched: &'a mut Touched,
}

impl<B: Birth> Pairing<'_, B> {
    fn pair(&mut self, segment: &Segment<B>) {
        let event_count = segment.runs.iter().map(|run| run.len() as usize).sum();
        self.steps.iter_mut().for_each(Vec::clear);
        self.changes.clear();
        self.changes.reserve_exact(event_count);
        self.touched.restart(event_count);
        for run in &segment.runs {
            if let Some(address) = segment.chunk_of(run).last_free_in(run.events()) {
                self.touched.take_singly(address, run.image);
            }
        }
        for undone in &segment.undone {
            self.touched.take_singly(undone.address, undone.image);
        }
        let mut undone = segment.undone.iter().peekable();
        for run in &segment.runs {
            let site_ids = &segment.chunk_of(run).site_ids;
            for event in segment.events_of(run) {
                match event.kind() {
                    BlockEventKind::Alloc(site) => {
                        let birth = B::at(segment.first_order + u64::from(self.position()), run.clock_ns);
                        self.alloc(run.image, event, Block { size: event.size, site: site_ids[site], birth });
                    }
                    BlockEventKind::Free => self.free(run.image, event, StepKind::Take),
                    BlockEventKind::LastFree => self.free(run.image, event, StepKind::Keep(run.thread)),
                    BlockEventKind::Nothing => {
                        let position = self.position();
                        self.changes.push(Change::none());
                        if let Some(undone) = undone.next_if(|undone| undone.position == position) {
                            self.revive(undone);
                        }
                    }
                }
            }
        }
        self.step_for_each_touched();
    }

    /// The position of the event that is looked at.
    fn position(&self) -> u32 {
        self.changes.len() as u32
    }

    #[inline]
    fn alloc(&mut self, image: ImageIndex, event: &BlockEvent, block: Block<B>) {
        let position = self.position();
        self.changes.push(Change::of_alloc(block));
        let first = Touch { address: event.address, image, first: position, last: position };
        let Some(touch) = self.touched.find_or_insert(first) else { return };
        match std::mem::replace(&mut touch.last, position) {
            SINGLY => {
                touch.last = SINGLY;
                self.step(Step { address: event.address, block, image, position, kind: StepKind::Put });
            }
            GONE => {}
            replaced => self.extras.push((position, Extra::Change(self.changes[replaced as usize].of_end()))),
        }
    }

    #[inline]
    fn free(&mut self, image: ImageIndex, event: &BlockEvent, kind: StepKind) {
        let position = self.position();
        let first = Touch { address: event.address, image, first: position, last: GONE };
        let mut change = Change::none();
        if let Some(touch) = self.touched.find_or_insert(first) {
            match std::mem::replace(&mut touch.last, GONE) {
                SINGLY => {
                    touch.last = SINGLY;
                    self.step(Step { address: event.address, block: Block::none(), image, position, kind });
                }
                GONE => {}
                last => change = self.changes[last as usize].of_end(),
            }
        }
        self.changes.push(change);
    }

    fn revive(&mut self, undone: &UndoneFree) {
        let &UndoneFree { position, image, thread, address } = undone;
        self.step(Step { address, block: Block::none(), image, position, kind: StepKind::Revive(thread) });
    }

    fn step(&mut self, step: Step<B>) {
        self.steps[shard_of(step.address)].push(step);
    }

    fn step_for_each_touched(&mut self) {
        for &Touch { address, image, first, last } in &self.touched.touches {
            let freed_first = self.changes[first as usize].is_none();
            let (kind, block) = match (last, freed_first) {
                (SINGLY, _) => continue,
                (GONE, true) => (StepKind::Take, Block::none()),
                (GONE, false) => (StepKind::Replace, Block::none()),
                (last, freed_first) => {
                    let Change { bytes, site, birth, .. } = self.changes[last as usize];
                    let block = Block { size: bytes as u64, site, birth };
                    (if freed_first { StepKind::Swap } else { StepKind::Put }, block)
                }
            };
            self.steps[shard_of(address)].push(Step { address, block, image, position: first, kind });
        }
    }
}

/// The addresses of a segment, each once.
#[derive(Default)]
struct Touched {
    touches: Vec<Touch>,
    /// Open addressing with linear probing: 0, or one more than an index of `touches`.
    table: Vec<u32>,
    shift: u32,
}

#[derive(Clone, Copy)]
struct Touch {
    address: u64,
    image: ImageIndex,
    /// Position of the first event.
    first: u32,
    /// Position of the allocation whose block is there now, or one of the following.
    last: u32,
}

/// No block of this segment is there.
const GONE: u32 = u32::MAX;
/// Each event of this address is a step of its own: a free of it may turn out not to have taken place.
const SINGLY: u32 = u32::MAX - 1;

impl Touched {
    /// Forgets all, and makes room for this many events.
    fn restart(&mut self, event_count: usize) {
        let slots = (2 * event_count).next_power_of_two().max(2);
        self.touches.clear();
        self.table.clear();
        self.table.resize(slots, 0);
        self.shift = u64::BITS - slots.ilog2();
    }

    fn take_singly(&mut self, address: u64, image: ImageIndex) {
        let touch = Touch { address, image, first: 0, last: SINGLY };
        self.find_or_insert(touch);
    }

    /// The touch of the same address, if there is one already. There are never more touches than half the slots: see
    /// [`Touched::restart`].
    #[inline]
    fn find_or_insert(&mut self, touch: Touch) -> Option<&mut Touch> {
        let mut slot = (spread(touch.address ^ u64::from(touch.image.0) << 48) >> self.shift) as usize;
        loop {
            match self.table[slot] {
                0 => break,
                found => {
                    let index = found as usize - 1;
                    let known = &self.touches[index];
                    if known.address == touch.address && known.image == touch.image {
                        return Some(&mut self.touches[index]);
                    }
                }
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
        self.touches.push(touch);
        self.table[slot] = self.touches.len() as u32;
        None
    }
}

/// Pages of addresses stay together.
#[inline]
fn shard_of(address: u64) -> usize {
    (spread(address >> 12) >> (u64::BITS - SHARDS.ilog2())) as usize
}
