//! Runs the job as a direct child, with the recorder preloaded, and waits for its end.
//!
//! The job shares fil's terminal, process group and descriptors, so it behaves as if fil were not
//! there. Its environment differs in LD_PRELOAD and in a setting of an allocator's.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};

use format::JobEnd;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};
use rustix::time::Timespec;

use crate::error::{CliError, reason};
use crate::record::job_command::JobCommand;
use crate::record::oom_kills::OomKills;
use crate::record::recorder_library::LIBRARY_NAME;
use crate::record::relayed_signals::{Relay, RelayedSignals};
use crate::record::start::monotonic_ns;

/// Time between two looks at what the job has left. Each costs some microseconds per process.
const MEANWHILE_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// A setting of mimalloc's, the allocator of pyarrow and so of what pandas keeps there. It maps a GiB at a time;
/// with this it makes accessible what it uses of that when it uses it, as it does where memory is not
/// overcommitted, and fil can tell how much that is. Measured: no difference in time.
const COMMIT_WHEN_USED: (&str, &str) = ("MIMALLOC_ARENA_EAGER_COMMIT", "0");

/// A job that runs.
pub(crate) struct RunningJob {
    child: Child,
    relay: Option<Relay>,
    oom_kills: Option<OomKills>,
}

/// A job that ended.
pub(crate) struct EndedJob {
    pub(crate) end: JobEnd,
    /// When, nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) end_ns: u64,
    /// The kernel has written a core.
    pub(crate) core_dumped: bool,
    /// How many processes the kernel has killed for want of memory meanwhile, see `oom_kills.rs`.
    pub(crate) oom_kills: u64,
}

/// Starts the job with this recorder library.
pub(crate) fn start(job: &JobCommand, library: &Path) -> Result<RunningJob, CliError> {
    // Before the job starts, so that no signal finds fil unprepared.
    let signals = RelayedSignals::catch().map_err(CliError::Preparation)?;
    let oom_kills = OomKills::begin();
    let child = spawn(job, library).map_err(|error| cannot_run(job, &error))?;
    // Where fil may have no more threads, the job gets only the signals that reach it by itself.
    let relay = signals.relay_to(Pid::from_child(&child)).ok();
    Ok(RunningJob { child, relay, oom_kills })
}

impl RunningJob {
    /// Waits for the end of the job, and keeps the time. Calls `meanwhile` now and then.
    pub(crate) fn wait(mut self, mut meanwhile: impl FnMut()) -> Result<EndedJob, CliError> {
        let pid = Pid::from_child(&self.child);
        // Where the kernel has no such descriptors (before 5.3), there is no meanwhile.
        if let Ok(job) = pidfd_open(pid, PidfdFlags::empty()) {
            let mut ended = [PollFd::new(&job, PollFlags::IN)];
            while matches!(poll(&mut ended, Some(&MEANWHILE_INTERVAL)), Ok(0) | Err(Errno::INTR)) {
                meanwhile();
            }
        }
        let pid = WaitId::Pid(pid);
        // The job stays a zombie until the relay has stopped: its process id cannot be another's yet.
        let waited = retry_on_intr(|| waitid(pid.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        let end_ns = monotonic_ns();
        self.relay.into_iter().for_each(Relay::stop);
        let status = waited.map_err(io::Error::from).and_then(|_| self.child.wait()).map_err(CliError::Waiting)?;
        let oom_kills = self.oom_kills.map_or(0, |kills| kills.count());
        Ok(EndedJob { end: job_end(status), end_ns, core_dumped: status.core_dumped(), oom_kills })
    }
}

fn spawn(job: &JobCommand, library: &Path) -> io::Result<Child> {
    let mut command = Command::new(&job.program);
    command.arg0(&job.name).args(&job.arguments);
    surround(&mut command, library).spawn().or_else(|error| {
        if error.raw_os_error() != Some(Errno::NOEXEC.raw_os_error()) {
            return Err(error);
        }
        // A script that does not say by which program it is to be run: as execvp(3) does.
        let mut shell = Command::new("/bin/sh");
        shell.arg(&job.program).args(&job.arguments);
        surround(&mut shell, library).spawn()
    })
}

fn cannot_run(job: &JobCommand, error: &io::Error) -> CliError {
    let reason = match error.kind() {
        // The file itself was there a moment ago.
        io::ErrorKind::NotFound => "the program that its first line (#!) names is not there".to_owned(),
        _ => reason(error),
    };
    CliError::CommandNotExecutable { command: job.name.clone(), reason }
}

fn surround<'a>(command: &'a mut Command, library: &Path) -> &'a mut Command {
    command.env("LD_PRELOAD", preload_list(library, env::var_os("LD_PRELOAD").as_deref()));
    let (setting, value) = COMMIT_WHEN_USED;
    if env::var_os(setting).is_none() {
        command.env(setting, value);
    }
    command
}

/// The recorder first, then what the user preloads, without the recorder of a fil around this one:
/// two of them would record into the same trace.
fn preload_list(library: &Path, users: Option<&OsStr>) -> OsString {
    let users = users.unwrap_or_default().as_bytes();
    let is_other_recorder = |path: &[u8]| Path::new(OsStr::from_bytes(path)).file_name() == Some(LIBRARY_NAME.as_ref());
    let mut list = library.as_os_str().as_bytes().to_vec();
    let entries = users.split(|byte| b" :".contains(byte));
    for entry in entries.filter(|entry| !entry.is_empty() && !is_other_recorder(entry)) {
        list.push(b':');
        list.extend_from_slice(entry);
    }
    OsString::from_vec(list)
}

fn job_end(status: ExitStatus) -> JobEnd {
    // waitid with EXITED reports either an exit or a death by signal.
    status.signal().map_or_else(|| JobEnd::Exited(status.code().unwrap_or_default()), JobEnd::Killed)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn the_users_preloads_are_kept_behind_the_recorder() {
        let list = |users: Option<&str>| preload_list(Path::new("/tmp/a/libfil_recorder.so"), users.map(OsStr::new));
        assert_eq!(list(None), "/tmp/a/libfil_recorder.so");
        assert_eq!(list(Some("")), "/tmp/a/libfil_recorder.so");
        assert_eq!(list(Some("libjemalloc.so.2")), "/tmp/a/libfil_recorder.so:libjemalloc.so.2");
        assert_eq!(list(Some("/x.so /y.so")), "/tmp/a/libfil_recorder.so:/x.so:/y.so");
        assert_eq!(list(Some("/tmp/b/libfil_recorder.so:/x.so")), "/tmp/a/libfil_recorder.so:/x.so");
    }

    #[test]
    fn an_end_is_an_exit_code_or_a_signal() {
        let run = |script: &str| job_end(Command::new("/bin/sh").args(["-c", script]).status().expect("runs"));
        assert_eq!(run("exit 3"), JobEnd::Exited(3));
        assert_eq!(run("kill -9 $$"), JobEnd::Killed(9));
    }
}
