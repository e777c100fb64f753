//! What encoder and decoder both expect of the next event: the one place that decides which events become small.
//!
//! Programs are predictable. A line of code asks again and again for the same number of bytes, and allocators hand out the
//! block of a size that was given back last, or else the one behind the last. So a *site*, a call stack with a size, has a
//! code, and an address is told by its distance from the likely one. That of a free is told by its distance from the last
//! address near it. Encoder and decoder call the same methods in the same order, so their states are equal after every
//! event. The model starts afresh in every chunk.
//!
//! All of this is done in the job's threads for each event: there is no search here, no list, and hardly a branch.

use crate::constants::TIME_STAMP_SIZE;
use crate::event::Domain;
use crate::ids::{PathId, StackId};

/// Places for recent sites of each domain: pairs, each for the sites of one hash.
const SITES: usize = 1024;
/// Codes of sites: the places of Python's domain, and those of the malloc family.
pub(crate) const SITE_CODES: usize = 2 * SITES;
/// Size classes of 16 bytes per domain. Sizes that are 1024 bytes apart share one.
const CLASSES: usize = 64;
/// Classes of both domains.
const ALL_CLASSES: usize = 2 * CLASSES;
/// Places of regions.
pub(crate) const REGIONS: usize = 256;
/// A region is 16 KiB, a pool of pymalloc since CPython 3.10: blocks of one size side by side.
const REGION_BITS: u32 = 14;
/// Entries of the table of recent stacks: codes of seven bits.
pub(crate) const STACKS: usize = 128;
/// 2^64 divided by the golden ratio: spreads neighbouring numbers (Knuth, TAOCP 3, 6.4).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// A call stack that asks for a size, of one domain, as one number: the call path in the upper 32 bits, the instruction and
/// the size in 16 bits each. What is too large for that has none, and so no code.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Site(u64);

// Larger allocations have to come with a time stamp. None of them is at a site, which is how the recorder finds it out.
const _: () = assert!(TIME_STAMP_SIZE >= 1 << 16);

/// The state both sides keep while they go through a chunk.
#[derive(Clone, Copy)]
pub(crate) struct EventModel {
    sites: [[Site; SITES]; 2],
    /// The address that the next block of each class is likely to get.
    likely: [u64; ALL_CLASSES],
    /// Address of the last allocation or free in each region, and the class of the last allocation.
    last_of_region: [u64; REGIONS],
    class_of_region: [u8; REGIONS],
    /// Last address of a free that was far from the last one of its region.
    pub(crate) last_far_free: u64,
    /// The last call stack that was spelled out, as its number, and ones before.
    last_stack: u64,
    recent_stacks: [u64; STACKS],
    /// Last time stamp in nanoseconds.
    pub(crate) last_ns: u64,
    /// Last turn.
    pub(crate) last_turn: u64,
}

impl EventModel {
    /// The state at the beginning of a chunk of time and turn 0.
    pub(crate) const BEGINNING: EventModel = EventModel {
        sites: [[Site(0); SITES]; 2],
        likely: [0; ALL_CLASSES],
        last_of_region: [0; REGIONS],
        class_of_region: [0; REGIONS],
        last_far_free: 0,
        last_stack: 0,
        recent_stacks: [0; STACKS],
        last_ns: 0,
        last_turn: 0,
    };

    /// The state at the beginning of a chunk.
    #[inline]
    pub(crate) fn new(first_ns: u64, first_turn: u64) -> EventModel {
        EventModel { last_ns: first_ns, last_turn: first_turn, ..EventModel::BEGINNING }
    }

    /// Makes it that of the beginning of a chunk, in place: threads whose stacks are small do this.
    pub(crate) fn restart(&mut self, first_ns: u64, first_turn: u64) {
        *self = EventModel::BEGINNING;
        self.last_ns = first_ns;
        self.last_turn = first_turn;
    }

    /// The code of a site, if it is a recent one.
    #[inline(always)]
    pub(crate) fn site_code(&self, domain: Domain, size: u64, stack: StackId) -> Option<u16> {
        let site = Site::of(size, stack)?;
        let sites = &self.sites[domain as usize];
        let mut place = site.first_place();
        if sites[place] != site {
            place += 1;
            if sites[place] != site {
                return None;
            }
        }
        Some((domain as usize * SITES + place) as u16)
    }

    /// The site that a code stands for.
    #[inline]
    pub(crate) fn site_of_code(&self, code: u16) -> (Domain, u64, StackId) {
        let (table, place) = (usize::from(code) / SITES % 2, usize::from(code) % SITES);
        let domain = if table == 0 { Domain::Python } else { Domain::Heap };
        let Site(number) = self.sites[table][place];
        let stack = StackId { path: PathId((number >> 32) as u32), instruction: (number >> 16) as u16 as u32 };
        (domain, number as u16 as u64, stack)
    }

    /// The codes of the pair of places that a site may have.
    #[inline]
    pub(crate) fn site_codes(domain: Domain, size: u64, stack: StackId) -> Option<[usize; 2]> {
        let first = domain as usize * SITES + Site::of(size, stack)?.first_place();
        Some([first, first + 1])
    }

