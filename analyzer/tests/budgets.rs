//! Budgets of any job against its naive history, and against the other answers.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use analyzer::check::{Budget, CheckedBudget, Tolerance};
use analyzer::peak;
use proptest::prelude::*;
use support::budgets::{checked, leaks_budget, peak_budget, site_budget};
use support::history::{History, Site, with_blocks_only};
use support::open;
use support::steps::{granularity, steps, story};

/// Bytes by stack, without those that have none.
type Levels = BTreeMap<u32, u64>;

fn sums(sites: impl Iterator<Item = (Site, u64)>) -> Levels {
    let mut levels = Levels::new();
    for ((_, _, stack), bytes) in sites.filter(|(_, bytes)| *bytes > 0) {
        *levels.entry(stack).or_default() += bytes;
    }
    levels
}

/// The most that these stacks held together, the first time at which they did, and each of them then.
fn most(history: &History, is_meant: impl Fn(u32) -> bool) -> (u64, u64, Levels) {
    let mut most = (0, 0, Levels::new());
    for (ns, levels) in &history.levels {
        let meant = levels.iter().filter(|((_, _, stack), _)| is_meant(*stack));
        let levels = sums(meant.map(|(site, bytes)| (*site, *bytes)));
        let sum: u64 = levels.values().sum();
        if sum > most.0 {
            most = (sum, *ns, levels);
        }
    }
    most
}

fn held(budget: &CheckedBudget) -> Levels {
    let held = budget.call_sites.iter().filter(|site| site.live_bytes > 0);
    held.map(|site| (site.line, site.live_bytes)).collect()
}

/// Patterns, and the stacks that they are for: each is the line of its function, none is line 0.
const PATTERNS: [(&str, &[u32]); 6] = [
    ("f1", &[1]),
    ("job.py:2", &[2]),
    ("f?", &[1, 2, 3]),
    ("(no Python frame)", &[0]),
    ("*:[13]", &[]),
    ("*", &[0, 1, 2, 3]),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn budgets_agree_with_the_history(
        steps in steps(0..400).prop_map(with_blocks_only),
        granularity in granularity(),
        allowed in 0..3000u64,
    ) {
        let mut trace = open(&story(&steps));
        trace.set_granularity(granularity);
        let history = History::of(&steps);
        let budgets: Vec<Budget<'_>> = PATTERNS.iter().map(|(pattern, _)| site_budget(pattern, allowed))
            .chain([peak_budget(allowed), leaks_budget(allowed)])
            .collect();
        let check = checked(&trace, &budgets);
        let everything: &[u32] = &[0, 1, 2, 3];
        for (budget, stacks) in check.budgets.iter().zip(PATTERNS.iter().map(|(_, stacks)| stacks).chain([&everything])) {
            let (bytes, ns, levels) = most(&history, |stack| stacks.contains(&stack));
            prop_assert_eq!((budget.measured_bytes, budget.time_ns), (bytes, ns), "{:?}", budget.pattern);
            prop_assert_eq!(held(budget), levels);
        }
        let leaks = check.budgets.last().unwrap();
        let end = history.end.unwrap().order;
        let left = history.alive(|born, died| born.order < end && died.is_none_or(|died| died.order >= end));
        prop_assert_eq!(held(leaks), sums(left.into_iter().map(|(site, memory)| (site, memory.bytes))));
        for budget in &check.budgets {
            prop_assert_eq!(budget.kept, budget.measured_bytes <= allowed);
            let sum: u64 = budget.call_sites.iter().map(|site| site.live_bytes).sum();
            prop_assert_eq!(sum, budget.measured_bytes);
        }
    }

    /// With mappings, too: budgets say what the other answers say, and all sites together are the whole.
    #[test]
    fn budgets_agree_with_the_peak(steps in steps(0..300), granularity in granularity()) {
        let mut trace = open(&story(&steps));
        trace.set_granularity(granularity);
        let peak = peak(&trace).unwrap();
        let tolerance = Tolerance::Bytes(0);
        let budgets = [
            peak_budget(0), leaks_budget(0), site_budget("*", 0), Budget::Baseline { trace: &trace, tolerance },
        ];
        let check = checked(&trace, &budgets);
        for at in [0, 2, 3] {
            let budget = &check.budgets[at];
            prop_assert_eq!((budget.measured_bytes, budget.time_ns), (peak.peak_bytes, peak.peak_time_ns));
            prop_assert_eq!(&budget.call_sites, &peak.call_sites);
        }
        prop_assert_eq!(check.budgets[1].measured_bytes, peak.end_bytes);
        prop_assert!(check.budgets[3].kept || trace.processes().is_empty());
        prop_assert_eq!(check.budgets[3].allowed_bytes, peak.peak_bytes);
    }
}
