//! A table that gives equal keys equal ids: of call paths, keyed by caller, code object and the
//! caller's instruction, and of code objects, keyed by their address.
//!
//! Looking up takes no lock. Inserting and removing is for one thread at a time (the holder of the
//! definition log's lock). Nodes of 16 bytes stand in segments that are never moved; each is a link in the
//! chain of its bucket. When there are more than two nodes a bucket, all are put into the chains of a new generation
//! with four or eight times the buckets. No reader waits for that. One that is just following a chain of the old generation
//! may be led into one of the new, which ends like any other; what it misses by that, it finds when it has the lock.
//!
//! Segments and buckets come from the kernel as zeros, which take no memory until they are used.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed};
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// Nodes of the first segment; each later one is twice as large.
const FIRST_SEGMENT: u32 = 4096;
/// Segments: ids end at about 2^31.
const SEGMENTS: usize = 19;
/// Buckets of each generation, as powers of two. All together are 5 MiB.
const GENERATION_BITS: [u32; 4] = [12, 15, 18, 20];
/// Nodes per bucket at which the next generation begins, if there is one.
const NODES_PER_BUCKET: u32 = 2;
/// End of a chain, and no id: ids begin at 1.
const NONE: u32 = 0;

/// 96 bits. All zero is no key.
pub(crate) type Key = [u32; 3];

/// What stands in a node whose key was removed.
const FORGOTTEN: Key = [0; 3];

struct Node {
    key: [AtomicU32; 3],
    next: AtomicU32,
}

impl Node {
    #[inline(always)]
    fn key(&self) -> Key {
        [0, 1, 2].map(|index| self.key[index].load(Ordering::Relaxed))
    }
}

/// See the module.
pub(crate) struct InternTable {
    segments: [OnceLock<Box<[Node]>>; SEGMENTS],
    generations: [OnceLock<Box<[AtomicU32]>>; GENERATION_BITS.len()],
    /// The newest generation: its place among the others.
    newest: AtomicUsize,
    count: AtomicU32,
}

impl InternTable {
    /// An empty table.
    pub(crate) const fn new() -> InternTable {
        InternTable {
            segments: [const { OnceLock::new() }; SEGMENTS],
            generations: [const { OnceLock::new() }; GENERATION_BITS.len()],
            newest: AtomicUsize::new(0),
            count: AtomicU32::new(0),
        }
    }

    /// The first id that has not been given yet.
    pub(crate) fn next_id(&self) -> u32 {
        self.count.load(Ordering::Acquire) + 1
    }

    /// The id of the key, if it has one.
    #[inline]
    pub(crate) fn find(&self, key: Key) -> Option<u32> {
        let newest = self.newest.load(Ordering::Acquire) % GENERATION_BITS.len();
        let buckets = self.generations[newest].get()?;
        let mut id = buckets[bucket_of(key, GENERATION_BITS[newest])].load(Ordering::Acquire);
        while id != NONE {
            let node = self.node(id)?;
            if node.key() == key {
                return Some(id);
            }
            id = node.next.load(Ordering::Acquire);
        }
        None
    }

    /// Whether this is the key of this id. It may be no id.
    #[inline]
    pub(crate) fn is_key_of(&self, id: u32, key: Key) -> bool {
        id < self.next_id() && self.node(id).is_some_and(|node| node.key() == key)
    }

    /// The key of an id, all zero if it was removed. `None` if the id was not given.
    pub(crate) fn key(&self, id: u32) -> Option<Key> {
        (1..self.next_id()).contains(&id).then(|| self.node(id).map(Node::key))?
    }

    /// Gives the key, which is not in the table, the id [`InternTable::next_id`]. One thread at a time.
    /// `false` if the table is full, or there is no memory for more.
    pub(crate) fn insert(&self, key: Key) -> bool {
        let id = self.next_id();
        let (segment, place) = place_of(id);
        let Some(segment_cell) = self.segments.get(segment) else { return false };
        let generation =
            GENERATION_BITS.iter().position(|bits| id <= NODES_PER_BUCKET << bits).unwrap_or(GENERATION_BITS.len() - 1);
        let bits = GENERATION_BITS[generation];
        let Some(nodes) = get_or_make(segment_cell, || zeros((FIRST_SEGMENT << segment) as usize)) else {
            return false;
        };
        let Some(buckets) = get_or_make(&self.generations[generation], || self.all_in_chains(bits)) else {
            return false;
        };
        let node = &nodes[place];
        for (stored, value) in node.key.iter().zip(key) {
            stored.store(value, Ordering::Relaxed);
        }
        self.newest.store(generation, Ordering::Release);
        self.count.store(id, Ordering::Release);
        link(buckets, bits, id, node);
        true
    }

