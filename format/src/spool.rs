//! The spool: a file that the recorder maps into the job and writes events into, slot by slot.
//!
//! A slot becomes a chunk when it is full. What a process had not yet appended when it ended, in
//! whatever way, is still in its spool file, and [`salvage`] makes chunks of it. A chunk that was
//! appended and is salvaged all the same is known by its identity, and readers drop the second.
//!
//! File header, one page:
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | version of this layout |
//! | 12 | 4 | process id |
//! | 16 | 8 | start of the recording in that process, ns |
//! | 24 | 8 | start of the process in clock ticks since boot (`/proc/PID/stat`, field 22) |
//! | 32 | 8 | last instant at which the process is known to have lived, ns |
//! | 40 | 4 | forked children that could not be recorded, nor say so themselves |
//! | 44 | 4 | 1 if recording has ended because the recorder got no memory, else 0 |
//! | 48 | 4 | 1 if the process has called exit, _exit or abort, else 0 |
//!
//! Then slots of [`SLOT_BYTES`]:
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | 4 | state: 0 free, 1 in use |
//! | 4 | 4 | chunk kind |
//! | 8 | 4 | thread number |
//! | 12 | 4 | bytes written so far; grows with a release store after each event |
//! | 16 | 8 | chunk number |
//! | 24 | 8 | turn of the first event |
//! | 32 | 8 | time before the first event, ns |
//! | 40 | 24 | zero |
//! | 64 | .. | what a chunk holds, not compressed |

use crate::chunk::{ChunkHeader, ChunkKind};
use crate::error::FormatError;
use crate::event_decoder::EventDecoder;
use crate::field::{u32_at, u64_at};
use crate::ids::{ProcessKey, ThreadNumber};

/// First bytes of a spool file.
pub const SPOOL_MAGIC: [u8; 8] = *b"FILspool";
/// Version of the layout; a spool never outlives the trace beside it, so any other is refused.
pub const SPOOL_VERSION: u32 = 1;
/// End of a spool file's name.
pub const SPOOL_EXTENSION: &str = "spool";
/// And behind that, as long as the file has no header yet.
pub const UNFINISHED_SPOOL_EXTENSION: &str = "new";
/// The file header takes one page, so that slots are aligned to pages.
pub const SPOOL_HEADER_BYTES: usize = 4096;
/// A slot: large enough that its compression is good and handing it over is rare, small enough
/// that it stays in the processor's second cache while the job fills it.
pub const SLOT_BYTES: usize = 64 << 10;
/// A slot's header: one cache line.
pub const SLOT_HEADER_BYTES: usize = 64;
/// What fits into a slot.
pub const SLOT_CAPACITY: usize = SLOT_BYTES - SLOT_HEADER_BYTES;

/// Offset in the file header of the last instant at which the process is known to have lived.
pub const SPOOL_ALIVE_NS: usize = 32;

/// Offset in the file header of the number of forked children that could not say themselves that they are not
/// recorded.
pub const SPOOL_SILENT_CHILDREN: usize = 40;

/// Offset in the file header of a word that is 1 when recording has ended because the recorder got no memory.
pub const SPOOL_WANT_OF_MEMORY: usize = 44;

/// Offset in the file header of a word that is 1 when the process has called exit, _exit or abort.
pub const SPOOL_ENDED_ITSELF: usize = 48;

/// Offset of a slot's state.
pub const SLOT_STATE: usize = 0;
/// Offset of a slot's chunk kind.
pub const SLOT_KIND: usize = 4;
/// Offset of a slot's thread number.
pub const SLOT_THREAD: usize = 8;
/// Offset of a slot's written length.
pub const SLOT_LENGTH: usize = 12;
/// Offset of a slot's chunk number.
pub const SLOT_CHUNK_NUMBER: usize = 16;
/// Offset of a slot's first turn.
pub const SLOT_FIRST_TURN: usize = 24;
/// Offset of a slot's first time.
pub const SLOT_FIRST_NS: usize = 32;

/// State of a slot nobody uses.
pub const SLOT_FREE: u32 = 0;
/// State of a slot whose content is not yet in the trace.
pub const SLOT_IN_USE: u32 = 1;

/// Who wrote a spool file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpoolHeader {
    /// The process.
    pub process: ProcessKey,
    /// Its start in clock ticks since boot: with the pid it tells whether that process still runs.
    pub start_ticks: u64,
}

