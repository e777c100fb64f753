//! What is in a trace, as a whole and chunk by chunk.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::info::{ChunkInfo, ChunkInfoKind, EndInfo, chunks, info};
use analyzer::{ChunkSum, Trace};
use format::constants::{CHUNK_HEADER_BYTES, CHUNK_MAGIC};
use proptest::prelude::*;
use serde_json::json;
use support::steps::{steps, story};
use support::{header, open, trace_bytes};

const STORY: &str = "process 10 command=python,job.py
    name main 10
    code 1 <module> job.py 1
    path 1 0 1
    source job.py one|two
    time 100
    alloc 1000 600 stack=1
    time 200
    cut
    free 1000
    time 300
    alloc 1000 1 stack=1
    thread 2
    name worker 77
    time 250
    turn 9
    alloc 3000 7 stack=1
    time 260
    process 11 start=150 fork=10 command=python,worker.py
    time 170
    alloc 16 8
    rss 180 4096
    end at=400";

/// Where the chunks of a trace begin.
fn chunk_offsets(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&CHUNK_MAGIC)).collect()
}

fn opened(bytes: Vec<u8>) -> Trace {
    Trace::from_bytes("test.fil".into(), bytes).unwrap()
}

#[test]
fn the_whole_says_what_was_recorded_where_and_when() {
    let bytes = trace_bytes(STORY);
    let info = info(&open(STORY));
    assert_eq!((info.schema, info.trace.as_str()), ("fil.info/1", "test.fil"));
    assert_eq!(info.command, ["python", "job.py"]);
    assert_eq!((info.complete, info.damaged, info.warnings), (true, false, Vec::<String>::new()));
    assert_eq!(info.trace_bytes, bytes.len() as u64);
    assert_eq!((info.format_version, info.fil_version.as_str()), (format::constants::FORMAT_VERSION, "test"));
    assert_eq!((info.host.as_str(), info.working_directory.as_str()), ("host", "/work"));
    assert_eq!((info.wall_clock_start_ns, info.duration_ns), (header().wall_clock_start_ns, 400));
    assert_eq!(info.end, Some(EndInfo { exit_code: Some(0), signal: None, time_ns: 400, oom_kills: 0 }));
    assert_eq!((info.event_count, info.process_count), (5, 2));
    assert_eq!(info.chunks, None);
}

#[test]
fn processes_have_their_parents_and_threads() {
    let info = info(&open(STORY));
    let processes: Vec<_> = info
        .processes
        .iter()
        .map(|process| {
            let times = (process.first_ns, process.last_ns);
            (process.pid, process.parent_pid, process.command.join(" "), times, process.event_count)
        })
        .collect();
    assert_eq!(
        processes,
        [
            (10, Some(1), "python job.py".to_owned(), (0, 300), 4),
            // It was still there when its resident memory was looked at.
            (11, Some(1), "python worker.py".to_owned(), (150, 180), 1),
        ]
    );
    assert!(info.processes.iter().all(|process| process.python_version.as_deref() == Some("3.11.7")));
    let threads: Vec<_> = info.processes[0]
        .threads
        .iter()
        .map(|thread| {
            let times = (thread.first_ns, thread.last_ns);
            (thread.number, thread.name.as_str(), thread.kernel_id, thread.chunk_count, thread.event_count, times)
        })
        .collect();
    assert_eq!(threads, [(1, "MainThread", Some(10), 2, 3, (100, 300)), (2, "worker", Some(77), 1, 1, (250, 260))]);
    let only = &info.processes[1].threads[0];
    assert_eq!((only.name.as_str(), only.kernel_id), ("thread 1", None));
}

#[test]
fn how_a_job_ended_is_told_if_it_is_known() {
    let end = |line: &str| info(&open(&format!("process 10\nalloc 1 5\n{line}"))).end;
    let told = EndInfo { exit_code: Some(3), signal: None, time_ns: 7, oom_kills: 0 };
    assert_eq!(end("end at=7 code=3"), Some(told));
    let told = EndInfo { exit_code: None, signal: Some(9), time_ns: 1_000_000, oom_kills: 2 };
    assert_eq!(end("end killed oom-kills=2"), Some(told));
    assert_eq!(end(""), None);
}

#[test]
fn all_bytes_belong_to_something() {
    let bytes = trace_bytes(STORY);
    let sizes = info(&open(STORY)).sizes;
    assert_eq!(sizes.header_bytes, header().encode().unwrap().len() as u64);
    let counts = [sizes.events, sizes.definitions, sizes.sources, sizes.ends, sizes.unknown].map(|sum| sum.chunks);
    assert_eq!(counts, [4, 2, 1, 1, 0]);
    assert_eq!(sizes.unknown, ChunkSum::default());
    assert_eq!(sizes.header_bytes + sizes.chunks().bytes, bytes.len() as u64);
    assert_eq!((sizes.damaged_bytes, sizes.torn_bytes), (0, 0));
}

