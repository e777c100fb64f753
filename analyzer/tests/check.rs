//! Budgets: what was used of them, by whom, and when a trace cannot tell.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::check::{Budget, BudgetKind, CheckedBudget, Tolerance, Verdict, check};
use analyzer::{Pattern, Selection, Trace};
use format::constants::CHUNK_HEADER_BYTES;
use serde_json::json;
use support::budgets::{checked, leaks_budget, peak_budget, site_budget};
use support::{open, trace_bytes};

/// `load` holds 600 and 200 at 100 and 200 ns, when `parse` has 50; at 300 ns there are 400 of `parse`.
const STORY: &str = "process 10 command=python,job.py
    name main 10
    code 1 load /src/job.py 1
    code 2 Parser.parse /src/job.py 2
    path 1 0 1
    path 2 0 2
    time 100
    alloc 1000 600 stack=1
    alloc 2000 50 stack=2
    time 200
    alloc 3000 200 stack=1
    time 250
    free 1000
    time 300
    alloc 4000 350 stack=2
    time 350
    free 3000
    free 4000
    end at=400";

/// Bytes, time in ns, and `function=bytes` of who held them.
fn used(budget: &CheckedBudget) -> (u64, u64, Vec<String>) {
    let site = |site: &analyzer::CallSite| format!("{}={}", site.function, site.live_bytes);
    (budget.measured_bytes, budget.time_ns, budget.call_sites.iter().map(site).collect())
}

#[test]
fn each_budget_tells_what_was_used_when_and_by_whom() {
    let trace = open(STORY);
    let budgets = [
        peak_budget(850),
        leaks_budget(49),
        site_budget("load", 800),
        site_budget("parse", 399),
        site_budget("job.py:2", 400),
        site_budget("*", 850),
        site_budget("nobody", 0),
    ];
    let check = checked(&trace, &budgets);
    let told: Vec<_> = check.budgets.iter().map(used).collect();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            (850, 200, owned(&["load=800", "Parser.parse=50"])),
            (50, 350, owned(&["Parser.parse=50"])),
            (800, 200, owned(&["load=800"])),
            (400, 300, owned(&["Parser.parse=400"])),
            (400, 300, owned(&["Parser.parse=400"])),
            (850, 200, owned(&["load=800", "Parser.parse=50"])),
            (0, 0, owned(&[])),
        ]
    );
    let verdicts: Vec<Verdict> = check.budgets.iter().map(|budget| budget.verdict).collect();
    use Verdict::{Broken, Kept};
    assert_eq!(verdicts, [Kept, Broken, Kept, Broken, Kept, Kept, Kept]);
    assert!(check.budgets.iter().all(|budget| budget.kept == (budget.verdict == Kept)));
    assert_eq!((check.kept, check.verdict), (false, Broken));
    assert_eq!(check.budgets[3].pattern.as_deref(), Some("parse"));
    assert!(check.complete && check.doubts.is_empty() && check.warnings.is_empty());
}

#[test]
fn without_a_broken_budget_all_are_kept() {
    let check = checked(&open(STORY), &[peak_budget(850), leaks_budget(50)]);
    assert_eq!((check.kept, check.verdict), (true, Verdict::Kept));
    assert!(checked(&open(STORY), &[]).kept);
}

#[test]
fn a_baseline_allows_its_peak_and_the_tolerance() {
    let (trace, before) = (open(STORY), open("process 7\ntime 10\nalloc 1 800\nend"));
    let verdict = |tolerance| {
        let check = checked(&trace, &[Budget::Baseline { trace: &before, tolerance }]);
        let budget = &check.budgets[0];
        let baseline = budget.baseline.as_ref().unwrap();
        assert_eq!((budget.what, baseline.peak_bytes, budget.measured_bytes), (BudgetKind::Baseline, 800, 850));
        (budget.allowed_bytes, budget.verdict)
    };
    assert_eq!(verdict(Tolerance::Percent(5.0)), (840, Verdict::Broken));
    assert_eq!(verdict(Tolerance::Percent(6.25)), (850, Verdict::Kept));
    assert_eq!(verdict(Tolerance::Bytes(49)), (849, Verdict::Broken));
    assert_eq!(verdict(Tolerance::Bytes(50)), (850, Verdict::Kept));
    assert_eq!(verdict(Tolerance::Bytes(0)), (800, Verdict::Broken));
}

