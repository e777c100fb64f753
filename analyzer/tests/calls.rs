//! The views about calls against a naive history: every block with its birth and its end, one by one.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use analyzer::views::{
    self, Churn, LeftOut, Lifetimes, PeakLifetimes, Query, Range, RangeMemory, Temporary, Threshold, WhatIf, When,
};
use analyzer::{CallView, GroupName, Grouping, Measure, Pattern, Selection, StackRow, Totals, Trace, peak, peak_of};
use proptest::prelude::*;
use support::history::{History, Instant, Life, Site, freed, with_blocks_only};
use support::steps::{MAPPING_STACKS, granularity, steps, story};

fn site_of<M>(row: &StackRow<M>) -> Site {
    let frames = row.frames.frames();
    let function = frames.first().map_or("f0", |frame| &frame.function);
    let thread = row.thread.strip_prefix("thread ").unwrap().parse().unwrap();
    (row.process as usize - 10, thread, function[1..].parse().unwrap())
}

fn by_site<M: Measure, A>(view: &CallView<M, A>) -> BTreeMap<Site, M> {
    view.stacks.iter().map(|row| (site_of(row), row.measure.clone())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn views_agree_with_the_history(
        steps in steps(0..400).prop_map(with_blocks_only),
        granularity in granularity(),
        first in 0..1500u64,
        second in 0..1500u64,
        within in 1..4u32,
    ) {
        let mut trace: Trace = support::open(&story(&steps));
        trace.set_granularity(granularity);
        let history = History::of(&steps);
        let all = Query::default();

        let at = views::at(&trace, When::Time(first), &all).unwrap();
        let alive = history.alive(|born, end| born.ns <= first && end.is_none_or(|end| end.ns > first));
        prop_assert_eq!(by_site(&at), alive);

        let leaks = views::at(&trace, When::End, &all).unwrap();
        let job_end = history.end.unwrap();
        let alive = history.alive(|born, end| born.order < job_end.order && end.is_none_or(|end| end.order >= job_end.order));
        prop_assert_eq!(by_site(&leaks), alive);

        let (from_ns, to_ns) = (first.min(second), first.max(second));
        let in_range = |at: Instant| (from_ns..=to_ns).contains(&at.ns);
        let range = views::range(&trace, Range { from_ns, to_ns }, &all).unwrap();
        prop_assert_eq!(by_site(&range), history.by_site(|life| {
            let allocated = u64::from(in_range(life.born));
            let gone = life.end.as_ref().is_some_and(|end| end.at.ns <= to_ns);
            let freed = u64::from(freed(life).is_some_and(|end| in_range(end.at)));
            let retained = allocated * u64::from(!gone);
            RangeMemory {
                retained_bytes: retained * life.size,
                retained_blocks: retained,
                allocated_bytes: allocated * life.size,
                allocated_blocks: allocated,
                freed_bytes: freed * life.size,
                freed_blocks: freed,
            }
        }));

        let churn = views::churn(&trace, &all).unwrap();
        let allocated = history.by_site(|life| Churn { allocated_bytes: life.size, allocated_blocks: 1 });
        prop_assert_eq!(by_site(&churn), allocated);

        let is_left = |life: &Life| {
            life.born.order < job_end.order && life.end.as_ref().is_none_or(|end| end.at.order >= job_end.order)
        };
        let reaching = views::reaching(&trace, &Pattern::new("?1").unwrap(), &all).unwrap();
        prop_assert_eq!(reaching.about.peak_bytes, history.peak_bytes);
        prop_assert_eq!(by_site(&reaching), history.by_site(|life| {
            let is_for = life.site.2 == 1;
            let at_peak = is_for && history.peak.is_some_and(|peak| {
                life.born.order <= peak.order && life.end.as_ref().is_none_or(|end| end.at.order > peak.order)
            });
            Totals {
                live_bytes: life.size * u64::from(at_peak),
                live_blocks: u64::from(at_peak),
                allocated_bytes: life.size * u64::from(is_for),
                allocated_blocks: u64::from(is_for),
                end_bytes: life.size * u64::from(is_for && is_left(life)),
            }
        }));

        let temporary = views::temporary(&trace, Threshold { within_allocations: within }, &all).unwrap();
        prop_assert_eq!(by_site(&temporary), history.by_site(|life| {
            let temporary = freed(life).is_some_and(|end| end.number - life.number < u64::from(within));
            let temporary = u64::from(temporary);
            Temporary {
                temporary_blocks: temporary,
                temporary_bytes: temporary * life.size,
                allocated_blocks: 1,
                allocated_bytes: life.size,
            }
        }));

        let lifetimes = views::lifetimes(&trace, &all).unwrap();
        prop_assert_eq!(by_site(&lifetimes), history.by_site(|life| {
            let lifetime_ns = freed(life).map(|end| end.at.ns - life.born.ns);
            Lifetimes {
                allocated_bytes: life.size,
                allocated_blocks: 1,
                freed_blocks: u64::from(lifetime_ns.is_some()),
                lifetimes_ns: lifetime_ns.unwrap_or(0).into(),
                longest_ns: lifetime_ns.unwrap_or(0),
                kept_bytes: if lifetime_ns.is_some() { 0 } else { life.size },
            }
        }));

        let sizes = views::sizes(&trace, &all.selection).unwrap();
        for class in &sizes.sizes {
            let in_it = || history.lives.iter().map(|life| life.size).filter(|size| (class.from_bytes..=class.to_bytes).contains(size));
            prop_assert_eq!((class.allocated_blocks, class.allocated_bytes), (in_it().count() as u64, in_it().sum()));
        }
        prop_assert_eq!(sizes.allocated_blocks, history.lives.len() as u64);

        let what_if = views::what_if(&trace, &LeftOut::Named(Pattern::new("*").unwrap()), &all).unwrap();
        prop_assert_eq!(what_if.peak_bytes, history.peak_bytes);
        for without in &what_if.without {
            let GroupName::CallSite { line, .. } = &without.group else { panic!("no call site") };
            prop_assert_eq!((without.peak_bytes, without.peak_time_ns), history.peak_without(*line));
        }
        prop_assert!(what_if.without.is_sorted_by_key(|without| without.peak_bytes));
        let best = views::what_if(&trace, &LeftOut::Best, &all).unwrap();
        let best_bytes = |answer: &WhatIf| answer.without.first().map(|without| without.peak_bytes);
        prop_assert_eq!(best_bytes(&best), best_bytes(&what_if));

        let peaks = views::peaks(&trace, 1000, &all).unwrap();
        let highest = history.peak.map(|peak| (history.peak_bytes, peak.ns));
        prop_assert_eq!(peaks.peaks.first().map(|peak| (peak.live_bytes, peak.time_ns)), highest);
        for peak in &peaks.peaks {
            prop_assert_eq!(peak.rows.iter().map(|row| row.measure.bytes).sum::<u64>(), peak.live_bytes);
            let is_there = |(ns, levels): &(u64, BTreeMap<Site, u64>)| {
                *ns == peak.time_ns && levels.values().sum::<u64>() == peak.live_bytes
            };
            prop_assert!(history.levels.iter().any(is_there), "{peak:?}");
        }
        prop_assert_eq!(peaks.peaks.len(), history.separate_peaks(peaks.least_fall_bytes));

        let peak_lifetimes = views::peak_lifetimes(&trace, &all).unwrap();
        prop_assert_eq!(peak_lifetimes.about.peak_bytes, history.peak_bytes);
        let expected = history.peak.map(|peak| history.by_site(|life| {
            let alive = life.born.order <= peak.order && life.end.as_ref().is_none_or(|end| end.at.order > peak.order);
            if !alive {
                return PeakLifetimes::default();
            }
            let freed_at = freed(life).map(|end| end.at.ns);
            PeakLifetimes {
                live_bytes: life.size,
                live_blocks: 1,
                byte_ages_ns: u128::from(life.size * (peak.ns - life.born.ns)),
                freed_bytes: if freed_at.is_some() { life.size } else { 0 },
                byte_delays_ns: freed_at.map_or(0, |ns| u128::from(life.size * (ns - peak.ns))),
            }
        }));
        prop_assert_eq!(by_site(&peak_lifetimes), expected.unwrap_or_default());
    }

    /// With mappings, too.
    #[test]
    fn rows_add_up_and_views_agree_with_each_other(steps in steps(0..300), granularity in granularity()) {
        let mut trace: Trace = support::open(&story(&steps));
        trace.set_granularity(granularity);
        let groupings = [
            Grouping::CallSite, Grouping::Function, Grouping::File, Grouping::Package, Grouping::Thread,
            Grouping::Process, Grouping::Category,
        ];
        for grouping in groupings {
            let query = Query { grouping, ..Query::default() };
            let everything = Range { from_ns: 0, to_ns: u64::MAX / 2 };
            let (churn, range) = (views::churn(&trace, &query).unwrap(), views::range(&trace, everything, &query).unwrap());
            add_up(&churn)?;
            add_up(&range)?;
            add_up(&views::at(&trace, When::End, &query).unwrap())?;
            add_up(&views::temporary(&trace, Threshold { within_allocations: 1 }, &query).unwrap())?;
            add_up(&views::lifetimes(&trace, &query).unwrap())?;
            let (peak_lifetimes, peak) = (views::peak_lifetimes(&trace, &query).unwrap(), peak(&trace).unwrap());
            add_up(&peak_lifetimes)?;
            let peak_by = views::peak_by(&trace, &query).unwrap();
            add_up(&peak_by)?;
            prop_assert_eq!((peak_by.total.bytes, peak_by.about.peak_time_ns), (peak.peak_bytes, peak.peak_time_ns));
            // Also where mremap takes memory away and puts it back.
            for row in &peak_lifetimes.rows {
                prop_assert!(row.measure.freed_bytes <= row.measure.live_bytes, "{row:?}");
            }
            for row in &views::temporary(&trace, Threshold { within_allocations: 2 }, &query).unwrap().rows {
                prop_assert!(row.measure.temporary_bytes <= row.measure.allocated_bytes, "{row:?}");
            }
            prop_assert_eq!(peak_lifetimes.total.live_bytes, peak.peak_bytes);
            prop_assert_eq!(views::at(&trace, When::End, &query).unwrap().total.bytes, peak.end_bytes);
            let allocated = |row: &RangeMemory| Churn { allocated_bytes: row.allocated_bytes, allocated_blocks: row.allocated_blocks };
            prop_assert_eq!(allocated(&range.total), churn.total);
        }
    }

    #[test]
    fn only_what_came_to_life_in_a_time(
        steps in steps(0..300).prop_map(with_blocks_only),
        granularity in granularity(),
        first in 0..1500u64,
        second in 0..1500u64,
    ) {
        let mut trace: Trace = support::open(&story(&steps));
        trace.set_granularity(granularity);
        let history = History::of(&steps);
        let (from, to) = (first.min(second), first.max(second));
        let query = Query { selection: Selection { born: Some((from, to)), ..Selection::default() }, ..Query::default() };
        let is_in = |life: &Life| (from..=to).contains(&life.born.ns);

        let churn = views::churn(&trace, &query).unwrap();
        prop_assert_eq!(by_site(&churn), history.by_site(|life| {
            Churn { allocated_bytes: life.size * u64::from(is_in(life)), allocated_blocks: u64::from(is_in(life)) }
        }));
        let temporary = views::temporary(&trace, Threshold { within_allocations: 2 }, &query).unwrap();
        prop_assert_eq!(temporary.total.allocated_bytes, churn.total.allocated_bytes);
        let leaks = views::at(&trace, When::End, &query).unwrap();
        let job_end = history.end.unwrap();
        prop_assert_eq!(leaks.total.bytes, history.lives.iter().filter(|life| is_in(life)).filter(|life| {
            life.born.order < job_end.order && life.end.as_ref().is_none_or(|end| end.at.order >= job_end.order)
        }).map(|life| life.size).sum::<u64>());
        // All of it was there at once, if nothing was freed; never more than that.
        prop_assert!(peak_of(&trace, &query.selection).unwrap().peak_bytes <= churn.total.allocated_bytes);
    }

    /// What is not selected separates an allocation from its free, too.
    #[test]
    fn what_is_temporary_does_not_depend_on_the_selection(steps in steps(0..300), within in 1..4u32) {
        let trace: Trace = support::open(&story(&steps));
        let threshold = Threshold { within_allocations: within };
        let whole = by_site(&views::temporary(&trace, threshold, &Query::default()).unwrap());
        let selection = Selection { functions: vec![Pattern::new("f1").unwrap()], ..Selection::default() };
        let part = by_site(&views::temporary(&trace, threshold, &Query { selection, ..Query::default() }).unwrap());
        let expected = whole.into_iter().filter(|((_, _, stack), _)| *stack == 1).collect();
        prop_assert_eq!(part, expected);
    }

    #[test]
    fn a_selection_leaves_the_rest_out(steps in steps(0..300)) {
        let trace: Trace = support::open(&story(&steps));
        let whole = by_site(&views::churn(&trace, &Query::default()).unwrap());
        let selected = |selection| by_site(&views::churn(&trace, &Query { selection, ..Query::default() }).unwrap());
        let kept = |keep: &dyn Fn(Site) -> bool| -> BTreeMap<Site, Churn> {
            whole.iter().filter(|(site, _)| keep(**site)).map(|(site, churn)| (*site, *churn)).collect()
        };
        let of_process = Selection { processes: vec![11], ..Selection::default() };
        prop_assert_eq!(selected(of_process), kept(&|(process, _, _)| process == 1));
        let of_thread = Selection { threads: vec!["thread 2".to_owned()], ..Selection::default() };
        prop_assert_eq!(selected(of_thread), kept(&|(_, thread, _)| thread == 2));
        let of_function = Selection { functions: vec![Pattern::new("f1").unwrap(), Pattern::new("?3").unwrap()], ..Selection::default() };
        prop_assert_eq!(selected(of_function), kept(&|(_, _, stack)| [1, 3].contains(&stack)));
        let of_kind = Selection { categories: vec!["heap".to_owned()], ..Selection::default() };
        prop_assert_eq!(selected(of_kind), kept(&|(_, _, stack)| stack < MAPPING_STACKS));
        let nothing = Selection { files: vec![Pattern::new("other.py").unwrap()], ..Selection::default() };
        prop_assert_eq!(selected(nothing), BTreeMap::new());
    }
}

fn add_up<M: Measure + std::fmt::Debug, A>(view: &CallView<M, A>) -> Result<(), TestCaseError> {
    let sum = |measures: &mut dyn Iterator<Item = &M>| {
        let mut sum = M::default();
        measures.for_each(|measure| sum.add(measure));
        sum
    };
    prop_assert_eq!(&sum(&mut view.rows.iter().map(|row| &row.measure)), &view.total);
    prop_assert_eq!(&sum(&mut view.stacks.iter().map(|row| &row.measure)), &view.total);
    Ok(())
}

/// One mapping, which moves: it is not allocated again, and it is as old as it is.
#[test]
fn what_mremap_moves_lives_on() {
    let trace = support::open(
        "process 10 command=python,job.py
        code 1 f1 job.py 1
        path 1 0 1
        time 100
        map 4096 8192 stack=1
        time 200
        unmap 4096 8192
        remap 40960 8192 stack=1
        time 300
        unmap 40960 8192
        remap 409600 4096 stack=1
        time 400
        unmap 409600 4096
        end",
    );
    let all = Query::default();
    let churn = views::churn(&trace, &all).unwrap().total;
    assert_eq!((churn.allocated_bytes, churn.allocated_blocks), (8192, 1));
    let lifetimes = views::lifetimes(&trace, &all).unwrap().total;
    assert_eq!((lifetimes.freed_blocks, lifetimes.longest_ns, lifetimes.kept_bytes), (1, 300, 0));
    let peak = views::peak_lifetimes(&trace, &all).unwrap().total;
    assert_eq!((peak.live_bytes, peak.freed_bytes), (8192, 8192));
    // Half of it went after 200 ns, the rest after 300.
    assert_eq!(peak.freed_after_ns(), Some(250));
    let range = views::range(&trace, Range { from_ns: 150, to_ns: 250 }, &all).unwrap().total;
    assert_eq!((range.allocated_bytes, range.freed_bytes, range.retained_bytes), (0, 0, 0));
}

/// A list that grows does so by realloc: between its two events there is less, and nobody can tell.
#[test]
fn a_realloc_is_no_fall() {
    let story = "process 10 command=python,job.py
        alloc 1000 100
        free 1000
        alloc 2000 200
        free 2000
        alloc 1000 400
        free 1000
        alloc 5000 10
        alloc 6000 390
        end";
    let peaks = views::peaks(&support::open(story), 10, &Query::default()).unwrap();
    let levels: Vec<u64> = peaks.peaks.iter().map(|peak| peak.live_bytes).collect();
    // The last free is followed by a small block: that is a fall.
    assert_eq!(levels, [400, 400]);
}

/// Memory of a process that outlives the job is there after the job's end.
#[test]
fn a_time_may_be_behind_the_end_of_the_job() {
    let story = "process 10 command=python,job.py
        time 100
        alloc 1000 100
        process 11 start=50 fork=10
        thread 1
        time 200
        alloc 2000 7
        time 300
        free 2000
        end";
    let trace = support::open(story);
    let at = |ns| views::at(&trace, When::Time(ns), &Query::default()).unwrap().total.bytes;
    assert_eq!((at(100), at(250), at(300)), (100, 7, 0));
    assert_eq!(views::at(&trace, When::End, &Query::default()).unwrap().total.bytes, 100);
    assert_eq!(trace.job_end_ns(), 100);
}
