//! What the peak would be if the memory of one call site had not been there, and which one lowers it most.
//!
//! Without a call site the peak may be elsewhere: it is the maximum over all time of what the others hold, not what they
//! hold at the peak. That is followed for several call sites at once. One cannot lower the peak by more than it holds at it,
//! so those that hold less there than what is already won need not be looked at.

use serde::Serialize;

use crate::change::Change;
use crate::error::AnalyzerError;
use crate::groups::{GroupId, GroupName, Groups};
use crate::held::CallSite;
use crate::peak::Peak;
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::selection::Pattern;
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;
use crate::views::{Query, peak_rows};

/// How many call sites are followed in one replay.
const AT_ONCE: usize = 16;

/// More are not looked at: those that hold most at the peak are.
const MOST_CANDIDATES: usize = 128;

/// Whoever holds less than this part of the peak cannot lower it by more, and is not worth a replay.
const LEAST_PART: u64 = 100;

/// What the peak would be without one call site: the contract `fil.what-if/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WhatIf {
    /// `fil.what-if/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// The peak as it was.
    pub peak_bytes: u64,
    /// When it was: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
    /// What was looked at, that which lowers the peak most first.
    pub without: Vec<Without>,
}

/// The peak without one call site.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Without {
    /// Whose memory is left out.
    #[serde(flatten)]
    pub group: GroupName,
    /// What it held at the peak.
    pub live_bytes: u64,
    /// The peak without it.
    pub peak_bytes: u64,
    /// When that is: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
}

/// Which call sites are to be left out, each by itself.
#[derive(Clone, Debug)]
pub enum LeftOut {
    /// As many of those that hold a hundredth of the peak or more as are needed to find the one that lowers it most.
    Best,
    /// Those whose name or place (`file:line`) this is for.
    Named(Pattern),
}

/// Finds the peak without call sites, or without other groups.
pub fn what_if(trace: &Trace, left_out: &LeftOut, query: &Query) -> Result<WhatIf, AnalyzerError> {
    let (peak, rows) = peak_rows(trace, query);
    let candidates = rows.into_iter().map(|row| (row.group, row.measure.bytes)).collect();
    let without = peaks_without(trace, left_out, query, peak.live_bytes, candidates);
    let (complete, warnings) = trace.judged();
    Ok(WhatIf {
        schema: "fil.what-if/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete,
        warnings,
        peak_bytes: peak.live_bytes,
        peak_time_ns: trace.since_start(peak.ns),
        without,
    })
}

/// The call site, of those that hold most at this peak of the trace, without which it would be lowest.
pub fn best_without(trace: &Trace, peak: &Peak) -> Option<Without> {
    let candidate = |row: &CallSite| {
        let CallSite { function, file, line, live_bytes, .. } = row.clone();
        (GroupName::CallSite { file, line, function }, live_bytes)
    };
    let candidates = peak.call_sites.iter().take(AT_ONCE).map(candidate).collect();
    peaks_without(trace, &LeftOut::Best, &Query::default(), peak.peak_bytes, candidates).into_iter().next()
}

/// What the peak would be without candidates, of which is told what they held at the peak, the largest first.
fn peaks_without(
    trace: &Trace,
    left_out: &LeftOut,
    query: &Query,
    peak_bytes: u64,
    mut candidates: Vec<(GroupName, u64)>,
) -> Vec<Without> {
    let least = match left_out {
        LeftOut::Best => peak_bytes / LEAST_PART,
        LeftOut::Named(_) => 0,
    };
    let is_meant = |group: &GroupName| match left_out {
        LeftOut::Best => true,
        LeftOut::Named(pattern) => group.is_meant_by(pattern),
    };
    candidates.retain(|(group, live_bytes)| is_meant(group) && *live_bytes >= least);
    candidates.truncate(MOST_CANDIDATES);
    let mut without: Vec<Without> = Vec::new();
    while !candidates.is_empty() {
        let won = without.iter().map(|one| peak_bytes.saturating_sub(one.peak_bytes)).max();
        if matches!(left_out, LeftOut::Best) && won.is_some_and(|won| candidates[0].1 <= won) {
            break;
        }
        let now: Vec<(GroupName, u64)> = candidates.drain(..candidates.len().min(AT_ONCE)).collect();
        let follower = Follower {
            groups: Groups::new(query.grouping),
            resolver: StackResolver::new(trace.images()),
            trace,
            names: now.iter().map(|(group, _)| group).collect(),
            of_group: Vec::new(),
            of_site: Vec::new(),
            rest: [Level::default(); AT_ONCE],
        };
        let (observer, _) = replay_selected(trace, &query.selection, follower);
        let rest = observer.rest;
        without.extend(now.into_iter().zip(rest).map(|((group, live_bytes), level)| Without {
            group,
            live_bytes,
            peak_bytes: level.max_bytes,
            peak_time_ns: trace.since_start(level.max_ns),
        }));
    }
    without.sort_by(|one, other| (one.peak_bytes, &one.group).cmp(&(other.peak_bytes, &other.group)));
    without
}

/// Live bytes without one group.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    bytes: u64,
    max_bytes: u64,
    /// Nanoseconds of the monotonic clock.
    max_ns: u64,
}

/// Observes a replay and follows what is alive without each of several groups.
struct Follower<'a> {
    groups: Groups,
    resolver: StackResolver<'a>,
    trace: &'a Trace,
    /// The groups that are left out, each by itself.
    names: Vec<&'a GroupName>,
    /// By group: its index in `names`.
    of_group: Vec<Option<usize>>,
    /// By site: whether it counts, and the index of its group in `names`.
    of_site: Vec<(bool, Option<usize>)>,
    rest: [Level; AT_ONCE],
}

impl Follower<'_> {
    fn place_of(&mut self, group: GroupId) -> Option<usize> {
        while self.of_group.len() < self.groups.names().len() {
            let name = &self.groups.names()[self.of_group.len()];
            self.of_group.push(self.names.iter().position(|left_out| *left_out == name));
        }
        self.of_group[group.index()]
    }
}

impl Observer for Follower<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        let stack = self.resolver.resolve(site.image, site.stack);
        let group = self.groups.of_site(site, stack, self.trace.images(), &self.resolver);
        let place = self.place_of(group);
        self.of_site.push((site.category.counts(), place));
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        let (counts, left_out) = self.of_site[change.site.index()];
        if !counts {
            return;
        }
        for (at, level) in self.rest.iter_mut().enumerate() {
            if left_out != Some(at) {
                level.bytes = level.bytes.wrapping_add_signed(change.bytes);
                if level.bytes > level.max_bytes {
                    (level.max_bytes, level.max_ns) = (level.bytes, ns);
                }
            }
        }
    }
}