#[test]
fn filters_are_for_both_traces() {
    let trace = open(STORY);
    let selection = Selection { functions: vec![Pattern::new("parse").unwrap()], ..Selection::default() };
    let budgets =
        [peak_budget(0), site_budget("load", 0), Budget::Baseline { trace: &trace, tolerance: Tolerance::Bytes(0) }];
    let check = check(&trace, &budgets, &selection).unwrap();
    assert_eq!(used(&check.budgets[0]), (400, 300, vec!["Parser.parse=400".to_owned()]));
    assert_eq!(used(&check.budgets[1]), (0, 0, vec![]));
    assert_eq!((check.budgets[2].allowed_bytes, check.budgets[2].verdict), (400, Verdict::Kept));
}

/// What a job that held 100 bytes, of which 10 were left, tells of budgets that are kept and broken.
fn verdicts(end: &str) -> (Vec<Verdict>, Vec<String>) {
    let story = format!(
        "process 10\nname main 10\ncode 1 f job.py 1\npath 1 0 1\ntime 5\nalloc 16 10 stack=1\nalloc 32 90 stack=1\ntime 8\nfree 32\n{end}"
    );
    let budgets = [
        peak_budget(100),
        peak_budget(99),
        leaks_budget(10),
        leaks_budget(9),
        site_budget("f", 100),
        site_budget("f", 99),
    ];
    let check = checked(&open(&story), &budgets);
    (check.budgets.iter().map(|budget| budget.verdict).collect(), check.doubts)
}

/// The verdicts of [`verdicts`] with what a kept and a broken budget are called.
fn kept_or(kept: Verdict, broken: Verdict, broken_leaks: Verdict) -> Vec<Verdict> {
    vec![kept, broken, kept, broken_leaks, kept, broken]
}

#[test]
fn a_job_that_ended_in_order_can_be_judged() {
    use Verdict::{Broken, Kept};
    assert_eq!(verdicts("end"), (kept_or(Kept, Broken, Broken), vec![]));
}

/// It would have needed more.
#[test]
fn a_job_that_ran_out_of_memory_keeps_no_budget() {
    use Verdict::{Broken, Unknown};
    for (end, doubt) in [
        ("end killed oom-kills=1", "the kernel killed the job for want of memory"),
        ("end oom-kills=1", "the kernel killed a process for want of memory while the job ran"),
        ("end code=1 oom-kills=2", "the kernel killed 2 processes for want of memory while the job ran"),
        ("failed 1000 stack=1\nend code=1", "an allocation failed, and the job exited with code 1"),
    ] {
        assert_eq!(verdicts(end), (kept_or(Unknown, Broken, Broken), vec![doubt.to_owned()]), "{end}");
    }
    // Whoever tries how much it can have and goes on lacks nothing.
    assert_eq!(verdicts("failed 1000 stack=1\nend").1, Vec::<String>::new());
}

#[test]
fn a_job_that_was_killed_keeps_no_budget_unless_it_was_asked_to_end() {
    use Verdict::{Broken, Kept, Unknown};
    for signal in [9, 11, 6] {
        let doubts = vec![format!("the job was killed by signal {signal}")];
        assert_eq!(verdicts(&format!("end signal={signal}")), (kept_or(Unknown, Broken, Broken), doubts));
    }
    for (end, how) in [
        ("signal=15", "was ended by signal 15"),
        ("signal=2", "was ended by signal 2"),
        ("code=3", "exited with code 3"),
    ] {
        let end = format!("end {end}");
        assert_eq!(verdicts(&end), (kept_or(Kept, Broken, Broken), vec![]), "{end}");
        let check = checked(&open(&format!("process 10\nalloc 1 5\n{end}")), &[peak_budget(5)]);
        assert_eq!(check.warnings, [format!("the job {how}: what it did not come to is not measured")]);
        assert!(check.kept);
    }
}

/// What it shows happened, but not what came then.
#[test]
fn a_recording_without_its_end_shows_only_that_a_budget_is_broken() {
    use Verdict::{Broken, Unknown};
    let doubts = vec!["the recording did not end in order".to_owned()];
    assert_eq!(verdicts(""), (kept_or(Unknown, Broken, Unknown), doubts));
    let doubts = vec!["not all was recorded".to_owned()];
    assert_eq!(verdicts("stopped full\nend"), (kept_or(Unknown, Broken, Unknown), doubts));
}

