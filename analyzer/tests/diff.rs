//! Two runs of a job beside each other.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;

use analyzer::Totals;
use analyzer::diff::{Diff, diff, flamegraph};
use analyzer::views::{self, Query, When};
use analyzer::{Pattern, Selection, Trace, peak};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::open;
use support::steps::{granularity, steps, story};

/// `load` holds 700 of the peak's 720 bytes.
const BEFORE: &str = "process 10 command=python,job.py
    code 1 <module> /home/job.py 1
    code 2 load /home/job.py 2
    code 3 save /home/job.py 9
    path 1 0 1
    path 2 1 2
    path 3 1 3
    time 100
    alloc 1000 700 stack=2
    alloc 2000 20 stack=3
    time 200
    free 1000
    alloc 3000 50 stack=3
    end at=400";

/// A comment more: all lines have moved. `load` holds less, `save` is where the peak is now, and `check` is new.
const AFTER: &str = "process 77 command=python,job.py
    code 1 <module> /home/job.py 1
    code 2 save /home/job.py 12
    code 3 load /home/job.py 5
    code 4 check /home/job.py 20
    path 1 0 1
    path 2 1 2
    path 3 1 3
    path 4 3 4
    time 50
    alloc 1000 200 stack=3
    alloc 5000 90 stack=4
    free 1000
    free 5000
    alloc 2000 20 stack=2
    alloc 3000 300 stack=2
    time 300
    free 3000
    alloc 4000 6 stack=4
    end at=360";

fn compare(before: &str, after: &str) -> Diff {
    diff(&open(before), &open(after), &Selection::default()).unwrap()
}

/// `function: live before>after, allocated before>after, end before>after` of every function, in order.
fn rows(diff: &Diff) -> Vec<String> {
    let row = |row: &analyzer::diff::FunctionChange| {
        let (before, after) = (&row.before, &row.after);
        format!(
            "{} {}: live {}>{}, allocated {}>{}, end {}>{}",
            row.function,
            row.file,
            before.live_bytes,
            after.live_bytes,
            before.allocated_bytes,
            after.allocated_bytes,
            before.end_bytes,
            after.end_bytes
        )
    };
    diff.functions.iter().map(row).collect()
}

#[test]
fn functions_are_matched_although_their_lines_have_moved() {
    let memory = |live: (u64, u64), allocated: (u64, u64), end_bytes: u64| {
        json!({
            "live_bytes": live.0, "live_blocks": live.1,
            "allocated_bytes": allocated.0, "allocated_blocks": allocated.1, "end_bytes": end_bytes,
        })
    };
    let row = |function: &str, before: Value, after: Value| json!({ "function": function, "file": "/home/job.py", "before_file": null, "before": before, "after": after });
    assert_eq!(
        serde_json::to_value(compare(BEFORE, AFTER)).unwrap(),
        json!({
            "schema": "fil.diff/1",
            "before": {
                "trace": "test.fil", "command": ["python", "job.py"], "complete": true, "warnings": [],
                "duration_ns": 400, "peak_bytes": 720, "peak_blocks": 2, "peak_time_ns": 100,
                "allocated_bytes": 770, "allocated_blocks": 3, "end_bytes": 70,
            },
            "after": {
                "trace": "test.fil", "command": ["python", "job.py"], "complete": true, "warnings": [],
                "duration_ns": 360, "peak_bytes": 320, "peak_blocks": 2, "peak_time_ns": 50,
                "allocated_bytes": 616, "allocated_blocks": 5, "end_bytes": 26,
            },
            "functions": [
                row("load", memory((700, 1), (700, 1), 0), memory((0, 0), (200, 1), 0)),
                row("save", memory((20, 1), (70, 2), 70), memory((320, 2), (320, 2), 20)),
                row("check", memory((0, 0), (0, 0), 0), memory((0, 0), (96, 2), 6)),
            ],
        })
    );
}

#[test]
fn equal_changes_are_in_the_order_of_churn_and_then_of_names() {
    let story = |sizes: [u64; 4]| {
        let mut story = "process 10\n".to_owned();
        for (at, (name, size)) in ["b", "a", "c", "d"].iter().zip(sizes).enumerate() {
            let id = at + 1;
            story += &format!("code {id} {name} job.py 1\npath {id} 0 {id}\nalloc {id}000 {size} stack={id}\n");
        }
        story + "free 4000\nalloc 5000 1000 stack=3\nend"
    };
    let diff = compare(&story([100, 100, 0, 5]), &story([90, 110, 0, 9]));
    assert_eq!(
        rows(&diff),
        [
            "a job.py: live 100>110, allocated 100>110, end 100>110",
            "b job.py: live 100>90, allocated 100>90, end 100>90",
            "d job.py: live 0>0, allocated 5>9, end 0>0",
            "c job.py: live 1000>1000, allocated 1000>1000, end 1000>1000",
        ]
    );
}

