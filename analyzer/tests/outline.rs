//! The outline of a trace that grows says what the opened trace says, or that it cannot.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs::File;
use std::io::Write;

use analyzer::{Outline, Trace};
use format::constants::{CHUNK_HEADER_BYTES, CHUNK_MAGIC};
use format::{ChunkHeader, ChunkKind};
use support::{header, trace_bytes};

const STORY: &str = "process 10 command=python,job.py ticks=3
    code 1 <module> job.py 1
    code 2 f lib.py 1
    code 3 g job.py 9
    path 1 0 1
    notice late
    alloc 1000 600 stack=1
    cut
    free 1000
    alloc 2000 700 stack=1
    process 11 start=50 fork=10 ticks=7
    notice late
    notice other
    alloc 1000 5
    in 10
    thread 2
    turn 9
    alloc 3000 7 stack=1
    process 10 start=90 command=true ticks=3
    alloc 5 5
    source job.py one|two
    end";

fn first_chunk() -> u64 {
    header().encode().unwrap().len() as u64
}

fn chunks(bytes: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&CHUNK_MAGIC)).collect();
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    starts.iter().zip(ends).map(|(&start, end)| &bytes[start..end]).collect()
}

/// A file that grows.
struct Growing(tempfile::NamedTempFile);

impl Growing {
    fn new() -> Growing {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&header().encode().unwrap()).unwrap();
        Growing(file)
    }

    fn grow(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn read_on(&self, outline: &mut Outline) -> bool {
        outline.read_on(&File::open(self.0.path()).unwrap()).unwrap()
    }
}

#[test]
fn it_says_what_the_trace_says() {
    let bytes = trace_bytes(STORY);
    let mut file = Growing::new();
    let mut outline = Outline::new(&header(), first_chunk());
    assert!(file.read_on(&mut outline), "there is nothing yet");
    for chunk in chunks(&bytes) {
        let (beginning, rest) = chunk.split_at(chunk.len() / 2);
        file.grow(beginning);
        assert!(!file.read_on(&mut outline), "half a chunk");
        file.grow(rest);
        assert!(file.read_on(&mut outline));
    }
    let trace = Trace::from_bytes("trace.fil".to_owned(), bytes).unwrap();
    let summary = outline.summary();
    assert_eq!((summary.event_count, summary.process_count, summary.notices.len()), (6, 2, 2));
    assert_eq!(summary, trace.summary());
    assert_eq!(outline.code_files(), ["job.py", "lib.py"]);
    assert!(trace.code_files().iter().eq(outline.code_files()));
}

/// As after a salvage of what was there already.
#[test]
fn chunks_that_are_there_twice_count_once() {
    let bytes = trace_bytes(STORY);
    let (mut file, mut all) = (Growing::new(), header().encode().unwrap());
    let mut outline = Outline::new(&header(), first_chunk());
    for chunk in chunks(&bytes) {
        for _ in 0..2 {
            file.grow(chunk);
            all.extend_from_slice(chunk);
        }
    }
    assert!(file.read_on(&mut outline));
    assert_eq!(outline.summary(), Trace::from_bytes("trace.fil".to_owned(), all).unwrap().summary());
    assert_eq!(outline.summary().event_count, 6);
}

/// A process was killed while it appended, and what it left was appended behind that.
#[test]
fn what_is_behind_a_torn_chunk_is_for_the_trace_to_say() {
    let bytes = trace_bytes(STORY);
    let chunks = chunks(&bytes);
    for length in 1..chunks[1].len() {
        let mut file = Growing::new();
        let mut outline = Outline::new(&header(), first_chunk());
        file.grow(chunks[0]);
        file.grow(&chunks[1][..length]);
        chunks[1..].iter().for_each(|chunk| file.grow(chunk));
        assert!(!file.read_on(&mut outline), "{length} bytes");
        assert!(!file.read_on(&mut outline), "{length} bytes");
    }
}

/// Definitions are read, so their bytes are checked. Events are not.
#[test]
fn damaged_definitions_are_for_the_trace_to_say() {
    let bytes = trace_bytes(STORY);
    let mut damaged = bytes.clone();
    let is_definitions = |chunk: &&[u8]| ChunkHeader::decode(chunk).unwrap().kind == ChunkKind::Definitions;
    let definitions = chunks(&bytes).iter().position(is_definitions).unwrap();
    let start = chunks(&bytes)[definitions].as_ptr() as usize - bytes.as_ptr() as usize;
    damaged[start + CHUNK_HEADER_BYTES + 8] ^= 1;
    let mut file = Growing::new();
    file.grow(&damaged[first_chunk() as usize..]);
    assert!(!file.read_on(&mut Outline::new(&header(), first_chunk())));
}