/// What is missing may be frees.
#[test]
fn a_damaged_trace_shows_nothing_for_certain() {
    let story = "process 10\ncode 1 f job.py 1\npath 1 0 1\nalloc 16 10 stack=1\ncut\nfree 16\nend";
    let mut bytes = trace_bytes(story);
    let chunks: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"FILc")).collect();
    bytes[chunks[1] + CHUNK_HEADER_BYTES + 1] ^= 1;
    let trace = Trace::from_bytes("test.fil".into(), bytes).unwrap();
    let check = checked(&trace, &[peak_budget(10), peak_budget(9), leaks_budget(10), leaks_budget(9)]);
    assert!(check.budgets.iter().all(|budget| budget.verdict == Verdict::Unknown && !budget.kept));
    assert_eq!((check.verdict, check.kept, check.complete), (Verdict::Unknown, false, false));
    assert_eq!(check.doubts, ["parts of the trace are damaged or missing"]);
}

/// A statically linked program must not pass for one that needs no memory.
#[test]
fn nothing_recorded_is_not_nothing_used() {
    let check = checked(&open("end"), &[peak_budget(1), leaks_budget(1)]);
    assert_eq!((check.verdict, check.doubts), (Verdict::Unknown, vec!["nothing was recorded".to_owned()]));
}

/// Its bytes are known, but not whose they are.
#[test]
fn without_call_stacks_only_budgets_of_call_sites_are_in_doubt() {
    use Verdict::{Broken, Kept, Unknown};
    let doubts = vec!["a process was recorded without call stacks".to_owned()];
    assert_eq!(verdicts("notice old\nend"), (vec![Kept, Broken, Kept, Broken, Unknown, Broken], doubts));
    let trace = open("process 10\nnotice old\nalloc 1 5\nend");
    assert!(checked(&trace, &[peak_budget(5)]).doubts.is_empty(), "who needs no stacks need not know");
    let selection = Selection { files: vec![Pattern::new("job.py").unwrap()], ..Selection::default() };
    let check = check(&trace, &[peak_budget(5)], &selection).unwrap();
    assert_eq!((check.budgets[0].measured_bytes, check.verdict), (0, Unknown));
}

#[test]
fn a_baseline_that_cannot_be_believed_allows_nothing() {
    let trace = open(STORY);
    let verdict = |other: &str| {
        let other = open(other);
        let check = checked(&trace, &[Budget::Baseline { trace: &other, tolerance: Tolerance::Bytes(0) }]);
        assert!(check.doubts.is_empty(), "they are the other's");
        (check.verdict, check.budgets[0].baseline.clone().unwrap().doubts)
    };
    let doubts = |doubt: &str| (Verdict::Unknown, vec![doubt.to_owned()]);
    assert_eq!(verdict("process 1\nalloc 1 800"), doubts("the recording did not end in order"));
    assert_eq!(verdict("process 1\nalloc 1 900"), doubts("the recording did not end in order"));
    assert_eq!(verdict("end"), doubts("nothing was recorded"));
    assert_eq!(verdict("process 1\nalloc 1 849\nend"), (Verdict::Broken, vec![]));
    assert_eq!(verdict("process 1\nalloc 1 850\nend"), (Verdict::Kept, vec![]));
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let trace = open(STORY);
    let before = open("process 7\nalloc 1 800\nend");
    let budgets = [site_budget("parse", 399), Budget::Baseline { trace: &before, tolerance: Tolerance::Bytes(50) }];
    let site = |function: &str, line: u32, bytes: u64, blocks: u64| json!({"function": function, "file": "/src/job.py", "line": line, "live_bytes": bytes, "live_blocks": blocks});
    assert_eq!(
        serde_json::to_value(checked(&trace, &budgets)).unwrap(),
        json!({
            "schema": "fil.check/1",
            "trace": "test.fil",
            "command": ["python", "job.py"],
            "complete": true,
            "warnings": [],
            "kept": false,
            "verdict": "broken",
            "doubts": [],
            "budgets": [{
                "what": "site",
                "pattern": "parse",
                "baseline": null,
                "allowed_bytes": 399,
                "measured_bytes": 400,
                "time_ns": 300,
                "kept": false,
                "verdict": "broken",
                "call_sites": [site("Parser.parse", 2, 400, 2)],
            }, {
                "what": "baseline",
                "pattern": null,
                "baseline": {"trace": "test.fil", "peak_bytes": 800, "doubts": []},
                "allowed_bytes": 850,
                "measured_bytes": 850,
                "time_ns": 200,
                "kept": true,
                "verdict": "kept",
                "call_sites": [site("load", 1, 800, 2), site("Parser.parse", 2, 50, 1)],
            }],
        })
    );
}