    /// Remembers a site that was spelled out, in the first place of its pair. What was there goes to the second one.
    pub(crate) fn note_site(&mut self, domain: Domain, size: u64, stack: StackId) {
        let Some(site) = Site::of(size, stack) else { return };
        let sites = &mut self.sites[domain as usize];
        let place = site.first_place();
        if sites[place] != site {
            sites[place + 1] = sites[place];
            sites[place] = site;
        }
    }

    /// The address that the next block of this class is likely to get.
    #[inline(always)]
    pub(crate) fn likely_address(&self, Class(class): Class) -> u64 {
        self.likely[class]
    }

    /// Remembers an allocation. The next one of its class is likely to follow it.
    #[inline(always)]
    pub(crate) fn note_alloc(&mut self, class: Class, room: BlockRoom, address: u64) {
        self.likely[class.0] = address.wrapping_add(room.0);
        let region = region_code(address);
        self.last_of_region[region] = address;
        self.class_of_region[region] = class.0 as u8;
    }

    /// The code of the region of an address.
    #[inline(always)]
    pub(crate) fn region_code(address: u64) -> u16 {
        region_code(address) as u16
    }

    /// What the address of a free in the region of this code is told relative to.
    #[inline(always)]
    pub(crate) fn last_of_region(&self, code: u16) -> u64 {
        self.last_of_region[usize::from(code) % REGIONS]
    }

    /// Remembers a free. The next block of its class is likely to be the same.
    #[inline(always)]
    pub(crate) fn note_free(&mut self, address: u64) {
        let region = region_code(address);
        self.last_of_region[region] = address;
        self.likely[usize::from(self.class_of_region[region]) % ALL_CLASSES] = address;
    }

    /// The code for `stack` if it is among the recent ones.
    #[inline]
    pub(crate) fn recent_stack_code(&self, stack: StackId) -> Option<u8> {
        let number = stack.number();
        let place = stack_place(number);
        (self.recent_stacks[place] == number).then_some(place as u8)
    }

    /// The code for `stack`, which is the last one from now on, if it is among the recent ones. From now on it is.
    #[inline]
    pub(crate) fn stack_code(&mut self, stack: StackId) -> Option<u8> {
        let code = self.recent_stack_code(stack);
        self.note_stack(stack);
        code
    }

    /// The last call stack that was spelled out.
    #[inline]
    pub(crate) fn last_stack(&self) -> StackId {
        StackId::from_number(self.last_stack)
    }

    /// The stack a code below [`STACKS`] stands for, which is the last one from now on.
    #[inline]
    pub(crate) fn stack_of_code(&mut self, code: u8) -> StackId {
        self.last_stack = self.recent_stacks[usize::from(code) % STACKS];
        self.last_stack()
    }

    /// Remembers a stack that was told by its numbers.
    #[inline]
    pub(crate) fn note_stack(&mut self, stack: StackId) {
        let number = stack.number();
        self.last_stack = number;
        self.recent_stacks[stack_place(number)] = number;
    }
}

impl Site {
    #[inline(always)]
    fn of(size: u64, stack: StackId) -> Option<Site> {
        let (path, instruction) = (u64::from(stack.path.0), u64::from(stack.instruction));
        let fits = (size | instruction) >> 16 == 0;
        fits.then_some(Site(path << 32 | instruction << 16 | size))
    }

    #[inline(always)]
    fn first_place(self) -> usize {
        (self.0.wrapping_mul(SPREAD) >> (u64::BITS - SITES.ilog2())) as usize & !1
    }
}

/// Which blocks an allocator most likely serves from the same list: those of one domain and 16 bytes of size.
#[derive(Clone, Copy)]
pub(crate) struct Class(usize);

/// Bytes from a block to the next one of its class, if there is nothing between them.
#[derive(Clone, Copy)]
pub(crate) struct BlockRoom(u64);

impl Class {
    /// The class of a block, and the room that it takes.
    #[inline(always)]
    pub(crate) fn of(domain: Domain, size: u64) -> (Class, BlockRoom) {
        // glibc's malloc keeps 8 bytes of its own in each block, and gives none that is smaller than 32 with these. (Large
        // blocks of Python's domains come from there too, but few do.)
        let (first, room) = match domain {
            Domain::Python => (0, size.wrapping_add(15)),
            Domain::Heap => (CLASSES, size.wrapping_add(8 + 15).max(32)),
        };
        (Class(first + (room >> 4) as usize % CLASSES), BlockRoom(room & !15))
    }
}

#[inline(always)]
fn region_code(address: u64) -> usize {
    ((address >> REGION_BITS).wrapping_mul(SPREAD) >> (u64::BITS - REGIONS.ilog2())) as usize
}

#[inline]
fn stack_place(number: u64) -> usize {
    (number.wrapping_mul(SPREAD) >> (u64::BITS - STACKS.ilog2())) as usize
}
