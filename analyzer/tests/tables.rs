//! Answers of tiny jobs as tables.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::diff::diff;
use analyzer::{Selection, Timeline, TimelineOptions, peak, tables, timeline};
use support::{STORY, open};

fn timeline_of(story: &str, buckets: usize, rows: usize) -> Timeline {
    timeline(&open(story), &TimelineOptions { buckets, rows, ..Default::default() }).unwrap()
}

fn csv(mut table: polars::prelude::DataFrame) -> String {
    let mut out = Vec::new();
    tables::write_csv(&mut table, &mut out).unwrap();
    String::from_utf8(out).unwrap()
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
fn a_comparison_is_a_row_per_function() {
    let after = STORY.replace("alloc 1000 700", "alloc 1000 500").replace("/home/", "/else/");
    let diff = diff(&open(STORY), &open(&after), &Selection::default()).unwrap();
    let numbers: Vec<String> = ["live_bytes", "live_blocks", "allocated_bytes", "allocated_blocks", "end_bytes"]
        .iter()
        .map(|name| format!("before_{name},after_{name}"))
        .collect();
    assert_eq!(
        csv(tables::diff(&diff).unwrap()),
        format!("function,file,before_file,{}\n", numbers.join(","))
            + "big,/else/job.py,/home/job.py,700,500,1,1,800,600,2,2,100,100\n\
               small,/else/job.py,/home/job.py,0,0,0,0,20,20,1,1,0,0\n\
               tiny,/else/job.py,/home/job.py,35,35,2,2,35,35,2,2,35,35\n"
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
}
