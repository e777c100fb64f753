//! The blocks that are alive, of all processes, divided by address into shards that know nothing of each other.

use format::ThreadNumber;
use hashbrown::HashMap;
use rayon::prelude::*;

use crate::birth::Birth;
use crate::block_map::BlockMap;
use crate::change::Change;
use crate::image::ImageIndex;
use crate::pairing::{Block, End, SHARDS, Step, Steps};
use crate::segment::{Extra, Mark, Segment};

/// See the module.
pub(crate) struct LiveBlocks<B> {
    shards: Vec<Shard<B>>,
}

/// The blocks of a part of all addresses.
struct Shard<B> {
    /// By image.
    blocks: Vec<BlockMap<Block<B>>>,
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

#[derive(Default)]
struct Found<B> {
    /// What loose frees change, by number.
    frees: Vec<(u32, Change<B>)>,
    /// What else happens, by position.
    extra: Vec<(u32, Change<B>)>,
}

impl<B: Birth> LiveBlocks<B> {
    pub(crate) fn new(images: usize) -> LiveBlocks<B> {
        let shard = || Shard {
            blocks: (0..images).map(|_| BlockMap::default()).collect(),
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
                let Found { frees, extra } = &shard.found[at];
                for &(number, change) in frees {
                    segment.loose_frees[number as usize] = change;
                }
                let extra = extra.iter().map(|&(position, change)| (position, Extra::Change(change)));
                segment.extras.extend(extra);
            }
            // Stable: several changes of one event stay in their order.
            segment.extras.sort_by_key(|(position, _)| *position);
            segment.note_rise();
        });
    }
}

impl<B: Birth> Shard<B> {
    fn apply(&mut self, own_index: usize, segments: &[Segment<B>], steps: &[Steps<B>]) {
        self.found.resize_with(segments.len(), Found::default);
        let mut all_found = std::mem::take(&mut self.found);
        for ((segment, steps), found) in segments.iter().zip(steps).zip(&mut all_found) {
            found.frees.clear();
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
        let &Step { address, block, image, end } = step;
        let blocks = &mut self.blocks[image.index()];
        let mut put = || if block.is_none() { blocks.remove(address) } else { blocks.insert(address, block) };
        match end {
            End::Alloc(position) => found.extra.extend(put().map(|ended| (position, Change::of_free(ended)))),
            End::Free(number) => found.frees.extend(put().map(|ended| (number, Change::of_free(ended)))),
            End::LastFree(number, thread) => {
                let ended = put();
                found.frees.extend(ended.map(|ended| (number, Change::of_free(ended))));
                self.kept.insert((image, thread), Kept { address, block: ended });
            }
            End::Paired(thread) => {
                let block = (!block.is_none()).then_some(block);
                self.kept.insert((image, thread), Kept { address, block });
            }
            End::Undone(position, thread) => {
                if let Some(Kept { address: kept_address, block: Some(block) }) = self.kept.remove(&(image, thread))
                    && kept_address == address
                {
                    let ended = blocks.insert(address, block);
                    found.extra.extend(ended.map(|ended| (position, Change::of_free(ended))));
                    found.extra.push((position, Change::of_return(block)));
                }
            }
        }
    }

    /// Nothing of this image lives on.
    fn drain(&mut self, image: ImageIndex, found: &mut Found<B>) {
        let blocks = std::mem::take(&mut self.blocks[image.index()]);
        found.extra.extend(blocks.into_blocks().map(|block| (0, Change::of_free(block))));
    }
}
