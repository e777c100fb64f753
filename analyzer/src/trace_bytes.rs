//! The bytes of a trace: a file that stays open, of which parts are read when they are needed, or memory.
//!
//! A trace may be larger than memory, and what is asked of it needs each part for a moment only.
//!
//! Invariant: the length is what it was when the trace was opened. What is appended later is not part of it, and what
//! is no longer there is an error. A part that is read again need not be what it was: somebody may have written over
//! it. Who relies on it looks (`chunk_reader.rs`).

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rayon::prelude::*;

/// What is larger is read by several processors: to copy it out of the kernel takes longer than to check it.
const PIECE_BYTES: usize = 1 << 20;

/// See the module.
pub(crate) struct TraceBytes {
    store: Store,
    length: u64,
}

enum Store {
    File(File),
    Memory(Vec<u8>),
}

impl TraceBytes {
    /// Those of a file. What is no regular file, like a pipe, can be read only once, and is read into memory.
    pub(crate) fn open(path: &Path) -> io::Result<TraceBytes> {
        let mut file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_file() {
            return Ok(TraceBytes { store: Store::File(file), length: about.len() });
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(TraceBytes::in_memory(bytes))
    }

    /// Those that are at hand.
    pub(crate) fn in_memory(bytes: Vec<u8>) -> TraceBytes {
        TraceBytes { length: bytes.len() as u64, store: Store::Memory(bytes) }
    }

    /// How many there were when the trace was opened.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Whether they may be others when they are read again.
    pub(crate) fn may_change(&self) -> bool {
        matches!(self.store, Store::File(_))
    }

    /// Those of a range. What is not in memory is read into `buffer`, which grows as it must.
    pub(crate) fn read<'a>(&'a self, range: Range<u64>, buffer: &'a mut Vec<u8>) -> io::Result<&'a [u8]> {
        match &self.store {
            Store::Memory(bytes) => bytes.get(range.start as usize..range.end as usize).ok_or_else(shorter),
            Store::File(file) => {
                let length = range.end.saturating_sub(range.start) as usize;
                if buffer.len() < length {
                    buffer.resize(length, 0);
                }
                let part = &mut buffer[..length];
                let pieces = part.par_chunks_mut(PIECE_BYTES).enumerate();
                pieces.try_for_each(|(at, piece)| read_piece(file, piece, range.start + (at * PIECE_BYTES) as u64))?;
                Ok(part)
            }
        }
    }
}

fn read_piece(file: &File, piece: &mut [u8], offset: u64) -> io::Result<()> {
    file.read_exact_at(piece, offset).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => shorter(),
        _ => error,
    })
}

fn shorter() -> io::Error {
    io::Error::new(ErrorKind::UnexpectedEof, "it became shorter while it was read")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_longer_there_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), vec![7; 5 << 20]).unwrap();
        let trace = TraceBytes::open(file.path()).unwrap();
        let mut buffer = Vec::new();
        assert_eq!(trace.read(1..trace.length(), &mut buffer).unwrap(), vec![7; (5 << 20) - 1]);
        file.as_file().set_len(3 << 20).unwrap();
        assert_eq!(trace.length(), 5 << 20);
        assert_eq!(trace.read(5..3 << 20, &mut buffer).unwrap().len(), (3 << 20) - 5);
        let error = trace.read(5..(3 << 20) + 1, &mut buffer).unwrap_err();
        assert_eq!(error.to_string(), "it became shorter while it was read");
    }
}
