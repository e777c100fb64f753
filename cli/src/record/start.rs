//! The instant before the job starts, and what the trace says of it in its header.

use std::env;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use format::TraceHeader;
use rustix::time::{ClockId, clock_gettime};

use crate::error::CliError;
use crate::record::SpoolDirectory;

/// Where and when the job starts.
pub(crate) struct Start {
    working_directory: PathBuf,
    pub(crate) monotonic_ns: u64,
    wall_clock_ns: u64,
}

impl Start {
    pub(crate) fn now() -> Start {
        // One that was deleted has no name; the job can run there all the same.
        let working_directory = env::current_dir().unwrap_or_default();
        // A clock that stands before 1970 is told as it is: wrong, but no reason to stop.
        let wall_clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_clock_ns = u64::try_from(wall_clock.as_nanos()).unwrap_or(u64::MAX);
        Start { working_directory, monotonic_ns: monotonic_ns(), wall_clock_ns }
    }

    pub(crate) fn header(&self, command: &[OsString], spools: &SpoolDirectory) -> Result<TraceHeader, CliError> {
        Ok(TraceHeader {
            fil_version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            working_directory: self.working_directory.clone().into_os_string().into_vec(),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            wall_clock_start_ns: self.wall_clock_ns,
            monotonic_start_ns: self.monotonic_ns,
            spool_directory: spools.path_bytes(),
        })
    }
}

/// `CLOCK_MONOTONIC`, which all times of a trace refer to.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}
