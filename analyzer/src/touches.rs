//! The addresses that a stretch of events touches, each once, unless there are too many: then it is cut.
//!
//! A stretch is of one thread, and nobody else of its process does anything meanwhile. So what becomes of an address in it is
//! known without regard to anything else, but for what was there before.

use crate::spread::spread;

/// What a stretch does to one address. Events are told by their index in the chunk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Touch {
    pub(crate) address: u64,
    /// Requested bytes of the block that is there at the end, if one is.
    pub(crate) size: u64,
    /// The index of its site in the chunk.
    pub(crate) site: u32,
    /// The first event: an allocation, or a free of what was there before.
    pub(crate) first: u32,
    /// The allocation of the block that is there at the end, or [`GONE`].
    pub(crate) last: u32,
    /// Whether the first event is a free.
    pub(crate) begins_with_free: bool,
}

impl Touch {
    /// A block that comes to life by this event.
    #[inline]
    pub(crate) fn of_alloc(address: u64, size: u64, site: u32, event: u32) -> Touch {
        Touch { address, size, site, first: event, last: event, begins_with_free: false }
    }

    /// A block that this event frees, of which nothing else is known.
    #[inline]
    pub(crate) fn of_free(address: u64, event: u32) -> Touch {
        Touch { address, size: 0, site: 0, first: event, last: GONE, begins_with_free: true }
    }

    /// Whether a block is there at the end.
    #[inline]
    pub(crate) fn leaves_block(&self) -> bool {
        self.last != GONE
    }
}

/// No block is there.
pub(crate) const GONE: u32 = u32::MAX;

/// Finds the touch of an address. Open addressing with linear probing; the touches themselves are the chunk's.
pub(crate) struct TouchTable {
    /// One more than an index of the touches. What is not more than `start` is of an earlier stretch: the place is free.
    places: Box<[u32; PLACES]>,
    /// Touches of the chunk before this stretch.
    start: u32,
}

/// As many as fit into the part of a processor's cache that is nearest to it.
const PLACES: usize = 8 << 10;
/// A stretch that touches more addresses is cut here: there is always a free place.
const MOST_TOUCHES: usize = PLACES / 2;
/// It is also cut where an address is not found in so many places: nobody is to make a trace whose addresses all have the
/// same place.
const MOST_LOOKS: usize = 128;

impl Default for TouchTable {
    fn default() -> TouchTable {
        TouchTable { places: Box::new([0; PLACES]), start: 0 }
    }
}

impl TouchTable {
    /// Forgets what it knows of another chunk.
    pub(crate) fn begin_chunk(&mut self) {
        self.places.fill(0);
        self.start = 0;
    }

    /// Begins a stretch behind these touches.
    pub(crate) fn begin_stretch(&mut self, touches: &[Touch]) {
        self.start = touches.len() as u32;
    }

    /// The touch of the same address in this stretch, if there is one already. Otherwise this one is added.
    #[inline]
    pub(crate) fn find_or_add<'a>(&mut self, touches: &'a mut Vec<Touch>, touch: Touch) -> Option<&'a mut Touch> {
        let first_place = (spread(touch.address) >> (u64::BITS - PLACES.ilog2())) as usize;
        let mut place = first_place;
        let last_place = first_place + MOST_LOOKS;
        while self.places[place % PLACES] > self.start && place < last_place {
            let index = self.places[place % PLACES] as usize - 1;
            if touches[index].address == touch.address {
                return Some(&mut touches[index]);
            }
            place += 1;
        }
        if touches.len() - self.start as usize == MOST_TOUCHES || place == last_place {
            // All places are free from now on.
            self.begin_stretch(touches);
            place = first_place;
        }
        touches.push(touch);
        self.places[place % PLACES] = touches.len() as u32;
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn touch(address: u64) -> Touch {
        Touch::of_free(address, 0)
    }

    #[test]
    fn each_address_is_there_once_until_there_are_too_many() {
        let (mut table, mut touches) = (TouchTable::default(), Vec::new());
        table.begin_chunk();
        // Pages of blocks, every one twice.
        let addresses = || (0..MOST_TOUCHES as u64).map(|at| (at / 100) << 20 | (at % 100) << 5);
        assert!(addresses().all(|address| table.find_or_add(&mut touches, touch(address)).is_none()));
        assert!(addresses().all(|address| table.find_or_add(&mut touches, touch(address)).is_some()));
        assert_eq!(touches.len(), MOST_TOUCHES);
        // One more begins a stretch, which knows nothing of those before.
        assert!(table.find_or_add(&mut touches, touch(1)).is_none());
        assert!(table.find_or_add(&mut touches, touch(1)).is_some());
        assert!(
            addresses().take(MOST_TOUCHES - 1).all(|address| table.find_or_add(&mut touches, touch(address)).is_none())
        );
        let second: HashSet<u64> = touches[MOST_TOUCHES..].iter().map(|touch| touch.address).collect();
        assert_eq!(second.len(), MOST_TOUCHES);
    }

    #[test]
    fn addresses_of_one_place_are_not_searched_for_long() {
        // The inverse of the hash's factor.
        let inverse = (0..6).fold(spread(1), |inverse, _| inverse.wrapping_mul(2u64.wrapping_sub(spread(inverse))));
        assert_eq!(spread(inverse), 1);
        let (mut table, mut touches) = (TouchTable::default(), Vec::new());
        table.begin_chunk();
        for number in 0..1000 {
            assert!(table.find_or_add(&mut touches, touch(inverse.wrapping_mul(number))).is_none());
        }
        assert!(touches.len() - table.start as usize <= MOST_LOOKS);
    }

    #[test]
    fn a_chunk_knows_nothing_of_another() {
        let (mut table, mut touches) = (TouchTable::default(), Vec::new());
        for _ in 0..2 {
            touches.clear();
            table.begin_chunk();
            assert!(table.find_or_add(&mut touches, touch(16)).is_none());
            table.begin_stretch(&touches);
            assert!(table.find_or_add(&mut touches, touch(16)).is_none());
            assert!(table.find_or_add(&mut touches, touch(16)).is_some());
        }
    }
}
