//! Opens a trace for an answer. A recording that was cut off (fil itself was killed, the machine's
//! memory ran out) is first completed with what its processes left in their spools.

use std::path::Path;
use std::time::Duration;

use analyzer::Trace;

use crate::error::CliError;
use crate::messages::warn;
use crate::record::{SourceFiles, SpoolDirectory, TraceFile, read_header, salvage};

/// Opens the trace and tells what a reader of the answer must know.
pub(crate) fn open(path: &Path) -> Result<Trace, CliError> {
    let trace = open_silently(path)?;
    trace.warnings().iter().for_each(|warning| warn(warning));
    Ok(trace)
}

/// The same for an answer that tells the warnings of the trace itself.
pub(crate) fn open_silently(path: &Path) -> Result<Trace, CliError> {
    match spools_of(path) {
        Some(spools) if spools.launcher_runs() => {
            warn("this recording is not over; the answer is about what is in the trace so far");
        }
        Some(spools) if !spools.is_of(path) => {
            let folder = spools.path().display();
            warn(&format!(
                "this is a copy of a trace that was not finished: what is in {folder} is not in this answer; analyze the trace \
                 itself, then copy it (if it is gone, remove {folder}/trace)"
            ));
        }
        Some(spools) => {
            if let Err(error) = complete(path) {
                let folder = spools.path().display();
                warn(&format!("a part of the recording is still in {folder}, and not in this answer: {error}"));
            }
        }
        None => {}
    }
    Ok(Trace::open(path)?)
}

/// A header that cannot be read is for the analyzer to judge.
fn spools_of(path: &Path) -> Option<SpoolDirectory> {
    read_header(path).ok().and_then(|header| SpoolDirectory::of_trace(&header))
}

/// Does what `fil record` would have done. Whoever is killed here leaves the rest to the next one: the folder of the
/// spools, by which that is found, goes last.
fn complete(path: &Path) -> Result<(), CliError> {
    let mut file = TraceFile::open(path)?;
    file.wait_for_others();
    // Somebody else may have done it while this one waited.
    let Some(spools) = spools_of(path) else { return Ok(()) };
    let salvaged = salvage(&spools, &mut file, Duration::ZERO)?;
    if salvaged.still_running > 0 {
        warn("a process of the job still runs and goes on recording; analyze again when it has ended");
    }
    let trace = Trace::open(path)?;
    SourceFiles::new(trace.header(), 0).append(&mut file, &trace)?;
    spools.remove();
    Ok(())
}