/// A chunk as a line: what it is, whose, its number, turn, times and events.
fn line(chunk: &ChunkInfo) -> String {
    let ChunkInfo { kind, process, thread, number, first_turn, first_ns, last_ns, event_count, .. } = chunk;
    let shown = |number: Option<u64>| number.map_or("-".to_owned(), |number| number.to_string());
    let numbers =
        [process.map(u64::from), thread.map(u64::from), *number, *first_turn, *first_ns, *last_ns, *event_count];
    format!("{kind:?} {}", numbers.map(shown).join(" "))
}

#[test]
fn chunks_are_told_in_the_order_of_the_file() {
    let bytes = trace_bytes(STORY);
    let chunks = chunks(&open(STORY)).unwrap();
    let lines: Vec<String> = chunks.iter().map(line).collect();
    assert_eq!(
        lines,
        [
            "Source - - - - - - -",
            "Events 10 1 0 0 100 200 1",
            "Events 10 1 1 0 200 300 2",
            "Events 10 2 0 9 250 260 1",
            "Events 11 1 0 0 170 170 1",
            "Definitions 10 - 0 - 0 0 -",
            "Definitions 11 - 0 - 0 0 -",
            "End - - - - - - -",
        ]
    );
    let offsets = chunk_offsets(&bytes);
    assert_eq!(chunks.iter().map(|chunk| chunk.offset as usize).collect::<Vec<_>>(), offsets);
    let ends = offsets.iter().skip(1).copied().chain([bytes.len()]);
    let lengths: Vec<u64> = offsets.iter().zip(ends).map(|(start, end)| (end - start) as u64).collect();
    assert_eq!(chunks.iter().map(|chunk| chunk.bytes).collect::<Vec<_>>(), lengths);
    assert!(chunks.iter().all(|chunk| chunk.sound && !chunk.repeated && chunk.raw_bytes > Some(0)));
    assert_eq!(chunks[4].process_start_ns, Some(150));
}

#[test]
fn damage_is_told_where_it_is() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    for (at, window) in offsets.windows(2).enumerate() {
        let [start, end] = [window[0], window[1]];
        let mut damaged = bytes.clone();
        damaged[start + CHUNK_HEADER_BYTES + 2] ^= 1;
        let trace = opened(damaged);
        let chunks = chunks(&trace).unwrap();
        assert_eq!(chunks.len(), offsets.len());
        let told = &chunks[at];
        assert_eq!((told.kind, told.sound), (ChunkInfoKind::Damaged, false));
        assert_eq!((told.offset, told.bytes), (start as u64, (end - start) as u64));
        assert_eq!(line(told), "Damaged - - - - - - -", "what a damaged header says is not believed");
        assert_eq!(info(&trace).sizes.damaged_bytes, (end - start) as u64);
        assert!(chunks.iter().enumerate().all(|(other, chunk)| chunk.sound != (other == at)));
    }
}

#[test]
fn a_trace_that_ends_inside_a_chunk_says_so() {
    let bytes = trace_bytes(STORY);
    let last = *chunk_offsets(&bytes).last().unwrap();
    let trace = opened(bytes[..last + 80].to_vec());
    let all = chunks(&trace).unwrap();
    let told = all.last().unwrap();
    assert_eq!((told.kind, told.offset, told.bytes, told.sound), (ChunkInfoKind::CutShort, last as u64, 80, false));
    let whole = info(&trace);
    assert_eq!((whole.sizes.damaged_bytes, whole.end, whole.complete, whole.damaged), (80, None, false, true));
}

/// A process that was killed while it appended a chunk, whose spool was appended afterwards.
#[test]
fn a_torn_chunk_that_comes_again_is_no_loss() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    let (before, behind) = bytes.split_at(offsets[1]);
    let torn = &behind[..CHUNK_HEADER_BYTES + 3];
    let trace = opened([before, torn, behind].concat());
    let all = chunks(&trace).unwrap();
    assert_eq!(all.len(), offsets.len() + 1);
    assert_eq!((all[1].kind, all[1].offset), (ChunkInfoKind::Torn, offsets[1] as u64));
    assert_eq!((all[1].bytes, all[1].sound), (torn.len() as u64, false));
    let whole = info(&trace);
    assert_eq!((whole.sizes.torn_bytes, whole.sizes.damaged_bytes), (torn.len() as u64, 0));
    assert!(whole.complete, "{:?}", whole.warnings);
}

#[test]
fn of_a_chunk_that_is_there_twice_one_counts() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    let mut doubled = bytes.clone();
    doubled.extend_from_slice(&bytes[offsets[1]..offsets[2]]);
    let trace = opened(doubled);
    let all = chunks(&trace).unwrap();
    let repeated: Vec<bool> = all.iter().map(|chunk| chunk.repeated).collect();
    assert_eq!(repeated, [false, false, false, false, false, false, false, false, true]);
    assert_eq!(info(&trace).event_count, 5);
}

