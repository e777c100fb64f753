//! Decodes a chunk, and pairs what a stretch of its events tells of by itself.

use std::cell::RefCell;
use std::iter::Peekable;

use format::{ChunkHeader, Domain, Event, EventDecoder, EventListener, StackId};

use super::{BEGIN, EventChunk, LOOSE_FREE, LastFree, OwnChange, Run};
use crate::chunk_reader::UnreadableChunk;
use crate::rise::Rise;
use crate::schedule::ScheduledChunk;
use crate::site::Category;
use crate::touches::{GONE, Touch, TouchTable};
use crate::trace_bytes::TraceBytes;

/// What is paired by a chunk itself. All of a stretch has its place in the order together, in front of the end of its
/// process or behind it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stretch {
    /// A run: a block that is paired came to life at the time of its end.
    Run,
    /// All runs of the same turn that are in front of this time (nanoseconds of the monotonic clock), at which the memory
    /// of the process stops to count; or all behind it.
    Turn { departure_ns: u64 },
}

impl Stretch {
    /// Whether one ends where the time goes on.
    fn ends(self, before_ns: u64, ns: u64) -> bool {
        match self {
            Stretch::Run => true,
            Stretch::Turn { departure_ns } => before_ns < departure_ns && departure_ns <= ns,
        }
    }
}

thread_local! {
    /// Of one per thread much stays in the processor's own cache.
    static TABLE: RefCell<TouchTable> = RefCell::default();
}

impl EventChunk {
    /// Reads and decodes. What can be read before an error is kept.
    ///
    /// `spare` is a chunk no longer needed, whose memory is used again: to give half a megabyte back
    /// for every chunk and ask for it anew took a quarter of the time of a replay.
    pub(crate) fn decode(
        trace: &TraceBytes,
        scheduled: &ScheduledChunk,
        stretch: Stretch,
        spare: EventChunk,
    ) -> EventChunk {
        let mut chunk = spare;
        chunk.clear();
        chunk.unreadable = None;
        let mut reader = std::mem::take(&mut chunk.reader);
        let raw = reader.read(trace, &scheduled.place).unwrap_or_else(|why| {
            chunk.unreadable = Some(why);
            &[]
        });
        TABLE.with_borrow_mut(|table| {
            let header = &scheduled.place.header;
            let undone = Decoding::new(&mut chunk, table, scheduled, stretch, &[]).decode(raw, header);
            // Seldom: pairing goes by what is known of a free, and this one was none.
            if !undone.is_empty() {
                chunk.clear();
                Decoding::new(&mut chunk, table, scheduled, stretch, &undone).decode(raw, header);
            }
        });
        chunk.reader = reader;
        chunk
    }
}

/// A chunk that is being decoded.
struct Decoding<'a, U: Iterator> {
    chunk: &'a mut EventChunk,
    table: &'a mut TouchTable,
    stretch: Stretch,
    /// The run that the next event is in.
    run: Run,
    /// Frees that are none, by index.
    undone: Peekable<U>,
    /// Those of which this chunk says so.
    undone_here: Vec<u32>,
}

impl<'a> Decoding<'a, std::iter::Copied<std::slice::Iter<'a, u32>>> {
    /// The frees of these indexes are none.
    fn new(
        chunk: &'a mut EventChunk,
        table: &'a mut TouchTable,
        scheduled: &ScheduledChunk,
        stretch: Stretch,
        undone: &'a [u32],
    ) -> Self {
        table.begin_chunk();
        let run = Run {
            // Not less than those of earlier chunks, whatever a damaged header says.
            turn: scheduled.turn,
            ns: scheduled.place.header.first_ns,
            events: 0..0,
            rise: Rise::default(),
            begins_stretch: true,
            ends_stretch: false,
            touches: 0..0,
        };
        let undone = undone.iter().copied().peekable();
        Decoding { chunk, table, stretch, run, undone, undone_here: Vec::new() }
    }
}

