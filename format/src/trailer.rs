//! What is appended when a recording ends: the source files that appear in stacks, and a mark that
//! says how the job ended and that nothing is missing.

use serde::{Deserialize, Serialize};

use crate::error::FormatError;
use crate::record_block;

/// How the job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobEnd {
    /// It exited with this code.
    Exited(i32),
    /// This signal ended it.
    Killed(i32),
}

/// The recording ended in order: everything that could be saved is in front of this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingEnd {
    /// How the job ended.
    pub job_end: JobEnd,
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub end_ns: u64,
    /// Events in the trace, over all processes.
    pub event_count: u64,
    /// How many processes the kernel killed for want of memory meanwhile, in the control group of `fil record`, or,
    /// where the kernel has no count of that, on the machine.
    pub oom_kills: u64,
}

/// A source file as it was when the recording ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile<'a> {
    /// Its name as the code objects say it.
    pub file: &'a str,
    /// Its text, as bytes: source need not be UTF-8.
    #[serde(serialize_with = "record_block::bytes_at_once")]
    pub text: &'a [u8],
}

/// The payload of an end chunk.
pub fn encode_recording_end(end: &RecordingEnd) -> Result<Vec<u8>, FormatError> {
    record_block::encode(end)
}

/// Reads the payload of an end chunk.
pub fn decode_recording_end(raw: &[u8]) -> Result<RecordingEnd, FormatError> {
    record_block::decode(raw)
}

/// The payload of a source chunk.
pub fn encode_source_file(source: &SourceFile<'_>) -> Result<Vec<u8>, FormatError> {
    record_block::encode(source)
}

/// Reads the payload of a source chunk.
pub fn decode_source_file(raw: &[u8]) -> Result<SourceFile<'_>, FormatError> {
    record_block::decode(raw)
}
