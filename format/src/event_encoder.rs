//! Events to bytes. See `docs/FORMAT.md`, "Events", for the tables.

use crate::distance::{distance, far_distance};
use crate::event::{Domain, Event, MappingKind};
use crate::event_model::{Class, EventModel, REGIONS, SITE_CODES, STACKS};
use crate::event_room::{EVENT_ROOM_BYTES, EventRoom, ShortEvent, put, put_nearby};
use crate::ids::StackId;
use crate::varint::{write, zigzag};

/// Low bit of a head: an allocation at a recent site.
pub(crate) const HEAD_ALLOC: u16 = 0;
pub(crate) const ALLOC_DISTANCE: u16 = 1 << 1;
pub(crate) const ALLOC_CODE_SHIFT: u32 = 2;
/// Low two bits of a head: a free near the last address of its region.
pub(crate) const HEAD_FREE: u16 = 1;
pub(crate) const FREE_DISTANCE: u16 = 1 << 2;
pub(crate) const FREE_CODE_SHIFT: u32 = 3;
/// Low two bits of a tag, which is the first byte of anything else.
pub(crate) const TAG_OTHER: u8 = 3;
const _: () = assert!(SITE_CODES << ALLOC_CODE_SHIFT <= 1 << 16 && REGIONS << FREE_CODE_SHIFT <= 1 << 16);

/// What the upper six bits of a tag say.
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
pub(crate) const OTHER_ALLOC_PYTHON: u8 = 16;
pub(crate) const OTHER_ALLOC_HEAP: u8 = 17;
pub(crate) const OTHER_ALLOC_PYTHON_NEARBY: u8 = 18;
pub(crate) const OTHER_ALLOC_HEAP_NEARBY: u8 = 19;
pub(crate) const OTHER_FAILED: u8 = 20;
const _: () = assert!(OTHER_MAP as usize + 2 * MappingKind::ALL.len() == OTHER_PROTECT as usize);

/// Codes of stacks, behind those of recent ones: the path is the last one, or is told too.
pub(crate) const STACK_OF_SAME_PATH: u8 = 128;
pub(crate) const STACK_SPELLED_OUT: u8 = 129;
const _: () = assert!(STACKS <= STACK_OF_SAME_PATH as usize);

/// Encodes the events of one chunk.
///
/// Every method writes an event at the beginning of the room and returns how many bytes it takes, at most
/// [`MAX_EVENT_BYTES`](crate::constants::MAX_EVENT_BYTES).
pub struct EventEncoder {
    model: EventModel,
}

impl EventEncoder {
    /// An encoder for a chunk that begins at this time (nanoseconds) and turn.
    pub fn new(first_ns: u64, first_turn: u64) -> EventEncoder {
        EventEncoder { model: EventModel::new(first_ns, first_turn) }
    }

    /// An encoder for a chunk of time and turn 0. It is large, and nothing but zeros: made of this it can be set up where it
    /// stays.
    pub const BEGINNING: EventEncoder = EventEncoder { model: EventModel::BEGINNING };

    /// Starts the next chunk.
    pub fn restart(&mut self, first_ns: u64, first_turn: u64) {
        self.model.restart(first_ns, first_turn);
    }

    /// The last time stamp in nanoseconds.
    pub fn last_ns(&self) -> u64 {
        self.model.last_ns
    }

    /// A block came to life.
    pub fn alloc(&mut self, out: &mut EventRoom, domain: Domain, address: u64, size: u64, stack: StackId) -> usize {
        match self.alloc_at_site(domain, address, size, stack) {
            Some(short) => short.put(out),
            None => self.unlikely_alloc(out, domain, address, size, stack),
        }
    }

    /// The same for what [`EventEncoder::alloc_at_site`] does not say.
    pub fn unlikely_alloc(
        &mut self,
        out: &mut EventRoom,
        domain: Domain,
        address: u64,
        size: u64,
        stack: StackId,
    ) -> usize {
        let written = self.alloc_nearby(out, domain, address, size, stack);
        written.unwrap_or_else(|| self.spell_alloc(out, domain, address, size, stack))
    }

    /// The same if it can be said in few bytes: at a recent site, near the likely address. Most can. Else nothing is done,
    /// as for all sizes of [`TIME_STAMP_SIZE`](crate::constants::TIME_STAMP_SIZE) or more.
    #[inline(always)]
    pub fn alloc_at_site(&mut self, domain: Domain, address: u64, size: u64, stack: StackId) -> Option<ShortEvent> {
        let code = self.model.site_code(domain, size, stack)?;
        let (class, room) = Class::of(domain, size);
        let distance = distance(self.model.likely_address(class), address)?;
        self.model.note_alloc(class, room, address);
        Some(ShortEvent::new(HEAD_ALLOC | code << ALLOC_CODE_SHIFT, ALLOC_DISTANCE, distance))
    }

    /// A recent stack, but another size: near the likely address.
    fn alloc_nearby(
        &mut self,
        out: &mut EventRoom,
        domain: Domain,
        address: u64,
        size: u64,
        stack: StackId,
    ) -> Option<usize> {
        let size_word = u16::try_from(size).ok()?;
        let code = self.model.recent_stack_code(stack)?;
        let (class, room) = Class::of(domain, size);
        let distance = distance(self.model.likely_address(class), address)?;
        self.model.stack_of_code(code);
        self.model.note_alloc(class, room, address);
        self.model.note_site(domain, size, stack);
        let other = match domain {
            Domain::Python => OTHER_ALLOC_PYTHON_NEARBY,
            Domain::Heap => OTHER_ALLOC_HEAP_NEARBY,
        };
        Some(put_nearby(out, TAG_OTHER | other << 2, code, size_word, distance))
    }