impl<U: Iterator<Item = u32>> Decoding<'_, U> {
    /// Returns the frees that the chunk undoes.
    fn decode(mut self, raw: &[u8], header: &ChunkHeader) -> Vec<u32> {
        // The stated count is believed only as far as the bytes can bear it out.
        self.chunk.changes.reserve_exact((header.event_count as usize).min(raw.len()));
        if EventDecoder::new(raw, header.first_ns, header.first_turn).tell(&mut self).is_err() {
            self.chunk.unreadable = Some(UnreadableChunk::Undecodable);
        }
        self.end_run();
        self.end_stretch();
        self.undone_here
    }

    /// The index of the next event.
    #[inline]
    fn index(&self) -> u32 {
        self.chunk.changes.len() as u32
    }

    fn push_rare(&mut self, event: Event) {
        self.chunk.rare.push((self.index(), event));
        self.chunk.changes.push(OwnChange::NOTHING);
    }

    fn undo_free(&mut self) {
        match std::mem::replace(&mut self.chunk.last_free, LastFree::Undone) {
            LastFree::At { index, .. } => self.undone_here.push(index),
            LastFree::Elsewhere => {
                self.push_rare(Event::UndoFree);
                // A block is there again, of which the touches so far know nothing.
                self.table.begin_stretch(&self.chunk.touches);
            }
            LastFree::Undone => {}
        }
    }

    /// Ends this run here; the next one begins. A run without events is not kept: the time or turn of a mark is that of the
    /// events behind it.
    fn end_run(&mut self) {
        let run = &mut self.run;
        run.events.end = self.chunk.changes.len() as u32;
        run.touches.end = self.chunk.touches.len() as u32;
        if !run.events.is_empty() {
            self.chunk.runs.push(run.clone());
            run.begins_stretch = false;
        }
        run.events.start = run.events.end;
        run.touches.start = run.touches.end;
        run.rise = Rise::default();
    }

    /// Ends the stretch in front of this run.
    fn end_stretch(&mut self) {
        self.table.begin_stretch(&self.chunk.touches);
        self.run.begins_stretch = true;
        if let Some(last) = self.chunk.runs.last_mut() {
            last.ends_stretch = true;
        }
    }
}

impl<U: Iterator<Item = u32>> EventListener for Decoding<'_, U> {
    type Site = u32;

    #[inline]
    fn site(&mut self, domain: Domain, stack: StackId) -> u32 {
        self.chunk.sites.index_of(stack, Category::of_block(domain))
    }

    #[inline]
    fn alloc(&mut self, site: u32, address: u64, size: u64) {
        let index = self.index();
        self.chunk.changes.push(OwnChange { size, site, what: BEGIN });
        self.run.rise.begin(size);
        let first = Touch::of_alloc(address, size, site, index);
        if let Some(touch) = self.table.find_or_add(&mut self.chunk.touches, first) {
            let before = std::mem::replace(&mut touch.last, index);
            (touch.size, touch.site) = (size, site);
            if before != GONE {
                self.chunk.replaced.push((index, before));
            }
        }
    }

    #[inline]
    fn free(&mut self, address: u64) {
        let index = self.index();
        self.chunk.last_free = LastFree::At { index, address };
        if self.undone.next_if_eq(&index).is_some() {
            self.chunk.changes.push(OwnChange::NOTHING);
            return;
        }
        let first = Touch::of_free(address, index);
        let change = match self.table.find_or_add(&mut self.chunk.touches, first) {
            None => OwnChange { what: LOOSE_FREE, ..OwnChange::NOTHING },
            Some(touch) => match std::mem::replace(&mut touch.last, GONE) {
                GONE => OwnChange::NOTHING,
                begin => OwnChange { size: touch.size, site: touch.site, what: begin },
            },
        };
        self.chunk.changes.push(change);
        self.run.rise.end(change.size);
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Alloc { domain, address, size, stack } => {
                let site = self.site(domain, stack);
                self.alloc(site, address, size);
            }
            Event::Free { address } => self.free(address),
            Event::Time { ns } => {
                self.end_run();
                if self.stretch.ends(self.run.ns, ns) {
                    self.end_stretch();
                }
                self.run.ns = ns;
            }
            // They rise, whatever a damaged trace says: the schedule goes by the first one.
            Event::Turn { turn } => {
                self.end_run();
                self.end_stretch();
                self.run.turn = turn.max(self.run.turn);
            }
            Event::UndoFree => self.undo_free(),
            rare => self.push_rare(rare),
        }
    }
}
