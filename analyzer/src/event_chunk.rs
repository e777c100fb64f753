//! One chunk of events, decoded.
//!
//! A chunk is cut into runs: stretches of events with the same turn and the same time in force. A
//! run is what gets ordered; the events of a run follow each other in memory.

use std::ops::Range;

use format::{Event, EventDecoder};

use crate::chunk_index::ChunkPlace;

/// The events of a chunk and the runs they make up.
#[derive(Default)]
pub(crate) struct EventChunk {
    raw: Vec<u8>,
    events: Vec<Event>,
    runs: Vec<Run>,
    /// Whether all events could be read.
    pub(crate) whole: bool,
}

/// A stretch of events of one thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// Turn in force.
    pub(crate) turn: u64,
    /// Time in force, nanoseconds of the monotonic clock.
    pub(crate) ns: u64,
    events: Range<u32>,
}

impl EventChunk {
    /// Decompresses and decodes. What can be read before an error is kept.
    ///
    /// `spare` is a chunk no longer needed, whose memory is used again: to give half a megabyte back
    /// for every chunk and ask for it anew took a quarter of the time of a replay.
    pub(crate) fn decode(trace: &[u8], place: &ChunkPlace, spare: EventChunk) -> EventChunk {
        let header = &place.header;
        let EventChunk { mut raw, mut events, mut runs, .. } = spare;
        events.clear();
        runs.clear();
        let mut whole = format::decompress(header, &trace[place.range()], &mut raw).is_ok();
        if !whole {
            raw.clear();
        }
        // The stated count is believed only as far as the bytes can bear it out.
        events.reserve((header.event_count as usize).min(raw.len()));
        let mut run = Run { turn: header.first_turn, ns: header.first_ns, events: 0..0 };
        for event in EventDecoder::new(&raw, header.first_ns, header.first_turn) {
            match event {
                Ok(Event::Time { ns }) => run.next(&mut runs, events.len(), |run| run.ns = ns),
                Ok(Event::Turn { turn }) => run.next(&mut runs, events.len(), |run| run.turn = turn),
                Ok(event) => events.push(event),
                Err(_) => whole = false,
            }
        }
        run.next(&mut runs, events.len(), |_| {});
        EventChunk { raw, events, runs, whole }
    }

    pub(crate) fn run(&self, at: usize) -> Option<&Run> {
        self.runs.get(at)
    }

    pub(crate) fn events(&self, run: &Run) -> &[Event] {
        &self.events[run.events.start as usize..run.events.end as usize]
    }
}

impl Run {
    /// Ends this run behind `events` events and begins the next. A run without events is not kept: the
    /// time or turn of a mark is that of the events behind it.
    fn next(&mut self, runs: &mut Vec<Run>, events: usize, mark: impl FnOnce(&mut Run)) {
        self.events.end = events as u32;
        if !self.events.is_empty() {
            runs.push(self.clone());
        }
        self.events.start = self.events.end;
        mark(self);
    }
}
