//! One thread's event stream: turns what its hooks saw into events in its slot.
//!
//! Events are published one by one: whatever ends the process, the slot holds every event whose
//! call had returned. A full slot goes to the background thread as a chunk.

use format::constants::{BYTES_PER_TIME_STAMP, TIME_STAMP_SIZE};
use format::{
    ChunkHeader, ChunkKind, Definition, Domain, EventEncoder, EventRoom, MappingKind, ShortEvent, StackId, ThreadNumber,
};

use crate::clock::now_ns;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::python::{Check, KnownLayout, StackCache};
use crate::session::Session;
use crate::spool::Slot;
use crate::turn::Turn;

/// Longest name that the kernel has for a thread, `TASK_COMM_LEN` without its zero byte.
const KERNEL_NAME_BYTES: usize = 15;

/// What became of an allocation that was to be recorded at once.
pub(crate) enum AtOnce {
    /// It is recorded.
    Written,
    /// It is not, but this is the stack.
    Unlikely(StackId),
    /// It is not.
    No,
}

/// See the module. What every event needs stands in front, in two cache lines, where instructions reach it with the shortest
/// addresses.
#[repr(C, align(64))]
pub(crate) struct ThreadRecorder {
    /// [`Slot::NONE`] once recording has stopped for want of slots.
    slot: Slot,
    turn: Turn,
    /// Events of the chunk.
    event_count: u32,
    stack_cache: StackCache,
    encoder: EventEncoder,
    /// The stack of whoever started this thread.
    inherited_stack: StackId,
    session: &'static Session,
    thread: ThreadNumber,
    name: Box<str>,
    header: ChunkHeader,
}

impl ThreadRecorder {
    /// A recorder whose first chunk goes into `slot`. All but the encoder is built on the stack first, of which some threads
    /// have little: that is over before anything else happens.
    #[inline(never)]
    pub(crate) fn new(
        session: &'static Session,
        thread: ThreadNumber,
        name: Box<str>,
        inherited_stack: StackId,
        slot: Slot,
    ) -> Box<ThreadRecorder> {
        let mut recorder = Box::new(ThreadRecorder {
            session,
            slot: Slot::NONE,
            event_count: 0,
            turn: Turn::NONE,
            thread,
            name,
            header: session.chunk_header(ChunkKind::Events, thread, 0, 0, 0),
            encoder: EventEncoder::BEGINNING,
            stack_cache: StackCache::default(),
            inherited_stack,
        });
        recorder.begin_chunk(slot);
        recorder
    }

    /// A block came to life. Records it if nothing is in the way: it is the thread's turn, the stack is the last one or a
    /// position in it, and the event is a likely one. Else nothing is done.
    #[inline(always)]
    pub(crate) fn alloc_at_once(
        &mut self,
        check: Check,
        layout: Option<KnownLayout>,
        domain: Domain,
        address: usize,
        size: usize,
    ) -> AtOnce {
        let stack = match self.stack_cache.last_stack(check, layout) {
            Some(stack) => stack,
            None if domain == Domain::Heap && self.stack_cache.has_no_frames() => self.inherited_stack,
            None => return AtOnce::No,
        };
        if !self.may_write_at_once() {
            return AtOnce::No;
        }
        let written = self.write_at_once(|encoder| encoder.alloc_at_site(domain, address as u64, size as u64, stack));
        if written { AtOnce::Written } else { AtOnce::Unlikely(stack) }
    }

    /// The same in any case.
    #[inline(always)]
    pub(crate) fn alloc(&mut self, check: Check, domain: Domain, address: usize, size: usize) {
        let stack = self.current_stack(check);
        if size as u64 >= TIME_STAMP_SIZE {
            self.stamp();
        }
        self.event(|encoder, room| encoder.alloc(room, domain, address as u64, size as u64, stack));
    }

    /// The same if [`ThreadRecorder::alloc_at_once`] has found this stack, and the event is no likely one.
    #[inline(always)]
    pub(crate) fn unlikely_alloc(&mut self, domain: Domain, address: usize, size: usize, stack: StackId) {
        if size as u64 >= TIME_STAMP_SIZE {
            self.stamp();
        }
        self.event(|encoder, room| encoder.unlikely_alloc(room, domain, address as u64, size as u64, stack));
    }

    /// A block is about to be given back. Records it if nothing is in the way, like [`ThreadRecorder::alloc_at_once`].
    #[inline(always)]
    pub(crate) fn free_at_once(&mut self, address: usize) -> bool {
        self.may_write_at_once() && self.write_at_once(|encoder| encoder.free_nearby(address as u64))
    }

    /// The same in any case.
    #[cold]
    #[inline(never)]
    pub(crate) fn free(&mut self, address: usize) {
        self.event(|encoder, room| encoder.free(room, address as u64));
    }

    /// The block of the last [`ThreadRecorder::free`] lives on.
    #[cold]
    pub(crate) fn undo_free(&mut self) {
        self.event(|encoder, room| encoder.undo_free(room));
    }

