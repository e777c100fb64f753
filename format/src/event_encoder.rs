//! Events to bytes. See `docs/FORMAT.md`, "Events", for the tables.

use crate::event::{Domain, Event, MappingKind};
use crate::event_model::{Class, EventModel, RECENT, REGIONS, SIZE_SPELLED_OUT, STACKS, rotate};
use crate::event_room::{EVENT_ROOM_BYTES, EventRoom, put};
use crate::ids::StackId;
use crate::varint::{write, zigzag};

/// Low two bits of a tag.
pub(crate) const TAG_ALLOC_PYTHON: u8 = 0;
pub(crate) const TAG_ALLOC_HEAP: u8 = 1;
pub(crate) const TAG_FREE: u8 = 2;
pub(crate) const TAG_OTHER: u8 = 3;
/// Bits of an allocation's tag; its size code is above them.
pub(crate) const SAME_STACK: u8 = 1 << 2;
pub(crate) const LIKELY_ADDRESS: u8 = 1 << 3;
/// What the upper six bits of a tag of [`TAG_OTHER`] say.
pub(crate) const OTHER_TURN: u8 = 0;
pub(crate) const OTHER_TIME: u8 = 1;
pub(crate) const OTHER_UNDO_FREE: u8 = 2;
pub(crate) const OTHER_UNMAP: u8 = 3;
/// The first of eight: twice the number of the kind is added, and one if the mapping is accessible.
pub(crate) const OTHER_MAP: u8 = 4;
/// The first of two: one is added if the range is accessible from now on.
pub(crate) const OTHER_PROTECT: u8 = 12;
pub(crate) const OTHER_REMAP: u8 = 14;
pub(crate) const OTHER_FREE: u8 = 15;
/// The first of [`REGIONS`] numbers: a free in the region of that code.
pub(crate) const OTHER_FREE_IN_REGION: u8 = 17;
const _: () = assert!(OTHER_FREE_IN_REGION as usize + REGIONS == 64 && RECENT == 64, "tags have six bits for it");
const _: () = assert!(OTHER_MAP as usize + 2 * MappingKind::ALL.len() == OTHER_PROTECT as usize);

/// Codes of stacks, behind those of recent ones: the path is the last one, or is told too.
pub(crate) const STACK_OF_SAME_PATH: u8 = 128;
pub(crate) const STACK_SPELLED_OUT: u8 = 129;
const _: () = assert!(STACKS <= STACK_OF_SAME_PATH as usize);

/// Encodes the events of one chunk.
///
/// Every method writes at `out[at..]`, where [`MAX_EVENT_BYTES`](crate::constants::MAX_EVENT_BYTES) bytes must be free,
/// and returns the offset behind what it wrote.
pub struct EventEncoder {
    model: EventModel,
}

impl EventEncoder {
    /// An encoder for a chunk that begins at this time (nanoseconds) and turn.
    pub fn new(first_ns: u64, first_turn: u64) -> EventEncoder {
        EventEncoder { model: EventModel::new(first_ns, first_turn) }
    }

    /// Starts the next chunk.
    pub fn restart(&mut self, first_ns: u64, first_turn: u64) {
        self.model.restart(first_ns, first_turn);
    }

    /// The last time stamp in nanoseconds.
    pub fn last_ns(&self) -> u64 {
        self.model.last_ns
    }

    /// A block came to life.
    #[inline(always)]
    pub fn alloc(
        &mut self,
        out: &mut EventRoom,
        at: usize,
        domain: Domain,
        address: u64,
        size: u64,
        stack: StackId,
    ) -> usize {
        let model = &mut self.model;
        let class = Class::of(domain, size);
        let size_code = model.size_code(size);
        let tag_at = at;
        let mut tag = size_code << 4
            | match domain {
                Domain::Python => TAG_ALLOC_PYTHON,
                Domain::Heap => TAG_ALLOC_HEAP,
            };
        let mut at = at + 1;
        if size_code == SIZE_SPELLED_OUT {
            at = write(out, at, size);
        }
        if model.take_likely_address(class) == address {
            tag |= LIKELY_ADDRESS;
        } else {
            at = write(out, at, zigzag(rotate(address).wrapping_sub(model.alloc_base(class))));
        }
        model.note_alloc(class, address);
        if model.is_last_stack(stack) {
            tag |= SAME_STACK;
        } else {
            at = self.stack(out, at, stack);
        }
        put(out, tag_at, tag);
        at
    }

    /// A block is given back.
    #[inline(always)]
    pub fn free(&mut self, out: &mut EventRoom, at: usize, address: u64) -> usize {
        if let Some(code) = self.model.take_recent(address) {
            put(out, at, TAG_FREE | code << 2);
            return at + 1;
        }
        let (region, base) = self.model.free_base(address);
        let code = region.map_or(OTHER_FREE, |region| OTHER_FREE_IN_REGION + region);
        put(out, at, TAG_OTHER | code << 2);
        self.model.note_free(address);
        write(out, at + 1, zigzag(rotate(address).wrapping_sub(base)))
    }

