//! What encoder and decoder both expect of the next event: the one place that decides which events
//! become small.
//!
//! Allocators are predictable. Few sizes make up most allocations; a block is often freed soon
//! after it was allocated; and the next block of a size is the one of that size freed last (glibc's
//! tcache and pymalloc both keep last-in-first-out lists per 16 bytes of size). The model keeps just
//! enough to say so in a few bits. Encoder and decoder call the same methods in the same order, so
//! their states are equal after every event. The model starts afresh in every chunk.

use crate::event::Domain;
use crate::ids::StackId;

/// Entries of the table of recent sizes.
const SIZES: usize = 16;
/// Code of an allocation whose size is spelled out; what is in the last entry of the table always is.
pub(crate) const SIZE_SPELLED_OUT: u8 = SIZES as u8 - 1;
/// Entries of the table of recent allocations: their codes fill six bits.
pub(crate) const RECENT: usize = 64;
/// Size classes of 16 bytes per domain. All larger sizes share the last one.
const CLASSES: usize = 64;
/// Classes of both domains.
const ALL_CLASSES: usize = 2 * CLASSES;
/// Freed blocks remembered per size class.
const FREED: usize = 4;
/// Regions in which frees are remembered; their codes share the tags of other events.
pub(crate) const REGIONS: usize = 47;
/// A region is 16 KiB, a pool of pymalloc since CPython 3.10: blocks of one size side by side.
const REGION_BITS: u32 = 14;
/// Entries of the table of recent stacks: codes of seven bits.
pub(crate) const STACKS: usize = 128;
/// 2^64 divided by the golden ratio: spreads neighbouring numbers (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Clone, Copy)]
struct Region {
    number: u64,
    last_free: u64,
}

/// The state both sides keep while they go through a chunk.
#[derive(Clone, Copy)]
pub(crate) struct EventModel {
    /// Last allocated address of each size class, rotated; see [`rotate`].
    last_of_class: [u64; ALL_CLASSES],
    /// Last freed address that was not a recent allocation, rotated.
    last_free: u64,
    regions: [Region; REGIONS],
    /// Call stack of the last allocation or mapping, as its number.
    last_stack: u64,
    recent_stacks: [u64; STACKS],
    /// Last time stamp in nanoseconds.
    pub(crate) last_ns: u64,
    /// Last turn.
    pub(crate) last_turn: u64,
    sizes: [u64; SIZES],
    /// Addresses of recent allocations, and their classes.
    recent: [u64; RECENT],
    recent_class: [u8; RECENT],
    /// Addresses of freed blocks of each class, a ring, and where the next one goes.
    freed: [u64; FREED * ALL_CLASSES],
    freed_top: [u8; ALL_CLASSES],
}

static BEGINNING: EventModel = EventModel {
    last_of_class: [0; ALL_CLASSES],
    last_free: 0,
    regions: [Region { number: 0, last_free: 0 }; REGIONS],
    last_stack: 0,
    recent_stacks: [0; STACKS],
    last_ns: 0,
    last_turn: 0,
    sizes: [u64::MAX; SIZES],
    recent: [0; RECENT],
    recent_class: [0; RECENT],
    freed: [0; FREED * ALL_CLASSES],
    freed_top: [0; ALL_CLASSES],
};

impl EventModel {
    /// The state at the beginning of a chunk.
    #[inline]
    pub(crate) fn new(first_ns: u64, first_turn: u64) -> EventModel {
        EventModel { last_ns: first_ns, last_turn: first_turn, ..BEGINNING }
    }

    /// Makes it that of the beginning of a chunk, in place: threads whose stacks are small do this.
    pub(crate) fn restart(&mut self, first_ns: u64, first_turn: u64) {
        *self = BEGINNING;
        self.last_ns = first_ns;
        self.last_turn = first_turn;
    }

    /// The place of `size` in the table of recent sizes.
    #[inline]
    fn size_place(size: u64) -> usize {
        (size.wrapping_mul(SPREAD) >> (u64::BITS - SIZES.ilog2())) as usize
    }

    /// The code for `size`, or [`SIZE_SPELLED_OUT`] if it is new; from now on it has a code.
    #[inline]
    pub(crate) fn size_code(&mut self, size: u64) -> u8 {
        let place = Self::size_place(size);
        if self.sizes[place] == size {
            place as u8
        } else {
            self.sizes[place] = size;
            SIZE_SPELLED_OUT
        }
    }

    /// The size a code below [`SIZE_SPELLED_OUT`] stands for.
    #[inline]
    pub(crate) fn size_of_code(&self, code: u8) -> u64 {
        self.sizes[usize::from(code) % SIZES]
    }

    /// Remembers a size that was spelled out.
    #[inline]
    pub(crate) fn note_size(&mut self, size: u64) {
        self.sizes[Self::size_place(size)] = size;
    }

    /// The address that a block of this class is likely to get: that of the one freed last, 0 if there is none. Taken off the
    /// list whether or not the guess is right. (Where all are taken, an older one is guessed again: that costs nothing.)
    #[inline]
    pub(crate) fn take_likely_address(&mut self, Class(class): Class) -> u64 {
        let top = self.freed_top[class].wrapping_sub(1);
        self.freed_top[class] = top;
        self.freed[freed_place(class, top)]
    }

    /// What the address of an allocation of this class is told relative to, rotated: fresh blocks of
    /// a size follow each other.
    #[inline]
    pub(crate) fn alloc_base(&self, Class(class): Class) -> u64 {
        self.last_of_class[class]
    }

