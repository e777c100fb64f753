//! The JSON contracts of the design: every key, in order, and nothing else.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::{peak, timeline};
use support::open;

const STORY: &str = "process 10 command=python,job.py
    name python 10
    code 1 <module> job.py 1
    path 1 0 1
    time 100
    alloc 1000 700 stack=1
    map 4096 4096
    end at=200";

#[test]
fn the_peak_is_fil_peak_1() {
    let json = serde_json::to_string(&peak(&open(STORY)).unwrap()).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"schema":"fil.peak/1","trace":"test.fil","command":["python","job.py"],"peak_bytes":4796,"#,
            r#""peak_time_ns":100,"end_bytes":4796,"event_count":2,"complete":true,"warnings":[],"#,
            r#""categories":{"heap":700,"python":0,"mmap":4096},"shared_mmap_bytes":0,"#,
            r#""apart":{"mapped_files":0,"reserved":0,"python_arenas":0},"#,
            r#""processes":[{"pid":10,"command":["python","job.py"],"live_bytes":4796}],"#,
            r#""call_sites":[{"function":"(no Python frame)","file":"","line":0,"live_bytes":4096,"live_blocks":1},"#,
            r#"{"function":"<module>","file":"job.py","line":1,"live_bytes":700,"live_blocks":1}],"#,
            r#""stacks":[{"frames":[],"process":10,"thread":"MainThread","live_bytes":4096,"live_blocks":1},"#,
            r#"{"frames":[{"function":"<module>","file":"job.py","line":1,"column":null,"end_line":null,"#,
            r#""end_column":null}],"process":10,"thread":"MainThread","live_bytes":700,"live_blocks":1}]}"#,
        )
    );
}

#[test]
fn the_timeline_is_fil_timeline_1() {
    let options = analyzer::TimelineOptions { buckets: 1, rows: 1, ..Default::default() };
    let json = serde_json::to_string(&timeline(&open(STORY), &options).unwrap()).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"schema":"fil.timeline/1","trace":"test.fil","command":["python","job.py"],"duration_ns":200,"#,
            r#""complete":true,"warnings":[],"#,
            r#""totals":[{"time_ns":200,"live_bytes":4796,"max_live_bytes":4796,"rss_bytes":null}],"#,
            r#""rows":[{"time_ns":200,"file":"","line":0,"function":"(no Python frame)","live_bytes":4096,"#,
            r#""max_live_bytes":4096},"#,
            r#"{"time_ns":200,"file":"","line":0,"function":"(other)","live_bytes":700,"max_live_bytes":700}]}"#,
        )
    );
}
