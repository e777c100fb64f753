//! Memory over time: small jobs with exact numbers, and any job against a naive history.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use analyzer::views::Query;
use analyzer::{GroupName, Grouping, Pattern, Selection, Timeline, TimelineOptions, timeline};
use proptest::prelude::*;
use support::history::{History, Site, with_blocks_only};
use support::steps::{granularity, steps, story};
use support::{STORY, open};

fn timeline_of(story: &str, buckets: usize, rows: usize) -> Timeline {
    timeline(&open(story), &TimelineOptions { buckets, rows, ..Default::default() }).unwrap()
}

/// What a row is called by people.
fn name(group: &GroupName) -> &str {
    match group {
        GroupName::CallSite { function, .. } | GroupName::Function { function, .. } => function,
        GroupName::File { file: name }
        | GroupName::Package { package: name }
        | GroupName::Thread { thread: name, .. }
        | GroupName::Process { command: name, .. }
        | GroupName::Category { category: name } => name,
    }
}

#[test]
fn totals_follow_memory_bucket_by_bucket() {
    let timeline = timeline_of(STORY, 4, 20);
    let totals: Vec<_> = timeline
        .totals
        .iter()
        .map(|total| (total.time_ns, total.live_bytes, total.max_live_bytes, total.rss_bytes))
        .collect();
    assert_eq!(
        totals,
        [(100, 700, 700, None), (200, 735, 735, Some(5000)), (300, 35, 735, Some(5000)), (400, 135, 135, Some(7000)),]
    );
    assert_eq!(timeline.duration_ns, 400);
    assert!(timeline.complete);
}

#[test]
fn rows_add_up_and_the_rest_is_a_row_of_its_own() {
    let timeline = timeline_of(STORY, 2, 1);
    let rows: Vec<_> =
        timeline.rows.iter().map(|row| (row.time_ns, name(&row.group), row.live_bytes, row.max_live_bytes)).collect();
    assert_eq!(
        rows,
        [
            (200, "big", 700, 700),
            // The most of the sum of 20 + 10 and 10 + 25, not the sum 20 + 35 of the mosts.
            (200, "(other)", 35, 35),
            (400, "big", 100, 700),
            (400, "(other)", 35, 35),
        ]
    );
}

#[test]
fn what_never_held_enough_is_one_of_the_others() {
    let rows = |least_bytes| {
        let options = TimelineOptions { buckets: 1, least_bytes, ..Default::default() };
        let timeline = timeline(&open(STORY), &options).unwrap();
        let rows = timeline.rows.iter();
        rows.map(|row| (name(&row.group).to_owned(), row.max_live_bytes)).collect::<Vec<_>>()
    };
    let row = |name: &str, most: u64| (name.to_owned(), most);
    assert_eq!(rows(35), [row("big", 700), row("tiny", 35), row("(other)", 20)]);
    assert_eq!(rows(36), [row("big", 700), row("(other)", 35)]);
    assert_eq!(rows(701).len(), 1);
}

/// malloc(0) gives a block, and nothing else.
#[test]
fn what_never_holds_a_byte_has_no_row() {
    let story = "process 10\ncode 1 empty job.py 1\ncode 2 full job.py 2\npath 1 0 1\npath 2 0 2
        time 100\nalloc 16 0 stack=1\nalloc 32 5 stack=2\nfree 16\nend at=200";
    let timeline = timeline_of(story, 1, 20);
    let rows: Vec<_> = timeline.rows.iter().map(|row| (name(&row.group), row.live_bytes)).collect();
    assert_eq!(rows, [("full", 5)]);
}

#[test]
fn without_others_there_is_no_row_for_them() {
    let timeline = timeline_of(STORY, 1, 3);
    let functions: Vec<&str> = timeline.rows.iter().map(|row| name(&row.group)).collect();
    assert_eq!(functions, ["big", "tiny", "small"]);
}

#[test]
fn rows_sum_to_totals_however_the_time_is_cut() {
    for buckets in [0, 1, 3, 7, 200, 1000] {
        for call_sites in 0..4 {
            let timeline = timeline_of(STORY, buckets, call_sites);
            assert_eq!(timeline.totals.len(), buckets.max(1));
            let rows_per_bucket = timeline.rows.len() / timeline.totals.len();
            for (total, rows) in timeline.totals.iter().zip(timeline.rows.chunks(rows_per_bucket)) {
                assert!(rows.iter().all(|row| row.time_ns == total.time_ns));
                assert_eq!(rows.iter().map(|row| row.live_bytes).sum::<u64>(), total.live_bytes);
            }
        }
    }
}