    fn spell_alloc(&mut self, out: &mut EventRoom, domain: Domain, address: u64, size: u64, stack: StackId) -> usize {
        let at = self.tag(
            out,
            match domain {
                Domain::Python => OTHER_ALLOC_PYTHON,
                Domain::Heap => OTHER_ALLOC_HEAP,
            },
        );
        let (class, room) = Class::of(domain, size);
        let at = write(out, at, size);
        let at = write(out, at, zigzag(far_distance(self.model.likely_address(class), address)));
        self.model.note_alloc(class, room, address);
        self.model.note_site(domain, size, stack);
        self.stack(out, at, stack)
    }

    /// A block is given back.
    pub fn free(&mut self, out: &mut EventRoom, address: u64) -> usize {
        match self.free_nearby(address) {
            Some(short) => short.put(out),
            None => self.spell_free(out, address),
        }
    }

    /// The same if it can be said in few bytes: near the last address of its region. Most can. Else nothing is done.
    #[inline(always)]
    pub fn free_nearby(&mut self, address: u64) -> Option<ShortEvent> {
        let code = EventModel::region_code(address);
        let distance = distance(self.model.last_of_region(code), address)?;
        self.model.note_free(address);
        Some(ShortEvent::new(HEAD_FREE | code << FREE_CODE_SHIFT, FREE_DISTANCE, distance))
    }

    fn spell_free(&mut self, out: &mut EventRoom, address: u64) -> usize {
        let at = self.tag(out, OTHER_FREE);
        let at = write(out, at, zigzag(far_distance(self.model.last_far_free, address)));
        self.model.last_far_free = address;
        self.model.note_free(address);
        at
    }

    /// The thread's last free did not happen.
    pub fn undo_free(&mut self, out: &mut EventRoom) -> usize {
        self.tag(out, OTHER_UNDO_FREE)
    }

    /// A range was mapped.
    pub fn map(
        &mut self,
        out: &mut EventRoom,
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
        let at = self.tag(out, OTHER_MAP + 2 * number + u8::from(accessible));
        let at = self.range(out, at, address, length);
        self.stack(out, at, stack)
    }

    /// A range is no longer mapped.
    pub fn unmap(&mut self, out: &mut EventRoom, address: u64, length: u64) -> usize {
        let at = self.tag(out, OTHER_UNMAP);
        self.range(out, at, address, length)
    }

    /// A range became accessible, or a reservation.
    pub fn protect(
        &mut self,
        out: &mut EventRoom,
        accessible: bool,
        address: u64,
        length: u64,
        stack: StackId,
    ) -> usize {
        let at = self.tag(out, OTHER_PROTECT + u8::from(accessible));
        let at = self.range(out, at, address, length);
        self.stack(out, at, stack)
    }

    /// What the thread's last unmapping took away is mapped again.
    pub fn remap(&mut self, out: &mut EventRoom, address: u64, length: u64, stack: StackId) -> usize {
        let at = self.tag(out, OTHER_REMAP);
        let at = self.range(out, at, address, length);
        self.stack(out, at, stack)
    }

    /// A call asked for memory and got none.
    pub fn failed(&mut self, out: &mut EventRoom, size: u64, stack: StackId) -> usize {
        let at = self.tag(out, OTHER_FAILED);
        let at = write(out, at, size);
        self.stack(out, at, stack)
    }

    /// Mark: the clock shows `ns`. A clock that goes back is written as standing still.
    pub fn time(&mut self, out: &mut EventRoom, ns: u64) -> usize {
        let at = self.tag(out, OTHER_TIME);
        let passed = ns.saturating_sub(self.model.last_ns);
        self.model.last_ns += passed;
        write(out, at, passed)
    }

    /// Mark: a new turn begins. Turns rise.
    #[inline]
    pub fn turn(&mut self, out: &mut EventRoom, turn: u64) -> usize {
        let at = self.tag(out, OTHER_TURN);
        let difference = turn.wrapping_sub(self.model.last_turn);
        self.model.last_turn = turn;
        write(out, at, difference)
    }

    /// Encodes any event, for writers that are in no hurry (tests, tools).
    pub fn encode(&mut self, bytes: &mut Vec<u8>, event: Event) {
        let mut out = [0; EVENT_ROOM_BYTES];
        let end = match event {
            Event::Alloc { domain, address, size, stack } => self.alloc(&mut out, domain, address, size, stack),
            Event::Free { address } => self.free(&mut out, address),
            Event::UndoFree => self.undo_free(&mut out),
            Event::Map { kind, accessible, address, length, stack } => {
                self.map(&mut out, kind, accessible, address, length, stack)
            }
            Event::Unmap { address, length } => self.unmap(&mut out, address, length),
            Event::Protect { accessible, address, length, stack } => {
                self.protect(&mut out, accessible, address, length, stack)
            }
            Event::Remap { address, length, stack } => self.remap(&mut out, address, length, stack),
            Event::Failed { size, stack } => self.failed(&mut out, size, stack),
            Event::Time { ns } => self.time(&mut out, ns),
            Event::Turn { turn } => self.turn(&mut out, turn),
        };
        bytes.extend_from_slice(&out[..end]);
    }

    #[inline]
    fn tag(&self, out: &mut EventRoom, other: u8) -> usize {
        put(out, 0, TAG_OTHER | other << 2);
        1
    }

    fn range(&self, out: &mut EventRoom, at: usize, address: u64, length: u64) -> usize {
        let at = write(out, at, address);
        write(out, at, length)
    }

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
