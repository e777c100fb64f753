//! One thread's event stream: turns what its hooks saw into events in its slot.
//!
//! Events are published one by one: whatever ends the process, the slot holds every event whose
//! call had returned. A full slot goes to the background thread as a chunk.

use format::constants::{EVENTS_PER_TIME_STAMP, MAX_EVENT_BYTES, TIME_STAMP_SIZE};
use format::spool::SLOT_CAPACITY;
use format::{ChunkHeader, ChunkKind, Definition, Domain, EventEncoder, MappingKind, StackId, ThreadNumber};

use crate::clock::now_ns;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::python::{Check, StackCache};
use crate::session::Session;
use crate::spool::Slot;
use crate::turn::Turn;

/// Room that must be left before an event: it may come with a turn and a time stamp.
const EVENT_ROOM: usize = 3 * MAX_EVENT_BYTES;

/// Longest name that the kernel has for a thread, `TASK_COMM_LEN` without its zero byte.
const KERNEL_NAME_BYTES: usize = 15;

/// See the module.
pub(crate) struct ThreadRecorder {
    session: &'static Session,
    /// `None` once recording has stopped for want of slots.
    slot: Option<Slot>,
    length: usize,
    event_count: u32,
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
            event_count: 0,
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

    /// A block came to life.
    #[inline(always)]
    pub(crate) fn alloc(&mut self, domain: Domain, address: usize, size: usize) {
        let stack = self.current_stack(if domain == Domain::Python { Check::Always } else { Check::WhenVerifying });
        if size as u64 >= TIME_STAMP_SIZE {
            self.until_time_stamp = 1;
        }
        self.event(|encoder, out, at| encoder.alloc(out, at, domain, address as u64, size as u64, stack));
    }

    /// A block is about to be given back.
    #[inline(always)]
    pub(crate) fn free(&mut self, address: usize) {
        self.event(|encoder, out, at| encoder.free(out, at, address as u64));
    }

    /// The block of the last [`ThreadRecorder::free`] lives on.
    #[cold]
    pub(crate) fn undo_free(&mut self) {
        self.event(|encoder, out, at| encoder.undo_free(out, at));
    }

    /// A range was mapped.
    #[inline(never)]
    pub(crate) fn map(&mut self, check: Check, kind: MappingKind, accessible: bool, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.until_time_stamp = 1;
        self.event(|encoder, out, at| encoder.map(out, at, kind, accessible, address as u64, length as u64, stack));
    }

    /// A range is about to be unmapped or moved.
    #[inline(never)]
    pub(crate) fn unmap(&mut self, address: usize, length: usize) {
        // Much memory may go at once, and another process may wait for it: the time is told.
        self.until_time_stamp = 1;
        self.event(|encoder, out, at| encoder.unmap(out, at, address as u64, length as u64));
    }

    /// What the last [`ThreadRecorder::unmap`] took away is now mapped here.
    #[inline(never)]
    pub(crate) fn remap(&mut self, check: Check, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.until_time_stamp = 1;
        self.event(|encoder, out, at| encoder.remap(out, at, address as u64, length as u64, stack));
    }

    /// A range became accessible, or a reservation.
    #[inline(never)]
    pub(crate) fn protect(&mut self, check: Check, accessible: bool, address: usize, length: usize) {
        let stack = self.current_stack(check);
        self.until_time_stamp = 1;
        self.event(|encoder, out, at| encoder.protect(out, at, accessible, address as u64, length as u64, stack));
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
    fn event(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut [u8], usize) -> usize) {
        if self.length + EVENT_ROOM > SLOT_CAPACITY {
            self.next_chunk();
        }
        if !self.turn.goes_on() {
            self.take_turn();
        }
        self.until_time_stamp -= 1;
        if self.until_time_stamp == 0 {
            self.time_stamp();
        }
        let Some(slot) = &mut self.slot else { return };
        self.length = encode(&mut self.encoder, slot.content(), self.length);
        self.event_count += 1;
        slot.publish(self.length);
    }

    #[cold]
    fn take_turn(&mut self) {
        let (turn, after_clock) = Turn::take(self.thread);
        self.turn = turn;
        if after_clock {
            self.until_time_stamp = 1;
        }
        if let Some(slot) = &mut self.slot {
            self.length = self.encoder.turn(slot.content(), self.length, self.turn.number());
        }
    }

    #[cold]
    fn time_stamp(&mut self) {
        self.until_time_stamp = EVENTS_PER_TIME_STAMP;
        if let Some(slot) = &mut self.slot {
            self.length = self.encoder.time(slot.content(), self.length, now_ns());
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
        self.event_count = 0;
        self.until_time_stamp = EVENTS_PER_TIME_STAMP;
        self.slot = Some(slot);
    }

    fn hand_over(&mut self, slot: Slot) {
        let mut header = self.header;
        header.event_count = self.event_count;
        header.last_ns = self.encoder.last_ns();
        self.session.hand_over(slot, self.length, header);
    }
}
