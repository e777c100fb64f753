//! How the bytes of a trace are divided: its header, its chunks by kind, and what is no sound chunk.

use std::ops::Range;

use format::ChunkKind;
use serde::Serialize;

use crate::chunk_index::{ChunkIndex, ChunkPlace};

/// What each kind of chunk takes of a trace. Together with the header and what is no chunk, that is the whole trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Layout {
    /// Bytes of the header of the trace.
    pub header_bytes: u64,
    /// Events of threads.
    pub events: ChunkSum,
    /// Definitions: code objects, call paths, threads, samples of resident memory.
    pub definitions: ChunkSum,
    /// Source files.
    pub sources: ChunkSum,
    /// Marks that a recording ended in order.
    pub ends: ChunkSum,
    /// Kinds that this fil does not know.
    pub unknown: ChunkSum,
    /// Bytes that are damaged, or the beginning of a chunk that is not all there.
    pub damaged_bytes: u64,
    /// Bytes of beginnings of chunks that are all there behind them: nothing is lost.
    pub torn_bytes: u64,
}

/// Some chunks of a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ChunkSum {
    /// How many.
    pub chunks: u64,
    /// Their bytes in the trace, headers too.
    pub bytes: u64,
    /// What they hold, decompressed.
    pub raw_bytes: u64,
}

impl Layout {
    /// That of a trace of this length, whose chunks begin behind so many bytes.
    pub(crate) fn of(index: &ChunkIndex, header_bytes: u64, trace_bytes: u64) -> Layout {
        let mut layout = Layout { header_bytes, ..Layout::default() };
        for place in &index.chunks {
            layout.sum_of(place.header.kind).add(place);
        }
        let cut_short = index.cut_short_at.map_or(0, |offset| trace_bytes - offset);
        layout.damaged_bytes = index.damaged_bytes() + cut_short;
        layout.torn_bytes = index.torn.iter().map(|Range { start, end }| end - start).sum();
        layout
    }

    fn sum_of(&mut self, kind: ChunkKind) -> &mut ChunkSum {
        match kind {
            ChunkKind::Events => &mut self.events,
            ChunkKind::Definitions => &mut self.definitions,
            ChunkKind::Source => &mut self.sources,
            ChunkKind::End => &mut self.ends,
            ChunkKind::Unknown(_) => &mut self.unknown,
        }
    }

    /// All chunks.
    pub fn chunks(&self) -> ChunkSum {
        let Layout { events, definitions, sources, ends, unknown, .. } = self;
        [events, definitions, sources, ends, unknown].into_iter().fold(ChunkSum::default(), |sum, part| ChunkSum {
            chunks: sum.chunks + part.chunks,
            bytes: sum.bytes + part.bytes,
            raw_bytes: sum.raw_bytes.saturating_add(part.raw_bytes),
        })
    }
}

impl ChunkSum {
    fn add(&mut self, place: &ChunkPlace) {
        self.chunks += 1;
        self.bytes += place.length();
        self.raw_bytes = self.raw_bytes.saturating_add(u64::from(place.header.raw_bytes));
    }
}
