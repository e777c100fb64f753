//! The thread that compresses chunks and writes them, one behind the other, in the order in which they come.
//!
//! Invariant: no more than [`WAITING_CHUNKS`] wait; whoever has more waits itself.

use std::io::{BufWriter, IntoInnerError, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender};

use format::{ChunkHeader, ChunkWriter, TraceHeader};

use super::GenerateError;
use super::clock::JOB_START_NS;

/// So many chunks wait at most.
const WAITING_CHUNKS: usize = 32;
/// As in the recorder.
const COMPRESSION_LEVEL: i32 = 1;

struct RawChunk {
    header: ChunkHeader,
    raw: Vec<u8>,
}

/// Both ends of the way to the file.
pub(crate) fn channel() -> (ChunkSender, ChunkReceiver) {
    let (chunks, waiting) = std::sync::mpsc::sync_channel(WAITING_CHUNKS);
    let (spares, emptied) = std::sync::mpsc::channel();
    (ChunkSender { chunks, emptied, is_closed: false }, ChunkReceiver { waiting, spares })
}

/// Takes chunks.
pub(crate) struct ChunkSender {
    chunks: SyncSender<RawChunk>,
    emptied: Receiver<Vec<u8>>,
    is_closed: bool,
}

impl ChunkSender {
    /// Passes a chunk on. The header's lengths are filled in later.
    pub(crate) fn send(&mut self, header: ChunkHeader, raw: &[u8]) {
        let mut copy = self.emptied.try_recv().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(raw);
        self.is_closed |= self.chunks.send(RawChunk { header, raw: copy }).is_err();
    }

    /// Whether nobody writes any more: it has failed, and will tell why.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// Writes chunks.
pub(crate) struct ChunkReceiver {
    waiting: Receiver<RawChunk>,
    spares: Sender<Vec<u8>>,
}

impl ChunkReceiver {
    /// Writes the header of the trace, and chunks until there are no more. Gives the file back.
    pub(crate) fn write_to<W: Write>(self, file: W) -> Result<W, GenerateError> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        let mut writer = ChunkWriter::new(COMPRESSION_LEVEL)?;
        file.write_all(&trace_header().encode()?)?;
        for RawChunk { header, raw } in self.waiting {
            file.write_all(writer.chunk(header, &raw)?)?;
            // Nobody may want it any more.
            let _ = self.spares.send(raw);
        }
        Ok(file.into_inner().map_err(IntoInnerError::into_error)?)
    }
}

fn trace_header() -> TraceHeader {
    TraceHeader {
        fil_version: "generated".into(),
        command: vec![b"python".to_vec(), b"job.py".to_vec()],
        working_directory: b"/work".to_vec(),
        host: "generated".into(),
        wall_clock_start_ns: 1_700_000_000_000_000_000,
        monotonic_start_ns: JOB_START_NS,
        spool_directory: Vec::new(),
    }
}
