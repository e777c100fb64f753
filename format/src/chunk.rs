//! Chunks: the framed, compressed, checksummed pieces a trace is made of.
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | 4 | magic |
//! | 4 | 4 | CRC32C of everything from offset 8 to the end of the payload |
//! | 8 | 4 | kind |
//! | 12 | 4 | thread number within the process, 0 for the process as a whole |
//! | 16 | 4 | length of the payload decompressed |
//! | 20 | 4 | length of the payload: one zstd frame |
//! | 24 | 4 | events (marks not counted) |
//! | 28 | 4 | process id |
//! | 32 | 8 | start of the recording in that process, ns |
//! | 40 | 8 | chunk number: rises by one per process, thread and kind |
//! | 48 | 8 | turn of the first event |
//! | 56 | 8 | time before the first event, ns |
//! | 64 | 8 | time of the last time stamp, ns |
//! | 72 | .. | payload |

use std::cell::RefCell;
use std::ops::Range;

use crate::constants::{CHUNK_CRC_START, CHUNK_HEADER_BYTES, CHUNK_MAGIC, MAX_CHUNK_RAW_BYTES};
use crate::error::FormatError;
use crate::field::{u32_at, u64_at};
use crate::ids::{ProcessKey, ThreadNumber};

/// What a chunk holds. Readers pass over kinds they do not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChunkKind {
    /// Events of one thread.
    Events,
    /// [`crate::Definition`]s of one process.
    Definitions,
    /// A [`crate::SourceFile`].
    Source,
    /// The [`crate::RecordingEnd`]: the recording ended in order.
    End,
    /// A kind of a later version.
    Unknown(u32),
}

impl ChunkKind {
    /// The number in the file.
    pub fn number(self) -> u32 {
        match self {
            ChunkKind::Events => 1,
            ChunkKind::Definitions => 2,
            ChunkKind::Source => 3,
            ChunkKind::End => 4,
            ChunkKind::Unknown(number) => number,
        }
    }

    /// The kind of a number.
    pub fn from_number(number: u32) -> ChunkKind {
        match number {
            1 => ChunkKind::Events,
            2 => ChunkKind::Definitions,
            3 => ChunkKind::Source,
            4 => ChunkKind::End,
            other => ChunkKind::Unknown(other),
        }
    }
}

/// What a chunk says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkHeader {
    /// What it holds.
    pub kind: ChunkKind,
    /// Whose events; 0 for the process as a whole.
    pub thread: ThreadNumber,
    /// Bytes decompressed.
    pub raw_bytes: u32,
    /// Bytes of the zstd frame.
    pub compressed_bytes: u32,
    /// Events, marks not counted.
    pub event_count: u32,
    /// Which process.
    pub process: ProcessKey,
    /// Rises by one per process, thread and kind; with those it is the chunk's identity.
    pub chunk_number: u64,
    /// Turn in force at the first event.
    pub first_turn: u64,
    /// Time in force at the first event, nanoseconds.
    pub first_ns: u64,
    /// Time of the last time stamp, nanoseconds.
    pub last_ns: u64,
}

impl ChunkHeader {
    /// The header of a chunk without events, at no time; lengths are filled in when it is written.
    pub fn new(kind: ChunkKind, process: ProcessKey, thread: ThreadNumber, chunk_number: u64) -> ChunkHeader {
        ChunkHeader {
            kind,
            thread,
            raw_bytes: 0,
            compressed_bytes: 0,
            event_count: 0,
            process,
            chunk_number,
            first_turn: 0,
            first_ns: 0,
            last_ns: 0,
        }
    }

    /// Reads the header at the beginning of `bytes`; the checksum is for [`verify`].
    pub fn decode(bytes: &[u8]) -> Result<ChunkHeader, FormatError> {
        let fixed: &[u8; CHUNK_HEADER_BYTES] =
            bytes.first_chunk().ok_or(FormatError::Truncated { needed: CHUNK_HEADER_BYTES, available: bytes.len() })?;
        if fixed[..4] != CHUNK_MAGIC {
            return Err(FormatError::NotAChunk);
        }
        let header = ChunkHeader {
            kind: ChunkKind::from_number(u32_at(fixed, 8)),
            thread: ThreadNumber(u32_at(fixed, 12)),
            raw_bytes: u32_at(fixed, 16),
            compressed_bytes: u32_at(fixed, 20),
            event_count: u32_at(fixed, 24),
            process: ProcessKey { pid: u32_at(fixed, 28), start_ns: u64_at(fixed, 32) },
            chunk_number: u64_at(fixed, 40),
            first_turn: u64_at(fixed, 48),
            first_ns: u64_at(fixed, 56),
            last_ns: u64_at(fixed, 64),
        };
        let known = !matches!(header.kind, ChunkKind::Unknown(_));
        if known && header.raw_bytes as usize > MAX_CHUNK_RAW_BYTES {
            let (length, limit) = (header.raw_bytes.into(), MAX_CHUNK_RAW_BYTES as u64);
            return Err(FormatError::TooLong { what: "chunk", length, limit });
        }
        Ok(header)
    }

    /// Bytes of the whole chunk in the file.
    pub fn total_bytes(&self) -> usize {
        CHUNK_HEADER_BYTES + self.compressed_bytes as usize
    }

    /// The [`identity`] of the chunk.
    pub fn identity(&self) -> Vec<u8> {
        identity(&self.encode())
    }

