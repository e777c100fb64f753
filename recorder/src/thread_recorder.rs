//! One thread's event stream: turns what its hooks saw into events in its slot.
//!
//! Events are published one by one: whatever ends the process, the slot holds every event whose
//! call had returned. A full slot goes to the background thread as a chunk.

use format::constants::{EVENTS_PER_TIME_STAMP, MAX_EVENT_BYTES, TIME_STAMP_SIZE};
use format::spool::SLOT_CAPACITY;
use format::{
    ChunkHeader, ChunkKind, Definition, Domain, EVENT_ROOM_BYTES, EventEncoder, EventRoom, MappingKind, StackId,
    ThreadNumber,
};

use crate::clock::now_ns;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::python::{Check, StackCache};
use crate::session::Session;
use crate::spool::Slot;
use crate::turn::Turn;

/// Room that must be left in a slot for the events up to the next time stamp, each of which may come with a turn, for
/// the time stamp itself, and for what the encoder wants to see behind the last.
const ROOM: usize = (2 * EVENTS_PER_TIME_STAMP as usize + 1) * MAX_EVENT_BYTES + EVENT_ROOM_BYTES;

/// Longest name that the kernel has for a thread, `TASK_COMM_LEN` without its zero byte.
const KERNEL_NAME_BYTES: usize = 15;

/// See the module.
pub(crate) struct ThreadRecorder {
    session: &'static Session,
    /// `None` once recording has stopped for want of slots.
    slot: Option<Slot>,
    length: usize,
    /// Events of the chunk up to the last time stamp.
    events_before_time_stamp: u32,
    /// Events that may follow it until there is to be another one.
    until_time_stamp: u32,
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
            length: 0,
            events_before_time_stamp: 0,
            until_time_stamp: EVENTS_PER_TIME_STAMP,
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
    #[inline(never)]
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
        self.event(|encoder, room| encoder.alloc(room, 0, domain, address as u64, size as u64, stack));
    }

    /// A block is about to be given back.
    #[inline(never)]
    pub(crate) fn free(&mut self, address: usize) {
        self.event(|encoder, room| encoder.free(room, 0, address as u64));
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
        match self.stack_cache.current_stack(check) {
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
            if self.length == 0 {
                self.session.spool.give_back(slot);
            } else {
                self.hand_over(slot);
            }
        }
    }

    #[inline(always)]
    fn event(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        if !self.turn.goes_on() {
            self.take_turn();
        }
        match self.until_time_stamp.checked_sub(1) {
            Some(left) => self.until_time_stamp = left,
            None => {
                self.time_stamp();
                self.until_time_stamp -= 1;
            }
        }
        // There is room until the next time stamp.
        let Some(slot) = &mut self.slot else { return };
        let Some(room) = slot.room(self.length) else { return };
        self.length += encode(&mut self.encoder, room);
        slot.publish(self.length);
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
        let (turn, after_clock) = Turn::take(self.thread);
        self.turn = turn;
        self.mark(|encoder, room| encoder.turn(room, 0, turn.number()));
        if after_clock {
            self.time_stamp();
        }
    }

    /// Writes a time stamp, in a new chunk if there is no room for events up to the next one.
    #[cold]
    #[inline(never)]
    fn time_stamp(&mut self) {
        self.events_before_time_stamp = self.event_count();
        self.until_time_stamp = EVENTS_PER_TIME_STAMP;
        if self.length + ROOM > SLOT_CAPACITY {
            return self.next_chunk();
        }
        self.mark(|encoder, room| encoder.time(room, 0, now_ns()));
    }

    /// Events of the chunk.
    fn event_count(&self) -> u32 {
        self.events_before_time_stamp + EVENTS_PER_TIME_STAMP - self.until_time_stamp
    }

    /// Writes what stands in front of an event. It is published with that.
    fn mark(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        if let Some(room) = self.slot.as_mut().and_then(|slot| slot.room(self.length)) {
            self.length += encode(&mut self.encoder, room);
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
        self.length = 0;
        self.events_before_time_stamp = 0;
        self.until_time_stamp = EVENTS_PER_TIME_STAMP;
        self.slot = Some(slot);
    }

    fn hand_over(&mut self, slot: Slot) {
        let mut header = self.header;
        header.event_count = self.event_count();
        header.last_ns = self.encoder.last_ns();
        self.session.hand_over(slot, self.length, header);
    }
}
