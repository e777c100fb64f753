//! The beginning of a trace: magic, version, and what was recorded.
//!
//! | offset | size | meaning |
//! |---|---|---|
//! | 0 | 8 | magic |
//! | 8 | 4 | format version |
//! | 12 | 4 | length of the block |
//! | 16 | 4 | CRC32C of bytes 0..16 and of the block |
//! | 20 | .. | block: [`TraceHeader`] in bincode |

use serde::{Deserialize, Serialize};

use crate::constants::{FORMAT_VERSION, MAX_HEADER_BYTES, TRACE_MAGIC};
use crate::error::FormatError;
use crate::field::u32_at;
use crate::record_block;

const BLOCK_START: usize = 20;

/// What was recorded, where and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHeader {
    /// Version of the fil that recorded.
    pub fil_version: String,
    /// The job's command line, as bytes: arguments need not be UTF-8.
    pub command: Vec<Vec<u8>>,
    /// The folder the job was started in.
    pub working_directory: Vec<u8>,
    /// The machine's name.
    pub host: String,
    /// Start of the job: nanoseconds since the Unix epoch.
    pub wall_clock_start_ns: u64,
    /// Start of the job: nanoseconds of `CLOCK_MONOTONIC`, which all times in the trace refer to.
    pub monotonic_start_ns: u64,
    /// Folder of the spool files, where events not yet appended are found after a crash.
    pub spool_directory: Vec<u8>,
}

impl TraceHeader {
    /// The bytes a trace begins with.
    pub fn encode(&self) -> Result<Vec<u8>, FormatError> {
        let block = record_block::encode(self)?;
        let mut bytes = Vec::with_capacity(BLOCK_START + block.len());
        bytes.extend_from_slice(&TRACE_MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(block.len() as u32).to_le_bytes());
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&bytes), &block);
        bytes.extend_from_slice(&checksum.to_le_bytes());
        bytes.extend_from_slice(&block);
        Ok(bytes)
    }

    /// The format version that the header at the beginning of `bytes` names, if that much of it is there.
    pub fn format_version(bytes: &[u8]) -> Option<u32> {
        bytes.first_chunk().map(|fixed: &[u8; BLOCK_START]| u32_at(fixed, 8))
    }

    /// Reads the header at the beginning of `bytes`; also returns the offset of the first chunk.
    pub fn decode(bytes: &[u8]) -> Result<(TraceHeader, usize), FormatError> {
        let magic_part = &bytes[..bytes.len().min(TRACE_MAGIC.len())];
        if bytes.is_empty() || !TRACE_MAGIC.starts_with(magic_part) {
            return Err(FormatError::NotATrace);
        }
        let fixed: &[u8; BLOCK_START] =
            bytes.first_chunk().ok_or(FormatError::Truncated { needed: BLOCK_START, available: bytes.len() })?;
        let version = u32_at(fixed, 8);
        if version > FORMAT_VERSION {
            return Err(FormatError::NewerVersion { found: version, supported: FORMAT_VERSION });
        }
        let length = u32_at(fixed, 12) as usize;
        if length > MAX_HEADER_BYTES {
            let (length, limit) = (length as u64, MAX_HEADER_BYTES as u64);
            return Err(FormatError::TooLong { what: "file header", length, limit });
        }
        let end = BLOCK_START + length;
        let block =
            bytes.get(BLOCK_START..end).ok_or(FormatError::Truncated { needed: end, available: bytes.len() })?;
        let stored = u32_at(fixed, 16);
        let computed = crc32c::crc32c_append(crc32c::crc32c(&fixed[..16]), block);
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        Ok((record_block::decode(block)?, end))
    }
}
