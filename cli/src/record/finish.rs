//! Finishes a trace when its job has ended: what the processes left, the source files that appear
//! in their stacks, and the mark that the recording ended in order.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use analyzer::Trace;
use format::constants::MAX_SOURCE_BYTES;
use format::{
    ChunkHeader, ChunkKind, ProcessKey, RecordingEnd, SourceFile, ThreadNumber, encode_recording_end,
    encode_source_file,
};

use crate::error::CliError;
use crate::record::launch::EndedJob;
use crate::record::salvage::{GRACE, salvage};
use crate::record::spool_directory::SpoolDirectory;
use crate::record::trace_file::TraceFile;

/// What is in the finished trace.
pub(crate) struct Finished {
    pub(crate) events: u64,
    pub(crate) processes: usize,
    pub(crate) trace_bytes: u64,
    /// Processes of the job that still run and go on recording.
    pub(crate) still_running: usize,
    /// What processes had to say of their recording, one sentence each.
    pub(crate) notices: Vec<String>,
}

/// Appends everything that is still missing.
pub(crate) fn finish(file: &mut TraceFile, spools: &SpoolDirectory, job: &EndedJob) -> Result<Finished, CliError> {
    let salvaged = salvage(spools, file, GRACE)?;
    let trace = Trace::open(file.path())?;
    append_sources(file, &trace)?;
    let end = RecordingEnd { job_end: job.end, end_ns: job.end_ns, event_count: trace.event_count() };
    file.append(whole_recording(ChunkKind::End, 0), &encode_recording_end(&end)?)?;
    spools.remove();

    let mut notices: Vec<String> = trace.processes().iter().flat_map(|process| process.notices.clone()).collect();
    notices.sort();
    notices.dedup();
    let trace_bytes = file.path().metadata().map_err(|error| CliError::input(file.path(), &error))?.len();
    Ok(Finished {
        events: trace.event_count(),
        processes: trace.process_count(),
        trace_bytes,
        still_running: salvaged.still_running,
        notices,
    })
}

/// Stores the source files that code objects name, as they are now, unless they are in the trace.
pub(crate) fn append_sources(file: &mut TraceFile, trace: &Trace) -> Result<(), CliError> {
    let working_directory = Path::new(OsStr::from_bytes(&trace.header().working_directory));
    let stored = trace.source_files();
    let mut chunk_number = stored.len() as u64;
    for name in trace.code_files().difference(&stored) {
        // Code need not come from a file: `<string>`, `<frozen importlib._bootstrap>`.
        if let Ok(text) = read_source(&working_directory.join(name)) {
            let source = encode_source_file(&SourceFile { file: name, text: &text })?;
            file.append(whole_recording(ChunkKind::Source, chunk_number), &source)?;
            chunk_number += 1;
        }
    }
    Ok(())
}

/// At most [`MAX_SOURCE_BYTES`] of a regular file (opening a pipe would wait for its writer).
fn read_source(path: &Path) -> io::Result<Vec<u8>> {
    if !path.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut text = Vec::new();
    File::open(path)?.take(MAX_SOURCE_BYTES as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// The header of a chunk that belongs to no process.
fn whole_recording(kind: ChunkKind, chunk_number: u64) -> ChunkHeader {
    ChunkHeader::new(kind, ProcessKey::default(), ThreadNumber::default(), chunk_number)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn source_is_read_from_regular_files_only_and_cut_off() {
        let folder = tempfile::tempdir().expect("folder");
        let long = folder.path().join("long.py");
        std::fs::write(&long, vec![b'#'; MAX_SOURCE_BYTES + 1]).expect("written");
        assert_eq!(read_source(&long).expect("read").len(), MAX_SOURCE_BYTES);
        assert!(read_source(folder.path()).is_err());
        assert!(read_source(Path::new("/dev/zero")).is_err());
        assert!(read_source(&folder.path().join("<string>")).is_err());
    }
}
