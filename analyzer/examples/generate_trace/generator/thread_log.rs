//! Writes down what one thread does, as the recorder would: events with their marks, in chunks of the length of a slot.
//!
//! Each chunk begins with a reading of the clock; in it, the clock is read every
//! [`BYTES_PER_TIME_STAMP`], and whenever somebody wants it.

use format::constants::BYTES_PER_TIME_STAMP;
use format::spool::SLOT_CAPACITY;
use format::{ChunkHeader, ChunkKind, EVENT_ROOM_BYTES, EventEncoder, EventRoom, ProcessKey, ThreadNumber};

use super::job::Job;

/// Room for a turn, a time stamp and an event, each written at the beginning of a room.
const ROOM_BYTES: usize = 2 * EVENT_ROOM_BYTES;

/// See the module.
pub(crate) struct ThreadLog {
    encoder: EventEncoder,
    /// The chunk that is written, always of the length of a slot.
    raw: Vec<u8>,
    /// Bytes written.
    length: usize,
    /// Length from which on the clock is read before the next event.
    next_stamp: usize,
    /// Turn of the last event.
    turn: u64,
    header: ChunkHeader,
}

impl ThreadLog {
    pub(crate) fn new(process: ProcessKey, thread: ThreadNumber) -> ThreadLog {
        ThreadLog {
            encoder: EventEncoder::BEGINNING,
            raw: vec![0; SLOT_CAPACITY],
            length: 0,
            next_stamp: 0,
            turn: 0,
            header: ChunkHeader::new(ChunkKind::Events, process, thread, 0),
        }
    }

    /// The clock is read before the next event.
    pub(crate) fn demand_time_stamp(&mut self) {
        self.next_stamp = 0;
    }

    /// Writes down one event of this turn.
    #[inline]
    pub(crate) fn record(
        &mut self,
        job: &mut Job,
        turn: u64,
        encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize,
    ) {
        if SLOT_CAPACITY - self.length < ROOM_BYTES {
            self.send(job);
        }
        if self.length == 0 {
            self.begin(job, turn);
        } else {
            if self.turn != turn {
                self.turn = turn;
                self.append(|encoder, room| encoder.turn(room, turn));
            }
            if self.length >= self.next_stamp {
                let now_ns = job.read_clock();
                self.append(|encoder, room| encoder.time(room, now_ns));
                self.next_stamp = self.length + BYTES_PER_TIME_STAMP;
            }
        }
        self.append(encode);
        self.header.event_count += 1;
        job.count_event();
    }

    /// Passes the chunk on, if there is anything in it.
    pub(crate) fn send(&mut self, job: &mut Job) {
        if self.length > 0 {
            self.header.last_ns = self.encoder.last_ns();
            job.output.send(self.header, &self.raw[..self.length]);
            self.header.chunk_number += 1;
            self.header.event_count = 0;
            self.length = 0;
        }
    }

    /// What holds at the beginning of a chunk is in its header.
    fn begin(&mut self, job: &mut Job, turn: u64) {
        self.turn = turn;
        self.header.first_turn = turn;
        self.header.first_ns = job.read_clock();
        self.encoder.restart(self.header.first_ns, turn);
        self.next_stamp = BYTES_PER_TIME_STAMP;
    }

    #[inline]
    fn append(&mut self, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        let room = self.raw.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut);
        debug_assert!(room.is_some(), "record saw to it that there is room");
        if let Some(room) = room {
            self.length += encode(&mut self.encoder, room);
        }
    }
}