    fn encode(&self) -> [u8; CHUNK_HEADER_BYTES] {
        let mut bytes = [0; CHUNK_HEADER_BYTES];
        bytes[..4].copy_from_slice(&CHUNK_MAGIC);
        for (at, value) in [
            (8, self.kind.number()),
            (12, self.thread.0),
            (16, self.raw_bytes),
            (20, self.compressed_bytes),
            (24, self.event_count),
            (28, self.process.pid),
        ] {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [
            (32, self.process.start_ns),
            (40, self.chunk_number),
            (48, self.first_turn),
            (56, self.first_ns),
            (64, self.last_ns),
        ] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }
}

/// Makes chunks; keeps the compressor and its buffer between them.
pub struct ChunkWriter {
    compressor: zstd::bulk::Compressor<'static>,
    buffer: Vec<u8>,
}

impl ChunkWriter {
    /// A writer that compresses at this zstd level.
    pub fn new(level: i32) -> Result<ChunkWriter, FormatError> {
        let compressor =
            zstd::bulk::Compressor::new(level).map_err(|error| FormatError::Compress(error.to_string()))?;
        Ok(ChunkWriter { compressor, buffer: Vec::new() })
    }

    /// The chunk for `raw`, to be appended in one write. The header's lengths are filled in.
    pub fn chunk(&mut self, mut header: ChunkHeader, raw: &[u8]) -> Result<&[u8], FormatError> {
        if raw.len() > MAX_CHUNK_RAW_BYTES {
            let (length, limit) = (raw.len() as u64, MAX_CHUNK_RAW_BYTES as u64);
            return Err(FormatError::TooLong { what: "chunk", length, limit });
        }
        self.buffer.resize(CHUNK_HEADER_BYTES + zstd::zstd_safe::compress_bound(raw.len()), 0);
        let compressed = self
            .compressor
            .compress_to_buffer(raw, &mut self.buffer[CHUNK_HEADER_BYTES..])
            .map_err(|error| FormatError::Compress(error.to_string()))?;
        header.raw_bytes = raw.len() as u32;
        header.compressed_bytes = compressed as u32;
        let chunk = &mut self.buffer[..CHUNK_HEADER_BYTES + compressed];
        chunk[..CHUNK_HEADER_BYTES].copy_from_slice(&header.encode());
        let checksum = crc32c::crc32c(&chunk[CHUNK_CRC_START..]);
        chunk[4..8].copy_from_slice(&checksum.to_le_bytes());
        Ok(chunk)
    }
}

/// The bytes of a chunk that say which one it is (magic, kind, thread, process and number), as many of
/// them as are there: those of a torn chunk are a beginning of those of the whole one.
pub fn identity(chunk: &[u8]) -> Vec<u8> {
    let there = |part: Range<usize>| &chunk[part.start.min(chunk.len())..part.end.min(chunk.len())];
    [there(0..4), there(8..16), there(28..48)].concat()
}

/// Checks the whole chunk (header and payload, nothing behind it) against its checksum.
pub fn verify(chunk: &[u8]) -> Result<(), FormatError> {
    let (header, payload) = chunk
        .split_first_chunk()
        .ok_or(FormatError::Truncated { needed: CHUNK_HEADER_BYTES, available: chunk.len() })?;
    let mut check = ChunkCheck::new(header);
    check.add(payload);
    check.finish()
}

/// Checks a chunk whose payload comes piece by piece, for readers that do not hold all of it.
pub struct ChunkCheck {
    stored: u32,
    computed: u32,
}

impl ChunkCheck {
    /// Of the chunk with this header.
    pub fn new(header: &[u8; CHUNK_HEADER_BYTES]) -> ChunkCheck {
        ChunkCheck { stored: u32_at(header, 4), computed: crc32c::crc32c(&header[CHUNK_CRC_START..]) }
    }

    /// Takes the next bytes of the payload.
    pub fn add(&mut self, payload: &[u8]) {
        self.computed = crc32c::crc32c_append(self.computed, payload);
    }

    /// Whether the payload was the one that the checksum is of.
    pub fn finish(self) -> Result<(), FormatError> {
        let ChunkCheck { stored, computed } = self;
        if stored == computed { Ok(()) } else { Err(FormatError::Checksum { stored, computed }) }
    }
}

thread_local! {
    /// zstd's tables take 150 KB, which to make and clear for each chunk would take a tenth of its time.
    static DECOMPRESSOR: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Decompresses the payload of the whole chunk `chunk` into `raw`, whose older content is dropped.
pub fn decompress(header: &ChunkHeader, chunk: &[u8], raw: &mut Vec<u8>) -> Result<(), FormatError> {
    let end = header.total_bytes();
    let payload =
        chunk.get(CHUNK_HEADER_BYTES..end).ok_or(FormatError::Truncated { needed: end, available: chunk.len() })?;
    let length = header.raw_bytes as usize;
    if length > MAX_CHUNK_RAW_BYTES {
        let limit = MAX_CHUNK_RAW_BYTES as u64;
        return Err(FormatError::TooLong { what: "chunk", length: length as u64, limit });
    }
    raw.resize(length, 0);
    let decompressed = DECOMPRESSOR
        .with_borrow_mut(|decompressor| {
            decompressor.get_or_insert_default().decompress_to_buffer(payload, &mut raw[..])
        })
        .map_err(|error| FormatError::Decompress(error.to_string()))?;
    if decompressed == length {
        Ok(())
    } else {
        Err(FormatError::Truncated { needed: length, available: decompressed })
    }
}

/// Offset of the first chunk magic in `bytes`, for readers that lost their way.
pub fn find_chunk(bytes: &[u8]) -> Option<usize> {
    bytes.windows(CHUNK_MAGIC.len()).position(|window| window == CHUNK_MAGIC)
}
