//! One thread's event stream: turns what its hooks saw into events in its slot.
//!
//! Events are published one by one: whatever ends the process, the slot holds every event whose
//! call had returned. A full slot goes to the background thread as a chunk.

use format::constants::{BYTES_PER_TIME_STAMP, TIME_STAMP_SIZE};
use format::{ChunkHeader, ChunkKind, Definition, Domain, EventEncoder, EventRoom, MappingKind, StackId, ThreadNumber};

use crate::clock::now_ns;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::python::{Check, StackCache};
use crate::session::Session;
use crate::spool::Slot;
use crate::turn::Turn;

/// Longest name that the kernel has for a thread, `TASK_COMM_LEN` without its zero byte.
const KERNEL_NAME_BYTES: usize = 15;

/// See the module.
pub(crate) struct ThreadRecorder {
    session: &'static Session,
    /// `None` once recording has stopped for want of slots.
    slot: Option<Slot>,
    /// Events of the chunk.
    event_count: u32,
    turn: Turn,
    thread: ThreadNumber,
    name: Box<str>,
    header: ChunkHeader,
    encoder: EventEncoder,
    stack_cache: StackCache,
    /// The stack of whoever started this thread.
    inherited_stack: StackId,
}

impl ThreadRecorder {
    /// A recorder whose first chunk goes into `slot`. It is built on the stack first, of which some threads have
    /// little: that is over before anything else happens.
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
            slot: None,
            event_count: 0,
            turn: Turn::NONE,
            thread,
            name,
            header: session.chunk_header(ChunkKind::Events, thread, 0, 0, 0),
            encoder: EventEncoder::new(0, 0),
            stack_cache: StackCache::default(),
            inherited_stack,
        });
        recorder.begin_chunk(slot);
        recorder
    }

    /// A block of Python's allocator came to life.
    #[inline(always)]
    pub(crate) fn alloc_python(&mut self, address: usize, size: usize) {
        self.alloc::<true>(address, size);
    }

    /// A block of the malloc family came to life.
    #[inline(never)]
    pub(crate) fn alloc_heap(&mut self, address: usize, size: usize) {
        self.alloc::<false>(address, size);
    }

    /// (A function for each of the two, so that the encoder knows the domain while it is compiled.)
    #[inline(always)]
    fn alloc<const PYTHON: bool>(&mut self, address: usize, size: usize) {
        let (check, domain) =
            if PYTHON { (Check::Always, Domain::Python) } else { (Check::WhenVerifying, Domain::Heap) };
        let stack = self.current_stack(check);
        if size as u64 >= TIME_STAMP_SIZE {
            self.stamp();
        }
        if self.is_ready() {
            self.write_alloc(domain, address, size, stack);
        } else {
            self.prepare_and_write_alloc(domain, address, size, stack);
        }
    }

    #[cold]
    #[inline(never)]
    fn prepare_and_write_alloc(&mut self, domain: Domain, address: usize, size: usize, stack: StackId) {
        self.prepare();
        self.write_alloc(domain, address, size, stack);
    }

    #[inline(always)]
    fn write_alloc(&mut self, domain: Domain, address: usize, size: usize, stack: StackId) {
        let Some(slot) = &mut self.slot else { return };
        let Some(room) = slot.room() else { return };
        let written = self.encoder.alloc(room, 0, domain, address as u64, size as u64, stack);
        slot.publish(written);
        self.event_count += 1;
    }

    /// A block is about to be given back.
    #[inline(always)]
    pub(crate) fn free(&mut self, address: usize) {
        if self.is_ready() {
            self.write_free(address);
        } else {
            self.prepare_and_write_free(address);
        }
    }

    #[cold]
    #[inline(never)]
    fn prepare_and_write_free(&mut self, address: usize) {
        self.prepare();
        self.write_free(address);
    }

    #[inline(always)]
    fn write_free(&mut self, address: usize) {
        let Some(slot) = &mut self.slot else { return };
        let Some(room) = slot.room() else { return };
        let written = self.encoder.free(room, 0, address as u64);
        slot.publish(written);
        self.event_count += 1;
    }

    /// The block of the last [`ThreadRecorder::free`] lives on.
    #[cold]
    pub(crate) fn undo_free(&mut self) {
        self.event(|encoder, room| encoder.undo_free(room, 0));
    }

    /// A range was mapped.
    #[inline(never)]
    pub(crate) fn map(&mut self, check: Check, kind: MappingKind, accessible: bool, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.map(room, 0, kind, accessible, address as u64, length as u64, stack));
    }

    /// A range is about to be unmapped or moved.
    #[inline(never)]
    pub(crate) fn unmap(&mut self, address: usize, length: usize) {
        // Much memory may go at once, and another process may wait for it: the time is told.
        self.stamp();
        self.event(|encoder, room| encoder.unmap(room, 0, address as u64, length as u64));
    }

    /// What the last [`ThreadRecorder::unmap`] took away is now mapped here.
    #[inline(never)]
    pub(crate) fn remap(&mut self, check: Check, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.remap(room, 0, address as u64, length as u64, stack));
    }

    /// A range became accessible, or a reservation.
    #[inline(never)]
    pub(crate) fn protect(&mut self, check: Check, accessible: bool, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.stamp();
        self.event(|encoder, room| encoder.protect(room, 0, accessible, address as u64, length as u64, stack));
    }

    /// The stack that an allocation of this thread belongs to: its own Python frames, or, while it has
    /// none, those of whoever started it.
    #[inline(always)]
    pub(crate) fn current_stack(&mut self, check: Check) -> StackId {
        match self.stack_cache.last_stack(check) {
            Some(stack) => stack,
            None => self.find_stack(check),
        }
    }

    #[inline(never)]
    fn find_stack(&mut self, check: Check) -> StackId {
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

    /// Writes an event that is not among the most frequent.
    #[cold]
    fn event(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        self.prepare();
        let Some(slot) = &mut self.slot else { return };
        let Some(room) = slot.room() else { return };
        let written = encode(&mut self.encoder, room);
        slot.publish(written);
        self.event_count += 1;
    }

    /// Whether nothing comes in front of the next event.
    #[inline(always)]
    fn is_ready(&self) -> bool {
        self.turn.goes_on() && self.has_room()
    }

    /// Writes what comes in front of the next event, if anything does. Then there is room for it, unless recording has
    /// stopped.
    fn prepare(&mut self) {
        if !self.turn.goes_on() {
            self.take_turn();
        }
        if !self.has_room() {
            self.time_stamp();
        }
    }

    /// Whether an event can be written before the next time stamp.
    #[inline(always)]
    fn has_room(&self) -> bool {
        self.slot.as_ref().is_some_and(Slot::has_room)
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
        if !self.has_room() {
            self.time_stamp();
        }
        let (turn, after_clock) = Turn::take(self.thread);
        self.turn = turn;
        self.mark(|encoder, room| encoder.turn(room, 0, turn.number()));
        if after_clock {
            self.time_stamp();
        }
    }

    /// Writes a time stamp, which a new chunk begins with.
    #[cold]
    #[inline(never)]
    fn time_stamp(&mut self) {
        let Some(slot) = &mut self.slot else { return };
        if slot.allow(BYTES_PER_TIME_STAMP) {
            self.mark(|encoder, room| encoder.time(room, 0, now_ns()));
        } else {
            self.next_chunk();
        }
    }

    /// Writes what stands in front of an event. It is published with that.
    fn mark(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        if let Some(slot) = &mut self.slot
            && let Some(room) = slot.room()
        {
            let written = encode(&mut self.encoder, room);
            slot.advance(written);
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
        self.slot = Some(slot);
    }

    fn hand_over(&mut self, slot: Slot) {
        let mut header = self.header;
        header.event_count = self.event_count;
        header.last_ns = self.encoder.last_ns();
        self.session.hand_over(slot, header);
    }
}
