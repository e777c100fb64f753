//! A process beside fil that tells whether a signal went to the whole process group or to fil alone.
//!
//! No signal says so. But what goes to the group also goes to a process that does nothing but wait for signals, and one that
//! this process has not got was meant for fil alone. It is fil itself under another name, and ends when fil does.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::Timespec;
use signal_hook::flag;

use crate::record::relayed_signals::CAUGHT;

/// The name that the process is started under.
const NAME: &str = "fil-signal-witness";
/// What the kernel needs, at most, to give a signal to all processes of a group, one after the other.
const ONE_AFTER_THE_OTHER: Duration = Duration::from_millis(2);
/// How long an answer may take: a witness that was stopped gives none.
const ANSWER_WITHIN: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The process, as fil sees it.
pub(super) struct SignalWitness {
    process: Child,
    questions: Option<ChildStdin>,
    answers: ChildStdout,
}

impl SignalWitness {
    pub(super) fn start() -> io::Result<SignalWitness> {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(NAME).current_dir("/");
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let (Some(questions), Some(answers)) = (process.stdin.take(), process.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(SignalWitness { process, questions: Some(questions), answers })
    }

    /// Whether it has got this signal, which fil has just got, since it was last asked. `None` if it does not answer.
    pub(super) fn has_got(&mut self, signal: i32) -> Option<bool> {
        thread::sleep(ONE_AFTER_THE_OTHER);
        self.questions.as_mut()?.write_all(&[u8::try_from(signal).ok()?]).ok()?;
        let mut answered = [PollFd::new(&self.answers, PollFlags::IN)];
        if !matches!(poll(&mut answered, Some(&ANSWER_WITHIN)), Ok(1)) {
            // Its answer may come to the next question: it is not asked again.
            self.questions = None;
            return None;
        }
        let mut answer = [0];
        self.answers.read_exact(&mut answer).ok()?;
        Some(answer[0] != 0)
    }
}

impl Drop for SignalWitness {
    fn drop(&mut self) {
        // Then there are no more questions, and it ends.
        self.questions = None;
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Whether this process was started to be a witness.
pub(crate) fn is_one() -> bool {
    env::args_os().next().as_deref() == Some(OsStr::new(NAME))
}

/// What the process does: it answers, to its end, whether it has got a signal since it was asked the last time.
pub(crate) fn run() -> io::Result<()> {
    let got = CAUGHT.map(|signal| (signal, Arc::<AtomicBool>::default()));
    for (signal, has_come) in &got {
        flag::register(*signal, has_come.clone())?;
    }
    for question in io::stdin().lock().bytes() {
        let signal = i32::from(question?);
        let has_come =
            got.iter().filter(|(number, _)| *number == signal).any(|(_, come)| come.swap(false, Ordering::Relaxed));
        let mut answers = io::stdout().lock();
        answers.write_all(&[u8::from(has_come)])?;
        answers.flush()?;
    }
    Ok(())
}
