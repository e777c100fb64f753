//! Signals that reach fil while the job runs.
//!
//! Fil and its job are in one process group. What goes to the group reaches the job without fil: Ctrl-C and Ctrl-\ from the
//! terminal, its hangup, timeout(1). The job decides what that means, and fil stays to finish the trace. What is sent to fil
//! alone, by a batch system, a container's stop, a script or kill(1), is passed on. The two are told apart by what
//! `signal_witness.rs` says; without an answer a sender in the same group is taken for one that signals the group (sudo(8)
//! draws that line).
//!
//! The job starts with the dispositions fil was started with: exec(2) resets signals that are
//! caught, as all of these are, and a signal that was ignored from the beginning (nohup) is not
//! caught here. So no code need run between fork and exec.

use std::fs;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, getpgid, getpgrp, kill_process};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::iterator::exfiltrator::origin::Origin;
use signal_hook::iterator::{Handle, SignalsInfo};

use crate::record::signal_witness::SignalWitness;

/// What is passed on.
pub(super) const CAUGHT: [i32; 6] = [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2];

/// From now on a file that grows over the limit (`ulimit -f`) is an error of the write to it, and not
/// the end of fil by SIGXFSZ.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default()).map(|_| ())
}

/// From the first caught signal on, they wait here for the job.
pub(crate) struct RelayedSignals {
    signals: SignalsInfo<WithOrigin>,
}

impl RelayedSignals {
    /// Catches the signals, to the end of fil.
    pub(crate) fn catch() -> io::Result<RelayedSignals> {
        let ignored = ignored_signals(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let caught = CAUGHT.into_iter().filter(|signal| ignored & 1 << (signal - 1) == 0);
        // Where SIGCHLD is ignored, the system forgets how children ended. So it is never ignored.
        Ok(RelayedSignals { signals: SignalsInfo::new(caught.chain([SIGCHLD]))? })
    }

    /// Passes on to the job what is meant for it.
    pub(crate) fn relay_to(mut self, job: Pid) -> io::Result<Relay> {
        let handle = self.signals.handle();
        let thread = thread::Builder::new().spawn(move || {
            let mut witness = SignalWitness::start().ok();
            for origin in self.signals.forever() {
                if let Some(signal) = Signal::from_named_raw(origin.signal)
                    && is_for_fil_alone(&origin, witness.as_mut())
                {
                    // A job of another user (sudo) cannot be signalled; there is nothing else to do.
                    let _ = kill_process(job, signal);
                }
            }
        })?;
        Ok(Relay { handle, thread })
    }
}

/// Whether the signal did not reach the job by itself.
fn is_for_fil_alone(origin: &Origin, witness: Option<&mut SignalWitness>) -> bool {
    let Some(sender) = origin.process.filter(|_| origin.signal != SIGCHLD) else { return false };
    if let Some(group_got_it) = witness.and_then(|witness| witness.has_got(origin.signal)) {
        return !group_got_it;
    }
    // A sender that is gone or in another namespace of process ids is not of the group.
    let group = Pid::from_raw(sender.pid).and_then(|sender| getpgid(Some(sender)).ok());
    group != Some(getpgrp())
}

/// The thread that passes signals on.
pub(crate) struct Relay {
    handle: Handle,
    thread: JoinHandle<()>,
}

impl Relay {
    /// When this returns, no more signals are sent to the job. Fil goes on surviving them.
    pub(crate) fn stop(self) {
        self.handle.close();
        // It has no way to panic.
        let _ = self.thread.join();
    }
}

/// The set of ignored signals, bit 0 for signal 1, from `/proc/self/status` (proc_pid_status(5)).
fn ignored_signals(status: &str) -> u64 {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status() {
        assert_eq!(ignored_signals("Name:\tfil\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), 0x1001);
        assert_eq!(ignored_signals(""), 0);
    }
}
