//! Flamegraphs of tiny jobs.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::{flamegraph, peak};
use support::{STORY, open, recursion};

#[test]
fn a_flamegraph_shows_sizes_and_source_lines() {
    let trace = open(STORY);
    let mut svg = Vec::new();
    flamegraph::write(&peak(&trace).unwrap(), &trace, Default::default(), &mut svg).unwrap();
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
fn without_memory_there_is_nothing_to_draw() {
    let trace = open("end");
    let mut svg = Vec::new();
    flamegraph::write(&peak(&trace).unwrap(), &trace, Default::default(), &mut svg).unwrap();
    assert!(String::from_utf8(svg).unwrap().contains("No memory was recorded"));
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
    flamegraph::write(&peak, &trace, Default::default(), &mut svg).unwrap();
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
    flamegraph::write(&peak, &trace, Default::default(), &mut svg).unwrap();
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

/// What cannot be seen is left out, and its size stays with the call that it came from.
#[test]
fn a_flamegraph_of_many_small_calls_has_the_size_of_all() {
    let mut builder = support::TraceBuilder::new();
    builder.line("process 10 command=python,job.py");
    builder.line("code 1 main job.py 1");
    builder.line("path 1 0 1");
    for id in 2..3002 {
        builder.line(&format!("code {id} small{id} job.py {id}"));
        builder.line(&format!("path {id} 1 {id}"));
        builder.line(&format!("alloc {} 1 stack={id}", id * 16));
    }
    builder.line("code 3002 large job.py 3002");
    builder.line("path 3002 1 3002");
    builder.line("alloc 1000000 3000 stack=3002");
    let trace = analyzer::Trace::from_bytes("test.fil".into(), builder.finish()).unwrap();
    let mut svg = Vec::new();
    flamegraph::write(&peak(&trace).unwrap(), &trace, Default::default(), &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    for title in ["all (5.9 KiB, 100.0%)", "main (job.py:1) (5.9 KiB, 100.0%)", "large (job.py:3002) (2.9 KiB, 50.0%)"]
    {
        assert!(svg.contains(&format!("<title>{title}</title>")), "{title} is not in\n{svg}");
    }
    assert!(!svg.contains("<title>small"), "they are too small to be seen");
}

/// Frames that differ in their columns only are one box, and processes stand above their calls.
#[test]
fn a_flamegraph_of_several_processes_tells_them_apart() {
    let story = "process 10 command=python,job.py
        code 1 main job.py 1
        path 1 0 1
        alloc 16 100 stack=1
        process 11 command=python,worker.py
        code 1 main job.py 1
        path 1 0 1
        alloc 16 50 stack=1
        alloc 32 50
        end";
    let trace = open(story);
    let mut svg = Vec::new();
    flamegraph::write(&peak(&trace).unwrap(), &trace, Default::default(), &mut svg).unwrap();
    let svg = String::from_utf8(svg).unwrap();
    for title in [
        "python job.py (pid 10) (100 B, 50.0%)",
        "python worker.py (pid 11) (100 B, 50.0%)",
        "main (job.py:1) (100 B, 50.0%)",
        "main (job.py:1) (50 B, 25.0%)",
        "(no Python frame) (50 B, 25.0%)",
    ] {
        assert!(svg.contains(&format!("<title>{title}</title>")), "{title} is not in\n{svg}");
    }
}
