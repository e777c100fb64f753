//! A trace chunk by chunk, in the order of the file, with what is no sound chunk between them.
//!
//! The places of all chunks are found anew for it: nobody else needs them behind the opening of a trace, and they would
//! have to be kept in memory. What is told is thus what is in the file now.

use std::collections::BTreeSet;
use std::ops::Range;

use format::ChunkKind;
use serde::Serialize;

use crate::catalogue::{Catalogue, ImageChunks, Stream};
use crate::chunk_index::{self, ChunkIndex, ChunkPlace};
use crate::error::AnalyzerError;
use crate::trace::Trace;

/// A chunk of a trace, or bytes between chunks. What its header does not say, or should not be believed, is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChunkInfo {
    /// Offset in the trace.
    pub offset: u64,
    /// Bytes in the trace, its header too.
    pub bytes: u64,
    /// What it is.
    pub kind: ChunkInfoKind,
    /// Whether its bytes fit its checksum.
    pub sound: bool,
    /// Whether the chunk stands elsewhere in the trace, too, and that one counts.
    pub repeated: bool,
    /// What it holds, decompressed.
    pub raw_bytes: Option<u64>,
    /// Process id of whose it is.
    pub process: Option<u32>,
    /// When the recording of that process began: nanoseconds from the start of the job. Process ids are used again.
    pub process_start_ns: Option<u64>,
    /// Number of the thread whose events it holds.
    pub thread: Option<u32>,
    /// Its number, from 0, among those of its kind of the process, or of the thread if it holds events.
    pub number: Option<u64>,
    /// The turn in force at its first event.
    pub first_turn: Option<u64>,
    /// The time in force at its first event: nanoseconds from the start of the job.
    pub first_ns: Option<u64>,
    /// Its last time stamp: nanoseconds from the start of the job.
    pub last_ns: Option<u64>,
    /// Its events.
    pub event_count: Option<u64>,
}

/// What a stretch of a trace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChunkInfoKind {
    /// A chunk of events of one thread.
    Events,
    /// A chunk of definitions of one process.
    Definitions,
    /// A chunk with a source file.
    Source,
    /// The chunk with which a recording ends.
    End,
    /// A chunk of a kind that this fil does not know.
    Unknown,
    /// No chunk: bytes that are damaged.
    Damaged,
    /// No chunk: the beginning of one that is all there behind it. Nothing is lost.
    Torn,
    /// No chunk: the beginning of one at the end of the trace.
    CutShort,
}

/// Tells the chunks of a trace in the order of the file.
pub fn chunks(trace: &Trace) -> Result<Vec<ChunkInfo>, AnalyzerError> {
    let unreadable = |source| AnalyzerError::Unreadable { path: trace.name().into(), source };
    let start = trace.layout().header_bytes;
    let index = ChunkIndex::scan(trace.bytes(), start, chunk_index::WINDOW_BYTES).map_err(unreadable)?;
    let counted = counted(&Catalogue::new(&index.chunks));
    let mut all: Vec<ChunkInfo> = index.chunks.iter().map(|place| of_chunk(place, &counted, trace)).collect();
    all.extend(index.damaged.iter().map(|range| of_gap(ChunkInfoKind::Damaged, range.clone())));
    all.extend(index.torn.iter().map(|range| of_gap(ChunkInfoKind::Torn, range.clone())));
    let cut_short = index.cut_short_at.map(|offset| offset..trace.bytes().length());
    all.extend(cut_short.map(|range| of_gap(ChunkInfoKind::CutShort, range)));
    all.sort_by_key(|chunk| chunk.offset);
    Ok(all)
}

/// Offsets of the chunks of events and definitions that count: each once.
fn counted(catalogue: &Catalogue) -> BTreeSet<u64> {
    let streams = |image: &'_ ImageChunks| -> Vec<u64> {
        let streams = image.events.values().chain([&image.definitions]);
        streams.flat_map(Stream::chunks).map(|place| place.offset).collect()
    };
    catalogue.images.values().flat_map(streams).collect()
}

fn of_chunk(place: &ChunkPlace, counted: &BTreeSet<u64>, trace: &Trace) -> ChunkInfo {
    let header = place.header;
    let kind = match header.kind {
        ChunkKind::Events => ChunkInfoKind::Events,
        ChunkKind::Definitions => ChunkInfoKind::Definitions,
        ChunkKind::Source => ChunkInfoKind::Source,
        ChunkKind::End => ChunkInfoKind::End,
        ChunkKind::Unknown(_) => ChunkInfoKind::Unknown,
    };
    let has_events = header.kind == ChunkKind::Events;
    let is_of_a_process = has_events || header.kind == ChunkKind::Definitions;
    ChunkInfo {
        kind,
        sound: true,
        repeated: is_of_a_process && !counted.contains(&place.offset),
        raw_bytes: Some(header.raw_bytes.into()),
        process: is_of_a_process.then_some(header.process.pid),
        process_start_ns: is_of_a_process.then(|| trace.since_start(header.process.start_ns)),
        thread: has_events.then_some(header.thread.0),
        number: is_of_a_process.then_some(header.chunk_number),
        first_turn: has_events.then_some(header.first_turn),
        first_ns: is_of_a_process.then(|| trace.since_start(header.first_ns)),
        last_ns: is_of_a_process.then(|| trace.since_start(header.last_ns)),
        event_count: has_events.then_some(header.event_count.into()),
        ..of_gap(kind, place.range())
    }
}

/// Bytes of which no more is known.
fn of_gap(kind: ChunkInfoKind, range: Range<u64>) -> ChunkInfo {
    ChunkInfo {
        offset: range.start,
        bytes: range.end - range.start,
        kind,
        sound: false,
        repeated: false,
        raw_bytes: None,
        process: None,
        process_start_ns: None,
        thread: None,
        number: None,
        first_turn: None,
        first_ns: None,
        last_ns: None,
        event_count: None,
    }
}