    /// The thread's last free did not happen.
    pub fn undo_free(&mut self, out: &mut EventRoom, at: usize) -> usize {
        self.tag(out, at, OTHER_UNDO_FREE)
    }

    /// A range was mapped.
    #[expect(clippy::too_many_arguments, reason = "the fields of the event, and where to write")]
    pub fn map(
        &mut self,
        out: &mut EventRoom,
        at: usize,
        kind: MappingKind,
        accessible: bool,
        address: u64,
        length: u64,
        stack: StackId,
    ) -> usize {
        let number = match kind {
            MappingKind::Private => 0,
            MappingKind::Shared => 1,
            MappingKind::File => 2,
            MappingKind::PythonArena => 3,
        };
        let at = self.tag(out, at, OTHER_MAP + 2 * number + u8::from(accessible));
        let at = self.range(out, at, address, length);
        self.stack(out, at, stack)
    }

    /// A range is no longer mapped.
    pub fn unmap(&mut self, out: &mut EventRoom, at: usize, address: u64, length: u64) -> usize {
        let at = self.tag(out, at, OTHER_UNMAP);
        self.range(out, at, address, length)
    }

    /// A range became accessible, or a reservation.
    pub fn protect(
        &mut self,
        out: &mut EventRoom,
        at: usize,
        accessible: bool,
        address: u64,
        length: u64,
        stack: StackId,
    ) -> usize {
        let at = self.tag(out, at, OTHER_PROTECT + u8::from(accessible));
        let at = self.range(out, at, address, length);
        self.stack(out, at, stack)
    }

    /// What the thread's last unmapping took away is mapped again.
    pub fn remap(&mut self, out: &mut EventRoom, at: usize, address: u64, length: u64, stack: StackId) -> usize {
        let at = self.tag(out, at, OTHER_REMAP);
        let at = self.range(out, at, address, length);
        self.stack(out, at, stack)
    }

    /// Mark: the clock shows `ns`. A clock that goes back is written as standing still.
    pub fn time(&mut self, out: &mut EventRoom, at: usize, ns: u64) -> usize {
        let at = self.tag(out, at, OTHER_TIME);
        let passed = ns.saturating_sub(self.model.last_ns);
        self.model.last_ns += passed;
        write(out, at, passed)
    }

    /// Mark: a new turn begins. Turns rise.
    #[inline]
    pub fn turn(&mut self, out: &mut EventRoom, at: usize, turn: u64) -> usize {
        let at = self.tag(out, at, OTHER_TURN);
        let difference = turn.wrapping_sub(self.model.last_turn);
        self.model.last_turn = turn;
        write(out, at, difference)
    }

    /// Encodes any event, for writers that are in no hurry (tests, tools).
    pub fn encode(&mut self, bytes: &mut Vec<u8>, event: Event) {
        let mut out = [0; EVENT_ROOM_BYTES];
        let end = match event {
            Event::Alloc { domain, address, size, stack } => self.alloc(&mut out, 0, domain, address, size, stack),
            Event::Free { address } => self.free(&mut out, 0, address),
            Event::UndoFree => self.undo_free(&mut out, 0),
            Event::Map { kind, accessible, address, length, stack } => {
                self.map(&mut out, 0, kind, accessible, address, length, stack)
            }
            Event::Unmap { address, length } => self.unmap(&mut out, 0, address, length),
            Event::Protect { accessible, address, length, stack } => {
                self.protect(&mut out, 0, accessible, address, length, stack)
            }
            Event::Remap { address, length, stack } => self.remap(&mut out, 0, address, length, stack),
            Event::Time { ns } => self.time(&mut out, 0, ns),
            Event::Turn { turn } => self.turn(&mut out, 0, turn),
        };
        bytes.extend_from_slice(&out[..end]);
    }

    #[inline]
    fn tag(&self, out: &mut EventRoom, at: usize, other: u8) -> usize {
        put(out, at, TAG_OTHER | other << 2);
        at + 1
    }

    fn range(&self, out: &mut EventRoom, at: usize, address: u64, length: u64) -> usize {
        let at = write(out, at, address);
        write(out, at, length)
    }

    #[inline(always)]
    fn stack(&mut self, out: &mut EventRoom, at: usize, stack: StackId) -> usize {
        let last = self.model.last_stack();
        match self.model.stack_code(stack) {
            Some(code) => {
                put(out, at, code);
                at + 1
            }
            None => spell_stack(out, at, last, stack),
        }
    }
}

#[inline(never)]
fn spell_stack(out: &mut EventRoom, at: usize, last: StackId, stack: StackId) -> usize {
    if last.path == stack.path {
        put(out, at, STACK_OF_SAME_PATH);
        return write(out, at + 1, u64::from(stack.instruction));
    }
    put(out, at, STACK_SPELLED_OUT);
    let difference = u64::from(stack.path.0).wrapping_sub(u64::from(last.path.0));
    let at = write(out, at + 1, zigzag(difference));
    write(out, at, u64::from(stack.instruction))
}
