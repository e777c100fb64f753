//! The answer to "does the job keep to its memory": budgets, what was used of each, and by whom.
//!
//! All budgets of a trace are looked at in one replay, and a baseline takes one of its own.
//!
//! Invariant: a budget is called kept only if nothing speaks against the trace. What is not known is said to be unknown,
//! never kept: a job that ran out of memory, or a trace of which a part is lost, must not pass (`doubts.rs`).

mod budget;
mod budget_marks;
mod doubts;
mod site_marks;

use serde::Serialize;

use crate::error::AnalyzerError;
use crate::held::{CallSite, Held};
use crate::high_water_mark::HighWaterMark;
use crate::moment::Moment;
use crate::selected_replay::replay_selected;
use crate::selection::{Pattern, Selection};
use crate::site::Site;
use crate::trace::Trace;

use budget_marks::BudgetMarks;
use doubts::{Doubts, Needs};

pub use budget::{Budget, Tolerance};

/// Whether budgets were kept: the contract `fil.check/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// `fil.check/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// Whether all budgets were kept.
    pub kept: bool,
    /// That of all budgets: broken if one is, else unknown if one is.
    pub verdict: Verdict,
    /// Why the trace cannot vouch for a budget, one sentence each.
    pub doubts: Vec<String>,
    /// The budgets, in the order in which they were given.
    pub budgets: Vec<CheckedBudget>,
}

/// What came of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// No more was used than is allowed.
    Kept,
    /// More was used.
    Broken,
    /// The trace cannot tell.
    Unknown,
}

/// What a budget is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BudgetKind {
    /// The peak.
    Peak,
    /// What was alive when the job ended.
    Leaks,
    /// The most that call sites held together.
    Site,
    /// The peak, beside that of another trace.
    Baseline,
}

/// A budget, and what was used of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CheckedBudget {
    /// What it is about.
    pub what: BudgetKind,
    /// Which call sites.
    pub pattern: Option<String>,
    /// What the peak stands beside.
    pub baseline: Option<BaselinePeak>,
    /// Bytes that are allowed.
    pub allowed_bytes: u64,
    /// Bytes that were used.
    pub measured_bytes: u64,
    /// The first instant at which they were: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Whether it was kept, for certain.
    pub kept: bool,
    /// Whether it was kept or broken, or neither is certain.
    pub verdict: Verdict,
    /// Who held `measured_bytes` at that instant: innermost Python frames, largest first.
    pub call_sites: Vec<CallSite>,
}

/// The peak of another trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaselinePeak {
    /// Name of the other trace.
    pub trace: String,
    /// Its peak.
    pub peak_bytes: u64,
    /// Why that cannot be believed, one sentence each.
    pub doubts: Vec<String>,
}

