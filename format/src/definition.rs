//! Rare facts that events refer to or that stand beside them.
//!
//! A chunk of definitions is a sequence of records, each a varint length and that many bytes of
//! bincode. The length lets a reader pass over a record that a later version added. Definitions
//! carry ids and may come in any order; they belong to the process of their chunk.

use serde::{Deserialize, Serialize};

use crate::error::FormatError;
use crate::ids::{CodeId, PathId, ProcessKey, ThreadNumber};
use crate::record_block;
use crate::varint;

/// How a code object's line table is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LineTableFormat {
    /// `co_lnotab` of CPython up to 3.9 (PEP 626's predecessor).
    Lnotab,
    /// `co_linetable` of CPython 3.10.
    LineRanges,
    /// `co_linetable` of CPython 3.11 and later, with columns (`Objects/locations.md`).
    Locations,
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NoticeKind {
    /// Recorded without Python call stacks; the text says why.
    NoStacks,
    /// Recording stopped before the process ended; the text says why.
    RecordingStopped,
    /// Call stacks were compared with Python's own; the text says how many. The last one counts.
    StacksVerified,
    /// Some of what the process did is not recorded; the text says what.
    NotAllRecorded,
}

/// One fact about a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Definition<'a> {
    /// Recording began in this process. The first definition of each process.
    ProcessStart {
        /// Its command line.
        #[serde(borrow)]
        command: Vec<&'a [u8]>,
        /// Its parent's process id.
        parent_pid: u32,
        /// Inode number of its namespace of process ids, in which its ids are unique; 0 if that is not known.
        pid_namespace: u64,
        /// Its start in clock ticks since boot, which exec(2) does not change; 0 if that is not known.
        start_ticks: u64,
        /// For a fork: the process it is a copy of, whose code objects and call paths it knows too.
        forked_from: Option<ProcessKey>,
        /// Ids of code objects below this are the parent's.
        inherited_codes: u32,
        /// Ids of call paths below this are the parent's.
        inherited_paths: u32,
        /// Python's version as it says itself, if this is a Python process.
        python_version: Option<&'a str>,
    },
    /// A thread's first event is about to come.
    ThreadStart {
        /// Its number.
        thread: ThreadNumber,
        /// The kernel's id of it.
        kernel_id: u32,
        /// Its name, if it has one.
        name: &'a str,
    },
    /// A code object appeared in a stack.
    Code {
        /// Its id.
        id: CodeId,
        /// Qualified name of the function.
        function: &'a str,
        /// File name, as Python says it.
        file: &'a str,
        /// Line of the definition.
        first_line: u32,
        /// How to read its line table.
        line_table_format: LineTableFormat,
        /// Bytes of the line table, which follows in pieces.
        line_table_bytes: u32,
    },
    /// A piece of a code object's line table.
    LineTable {
        /// Whose.
        code: CodeId,
        /// Where in the table the piece belongs.
        offset: u32,
        /// The piece.
        #[serde(serialize_with = "record_block::bytes_at_once")]
        bytes: &'a [u8],
    },
    /// A call path: one more frame, called by another.
    CallPath {
        /// Its id.
        id: PathId,
        /// The call path of the caller, [`PathId::EMPTY`] if there is none.
        caller: PathId,
        /// Where the caller waits: the index of the code unit (two bytes each) being run; 0 if there is no caller.
        instruction: u32,
        /// The code object of the frame.
        code: CodeId,
    },
    /// Resident memory of the process.
    ResidentMemory {
        /// When, nanoseconds of `CLOCK_MONOTONIC`.
        time_ns: u64,
        /// How much, bytes.
        bytes: u64,
    },
    /// Something a reader of the results must know.
    Notice {
        /// What it is about.
        kind: NoticeKind,
        /// When it was noticed, nanoseconds of `CLOCK_MONOTONIC`.
        time_ns: u64,
        /// A sentence for people.
        text: &'a str,
    },
    /// A thread got another name than the one it started with, or its first.
    ThreadName {
        /// Whose.
        thread: ThreadNumber,
        /// The name.
        name: &'a str,
    },
    /// A call asked for memory and got none. Written for the first [`MAX_TOLD_FAILURES`](crate::constants::MAX_TOLD_FAILURES)
    /// of a process, for those who do not read events.
    AllocationFailed {
        /// When, nanoseconds of `CLOCK_MONOTONIC`.
        time_ns: u64,
        /// Requested bytes.
        size: u64,
    },
    /// The process has called exit, _exit or abort. Of one that was killed, or became another program, there is none.
    EndedItself {
        /// When, nanoseconds of `CLOCK_MONOTONIC`.
        time_ns: u64,
    },
}

/// Encodes a definition with its length into `out`, without allocating. `None` if it does not fit.
pub fn encode_definition(definition: &Definition<'_>, out: &mut [u8]) -> Option<usize> {
    // The length comes first but is known last: two bytes hold it up to 16 383, three up to 2 MiB.
    // Always three, with the high bits set: a varint may be longer than it needs to be.
    const LENGTH_BYTES: usize = 3;
    let (length_part, body) = out.split_at_mut_checked(LENGTH_BYTES)?;
    let length = record_block::encode_into(definition, body)?;
    if length >= 1 << (7 * LENGTH_BYTES) {
        return None;
    }
    length_part[0] = (length & 0x7f) as u8 | 0x80;
    length_part[1] = (length >> 7 & 0x7f) as u8 | 0x80;
    length_part[2] = (length >> 14) as u8;
    Some(LENGTH_BYTES + length)
}

/// Goes through the definitions of one decompressed chunk.
///
/// A record that does not decode yields an error and the iteration goes on behind it; a length
/// that cannot be right ends it.
pub struct DefinitionReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> DefinitionReader<'a> {
    /// Begins a decompressed chunk of definitions.
    pub fn new(bytes: &'a [u8]) -> DefinitionReader<'a> {
        DefinitionReader { bytes, at: 0 }
    }
}

impl<'a> Iterator for DefinitionReader<'a> {
    type Item = Result<Definition<'a>, FormatError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let mut at = self.at;
        self.at = self.bytes.len();
        let length = match varint::read(self.bytes, &mut at) {
            Ok(length) => length,
            Err(error) => return Some(Err(error)),
        };
        let end = at.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        let Some(record) = self.bytes.get(at..end) else {
            return Some(Err(FormatError::Truncated { needed: end, available: self.bytes.len() }));
        };
        self.at = end;
        Some(record_block::decode(record))
    }
}