#[test]
fn json_has_the_fields_of_the_contract() {
    let trace = open("process 10 command=python,job.py\nname main 10\ntime 5\nalloc 1 5\nend at=9");
    let bytes = trace_bytes("process 10 command=python,job.py\nname main 10\ntime 5\nalloc 1 5\nend at=9");
    let mut told = info(&trace);
    let without = serde_json::to_value(&told).unwrap();
    assert_eq!(without.get("chunks"), None);
    told.chunks = Some(chunks(&trace).unwrap());
    let value = serde_json::to_value(&told).unwrap();
    let sum = |chunk: usize| {
        let chunk = &told.chunks.as_ref().unwrap()[chunk];
        json!({"chunks": 1, "bytes": chunk.bytes, "raw_bytes": chunk.raw_bytes})
    };
    assert_eq!(
        value,
        json!({
            "schema": "fil.info/1",
            "trace": "test.fil",
            "command": ["python", "job.py"],
            "complete": true,
            "damaged": false,
            "warnings": [],
            "trace_bytes": bytes.len(),
            "format_version": 1,
            "fil_version": "test",
            "host": "host",
            "working_directory": "/work",
            "wall_clock_start_ns": 0,
            "duration_ns": 9,
            "end": {"exit_code": 0, "signal": null, "time_ns": 9, "oom_kills": 0},
            "event_count": 1,
            "process_count": 1,
            "sizes": {
                "header_bytes": header().encode().unwrap().len(),
                "events": sum(0),
                "definitions": sum(1),
                "sources": {"chunks": 0, "bytes": 0, "raw_bytes": 0},
                "ends": sum(2),
                "unknown": {"chunks": 0, "bytes": 0, "raw_bytes": 0},
                "damaged_bytes": 0,
                "torn_bytes": 0,
            },
            "processes": [{
                "pid": 10,
                "parent_pid": 1,
                "command": ["python", "job.py"],
                "python_version": "3.11.7",
                "first_ns": 0,
                "last_ns": 5,
                "event_count": 1,
                "notices": [],
                "threads": [{
                    "number": 1,
                    "name": "MainThread",
                    "kernel_id": 10,
                    "chunk_count": 1,
                    "event_count": 1,
                    "first_ns": 5,
                    "last_ns": 5,
                }],
            }],
            "chunks": value["chunks"],
        })
    );
    assert_eq!(
        value["chunks"][0],
        json!({
            "offset": header().encode().unwrap().len(),
            "bytes": sum(0)["bytes"],
            "kind": "events",
            "sound": true,
            "repeated": false,
            "raw_bytes": sum(0)["raw_bytes"],
            "process": 10,
            "process_start_ns": 0,
            "thread": 1,
            "number": 0,
            "first_turn": 0,
            "first_ns": 5,
            "last_ns": 5,
            "event_count": 1,
        })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is damaged: the stretches cover the trace without a gap, and agree with the whole.
    #[test]
    fn stretches_cover_the_trace(steps in steps(0..200), flips in proptest::collection::vec(any::<prop::sample::Index>(), 0..4), cut in any::<prop::sample::Index>(), is_cut in any::<bool>()) {
        let header_bytes = header().encode().unwrap().len();
        let mut bytes = trace_bytes(&story(&steps));
        for flip in flips {
            let at = header_bytes + flip.index(bytes.len() - header_bytes);
            bytes[at] ^= 1;
        }
        if is_cut {
            bytes.truncate(header_bytes + cut.index(bytes.len() - header_bytes));
        }
        let length = bytes.len() as u64;
        let trace = opened(bytes);
        let (whole, all) = (info(&trace), chunks(&trace).unwrap());
        let mut end = header_bytes as u64;
        for stretch in &all {
            prop_assert_eq!(stretch.offset, end);
            end += stretch.bytes;
        }
        prop_assert_eq!(end, length);
        let counted: u64 = all.iter().filter(|chunk| !chunk.repeated).filter_map(|chunk| chunk.event_count).sum();
        prop_assert_eq!(counted, whole.event_count);
        let threads = whole.processes.iter().flat_map(|process| &process.threads);
        prop_assert_eq!(threads.map(|thread| thread.event_count).sum::<u64>(), whole.event_count);
        let sizes = whole.sizes;
        prop_assert_eq!(sizes.header_bytes + sizes.chunks().bytes + sizes.damaged_bytes + sizes.torn_bytes, length);
        let is_lost = |chunk: &&ChunkInfo| matches!(chunk.kind, ChunkInfoKind::Damaged | ChunkInfoKind::CutShort);
        prop_assert_eq!(all.iter().filter(is_lost).map(|chunk| chunk.bytes).sum::<u64>(), sizes.damaged_bytes);
    }
}
