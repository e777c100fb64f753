//! Timelines, tables and flamegraphs of tiny jobs.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::{Timeline, TimelineOptions, flamegraph, peak, tables, timeline};
use support::{open, recursion};

const STORY: &str = "process 10 command=python,job.py
    name python 10
    code 1 <module> /home/job.py 1
    code 2 big /home/job.py 2
    code 3 small /home/job.py 3
    code 4 tiny /home/job.py 4
    path 1 0 1
    path 2 1 2
    path 3 1 3
    path 4 1 4
    source /home/job.py first|  big = 5; x = 7|small <&> 'x'
    rss 150 5000
    rss 390 7000
    time 100
    alloc 1000 700 stack=2
    time 150
    alloc 2000 20 stack=3
    alloc 3000 10 stack=4
    time 180
    free 2000
    alloc 4000 25 stack=4
    time 300
    free 1000
    time 301
    alloc 1000 100 stack=2
    end at=400";

fn timeline_of(story: &str, buckets: usize, call_sites: usize) -> Timeline {
    timeline(&open(story), &TimelineOptions { buckets, call_sites }).unwrap()
}

fn csv(mut table: polars::prelude::DataFrame) -> String {
    let mut out = Vec::new();
    tables::write_csv(&mut table, &mut out).unwrap();
    String::from_utf8(out).unwrap()
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
    let rows: Vec<_> = timeline
        .rows
        .iter()
        .map(|row| (row.time_ns, row.function.as_str(), row.line, row.live_bytes, row.max_live_bytes))
        .collect();
    assert_eq!(
        rows,
        [
            (200, "big", 2, 700, 700),
            // The most of the sum of 20 + 10 and 10 + 25, not the sum 20 + 35 of the mosts.
            (200, "(other)", 0, 35, 35),
            (400, "big", 2, 100, 700),
            (400, "(other)", 0, 35, 35),
        ]
    );
}

#[test]
fn without_others_there_is_no_row_for_them() {
    let timeline = timeline_of(STORY, 1, 3);
    let functions: Vec<&str> = timeline.rows.iter().map(|row| row.function.as_str()).collect();
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
fn tables_have_the_promised_columns() {
    let trace = open(STORY);
    let peak = peak(&trace).unwrap();
    assert_eq!(
        csv(tables::call_sites(&peak.call_sites, peak.peak_bytes).unwrap()),
        "function,file,line,live_bytes,live_blocks,share\n\
         big,/home/job.py,2,700,1,0.952380952\n\
         tiny,/home/job.py,4,35,2,0.047619048\n"
    );
    let timeline = timeline_of(STORY, 2, 1);
    assert_eq!(
        csv(tables::timeline(&timeline).unwrap()),
        "time_s,function,file,line,live_bytes,max_live_bytes\n\
         0.000000200,big,/home/job.py,2,700,700\n\
         0.000000200,(other),\"\",0,35,35\n\
         0.000000400,big,/home/job.py,2,100,700\n\
         0.000000400,(other),\"\",0,35,35\n"
    );
    assert_eq!(
        csv(tables::timeline_totals(&timeline).unwrap()),
        "time_s,live_bytes,max_live_bytes,rss_bytes\n0.000000200,735,735,5000\n0.000000400,135,735,7000\n"
    );
}

#[test]
fn empty_answers_are_empty_tables() {
    let trace = open("end");
    let peak = peak(&trace).unwrap();
    assert_eq!(
        csv(tables::call_sites(&peak.call_sites, peak.peak_bytes).unwrap()),
        "function,file,line,live_bytes,live_blocks,share\n"
    );
    assert_eq!(csv(tables::timeline(&timeline_of("end", 1, 5)).unwrap()).lines().count(), 1);
    let mut svg = Vec::new();
    flamegraph::write(&peak, &trace, &mut svg).unwrap();
    assert!(String::from_utf8(svg).unwrap().contains("No memory was recorded"));
}

#[test]
fn a_flamegraph_shows_sizes_and_source_lines() {
    let trace = open(STORY);
    let mut svg = Vec::new();
    flamegraph::write(&peak(&trace).unwrap(), &trace, &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    for text in [
        "Peak memory: 735 B at 0.00 s - python job.py",
        "<title>all (735 B, 100.0%)</title>",
        "<title>&lt;module&gt; (job.py:1): first (735 B, 100.0%)</title>",
        "<title>big (job.py:2): big = 5\u{37e} x =\u{a0}7 (700 B, 95.2%)</title>",
    ] {
        assert!(svg.contains(text), "{text} is not in\n{svg}");
    }
}

#[test]
fn a_flamegraph_is_xml_whatever_the_names_are() {
    let names = ["<&\">", "naïve;é木🌲", "]]>", "--", "a_[k]", "#", "\u{1}\u{fffe}", "0", "'1", "&amp;"];
    let mut builder = support::TraceBuilder::new();
    builder.line("process 10 command=<&\">,;,\u{1}");
    for (at, name) in names.iter().enumerate() {
        let id = at + 1;
        builder.line(&format!("code {id} {name} {name} {id}"));
        builder.line(&format!("path {id} {at} {id}"));
        builder.line(&format!("source {name} {}{name} 7", "|".repeat(at)));
        builder.line(&format!("alloc {id} 100 stack={id}"));
    }
    let trace = analyzer::Trace::from_bytes("<&\">".into(), builder.finish()).unwrap();
    let peak = peak(&trace).unwrap();
    let mut svg = Vec::new();
    flamegraph::write(&peak, &trace, &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    let mut reader = quick_xml::Reader::from_str(&svg);
    reader.config_mut().check_end_names = true;
    let mut titles = 0;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(tag) if tag.name().as_ref() == b"title" => titles += 1,
            quick_xml::events::Event::Text(text) => {
                assert!(!text.decode().unwrap().contains(['\u{1}', '\u{fffe}']));
            }
            _ => {}
        }
    }
    // One frame below the other, and one for all.
    assert_eq!(titles, names.len() + 1);
    assert!(svg.contains("(1000 B, 100.0%)"));
}

#[test]
fn a_flamegraph_of_deep_recursion_has_both_ends_of_it() {
    let trace = open(&recursion(3000));
    let peak = peak(&trace).unwrap();
    let mut svg = Vec::new();
    flamegraph::write(&peak, &trace, &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    // 200 frames of the stacks that are shown whole, without the two innermost, which hold less than 0.1%; 100 more behind
    // what is left out of the others.
    assert_eq!(svg.matches("<title>deeper (job.py:2)").count(), 197 + 100);
    assert_eq!(svg.matches("<title>(frames are left out here").count(), 1);
    assert!(svg.contains("<title>&lt;module&gt; (job.py:1) (293.0 KiB, 100.0%)</title>"), "nothing is lost");
}

/// With ties in an order that compares equal frames, this took a minute.
#[test]
fn stacks_of_deep_recursion_are_sorted_by_depth() {
    let trace = open(&recursion(20_000));
    let peak = peak(&trace).unwrap();
    let depths: Vec<usize> = peak.stacks.iter().map(|stack| stack.frames.depth()).collect();
    assert_eq!(depths, (1..=20_000).collect::<Vec<_>>());
}