    /// The buckets of a new generation, with all nodes that there are.
    #[cold]
    fn all_in_chains(&self, bits: u32) -> Option<Box<[AtomicU32]>> {
        let buckets: Box<[AtomicU32]> = zeros(1 << bits)?;
        for id in 1..self.next_id() {
            if let Some(node) = self.node(id).filter(|node| node.key() != FORGOTTEN) {
                link(&buckets, bits, id, node);
            }
        }
        Some(buckets)
    }

    /// Forgets the key; its id is not given again. One thread at a time. `false` if there is no such key.
    pub(crate) fn remove(&self, key: Key) -> bool {
        let Some(node) = self.find(key).and_then(|id| self.node(id)) else { return false };
        // The first two words of a code object's key are its address, never both zero.
        for (stored, value) in node.key.iter().zip(FORGOTTEN) {
            stored.store(value, Ordering::Relaxed);
        }
        true
    }

    #[inline]
    fn node(&self, id: u32) -> Option<&Node> {
        let (segment, place) = place_of(id);
        self.segments.get(segment)?.get()?.get(place)
    }
}

/// What may be zeros.
///
/// # Safety
/// All bytes zero is a value of the type.
unsafe trait Zeros {}

// SAFETY: an atomic number may be 0, which is NONE.
unsafe impl Zeros for AtomicU32 {}
// SAFETY: a node is made of these.
unsafe impl Zeros for Node {}

/// A slice of zeros, unless there is no memory for it.
fn zeros<Item: Zeros>(length: usize) -> Option<Box<[Item]>> {
    let layout = Layout::array::<Item>(length).ok()?;
    // SAFETY: lengths are not 0, nor are the items' sizes.
    let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
    // SAFETY: a block of the global allocator's with the layout of the slice, whose items may be zeros.
    Some(unsafe { Box::from_raw(NonNull::slice_from_raw_parts(start.cast(), length).as_ptr()) })
}

/// What is in the cell, or else is made now, if it can be made. One thread at a time.
fn get_or_make<Value>(cell: &OnceLock<Value>, make: impl FnOnce() -> Option<Value>) -> Option<&Value> {
    if cell.get().is_none() {
        // Fails only if there is one already.
        let _ = cell.set(make()?);
    }
    cell.get()
}

/// Puts a node in front of the chain of its bucket.
fn link(buckets: &[AtomicU32], bits: u32, id: u32, node: &Node) {
    let bucket = &buckets[bucket_of(node.key(), bits)];
    node.next.store(bucket.load(Ordering::Relaxed), Ordering::Relaxed);
    bucket.store(id, Ordering::Release);
}

/// Segment of an id and place in it: segment k begins at FIRST_SEGMENT * (2^k - 1) + 1.
#[inline]
fn place_of(id: u32) -> (usize, usize) {
    let index = id - 1;
    let segment = (index / FIRST_SEGMENT + 1).ilog2();
    (segment as usize, (index - FIRST_SEGMENT * ((1 << segment) - 1)) as usize)
}

#[inline]
fn bucket_of(key: Key, bits: u32) -> usize {
    // Multiply and fold, as in wyhash: one multiplication, all key bits in the upper half.
    let low = u64::from(key[0]) | u64::from(key[1]) << 32;
    let mixed =
        (low ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul((u64::from(key[2]) << 1 | 1).wrapping_mul(0xd6e8_feb8_6659_fd93));
    ((mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - bits)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_keeps_its_id_through_all_generations() {
        let table = InternTable::new();
        let key = |n: u32| [n, n / 7, n % 3];
        for n in 1..100_000 {
            assert_eq!(table.find(key(n)), None);
            assert!(table.insert(key(n)));
        }
        for n in 1..100_000 {
            assert_eq!(table.find(key(n)), Some(n));
            assert!(table.is_key_of(n, key(n)) && !table.is_key_of(n, key(n + 1)));
        }
        assert!(!table.is_key_of(100_000, key(1)));
    }

    #[test]
    fn a_removed_key_gets_a_new_id() {
        let table = InternTable::new();
        table.insert([1, 0, 0]);
        table.insert([2, 0, 0]);
        assert!(table.remove([1, 0, 0]));
        assert!(!table.remove([1, 0, 0]));
        assert_eq!(table.find([1, 0, 0]), None);
        table.insert([1, 0, 0]);
        assert_eq!(table.find([1, 0, 0]), Some(3));
        assert_eq!(table.find([2, 0, 0]), Some(2));
    }

    #[test]
    fn segments_follow_each_other() {
        assert_eq!(place_of(1), (0, 0));
        assert_eq!(place_of(4096), (0, 4095));
        assert_eq!(place_of(4097), (1, 0));
        assert_eq!(place_of(4096 * 3), (1, 8191));
        assert_eq!(place_of(4096 * 3 + 1), (2, 0));
    }
}
