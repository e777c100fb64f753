//! The blocks that are alive, by address.
//!
//! Blocks that lie side by side are most often asked for side by side, and in the end freed so. So those of one region of 1 KiB
//! stand together, in the order of their addresses, and the region of the last question is remembered: a table that spreads
//! addresses has to fetch another line of memory for nearly each of them.

use std::hash::BuildHasherDefault;

use hashbrown::HashMap;

use crate::spread::NumberHasher;

/// See the module.
pub(crate) struct BlockMap<T> {
    /// Where in `regions` each region is that has blocks.
    places: HashMap<u64, u32, BuildHasherDefault<NumberHasher>>,
    regions: Vec<Region<T>>,
    /// Places in `regions` that are not used.
    free: Vec<u32>,
    /// The region that was asked for last, and its place.
    last: Option<(u64, u32)>,
    /// Blocks whose addresses are no multiple of a granule.
    odd: HashMap<u64, T, BuildHasherDefault<NumberHasher>>,
}

/// Blocks are at multiples of 16 bytes.
const GRANULE_BITS: u32 = 4;
/// A region has 64 granules.
const REGION_BITS: u32 = GRANULE_BITS + 6;

/// A region has room for so many times its blocks at most.
const SPARE: usize = 8;

/// The blocks of a region.
struct Region<T> {
    /// Granules where a block begins.
    begins: u64,
    /// Those blocks, in the order of their addresses.
    blocks: Vec<T>,
}

impl<T> Region<T> {
    /// The place of the block that begins at this granule, or would, among all.
    fn place(&self, granule: u64) -> usize {
        (self.begins & (granule - 1)).count_ones() as usize
    }
}

impl<T> Default for BlockMap<T> {
    fn default() -> BlockMap<T> {
        let (places, odd) = (HashMap::default(), HashMap::default());
        BlockMap { places, regions: Vec::new(), free: Vec::new(), last: None, odd }
    }
}

impl<T> BlockMap<T> {
    /// Puts a block at this address. Returns what was there.
    pub(crate) fn insert(&mut self, address: u64, block: T) -> Option<T> {
        let Some((region, granule)) = region_and_granule(address) else { return self.odd.insert(address, block) };
        let place = self.find(region).unwrap_or_else(|| self.begin(region));
        let region = &mut self.regions[place as usize];
        let at = region.place(granule);
        if region.begins & granule != 0 {
            return Some(std::mem::replace(&mut region.blocks[at], block));
        }
        region.begins |= granule;
        if region.blocks.capacity() == 0 {
            // Of large blocks there is one in a region.
            region.blocks.reserve_exact(1);
        }
        region.blocks.insert(at, block);
        None
    }

    /// Takes away what is at this address.
    pub(crate) fn remove(&mut self, address: u64) -> Option<T> {
        let Some((region_number, granule)) = region_and_granule(address) else { return self.odd.remove(&address) };
        let place = self.find(region_number)?;
        let region = &mut self.regions[place as usize];
        if region.begins & granule == 0 {
            return None;
        }
        let block = region.blocks.remove(region.place(granule));
        region.begins &= !granule;
        // Memory is kept for blocks to come, but not much more than there are blocks.
        if region.blocks.capacity() > SPARE * region.blocks.len().max(1) {
            region.blocks.shrink_to(2 * region.blocks.len());
        }
        if region.begins == 0 {
            self.places.remove(&region_number);
            self.free.push(place);
            self.last = None;
        }
        Some(block)
    }

    /// All blocks.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = T> {
        self.regions.into_iter().flat_map(|region| region.blocks).chain(self.odd.into_values())
    }

    #[inline]
    fn find(&mut self, region: u64) -> Option<u32> {
        if let Some((last, place)) = self.last
            && last == region
        {
            return Some(place);
        }
        let place = *self.places.get(&region)?;
        self.last = Some((region, place));
        Some(place)
    }

    fn begin(&mut self, region: u64) -> u32 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.regions.push(Region { begins: 0, blocks: Vec::new() });
            (self.regions.len() - 1) as u32
        });
        self.places.insert(region, place);
        self.last = Some((region, place));
        place
    }
}

/// The number of the region of an address, and its granule as a bit.
#[inline]
fn region_and_granule(address: u64) -> Option<(u64, u64)> {
    let is_odd = address & ((1 << GRANULE_BITS) - 1) != 0;
    (!is_odd).then(|| (address >> REGION_BITS, 1 << (address >> GRANULE_BITS & 63)))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_map(operations in vec((any::<bool>(), 0u64..40, 0u64..70, 0u64..5), 0..300)) {
            let (mut blocks, mut expected) = (BlockMap::default(), HashMap::new());
            for (number, (puts, region, granule, odd)) in operations.into_iter().enumerate() {
                // Most are multiples of 16, and regions are far from each other or neighbours.
                let address = ((region * region) << 10) + (granule << 4) + u64::from(odd == 0) * 8;
                if puts {
                    prop_assert_eq!(blocks.insert(address, number), expected.insert(address, number));
                } else {
                    prop_assert_eq!(blocks.remove(address), expected.remove(&address));
                }
            }
            let (mut left, mut expected): (Vec<_>, Vec<_>) = (blocks.into_blocks().collect(), expected.into_values().collect());
            left.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(left, expected);
        }
    }

    #[test]
    fn room_is_used_again() {
        let mut blocks = BlockMap::default();
        for address in (0..1_000_000).step_by(1024) {
            assert_eq!(blocks.insert(address, ()), None);
            assert_eq!(blocks.remove(address), Some(()));
        }
        assert_eq!((blocks.regions.len(), blocks.places.len()), (1, 0));
    }
}
