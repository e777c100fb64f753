//! What processes have to say of their recording, in sentences. That many say the same is said once.

use std::collections::BTreeMap;

use format::NoticeKind;

use crate::definitions::Notice;

/// A notice as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sentence {
    text: String,
    /// When it was noticed, if that matters: nanoseconds of the monotonic clock.
    ns: Option<u64>,
}

impl Sentence {
    /// The sentence, with its time in a job that began at this instant of the monotonic clock.
    pub(crate) fn tell(&self, job_start_ns: u64) -> String {
        self.tell_when("after", job_start_ns)
    }

    fn tell_when(&self, when: &str, job_start_ns: u64) -> String {
        match self.ns {
            None => self.text.clone(),
            Some(ns) => format!("{} ({when} {:.3} s)", self.text, ns.saturating_sub(job_start_ns) as f64 / 1e9),
        }
    }
}

/// The notices of an image.
pub(crate) fn sentences(notices: &[Notice]) -> Vec<Sentence> {
    let last_verified = notices.iter().rposition(|notice| notice.kind == NoticeKind::StacksVerified);
    let is_outdated = |at: usize| notices[at].kind == NoticeKind::StacksVerified && last_verified != Some(at);
    let kept = (0..notices.len()).filter(|&at| !is_outdated(at));
    kept.map(|at| sentence(&notices[at])).collect()
}

fn sentence(notice: &Notice) -> Sentence {
    let text = &notice.text;
    let untimed = |text| Sentence { text, ns: None };
    match notice.kind {
        NoticeKind::NoStacks => untimed(format!("recorded without Python call stacks: {text}")),
        NoticeKind::RecordingStopped => {
            let text = format!("recording stopped before the process ended: {text}");
            Sentence { text, ns: Some(notice.time_ns) }
        }
        NoticeKind::StacksVerified => untimed(format!("recorded slowly, for a test: {text}")),
        NoticeKind::NotAllRecorded => untimed(format!("not all is recorded: {text}")),
    }
}

/// Each different sentence once, with the first time of it, and the number of processes that say it.
pub(crate) fn each_once(
    sentences: impl Iterator<Item = (u32, Sentence)>,
    job_start_ns: u64,
) -> impl Iterator<Item = (Vec<u32>, String)> {
    let mut said = BTreeMap::<String, (Vec<u32>, Option<u64>)>::new();
    for (pid, Sentence { text, ns }) in sentences {
        let (pids, first_ns) = said.entry(text).or_default();
        pids.push(pid);
        *first_ns = [*first_ns, ns].into_iter().flatten().min();
    }
    said.into_iter().map(move |(text, (pids, ns))| {
        let when = if pids.len() > 1 { "the first after" } else { "after" };
        let told = Sentence { text, ns }.tell_when(when, job_start_ns);
        (pids, told)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_many_say_is_said_once_with_the_first_time() {
        let stopped = |time_ns| Notice { kind: NoticeKind::RecordingStopped, time_ns, text: "full".to_owned() };
        let verified = |text: &str| Notice { kind: NoticeKind::StacksVerified, time_ns: 0, text: text.to_owned() };
        let images = [
            (7, sentences(&[verified("1 of 1"), stopped(3_500_000_000), verified("2 of 2")])),
            (8, sentences(&[stopped(3_000_000_000)])),
        ];
        let all = images.into_iter().flat_map(|(pid, said)| said.into_iter().map(move |sentence| (pid, sentence)));
        let once: Vec<_> = each_once(all, 1_000_000_000).collect();
        assert_eq!(
            once,
            [
                (vec![7], "recorded slowly, for a test: 2 of 2".to_owned()),
                (vec![7, 8], "recording stopped before the process ended: full (the first after 2.000 s)".to_owned()),
            ]
        );
    }
}
