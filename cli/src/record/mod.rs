//! `fil record`: checks, launches the job with the recorder preloaded, and finishes its trace.
//!
//! In this order, so that a mistake leaves everything as it was: find the command, look at the
//! place of the trace, put the recorder library and the spool somewhere, begin the trace, run the
//! job, append what its processes left in their spools, store the source files, tell.

mod closing_lines;
mod finish;
mod job_command;
mod launch;
mod oom_kills;
mod output_place;
mod recorder_library;
mod relayed_signals;
mod salvage;
pub(crate) mod signal_witness;
mod source_files;
mod source_follower;
mod spool_directory;
mod start;
mod trace_file;

use std::ffi::OsString;
use std::time::Duration;

use format::TraceHeader;

use crate::arguments::RecordArguments;
use crate::ending::Ending;
use crate::error::CliError;

use finish::Finished;
use job_command::JobCommand;
use output_place::{FolderLock, OutputPlace};
use recorder_library::RecorderLibrary;
use source_follower::SourceFollower;
use start::Start;

pub(crate) use closing_lines::{analyze_command, how_it_ended};
pub(crate) use salvage::salvage;
pub(crate) use source_files::SourceFiles;
pub(crate) use spool_directory::SpoolDirectory;
pub(crate) use trace_file::{TraceFile, read_header};

/// What came of recording a job.
pub(crate) struct Recording {
    /// For the caller of fil: the job's own, unless nothing was recorded.
    pub(crate) ending: Ending,
    /// What is in the trace, if it can be analyzed.
    pub(crate) finished: Option<Finished>,
}

/// `fil record`: returns how fil ends.
pub(crate) fn record(arguments: &RecordArguments) -> Result<Ending, CliError> {
    let recording = record_job(arguments)?;
    if let Some(finished) = &recording.finished {
        closing_lines::tell_next(&arguments.output, finished);
    }
    Ok(recording.ending)
}

/// Records a job and tells on stderr how it went.
pub(crate) fn record_job(arguments: &RecordArguments) -> Result<Recording, CliError> {
    let job = JobCommand::find(&arguments.command, std::env::var_os("PATH"))?;
    relayed_signals::survive_file_size_limit().map_err(CliError::Preparation)?;
    let lock = FolderLock::wait(&arguments.output);
    let place = OutputPlace::check(&arguments.output)?;
    let library = RecorderLibrary::place(&place.folder)?;
    let start = Start::now();
    let spools = SpoolDirectory::create(&place.trace, start.monotonic_ns, library.path())?;

    let begun = start.header(recorded_command(arguments), &spools).and_then(|header| begin(&place, &header));
    let (mut trace, sources) = begun.inspect_err(|_| spools.remove())?;
    spools.belongs_to(&place.trace);
    let sources = sources.up_to(arguments.options.max_trace_size);
    drop(lock);
    let configured = library.configure(&place.trace, spools.path(), &arguments.options).map_err(CliError::Preparation);
    let running = configured.and_then(|()| launch::start(&job, library.path())).inspect_err(|_| {
        spools.remove();
        place.undo();
    })?;
    let follower = TraceFile::open(&place.trace).ok().and_then(|trace| SourceFollower::start(trace, sources));

    // A job may have thousands of processes, one after the other: what those that ended have left is
    // not kept until its end. When that fails, it is left to the end, which also tells why.
    let mut can_salvage = true;
    let ended = running.wait(|| can_salvage = can_salvage && salvage(&spools, &mut trace, Duration::ZERO).is_ok())?;
    let sources = follower.and_then(SourceFollower::stop);
    if ended.core_dumped {
        spools.leave_library();
    }
    let finished = finish::finish(&mut trace, &spools, sources, &ended);
    let exit_code = closing_lines::tell(&arguments.output, &start, &ended, &finished);
    if ended.core_dumped {
        closing_lines::tell_of_core(library.path());
    }
    if ended.core_dumped || !matches!(&finished, Ok(finished) if finished.still_running == 0) {
        library.keep();
    }
    let ending = Ending::of_job(exit_code, ended.end);
    Ok(Recording { ending, finished: finished.ok().filter(|finished| finished.summary.process_count > 0) })
}

/// What the trace tells of the command line.
fn recorded_command(arguments: &RecordArguments) -> &[OsString] {
    let command = &arguments.command;
    if arguments.options.no_command_line { &command[..command.len().min(1)] } else { command }
}

fn begin(place: &OutputPlace, header: &TraceHeader) -> Result<(TraceFile, SourceFiles), CliError> {
    let trace = TraceFile::begin(place, header)?;
    let sources = SourceFiles::new(header, header.encode()?.len() as u64);
    Ok((trace, sources))
}
