//! Finishes a trace when its job has ended: what the processes left, the source files that appear
//! in their stacks, and the mark that the recording ended in order.

use analyzer::{Summary, Trace};
use format::{ChunkHeader, ChunkKind, ProcessKey, RecordingEnd, ThreadNumber, encode_recording_end};

use crate::error::CliError;
use crate::record::launch::EndedJob;
use crate::record::salvage::{GRACE, salvage};
use crate::record::source_files::SourceFiles;
use crate::record::spool_directory::SpoolDirectory;
use crate::record::trace_file::TraceFile;

/// What is in the finished trace.
pub(crate) struct Finished {
    pub(crate) summary: Summary,
    pub(crate) trace_bytes: u64,
    /// Processes of the job that still run and go on recording.
    pub(crate) still_running: usize,
}

/// Appends everything that is still missing. `sources` have followed the trace.
pub(crate) fn finish(
    file: &mut TraceFile,
    spools: &SpoolDirectory,
    sources: Option<SourceFiles>,
    job: &EndedJob,
) -> Result<Finished, CliError> {
    if file.was_removed() {
        return Err(CliError::TraceRemoved(file.path().to_owned()));
    }
    let salvaged = salvage(spools, file, GRACE)?;
    let summary = append_sources(file, sources)?;
    let end = RecordingEnd {
        job_end: job.end,
        end_ns: job.end_ns,
        event_count: summary.event_count,
        oom_kills: job.oom_kills,
    };
    file.append(whole_recording(ChunkKind::End, 0), &encode_recording_end(&end)?)?;
    spools.remove();
    let trace_bytes = file.path().metadata().map_err(|error| CliError::input(file.path(), &error))?.len();
    Ok(Finished { summary, trace_bytes, still_running: salvaged.still_running })
}

/// Appends the sources, and sums up what else is in the trace. That is known from following it, unless something is
/// damaged, as where a process was killed while it appended.
fn append_sources(file: &mut TraceFile, mut sources: Option<SourceFiles>) -> Result<Summary, CliError> {
    if let Some(followed) = &mut sources
        && let Some(summary) = followed.append_followed(file)?
    {
        return Ok(summary);
    }
    let trace = Trace::open(file.path())?;
    let sources = sources.unwrap_or_else(|| SourceFiles::new(trace.header(), 0));
    sources.append(file, &trace)?;
    Ok(trace.summary())
}

/// The header of a chunk that belongs to no process.
pub(crate) fn whole_recording(kind: ChunkKind, chunk_number: u64) -> ChunkHeader {
    ChunkHeader::new(kind, ProcessKey::default(), ThreadNumber::default(), chunk_number)
}
