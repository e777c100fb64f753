//! The peak in the formats of other tools: what stands in each file, and what holds for all of them.

#![allow(clippy::unwrap_used)]

mod chrome;
mod collapsed;
mod firefox;
mod memray_csv;
mod pprof;
mod speedscope;
#[path = "../support/mod.rs"]
mod support;

use analyzer::{AnalyzerError, Peak, Trace, export, peak};
use support::{open, recursion};

/// Two threads of one process and one of another, all kinds of memory, a block of no bytes, memory outside Python code,
/// and a name that is made of syntax.
const STORY: &str = "process 10 command=python,job.py
    name python 10
    code 1 <module> /home/job.py 1
    code 2 load /home/job.py 5
    code 3 a;b|\"c /home/x;y.py 9
    path 1 0 1
    path 2 1 2
    path 3 2 3
    time 2000000
    alloc 1000 700 stack=2
    pyalloc 2000 30 stack=2
    pyalloc 3000 20 stack=3
    alloc 4000 0 stack=1
    map 4096 4096
    thread 2
    name worker 77
    alloc 5000 64 stack=2
    process 11 command=python,child.py
    name python 11
    code 1 <module> /home/child.py 1
    path 1 0 1
    time 1000000
    alloc 1000 5 stack=1
    rss 4000000 100
    end at=5000000";

/// What all of it holds.
const STORY_BYTES: u64 = 700 + 30 + 20 + 4096 + 64 + 5;

type Write = fn(&Peak, &Trace, &mut Vec<u8>) -> Result<(), AnalyzerError>;

const FORMATS: [(&str, Write); 6] = [
    ("collapsed", |peak, _, out| export::collapsed::write(peak, out)),
    ("speedscope", |peak, _, out| export::speedscope::write(peak, out)),
    ("pprof", |peak, trace, out| export::pprof::write(peak, trace, out)),
    ("firefox", |peak, trace, out| export::firefox::write(peak, trace, out)),
    ("chrome", |peak, _, out| export::chrome::write(peak, out)),
    ("memray-csv", |peak, _, out| export::memray_csv::write(peak, out)),
];

/// The file in the format of this name.
fn exported(format: &str, story: &str) -> Vec<u8> {
    let trace = open(story);
    let (_, write) = FORMATS.iter().find(|(name, _)| *name == format).unwrap();
    let mut out = Vec::new();
    write(&peak(&trace).unwrap(), &trace, &mut out).unwrap();
    out
}

fn exported_text(format: &str, story: &str) -> String {
    String::from_utf8(exported(format, story)).unwrap()
}

#[test]
fn the_same_trace_gives_the_same_file() {
    for (format, _) in FORMATS {
        assert_eq!(exported(format, STORY), exported(format, STORY), "{format}");
    }
}

/// What a damaged trace may say: more than there can be.
#[test]
fn no_size_is_too_large() {
    let story = "process 10
        code 1 <module> job.py 1
        code 2 load job.py 5
        path 1 0 1
        path 2 1 2
        alloc 1000 18446744073709551000 stack=1
        alloc 2000 500 stack=2
        alloc 3000 18446744073709551000 stack=2
        thread 2
        alloc 4000 18446744073709551000 stack=2
        end";
    for (format, _) in FORMATS {
        assert!(!exported(format, story).is_empty(), "{format}");
    }
}

#[test]
fn a_file_grows_with_the_depth_of_a_recursion_and_not_with_its_square() {
    for (format, _) in FORMATS {
        let [once, twice] = [3000, 6000].map(|levels| exported(format, &recursion(levels)).len());
        assert!(twice < once * 5 / 2, "{format}: {once} bytes become {twice}");
    }
}
