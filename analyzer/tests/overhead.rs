//! What is there beside counted memory: small jobs with exact numbers, and any job by its sums.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::views::{self, When};
use analyzer::{Apart, Categories, TimelineOptions, timeline};
use proptest::prelude::*;
use support::open;
use support::steps::{granularity, steps, story};

const STORY: &str = "process 10 command=python,job.py
    rss 90 500000
    time 100
    arena 1048576 262144
    pyalloc 1000 512
    pyalloc 2000 513
    pyalloc 3000 100
    alloc 4000 3000
    map 4096 8192
    map-file 40960 4096
    map 81920 16384 reserved
    rss 190 400000
    time 200
    free 1000
    rss 290 270000
    end at=300";

#[test]
fn live_memory_slack_and_the_rest_are_what_is_resident() {
    let overhead = views::overhead(&open(STORY), 3, &[]).unwrap();
    let slack = |small: u64| 262_144 - small;
    let live = 512 + 513 + 100 + 3000 + 8192;
    let first = &overhead.times[0];
    assert_eq!((first.time_ns, first.live_bytes, first.slack_bytes), (100, live, slack(612)));
    assert_eq!(first.categories, Categories { heap: 3000, python: 1125, mmap: 8192 });
    assert_eq!(first.apart, Apart { mapped_files: 4096, reserved: 16384, python_arenas: 262_144 });
    assert_eq!((first.rss_bytes, first.rest_bytes), (Some(500_000), Some((500_000 - live - slack(612)) as i64)));
    let second = &overhead.times[1];
    assert_eq!((second.time_ns, second.live_bytes, second.slack_bytes), (200, live - 512, slack(100)));
    // Not all of it was touched.
    let last = &overhead.times[2];
    assert_eq!((last.time_ns, last.rss_bytes), (300, Some(270_000)));
    assert_eq!(last.rest_bytes, Some(270_000 - (live - 512 + slack(100)) as i64));
}

#[test]
fn of_one_process_only() {
    let story = "process 10\ntime 100\nalloc 1 5\nrss 100 50
        process 11 start=50\ntime 100\nalloc 1 7\nrss 100 70
        end at=100";
    let of = |processes: &[u32]| {
        let at = views::overhead(&open(story), 1, processes).unwrap().times[0];
        (at.live_bytes, at.slack_bytes, at.rss_bytes)
    };
    assert_eq!(of(&[]), (12, 0, Some(120)));
    assert_eq!(of(&[11]), (7, 0, Some(70)));
}

/// The objects of a fork lie in arenas that its parent mapped, and are no reason for the parent to have less slack.
#[test]
fn slack_is_of_each_process_by_itself() {
    let story = "process 10\ntime 100\narena 1048576 262144\npyalloc 1000 500
        process 11 start=50 fork=10\ntime 100\npyalloc 2000 400
        end at=100";
    let at = views::overhead(&open(story), 1, &[]).unwrap().times[0];
    assert_eq!((at.live_bytes, at.slack_bytes), (900, 262_144 - 500));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_agrees_with_the_other_views(steps in steps(0..300), granularity in granularity(), buckets in 1..20usize) {
        let mut trace = open(&story(&steps));
        trace.set_granularity(granularity);
        let overhead = views::overhead(&trace, buckets, &[]).unwrap();
        let over_time = timeline(&trace, &TimelineOptions { buckets, ..Default::default() }).unwrap();
        for (at, total) in overhead.times.iter().zip(&over_time.totals) {
            prop_assert_eq!((at.time_ns, at.live_bytes), (total.time_ns, total.live_bytes));
        }
        for at in &overhead.times[..buckets - 1] {
            let moment = views::at(&trace, When::Time(at.time_ns), &Default::default()).unwrap();
            prop_assert_eq!((at.categories, at.apart), (moment.about.categories, moment.about.apart));
        }
    }
}