#[test]
fn a_project_in_another_folder_is_the_same_project() {
    let moved = AFTER.replace("/home/job.py", "/home/branch/job.py");
    let diff = compare(BEFORE, &moved);
    let names: Vec<_> =
        diff.functions.iter().map(|row| (&*row.function, &*row.file, row.before_file.as_deref())).collect();
    let (file, before_file) = ("/home/branch/job.py", Some("/home/job.py"));
    assert_eq!(names, [("load", file, before_file), ("save", file, before_file), ("check", file, before_file)]);
    let numbers = |diff: &Diff| diff.functions.iter().map(|row| (row.before, row.after)).collect::<Vec<_>>();
    assert_eq!(numbers(&diff), numbers(&compare(BEFORE, AFTER)));
}

#[test]
fn another_file_is_another_function() {
    let other = AFTER.replace("/home/job.py", "/home/other.py").replace("<module>", "main");
    let diff = compare(BEFORE, &other);
    assert_eq!(diff.functions.len(), 5);
    assert!(diff.functions.iter().all(|row| row.before_file.is_none()));
    assert!(diff.functions.iter().all(|row| row.before == Totals::default() || row.after == Totals::default()));
}

#[test]
fn a_selection_is_made_from_both() {
    let selection = Selection { functions: vec![Pattern::new("load").unwrap()], ..Selection::default() };
    let diff = diff(&open(BEFORE), &open(AFTER), &selection).unwrap();
    // What `check` holds is below a call of `load`.
    assert_eq!((diff.before.peak_bytes, diff.after.peak_bytes), (700, 290));
    assert_eq!(
        rows(&diff),
        [
            "load /home/job.py: live 700>200, allocated 700>200, end 0>0",
            "check /home/job.py: live 0>90, allocated 0>96, end 0>6",
        ]
    );
}

#[test]
fn nothing_to_compare() {
    let diff = compare("end", "end");
    assert!(diff.functions.is_empty());
    assert!(svg(&diff).contains("No memory was recorded"));
    let diff = compare("process 10\nalloc 1000 5\nend", "end");
    assert_eq!(rows(&diff), ["(no Python frame) : live 5>0, allocated 5>0, end 5>0"]);
    assert!(svg(&diff).contains("<title>all: 0 B, was 5 B (-100%)</title>"));
}

#[test]
fn an_incomplete_run_is_told() {
    let diff = compare(BEFORE, AFTER.strip_suffix("end at=360").unwrap());
    assert!(diff.before.complete && !diff.after.complete);
    assert_eq!(diff.after.warnings.len(), 1, "{:?}", diff.after.warnings);
}

/// Only in a damaged trace: sums wrap around, and changes do not fit into 64 bits.
#[test]
fn sizes_beyond_all_bounds_are_no_reason_to_panic() {
    let huge = "process 10\nalloc 1000 9223372036854775807\nalloc 2000 9223372036854775807\nend";
    let diff = compare(huge, "process 10\nalloc 1000 1\nend");
    assert_eq!(diff.functions[0].live_bytes(), 1 - i128::from(u64::MAX - 1));
    assert!(svg(&diff).contains("Sizes are damaged"));
    let more = huge.replace("end", "alloc 3000 9223372036854775807\nend");
    assert!(!svg(&compare(&more, huge)).is_empty());
}

fn svg(diff: &Diff) -> String {
    let mut svg = Vec::new();
    flamegraph::write(diff, &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    let mut reader = quick_xml::Reader::from_str(&svg);
    reader.config_mut().check_end_names = true;
    while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
    svg
}

/// The fill of the box of this title.
fn colour<'a>(svg: &'a str, title: &str) -> &'a str {
    let (_, behind) = svg.split_once(title).unwrap_or_else(|| panic!("{title} is not in\n{svg}"));
    let (_, behind) = behind.split_once("fill=\"").unwrap();
    behind.split_once('"').unwrap().0
}