/// Looks whether a job kept to its budgets, with what is selected of its memory, and of a baseline's.
pub fn check(trace: &Trace, budgets: &[Budget<'_>], selection: &Selection) -> Result<Check, AnalyzerError> {
    let baselines: Vec<Option<BaselinePeak>> = budgets.iter().map(|budget| baseline_peak(budget, selection)).collect();
    let (marks, replayed) = replay_selected(trace, selection, BudgetMarks::new(trace, budgets));
    let needs = |budget| Needs { stacks: needs_stacks(budget, selection) };
    let doubts = Doubts::of(trace, selection);

    let whole = marks.peak.map(|mark| Measured::of_mark(&mark, &replayed.sites, trace));
    let end = marks.end.map(|keeper| {
        let (moment, kept_ns) = keeper.finish();
        let time_ns = kept_ns.map_or(trace.duration_ns(), |ns| trace.since_start(ns));
        Measured::of_moment(&moment, &replayed.sites, time_ns, trace)
    });
    let mut sites = marks.sites.into_marks().map(|(mark, sites)| Measured::of_mark(&mark, &sites, trace));

    let mut checked = Vec::new();
    for (budget, baseline) in budgets.iter().zip(baselines) {
        let measured = match budget {
            Budget::Peak { .. } | Budget::Baseline { .. } => whole.clone(),
            Budget::Leaks { .. } => end.clone(),
            Budget::Site { .. } => sites.next(),
        };
        checked.push(measured.unwrap_or_default().against(budget, baseline, &doubts, needs(budget)));
    }
    let verdict = overall(&checked);
    let needs_stacks = budgets.iter().any(|budget| needs(budget).stacks);
    Ok(Check {
        schema: "fil.check/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete: trace.complete() && doubts.losses().is_none(),
        warnings: doubts.warnings(trace),
        kept: verdict == Verdict::Kept,
        verdict,
        doubts: doubts.sentences(Needs { stacks: needs_stacks }),
        budgets: checked,
    })
}

/// Without call stacks nobody knows whose memory is whose.
fn needs_stacks(budget: &Budget<'_>, selection: &Selection) -> bool {
    matches!(budget, Budget::Site { .. }) || !selection.functions.is_empty() || !selection.files.is_empty()
}

fn overall(budgets: &[CheckedBudget]) -> Verdict {
    let is_any = |verdict| budgets.iter().any(|budget| budget.verdict == verdict);
    [Verdict::Broken, Verdict::Unknown].into_iter().find(|&verdict| is_any(verdict)).unwrap_or(Verdict::Kept)
}

/// What was used, when, and by whom.
#[derive(Clone, Default)]
struct Measured {
    bytes: u64,
    time_ns: u64,
    call_sites: Vec<CallSite>,
}

impl Measured {
    fn of_mark(mark: &HighWaterMark, sites: &[Site], trace: &Trace) -> Measured {
        Measured::of_moment(&mark.moment, sites, trace.since_start(mark.peak_ns), trace)
    }

    fn of_moment(moment: &Moment, sites: &[Site], time_ns: u64, trace: &Trace) -> Measured {
        let held = Held::at(moment, sites);
        let (_, position) = held.by_process(trace);
        let (call_sites, _) = held.by_call(trace, &position);
        let bytes = call_sites.iter().fold(0, |sum: u64, site| sum.wrapping_add(site.live_bytes));
        Measured { bytes, time_ns, call_sites }
    }

    fn against(
        self,
        budget: &Budget<'_>,
        baseline: Option<BaselinePeak>,
        doubts: &Doubts,
        needs: Needs,
    ) -> CheckedBudget {
        let (what, allowed_bytes) = match budget {
            Budget::Peak { allowed_bytes } => (BudgetKind::Peak, *allowed_bytes),
            Budget::Leaks { allowed_bytes } => (BudgetKind::Leaks, *allowed_bytes),
            Budget::Site { allowed_bytes, .. } => (BudgetKind::Site, *allowed_bytes),
            Budget::Baseline { tolerance, .. } => {
                let peak_bytes = baseline.as_ref().map_or(0, |baseline| baseline.peak_bytes);
                (BudgetKind::Baseline, tolerance.above(peak_bytes))
            }
        };
        let is_baseline_sound = baseline.as_ref().is_none_or(|baseline| baseline.doubts.is_empty());
        let is_certain = is_baseline_sound
            && match (self.bytes <= allowed_bytes, what) {
                (true, _) => doubts.can_vouch(needs),
                (false, BudgetKind::Leaks) => doubts.know_the_end(),
                (false, _) => doubts.know_the_least(),
            };
        let verdict = match self.bytes <= allowed_bytes {
            _ if !is_certain => Verdict::Unknown,
            true => Verdict::Kept,
            false => Verdict::Broken,
        };
        CheckedBudget {
            what,
            pattern: budget.pattern().map(|pattern| pattern.text().to_owned()),
            baseline,
            allowed_bytes,
            measured_bytes: self.bytes,
            time_ns: self.time_ns,
            kept: verdict == Verdict::Kept,
            verdict,
            call_sites: self.call_sites,
        }
    }
}

/// What the baseline of a budget held at its peak.
fn baseline_peak(budget: &Budget<'_>, selection: &Selection) -> Option<BaselinePeak> {
    let Budget::Baseline { trace, .. } = budget else { return None };
    let (mark, _) = replay_selected(trace, selection, HighWaterMark::default());
    let doubts = Doubts::of(trace, selection);
    let doubts = doubts.sentences(Needs { stacks: needs_stacks(budget, selection) });
    Some(BaselinePeak { trace: trace.name().to_owned(), peak_bytes: mark.peak_bytes, doubts })
}

impl Budget<'_> {
    fn pattern(&self) -> Option<&Pattern> {
        match self {
            Budget::Site { pattern, .. } => Some(pattern),
            _ => None,
        }
    }
}
