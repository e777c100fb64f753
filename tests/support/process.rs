//! Commands that are run to their end, or signalled on the way.
//!
//! Nothing here sleeps. A test waits for a line that the job prints or for a process to end, and a
//! watchdog kills what hangs, so that a hang is a failure and not a run without end.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, getpgid, kill_process_group, pidfd_open};

/// Far more than anything here takes, on however busy a machine.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// How a command ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn success(self) -> Ended {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    pub(crate) fn code(&self) -> i32 {
        assert_eq!(self.status.signal(), None, "fil itself must not be killed: {self:#?}");
        self.status.code().expect("not killed, so it has a code")
    }

    /// The lines that fil added to the job's stderr.
    pub(crate) fn fil_lines(&self) -> Vec<&str> {
        self.stderr.lines().filter_map(|line| line.strip_prefix("fil: ")).collect()
    }

    /// What the job itself wrote to stderr.
    pub(crate) fn job_stderr(&self) -> String {
        self.stderr.lines().filter(|line| !line.starts_with("fil: ")).map(|line| format!("{line}\n")).collect()
    }

    /// Asserts a user error: exit code 2 and one line that says all of `words`, nothing else.
    pub(crate) fn assert_one_line_error(&self, words: &[&str]) {
        assert_eq!(self.code(), 2, "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].starts_with("fil: "), "{self:#?}");
        for word in words {
            assert!(lines[0].contains(word), "{word:?} is missing: {self:#?}");
        }
    }
}

/// The command as an argument of another one, such as `setarch -R`, in the same folder and environment.
pub(crate) fn behind(words: &[&str], command: &Command) -> Command {
    let mut whole = Command::new(words[0]);
    whole.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        whole.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    whole
}

/// Runs a command to its end without input.
pub(crate) fn run(command: &mut Command) -> Ended {
    run_with_input(command, b"")
}

/// Runs a command to its end; it reads `input`.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Ended {
    let mut running = Running::start(command);
    let mut stdin = running.child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A command that reads nothing closes the pipe, which is its right.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let ended = running.end();
    writer.join().expect("does not panic");
    ended
}

/// Waits for the end of a process that need not be a child, and may have ended already.
pub(crate) fn wait_for_end(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("not 0");
    if let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) {
        poll(&mut [PollFd::new(&process, PollFlags::IN)], None).expect("waits for its end");
    }
}

/// A command that runs, in a process group of its own as a shell starts it.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
    watchdog: Watchdog,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("can be started");
        let watchdog = Watchdog::of(group(&child));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).expect("a pipe can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Running { child, stdout, stderr, watchdog }
    }

    /// Waits for the next line on stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a pipe can be read");
        assert!(line.ends_with('\n'), "ended early, after {line:?}");
        line.trim_end().to_owned()
    }

    /// Signals the whole process group, as a terminal does it for Ctrl-C.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(group(&self.child), signal).expect("it runs");
    }

    /// The processes of the group that are there now, those too that are dying.
    pub(crate) fn members(&self) -> Vec<u32> {
        let group = group(&self.child);
        let folders = std::fs::read_dir("/proc").expect("is there").filter_map(Result::ok);
        let pids = folders.filter_map(|folder| folder.file_name().to_str()?.parse::<u32>().ok());
        let is_member =
            |&pid: &u32| Pid::from_raw(pid.cast_signed()).is_some_and(|pid| getpgid(Some(pid)) == Ok(group));
        pids.filter(is_member).collect()
    }

    /// Signals only the process that was started.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(group(&self.child), signal).expect("it runs");
    }

    /// Waits until it has ended and its outputs are closed.
    pub(crate) fn end(mut self) -> Ended {
        let mut bytes = Vec::new();
        self.stdout.read_to_end(&mut bytes).expect("a pipe can be read");
        let status = self.child.wait().expect("it is ours to wait for");
        let stderr = self.stderr.join().expect("does not panic");
        self.watchdog.call_off();
        Ended { status, stdout: String::from_utf8_lossy(&bytes).into_owned(), stderr }
    }
}

fn group(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Kills a process group that does not end.
struct Watchdog {
    stop: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Watchdog {
    fn of(group: Pid) -> Watchdog {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let hangs = stopped.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout);
            if hangs {
                // If it ends this very moment, so much the better.
                let _ = kill_process_group(group, Signal::KILL);
            }
            hangs
        });
        Watchdog { stop, thread }
    }

    fn call_off(self) {
        drop(self.stop);
        assert!(!self.thread.join().expect("does not panic"), "hung and was killed");
    }
}