    /// A call asked for memory and got none.
    #[cold]
    #[inline(never)]
    pub(crate) fn failed(&mut self, check: Check, size: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.failed(room, size as u64, stack));
        DefinitionLog::tell_of_failure(size as u64);
    }

    /// A range was mapped.
    #[inline(never)]
    pub(crate) fn map(&mut self, check: Check, kind: MappingKind, accessible: bool, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.map(room, kind, accessible, address as u64, length as u64, stack));
    }

    /// A range is about to be unmapped or moved.
    #[inline(never)]
    pub(crate) fn unmap(&mut self, address: usize, length: usize) {
        // Much memory may go at once, and another process may wait for it: the time is told.
        self.stamp();
        self.event(|encoder, room| encoder.unmap(room, address as u64, length as u64));
    }

    /// What the last [`ThreadRecorder::unmap`] took away is now mapped here.
    #[inline(never)]
    pub(crate) fn remap(&mut self, check: Check, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.remap(room, address as u64, length as u64, stack));
    }

    /// A range became accessible, or a reservation.
    #[inline(never)]
    pub(crate) fn protect(&mut self, check: Check, accessible: bool, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.protect(room, accessible, address as u64, length as u64, stack));
    }

    /// The stack that an allocation of this thread belongs to: its own Python frames, or, while it has
    /// none, those of whoever started it.
    pub(crate) fn current_stack(&mut self, check: Check) -> StackId {
        match self.stack_cache.find_stack(check) {
            StackId::EMPTY => self.inherited_stack,
            own => own,
        }
    }

    /// The thread has another name now.
    #[cold]
    pub(crate) fn rename(&mut self, name: &str) {
        // Python 3.14 and later tell the kernel as much of a thread's name as that can hold.
        let is_beginning = self.name.len() > KERNEL_NAME_BYTES && self.name.starts_with(name);
        if *self.name != *name && !is_beginning {
            let _errno = ErrnoKept::new();
            self.name = name.into();
            DefinitionLog::write(&Definition::ThreadName { thread: self.thread, name });
        }
    }

    /// Hands over what there is: the thread has ended.
    pub(crate) fn finish(&mut self) {
        if let Some(slot) = self.slot.take() {
            if self.event_count == 0 {
                self.session.spool.give_back(slot);
            } else {
                self.hand_over(slot);
            }
        }
    }

    /// Writes an event, and in front of it what has to be there.
    #[inline]
    fn event(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        self.prepare();
        let Some(room) = self.slot.room() else { return };
        let written = encode(&mut self.encoder, room);
        self.slot.publish(written);
        self.event_count += 1;
    }

    /// Whether nothing comes in front of the next event.
    #[inline(always)]
    fn may_write_at_once(&self) -> bool {
        self.turn.goes_on() && self.slot.has_room()
    }

    /// Writes an event, if `encode` makes one, and there is room. Then it is whole, and published.
    #[inline(always)]
    fn write_at_once(&mut self, encode: impl FnOnce(&mut EventEncoder) -> Option<ShortEvent>) -> bool {
        let written = self.slot.write_at_once(|| encode(&mut self.encoder));
        self.event_count += u32::from(written);
        written
    }

    /// Writes what comes in front of the next event, if anything does. Then there is room for it, unless recording has
    /// stopped.
    fn prepare(&mut self) {
        if !self.turn.goes_on() {
            self.take_turn();
        }
        if !self.slot.has_room() {
            self.time_stamp();
        }
    }

    /// The next event's time is told.
    #[cold]
    #[inline(never)]
    fn stamp(&mut self) {
        if !self.turn.goes_on() {
            self.take_turn();
        }
        self.time_stamp();
    }

    #[cold]
    #[inline(never)]
    fn take_turn(&mut self) {
        if !self.slot.has_room() {
            self.time_stamp();
        }
        let (turn, after_clock) = Turn::take(self.thread);
        self.turn = turn;
        self.stack_cache.notice_epoch();
        self.mark(|encoder, room| encoder.turn(room, turn.number()));
        if after_clock {
            self.time_stamp();
        }
    }

    /// Writes a time stamp, which a new chunk begins with.
    #[cold]
    #[inline(never)]
    fn time_stamp(&mut self) {
        if self.slot.is_none() {
            return;
        }
        if self.slot.allow(BYTES_PER_TIME_STAMP) {
            self.mark(|encoder, room| encoder.time(room, now_ns()));
        } else {
            self.next_chunk();
        }
    }

    /// Writes what stands in front of an event. It is published with that.
    fn mark(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        if let Some(room) = self.slot.room() {
            let written = encode(&mut self.encoder, room);
            self.slot.advance(written);
        }
    }

    #[cold]
    #[inline(never)]
    fn next_chunk(&mut self) {
        let _errno = ErrnoKept::new();
        if let Some(slot) = self.slot.take() {
            self.hand_over(slot);
            self.header.chunk_number += 1;
        }
        if let Some(slot) = self.session.next_slot() {
            self.begin_chunk(slot);
        }
    }

    fn begin_chunk(&mut self, mut slot: Slot) {
        let (turn, now) = (self.turn.number(), now_ns());
        slot.begin(ChunkKind::Events, self.thread, self.header.chunk_number, turn, now);
        self.header.first_turn = turn;
        self.header.first_ns = now;
        self.encoder.restart(now, turn);
        slot.allow(BYTES_PER_TIME_STAMP);
        self.event_count = 0;
        self.slot = slot;
    }

    fn hand_over(&mut self, slot: Slot) {
        let mut header = self.header;
        header.event_count = self.event_count;
        header.last_ns = self.encoder.last_ns();
        self.session.hand_over(slot, header);
    }
}