impl SpoolHeader {
    /// The bytes a spool file begins with.
    pub fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&SPOOL_MAGIC);
        bytes[8..12].copy_from_slice(&SPOOL_VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.process.pid.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.process.start_ns.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.start_ticks.to_le_bytes());
        bytes
    }

    /// Reads the beginning of a spool file.
    pub fn decode(bytes: &[u8]) -> Result<SpoolHeader, FormatError> {
        if bytes.len() < 32 {
            return Err(FormatError::Truncated { needed: 32, available: bytes.len() });
        }
        let version = u32_at(bytes, 8);
        if bytes[..8] != SPOOL_MAGIC {
            return Err(FormatError::NotATrace);
        }
        if version != SPOOL_VERSION {
            return Err(FormatError::NewerVersion { found: version, supported: SPOOL_VERSION });
        }
        let process = ProcessKey { pid: u32_at(bytes, 12), start_ns: u64_at(bytes, 16) };
        Ok(SpoolHeader { process, start_ticks: u64_at(bytes, 24) })
    }
}

/// Offset of slot `index` in the spool file.
pub fn slot_offset(index: usize) -> usize {
    SPOOL_HEADER_BYTES + index * SLOT_BYTES
}

/// What a spool file holds that is not known to be in the trace: header and content of each chunk
/// to append, the definitions first. These end when the process was last known to live.
pub fn salvage(bytes: &[u8]) -> Result<Vec<(ChunkHeader, &[u8])>, FormatError> {
    let process = SpoolHeader::decode(bytes)?.process;
    let alive_ns = alive_ns(bytes);
    let slots = bytes.get(SPOOL_HEADER_BYTES..).unwrap_or_default().chunks_exact(SLOT_BYTES);
    let mut chunks: Vec<_> = slots.filter_map(|slot| salvage_slot(process, alive_ns, slot)).collect();
    chunks.sort_by_key(|(header, _)| (header.kind != ChunkKind::Definitions, header.thread, header.chunk_number));
    Ok(chunks)
}

/// How many children of the process are missing from the trace without a word of their own.
pub fn silent_children(bytes: &[u8]) -> u32 {
    bytes.get(SPOOL_SILENT_CHILDREN..SPOOL_SILENT_CHILDREN + 4).map_or(0, |bytes| u32_at(bytes, 0))
}

/// Whether the recording ended because the recorder got no memory, which it could not say by itself.
pub fn had_no_memory(bytes: &[u8]) -> bool {
    bytes.get(SPOOL_WANT_OF_MEMORY..SPOOL_WANT_OF_MEMORY + 4).is_some_and(|bytes| u32_at(bytes, 0) != 0)
}

/// Whether the process has called exit, _exit or abort.
pub fn ended_itself(bytes: &[u8]) -> bool {
    bytes.get(SPOOL_ENDED_ITSELF..SPOOL_ENDED_ITSELF + 4).is_some_and(|bytes| u32_at(bytes, 0) != 0)
}

/// When the process was last known to live, nanoseconds of `CLOCK_MONOTONIC`.
pub fn alive_ns(bytes: &[u8]) -> u64 {
    bytes.get(SPOOL_ALIVE_NS..SPOOL_ALIVE_NS + 8).map_or(0, |bytes| u64_at(bytes, 0))
}

fn salvage_slot(process: ProcessKey, alive_ns: u64, slot: &[u8]) -> Option<(ChunkHeader, &[u8])> {
    let length = u32_at(slot, SLOT_LENGTH) as usize;
    if u32_at(slot, SLOT_STATE) != SLOT_IN_USE || length == 0 || length > SLOT_CAPACITY {
        return None;
    }
    let mut raw = &slot[SLOT_HEADER_BYTES..SLOT_HEADER_BYTES + length];
    let mut header = ChunkHeader {
        kind: ChunkKind::from_number(u32_at(slot, SLOT_KIND)),
        thread: ThreadNumber(u32_at(slot, SLOT_THREAD)),
        raw_bytes: 0,
        compressed_bytes: 0,
        event_count: 0,
        process,
        chunk_number: u64_at(slot, SLOT_CHUNK_NUMBER),
        first_turn: u64_at(slot, SLOT_FIRST_TURN),
        first_ns: u64_at(slot, SLOT_FIRST_NS),
        last_ns: u64_at(slot, SLOT_FIRST_NS),
    };
    if header.kind == ChunkKind::Definitions {
        header.last_ns = header.last_ns.max(alive_ns);
    } else if header.kind == ChunkKind::Events {
        let mut events = EventDecoder::new(raw, header.first_ns, header.first_turn);
        while let Some(Ok(event)) = events.next() {
            header.event_count += u32::from(!event.is_mark());
        }
        header.last_ns = events.last_ns();
        let end = events.offset();
        raw = &raw[..end];
    }
    Some((header, raw))
}