    /// Remembers an allocation, for a free that may follow soon.
    #[inline]
    pub(crate) fn note_alloc(&mut self, Class(class): Class, address: u64) {
        let place = recent_place(address);
        self.recent[place] = address;
        self.recent_class[place] = class as u8;
        self.last_of_class[class] = rotate(address);
    }

    /// If the block is a recent allocation: its code. It is no longer one.
    #[inline]
    pub(crate) fn take_recent(&mut self, address: u64) -> Option<u8> {
        let place = recent_place(address);
        (self.recent[place] == address).then(|| {
            self.note_recent_free(place);
            place as u8
        })
    }

    /// The address of a recent allocation, by its code.
    #[inline]
    pub(crate) fn take_recent_by_code(&mut self, code: u8) -> u64 {
        let place = usize::from(code) % RECENT;
        let address = self.recent[place];
        self.note_recent_free(place);
        address
    }

    /// What the address of a free is told relative to, rotated, and the code of its region if that
    /// is known. A structure is often freed in the order in which it was made.
    #[inline]
    pub(crate) fn free_base(&self, address: u64) -> (Option<u8>, u64) {
        let place = region_place(address);
        let region = self.regions[place];
        if region.number == address >> REGION_BITS {
            (Some(place as u8), region.last_free)
        } else {
            (None, self.last_free)
        }
    }

    /// What the address of a free in the region of this code is told relative to, rotated.
    #[inline]
    pub(crate) fn free_base_by_code(&self, code: Option<u8>) -> u64 {
        match code {
            Some(code) => self.regions[usize::from(code) % REGIONS].last_free,
            None => self.last_free,
        }
    }

    /// Remembers a free that was not one of a recent allocation.
    #[inline]
    pub(crate) fn note_free(&mut self, address: u64) {
        let last_free = rotate(address);
        self.regions[region_place(address)] = Region { number: address >> REGION_BITS, last_free };
        self.last_free = last_free;
    }

    /// The code for `stack`, which is the last one from now on, if it is among the recent ones. From now on it is.
    #[inline(always)]
    pub(crate) fn stack_code(&mut self, stack: StackId) -> Option<u8> {
        let number = stack.number();
        self.last_stack = number;
        let place = stack_place(number);
        let is_recent = self.recent_stacks[place] == number;
        self.recent_stacks[place] = number;
        is_recent.then_some(place as u8)
    }

    /// Call stack of the last allocation or mapping.
    #[inline(always)]
    pub(crate) fn last_stack(&self) -> StackId {
        StackId::from_number(self.last_stack)
    }

    /// Whether it was this one.
    #[inline(always)]
    pub(crate) fn is_last_stack(&self, stack: StackId) -> bool {
        self.last_stack == stack.number()
    }

    /// The stack a code below [`STACKS`] stands for, which is the last one from now on.
    #[inline]
    pub(crate) fn stack_of_code(&mut self, code: u8) -> StackId {
        self.last_stack = self.recent_stacks[usize::from(code) % STACKS];
        self.last_stack()
    }

    /// Remembers a stack that was spelled out.
    #[inline]
    pub(crate) fn note_stack(&mut self, stack: StackId) {
        let number = stack.number();
        self.last_stack = number;
        self.recent_stacks[stack_place(number)] = number;
    }

    #[inline]
    fn note_recent_free(&mut self, place: usize) {
        let class = usize::from(self.recent_class[place]) % ALL_CLASSES;
        let top = self.freed_top[class];
        self.freed[freed_place(class, top)] = std::mem::take(&mut self.recent[place]);
        self.freed_top[class] = top.wrapping_add(1);
    }
}

/// Which blocks an allocator serves from the same list: those of one domain and 16 bytes of size.
#[derive(Clone, Copy)]
pub(crate) struct Class(usize);

impl Class {
    /// The class of a block.
    #[inline(always)]
    pub(crate) fn of(domain: Domain, size: u64) -> Class {
        const LAST: u64 = CLASSES as u64 - 1;
        // glibc's malloc keeps 8 bytes of its own in each block, pymalloc none.
        let (first, more) = match domain {
            Domain::Python => (0, 0),
            Domain::Heap => (CLASSES, 8),
        };
        Class(first + ((size.min(LAST << 4) + more + 15) >> 4).min(LAST) as usize)
    }
}

#[inline]
fn recent_place(address: u64) -> usize {
    (address.wrapping_mul(SPREAD) >> (u64::BITS - RECENT.ilog2())) as usize
}

/// Where in the ring of a class the block is that `top` says.
#[inline]
fn freed_place(class: usize, top: u8) -> usize {
    class % ALL_CLASSES * FREED + usize::from(top) % FREED
}

#[inline(always)]
fn stack_place(number: u64) -> usize {
    (number.wrapping_mul(SPREAD) >> (u64::BITS - STACKS.ilog2())) as usize
}

#[inline]
fn region_place(address: u64) -> usize {
    (((address >> REGION_BITS).wrapping_mul(SPREAD) >> 32) as usize * REGIONS) >> 32
}

/// Blocks are aligned to 16 bytes almost always: turned by four bits, their differences are small
/// numbers, and other addresses keep all their bits.
#[inline]
pub(crate) fn rotate(address: u64) -> u64 {
    address.rotate_right(4)
}

/// The inverse of [`rotate`].
#[inline]
pub(crate) fn unrotate(rotated: u64) -> u64 {
    rotated.rotate_left(4)
}
