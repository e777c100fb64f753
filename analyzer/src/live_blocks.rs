//! The blocks that are alive, of all processes, divided by address into shards that know nothing of each other.

use std::hash::{BuildHasherDefault, Hasher};

use format::ThreadNumber;
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::birth::Birth;
use crate::change::Change;
use crate::image::ImageIndex;
use crate::pairing::{Block, SHARDS, Step, StepKind, Steps};
use crate::segment::{Extra, Mark, Segment};
use crate::spread::spread;

/// See the module.
pub(crate) struct LiveBlocks<B> {
    shards: Vec<Shard<B>>,
}

/// The blocks of a part of all addresses.
struct Shard<B> {
    /// By image.
    blocks: Vec<BlocksByAddress<B>>,
    /// The last free of the last chunk of threads that had one here, and what it freed.
    kept: HashMap<(ImageIndex, ThreadNumber), Kept<B>>,
    /// What the steps of each segment have found.
    found: Vec<Found<B>>,
}

/// What was at an address before it was freed.
struct Kept<B> {
    address: u64,
    block: Option<Block<B>>,
}

type BlocksByAddress<B> = HashMap<u64, Block<B>, BuildHasherDefault<AddressHasher>>;

/// Changes by position.
#[derive(Default)]
struct Found<B> {
    /// Of the events themselves.
    own: Vec<(u32, Change<B>)>,
    /// Of others, before those.
    extra: Vec<(u32, Change<B>)>,
}

impl<B: Birth> LiveBlocks<B> {
    pub(crate) fn new(images: usize) -> LiveBlocks<B> {
        let shard = || Shard {
            blocks: (0..images).map(|_| BlocksByAddress::default()).collect(),
            kept: HashMap::new(),
            found: Vec::new(),
        };
        LiveBlocks { shards: (0..SHARDS).map(|_| shard()).collect() }
    }

    /// Takes the steps of segments in their order, and completes what is known of their changes.
    pub(crate) fn apply(&mut self, segments: &mut [Segment<B>], steps: &[Steps<B>]) {
        self.shards.par_iter_mut().enumerate().for_each(|(at, shard)| shard.apply(at, segments, steps));
        segments.par_iter_mut().enumerate().for_each(|(at, segment)| {
            for shard in &self.shards {
                let Found { own, extra } = &shard.found[at];
                for &(position, change) in own {
                    segment.changes[position as usize] = change;
                }
                let extra = extra.iter().map(|&(position, change)| (position, Extra::Change(change)));
                segment.extras.extend(extra);
            }
            // Stable: several changes of one event stay in their order.
            segment.extras.sort_by_key(|(position, _)| *position);
        });
    }
}

impl<B: Birth> Shard<B> {
    fn apply(&mut self, own_index: usize, segments: &[Segment<B>], steps: &[Steps<B>]) {
        self.found.resize_with(segments.len(), Found::default);
        let mut all_found = std::mem::take(&mut self.found);
        for ((segment, steps), found) in segments.iter().zip(steps).zip(&mut all_found) {
            found.own.clear();
            found.extra.clear();
            if let Some(Mark::Departure { image, clear: true, .. }) = segment.mark {
                self.drain(image, found);
            }
            for step in &steps[own_index] {
                self.take(step, found);
            }
        }
        self.found = all_found;
    }

    #[inline]
    fn take(&mut self, step: &Step<B>, found: &mut Found<B>) {
        let blocks = &mut self.blocks[step.image.index()];
        let &Step { address, block, position, .. } = step;
        let gone = |block: Block<B>| (position, Change::of_free(block));
        match step.kind {
            StepKind::Put => found.extra.extend(blocks.insert(address, block).map(gone)),
            StepKind::Swap => found.own.extend(blocks.insert(address, block).map(gone)),
            StepKind::Take => found.own.extend(blocks.remove(&address).map(gone)),
            StepKind::Replace => found.extra.extend(blocks.remove(&address).map(gone)),
            StepKind::Keep(thread) => {
                let freed = blocks.remove(&address);
                found.own.extend(freed.map(gone));
                self.kept.insert((step.image, thread), Kept { address, block: freed });
            }
            StepKind::Revive(thread) => {
                if let Some(Kept { address: kept_address, block: Some(block) }) =
                    self.kept.remove(&(step.image, thread))
                    && kept_address == address
                {
                    found.extra.extend(blocks.insert(address, block).map(gone));
                    found.own.push((position, Change::of_return(block)));
                }
            }
        }
    }

    /// Nothing of this image lives on.
    fn drain(&mut self, image: ImageIndex, found: &mut Found<B>) {
        let blocks = std::mem::take(&mut self.blocks[image.index()]);
        found.extra.extend(blocks.into_values().map(|block| (0, Change::of_free(block))));
    }
}

/// Keeps neighbours together: of small blocks that lie side by side, as Python's do, many are in one line of the
/// processor's cache. hashbrown takes the lower bits for the place, and the upper seven to tell entries of one place apart.
#[derive(Default)]
struct AddressHasher(u64);

/// Blocks are at multiples of 16 bytes.
const GRANULE_BITS: u32 = 4;
/// Granules that stay together.
const NEIGHBOUR_BITS: u32 = 6;

impl Hasher for AddressHasher {
    #[inline]
    fn write_u64(&mut self, address: u64) {
        let neighbour = address >> GRANULE_BITS & ((1 << NEIGHBOUR_BITS) - 1);
        let page = spread(address >> (GRANULE_BITS + NEIGHBOUR_BITS));
        let place = page >> 32 << NEIGHBOUR_BITS | neighbour;
        let tag = page.wrapping_add(neighbour);
        self.0 = place ^ tag << 57;
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(self.0 << 8 ^ u64::from(byte));
        }
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}
