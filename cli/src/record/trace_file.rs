//! The trace file as fil writes it: the header at first, chunks in the end.
//!
//! Every chunk is one write to an O_APPEND descriptor, as the job's processes do it too, at the same time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use format::{ChunkHeader, ChunkWriter, FormatError, TraceHeader};
use rustix::fs::{FlockOperation, flock};

use crate::error::CliError;
use crate::record::output_place::OutputPlace;

/// zstd's level, the recorder's too. The 34 MB of source that scikit-learn and pandas import become 9.3 MB in 0.18 s;
/// at level 3 8.8 MB in 0.23 s.
pub(crate) const COMPRESSION_LEVEL: i32 = 1;

/// Command lines are seldom longer than this, which is one read.
const USUAL_HEADER_BYTES: usize = 16 << 10;

/// A trace open for appending.
pub(crate) struct TraceFile {
    path: PathBuf,
    file: File,
    chunk_writer: ChunkWriter,
}

impl TraceFile {
    /// Begins a new trace; an older one of that name is kept.
    pub(crate) fn begin(place: &OutputPlace, header: &TraceHeader) -> Result<TraceFile, CliError> {
        let bytes = header.encode()?;
        place.keep_older()?;
        let opened = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&place.trace);
        let written = opened.and_then(|mut file| file.write_all(&bytes).map(|()| file));
        let file = written.map_err(|error| {
            place.undo();
            CliError::output(&place.trace, &error)
        })?;
        TraceFile::new(&place.trace, file)
    }

    /// Opens a trace that is there.
    pub(crate) fn open(path: &Path) -> Result<TraceFile, CliError> {
        let file = OpenOptions::new().append(true).open(path).map_err(|error| CliError::output(path, &error))?;
        TraceFile::new(path, file)
    }

    fn new(path: &Path, file: File) -> Result<TraceFile, CliError> {
        Ok(TraceFile { path: path.to_owned(), file, chunk_writer: ChunkWriter::new(COMPRESSION_LEVEL)? })
    }

    /// Waits until nobody else finishes the trace, and keeps others waiting as long as this value lives. Where files
    /// cannot be locked, two may do the same work: what comes twice, readers drop.
    pub(crate) fn wait_for_others(&self) {
        let _ = flock(&self.file, FlockOperation::LockExclusive);
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has no name any more: when it is closed, it is gone.
    pub(crate) fn was_removed(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
    }

    /// Its bytes now; none if that cannot be told.
    pub(crate) fn length(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Appends one chunk.
    pub(crate) fn append(&mut self, header: ChunkHeader, raw: &[u8]) -> Result<(), CliError> {
        let chunk = self.chunk_writer.chunk(header, raw)?;
        write_at_once(&mut self.file, chunk).map_err(|error| CliError::output(&self.path, &error))
    }
}

/// A write that is cut short (the disk is full) is an error: what follows would be somewhere else. Readers find the next
/// chunk behind the torn one.
fn write_at_once(file: &mut File, chunk: &[u8]) -> io::Result<()> {
    loop {
        match file.write(chunk) {
            Ok(written) if written == chunk.len() => return Ok(()),
            Ok(_) => return Err(io::ErrorKind::StorageFull.into()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Reads only the header of a trace, and of a file that is something else only its beginning.
pub(crate) fn read_header(path: &Path) -> Result<TraceHeader, CliError> {
    let unreadable = |error| CliError::input(path, &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    let mut length = USUAL_HEADER_BYTES;
    loop {
        Read::by_ref(&mut file).take((length - bytes.len()) as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        match TraceHeader::decode(&bytes) {
            Err(FormatError::Truncated { needed, .. }) if bytes.len() == length && needed > length => length = needed,
            decoded => return Ok(decoded?.0),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn a_header_of_any_length_is_read() {
        let folder = tempfile::tempdir().expect("folder");
        for argument_bytes in [1, USUAL_HEADER_BYTES, 1 << 20] {
            let header = TraceHeader {
                fil_version: "0".to_owned(),
                command: vec![vec![b'x'; argument_bytes]],
                working_directory: b"/".to_vec(),
                host: "here".to_owned(),
                wall_clock_start_ns: 1,
                monotonic_start_ns: 2,
                spool_directory: b"/dev/shm/x".to_vec(),
            };
            let path = folder.path().join("trace.fil");
            let mut bytes = header.encode().expect("encodes");
            std::fs::write(&path, &bytes).expect("written");
            assert_eq!(read_header(&path).expect("read"), header);
            bytes.pop();
            std::fs::write(&path, &bytes).expect("written");
            let cut_short = read_header(&path).expect_err("cut short");
            assert!(matches!(cut_short, CliError::Format(FormatError::Truncated { .. })));
        }
    }
}