#[test]
fn the_memory_of_a_process_ends_with_it() {
    let story = "process 10\ntime 100\nalloc 1 5\nrss 100 50
        process 11 start=150\nrss 160 70\ntime 200\nalloc 1 7
        in 10\nrss 395 50
        end at=400";
    let timeline = timeline_of(story, 4, 1);
    let totals: Vec<_> = timeline.totals.iter().map(|total| (total.live_bytes, total.rss_bytes)).collect();
    assert_eq!(totals, [(5, Some(50)), (12, Some(120)), (5, Some(50)), (5, Some(50))]);
}

#[test]
fn only_of_whole_processes_is_it_known_what_is_resident() {
    let story = "process 10\ntime 100\nalloc 1 5\nrss 100 50
        process 11 start=50\nrss 160 70\ntime 200\nalloc 1 7
        end at=200";
    let resident = |selection: Selection| {
        let query = Query { selection, ..Query::default() };
        timeline(&open(story), &TimelineOptions { buckets: 1, query, ..Default::default() }).unwrap().totals[0]
            .rss_bytes
    };
    assert_eq!(resident(Selection::default()), Some(120));
    assert_eq!(resident(Selection { processes: vec![11], ..Selection::default() }), Some(70));
    assert_eq!(resident(Selection { categories: vec!["heap".to_owned()], ..Selection::default() }), None);
}

/// The group of a block of [`support::steps::story`].
fn group_of(grouping: Grouping, (process, thread, stack): Site) -> String {
    match grouping {
        Grouping::CallSite | Grouping::Function if stack == 0 => "(no Python frame)".to_owned(),
        Grouping::CallSite | Grouping::Function => format!("f{stack}"),
        Grouping::Thread => format!("{} thread {thread}", process + 10),
        Grouping::Process => format!("{}", process + 10),
        other => unreachable!("not looked at here: {other:?}"),
    }
}

fn row_name(group: &GroupName) -> String {
    match group {
        GroupName::Thread { process, thread } => format!("{process} {thread}"),
        GroupName::Process { process, .. } => process.to_string(),
        other => name(other).to_owned(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_with_the_history(
        steps in steps(0..300).prop_map(with_blocks_only),
        granularity in granularity(),
        buckets in 1..40usize,
        only_f1_and_f2: bool,
    ) {
        let mut trace = open(&story(&steps));
        trace.set_granularity(granularity);
        let history = History::of(&steps);
        let functions = if only_f1_and_f2 { vec!["f1", "f2"] } else { Vec::new() };
        let is_selected = |(_, _, stack): &Site| functions.is_empty() || [1, 2].contains(stack);
        for grouping in [Grouping::CallSite, Grouping::Function, Grouping::Thread, Grouping::Process] {
            let functions = functions.iter().map(|name| Pattern::new(name).unwrap()).collect();
            let query = Query { selection: Selection { functions, ..Selection::default() }, grouping };
            let options = TimelineOptions { buckets, rows: 1000, least_bytes: 0, query };
            let answer = timeline(&trace, &options).unwrap();

            let mut now = BTreeMap::<String, u64>::new();
            let mut levels = history.levels.iter().peekable();
            let mut rows = answer.rows.chunks((answer.rows.len() / buckets).max(1));
            for (at, total) in answer.totals.iter().enumerate() {
                let mut most = now.clone();
                let mut most_in_total: u64 = now.values().sum();
                while let Some((_, by_site)) = levels.next_if(|(ns, _)| *ns <= total.time_ns || at + 1 == buckets) {
                    now.clear();
                    for (site, bytes) in by_site.iter().filter(|(site, _)| is_selected(site)) {
                        *now.entry(group_of(grouping, *site)).or_default() += bytes;
                    }
                    for (group, bytes) in &now {
                        let most = most.entry(group.clone()).or_default();
                        *most = (*most).max(*bytes);
                    }
                    most_in_total = most_in_total.max(now.values().sum());
                }
                prop_assert_eq!((total.live_bytes, total.max_live_bytes), (now.values().sum(), most_in_total));
                let held = |bytes: &BTreeMap<String, u64>, group: &GroupName| bytes.get(&row_name(group)).copied().unwrap_or(0);
                let rows = rows.next().unwrap_or_default();
                for row in rows {
                    prop_assert_eq!((row.live_bytes, row.max_live_bytes), (held(&now, &row.group), held(&most, &row.group)));
                }
                prop_assert_eq!(rows.iter().map(|row| row.live_bytes).sum::<u64>(), total.live_bytes);
            }

            // Whatever has no row of its own is in one for all others.
            let few = timeline(&trace, &TimelineOptions { rows: 1, ..options }).unwrap();
            prop_assert_eq!(&few.totals, &answer.totals);
            let per_bucket = few.rows.len() / buckets;
            for (total, rows) in few.totals.iter().zip(few.rows.chunks(per_bucket.max(1))) {
                prop_assert_eq!(rows.iter().map(|row| row.live_bytes).sum::<u64>(), total.live_bytes);
            }
        }
    }
}
