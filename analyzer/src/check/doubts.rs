//! Why a trace cannot vouch for a budget.
//!
//! Two things are needed for that: all that happened is in the trace, and the job came to its end. A job that was killed
//! would have gone on, and one that ran out of memory would have needed more than it got. It is different with jobs that
//! somebody asked to end, as one does with a service, and with those that ended themselves with an exit code: whoever ran
//! them knows of that. So much is a warning only.
//!
//! A filter for what is not in the trace is likely mistyped, and a budget of nothing is kept by everybody: that is a doubt, too.
//!
//! What is not whole can still show that too much was used. If the end of a recording is missing, what it holds happened. If
//! a part in the middle is damaged, frees may be missing, and what seems to be alive may not have been.

use format::{JobEnd, NoticeKind};

use crate::image::Image;
use crate::selection::Selection;
use crate::trace::Trace;

/// Signals that ask a process to end: SIGHUP, SIGINT and SIGTERM, by Linux's numbers.
const ASKS_TO_END: [i32; 3] = [1, 2, 15];

/// SIGKILL's number on Linux.
const SIGKILL: i32 = 9;

/// What a budget needs of a trace, beside that it is whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// Call stacks.
    pub(crate) stacks: bool,
}

/// See the module.
pub(crate) struct Doubts {
    /// What speaks against the trace, one sentence each.
    sentences: Vec<String>,
    /// The same against what needs call stacks.
    lacks_stacks: Option<String>,
    /// Parts of what happened in the middle are not known.
    is_damaged: bool,
    /// The trace tells of all until the job's end.
    is_complete: bool,
    /// What a replay could not read.
    losses: Option<String>,
    /// How the job ended, if that is worth a warning.
    warning: Option<String>,
}

impl Doubts {
    /// About a trace that was replayed, and what is asked of it.
    pub(crate) fn of(trace: &Trace, selection: &Selection) -> Doubts {
        let losses = trace.losses();
        let is_damaged = trace.damaged() || losses.is_some();
        let is_complete = trace.complete() && !is_damaged;
        let recording = match trace.recording_end() {
            _ if is_damaged => Some("parts of the trace are damaged or missing"),
            None => Some("the recording did not end in order"),
            Some(_) if !is_complete => Some("not all was recorded"),
            Some(_) if trace.processes().is_empty() => Some("nothing was recorded"),
            Some(_) => None,
        };
        let (doubt, warning) = ending(trace);
        let is_without_stacks =
            |image: &&Image| image.definitions.notices.iter().any(|notice| notice.kind == NoticeKind::NoStacks);
        let lacks_stacks = match trace.images().iter().filter(is_without_stacks).count() {
            0 => None,
            1 => Some("a process was recorded without call stacks".to_owned()),
            processes => Some(format!("{processes} processes were recorded without call stacks")),
        };
        Doubts {
            sentences: recording
                .map(str::to_owned)
                .into_iter()
                .chain(doubt)
                .chain(selection.not_there(trace))
                .collect(),
            lacks_stacks,
            is_damaged,
            is_complete,
            losses,
            warning,
        }
    }

    /// Whether what seems to be kept is.
    pub(crate) fn can_vouch(&self, needs: Needs) -> bool {
        self.sentences.is_empty() && !(needs.stacks && self.lacks_stacks.is_some())
    }

    /// Whether at least as much was alive at some instant as the trace says.
    pub(crate) fn know_the_least(&self) -> bool {
        !self.is_damaged
    }

    /// Whether it is known what was alive when the job ended.
    pub(crate) fn know_the_end(&self) -> bool {
        self.is_complete
    }

    /// What speaks against the trace, one sentence each.
    pub(crate) fn sentences(&self, needs: Needs) -> Vec<String> {
        self.sentences.iter().chain(self.lacks_stacks.iter().filter(|_| needs.stacks)).cloned().collect()
    }

    /// What a replay could not read.
    pub(crate) fn losses(&self) -> Option<&str> {
        self.losses.as_deref()
    }

    /// What a reader of the answer must know, one sentence each: what is known of the trace first.
    pub(crate) fn warnings(&self, trace: &Trace) -> Vec<String> {
        trace.warnings().iter().chain(&self.losses).chain(&self.warning).cloned().collect()
    }
}

/// Why the end of the job speaks against the trace, or what there is to say of it otherwise.
fn ending(trace: &Trace) -> (Option<String>, Option<String>) {
    let Some(end) = trace.recording_end() else { return (None, None) };
    let failed = trace.images().iter().any(|image| !image.definitions.failed_sizes.is_empty());
    let not_measured = |how: String| format!("{how}: what it did not come to is not measured");
    match (end.job_end, end.oom_kills) {
        (JobEnd::Killed(SIGKILL), 1..) => (Some("the kernel killed the job for want of memory".to_owned()), None),
        (_, 1) => (Some("the kernel killed a process for want of memory while the job ran".to_owned()), None),
        (_, kills @ 2..) => {
            (Some(format!("the kernel killed {kills} processes for want of memory while the job ran")), None)
        }
        (JobEnd::Killed(signal), 0) if ASKS_TO_END.contains(&signal) => {
            (None, Some(not_measured(format!("the job was ended by signal {signal}"))))
        }
        (JobEnd::Killed(signal), 0) => (Some(format!("the job was killed by signal {signal}")), None),
        (JobEnd::Exited(0), 0) => (None, None),
        (JobEnd::Exited(code), 0) if failed => {
            (Some(format!("an allocation failed, and the job exited with code {code}")), None)
        }
        (JobEnd::Exited(code), 0) => (None, Some(not_measured(format!("the job exited with code {code}")))),
    }
}
