//! The blocks that are alive, by address.
//!
//! Blocks that lie side by side are most often asked for side by side, and in the end freed so. So those of one region of 1 KiB
//! stand together, in the order of their addresses. Regions are found by their group of 64: a table that spreads all of them
//! has to fetch another line of memory for nearly each, and a table of the groups stays in the processor's cache.

use std::hash::BuildHasherDefault;

use hashbrown::HashMap;

use crate::spread::NumberHasher;

/// See the module.
pub(crate) struct BlockMap<T> {
    /// Where in `groups` each group is that has blocks.
    places: HashMap<u64, u32, BuildHasherDefault<NumberHasher>>,
    groups: Slots<Group>,
    regions: Slots<Region<T>>,
    /// The group that was asked for last, and its place.
    last: Option<(u64, u32)>,
    /// Blocks whose addresses are no multiple of a granule.
    odd: HashMap<u64, T, BuildHasherDefault<NumberHasher>>,
}

/// Blocks are at multiples of 16 bytes.
const GRANULE_BITS: u32 = 4;
/// A region has 64 granules.
const REGION_BITS: u32 = GRANULE_BITS + 6;
/// A group has 64 regions: 64 KiB.
pub(crate) const GROUP_BITS: u32 = REGION_BITS + 6;

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

/// Neighbours.
struct Group {
    /// Where each region is.
    regions: [u32; 64],
    /// How many there are.
    count: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

/// Things by place, and the places that are not used.
struct Slots<T> {
    things: Vec<T>,
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Slots<T> {
        Slots { things: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// A place that was given back, with what is there, or a new one with what is made for it.
    fn take(&mut self, make: impl FnOnce() -> T) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.things.push(make());
            (self.things.len() - 1) as u32
        })
    }

    fn give_back(&mut self, place: u32) {
        self.free.push(place);
    }

    #[inline]
    fn at(&mut self, place: u32) -> &mut T {
        &mut self.things[place as usize]
    }
}

impl<T> Default for BlockMap<T> {
    fn default() -> BlockMap<T> {
        let (groups, regions) = (Slots::default(), Slots::default());
        BlockMap { places: HashMap::default(), groups, regions, last: None, odd: HashMap::default() }
    }
}

impl<T> BlockMap<T> {
    /// Puts a block at this address. Returns what was there.
    pub(crate) fn insert(&mut self, address: u64, block: T) -> Option<T> {
        if is_odd(address) {
            return self.odd.insert(address, block);
        }
        let granule = granule_of(address);
        let group = self.find_group(address).unwrap_or_else(|| self.begin_group(address));
        let place = match self.groups.at(group).regions[region_in_group(address)] {
            NONE => self.begin_region(group, address),
            place => place,
        };
        let region = self.regions.at(place);
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
        if is_odd(address) {
            return self.odd.remove(&address);
        }
        let granule = granule_of(address);
        let group = self.find_group(address)?;
        let place = self.groups.at(group).regions[region_in_group(address)];
        if place == NONE {
            return None;
        }
        let region = self.regions.at(place);
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
            self.end_region(group, address, place);
        }
        Some(block)
    }

    /// All blocks.
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = T> {
        self.regions.things.into_iter().flat_map(|region| region.blocks).chain(self.odd.into_values())
    }

    #[inline]
    fn find_group(&mut self, address: u64) -> Option<u32> {
        let group = address >> GROUP_BITS;
        if let Some((last, place)) = self.last
            && last == group
        {
            return Some(place);
        }
        let place = *self.places.get(&group)?;
        self.last = Some((group, place));
        Some(place)
    }

    fn begin_group(&mut self, address: u64) -> u32 {
        let group = address >> GROUP_BITS;
        let place = self.groups.take(|| Group { regions: [NONE; 64], count: 0 });
        self.places.insert(group, place);
        self.last = Some((group, place));
        place
    }

    fn begin_region(&mut self, group: u32, address: u64) -> u32 {
        let place = self.regions.take(|| Region { begins: 0, blocks: Vec::new() });
        let group = self.groups.at(group);
        group.regions[region_in_group(address)] = place;
        group.count += 1;
        place
    }

    /// The last block of this region is gone.
    fn end_region(&mut self, group_place: u32, address: u64, place: u32) {
        self.regions.give_back(place);
        let group = self.groups.at(group_place);
        group.regions[region_in_group(address)] = NONE;
        group.count -= 1;
        if group.count == 0 {
            self.groups.give_back(group_place);
            self.places.remove(&(address >> GROUP_BITS));
            self.last = None;
        }
    }
}

#[inline]
fn is_odd(address: u64) -> bool {
    address & ((1 << GRANULE_BITS) - 1) != 0
}

/// As a bit of its region.
#[inline]
fn granule_of(address: u64) -> u64 {
    1 << (address >> GRANULE_BITS & 63)
}

#[inline]
fn region_in_group(address: u64) -> usize {
    (address >> REGION_BITS & 63) as usize
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
        let places = (blocks.regions.things.len(), blocks.groups.things.len(), blocks.places.len());
        assert_eq!(places, (1, 1, 0));
    }
}