#[test]
fn a_flamegraph_shows_what_went_and_what_came() {
    let after = BEFORE.replace("alloc 1000 700", "alloc 1000 350").replace("2000 20 ", "2000 90 ");
    let svg = svg(&compare(BEFORE, &after));
    assert!(svg.contains("Peak memory: 440 B, was 720 B (-39%) - python job.py"), "{svg}");
    assert!(svg.contains("<title>all: 440 B, was 720 B (-39%)</title>"), "{svg}");
    let white = "rgb(250,250,250)";
    assert_eq!(colour(&svg, "<title>&lt;module&gt; (job.py): 440 B, was 720 B (-39%)</title>"), white);
    assert_eq!(colour(&svg, "<title>load (job.py): 350 B, was 700 B (-50%)</title>"), "rgb(100,100,255)");
    assert_eq!(colour(&svg, "<title>save (job.py): 90 B, was 20 B (+350%)</title>"), "rgb(255,220,220)");
}

#[test]
fn a_flamegraph_shows_what_is_gone_or_new() {
    let svg = svg(&compare(BEFORE, AFTER));
    assert_eq!(colour(&svg, "<title>load (job.py): 0 B, was 700 B (-100%)</title>"), "rgb(100,100,255)");
    assert!(svg.contains("<title>save (job.py): 320 B, was 20 B (+1500%)</title>"), "{svg}");
}

#[test]
fn a_flamegraph_of_deep_recursion_has_both_ends_of_it() {
    let story = support::recursion(3000);
    let svg = svg(&compare(&story, &story.replace(" 100 stack=", " 200 stack=")));
    assert!(svg.contains("<title>all: 585.9 KiB, was 293.0 KiB (+100%)</title>"), "nothing is lost");
    assert_eq!(svg.matches("<title>(frames are left out here").count(), 1);
}

/// What `diff` has of each run, by function.
fn by_function(diff: &Diff) -> BTreeMap<&str, [Totals; 2]> {
    diff.functions.iter().map(|row| (&*row.function, [row.before, row.after])).collect()
}

fn sums<'a>(memory: impl Iterator<Item = &'a Totals>) -> Totals {
    memory.fold(Totals::default(), |sum, memory| Totals {
        live_bytes: sum.live_bytes + memory.live_bytes,
        live_blocks: sum.live_blocks + memory.live_blocks,
        allocated_bytes: sum.allocated_bytes + memory.allocated_bytes,
        allocated_blocks: sum.allocated_blocks + memory.allocated_blocks,
        end_bytes: sum.end_bytes + memory.end_bytes,
    })
}

/// The totals of a run as other answers tell them.
fn totals(trace: &Trace) -> Totals {
    let (peak, churn) = (peak(trace).unwrap(), views::churn(trace, &Query::default()).unwrap().total);
    Totals {
        live_bytes: peak.peak_bytes,
        live_blocks: peak.stacks.iter().map(|stack| stack.live_blocks).sum(),
        allocated_bytes: churn.allocated_bytes,
        allocated_blocks: churn.allocated_blocks,
        end_bytes: views::at(trace, When::End, &Query::default()).unwrap().total.bytes,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_add_up_and_comparisons_have_two_sides(
        one in steps(0..300),
        other in steps(0..300),
        granularity in granularity(),
    ) {
        let all = Selection::default();
        let mut one = open(&story(&one).replace("job.py", "/here/job.py"));
        let other = open(&story(&other).replace("job.py", "/there/job.py"));
        let forwards = diff(&one, &other, &all).unwrap();
        prop_assert_eq!(sums(forwards.functions.iter().map(|row| &row.before)), totals(&one));
        prop_assert_eq!(sums(forwards.functions.iter().map(|row| &row.after)), totals(&other));
        let run = &forwards.before;
        let of_run = Totals {
            live_bytes: run.peak_bytes,
            live_blocks: run.peak_blocks,
            allocated_bytes: run.allocated_bytes,
            allocated_blocks: run.allocated_blocks,
            end_bytes: run.end_bytes,
        };
        prop_assert_eq!(of_run, totals(&one));
        prop_assert!(forwards.functions.is_sorted_by_key(|row| std::cmp::Reverse(row.live_bytes().unsigned_abs())));

        let backwards = diff(&other, &one, &all).unwrap();
        prop_assert_eq!(&backwards.before, &forwards.after);
        let swapped: BTreeMap<_, _> =
            by_function(&backwards).into_iter().map(|(function, [before, after])| (function, [after, before])).collect();
        prop_assert_eq!(swapped, by_function(&forwards));

        for row in &diff(&one, &one, &all).unwrap().functions {
            prop_assert_eq!((row.live_bytes(), row.allocated_bytes(), row.end_bytes()), (0, 0, 0));
            prop_assert_eq!(row.before, row.after);
        }

        one.set_granularity(granularity);
        prop_assert_eq!(diff(&one, &other, &all).unwrap(), forwards);
    }
}
