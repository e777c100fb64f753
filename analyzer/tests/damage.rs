//! Damaged traces: never a panic, always an answer or one clear error, and never a silent loss. It is the same whether
//! the trace is in a file or in memory.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::check::{Budget, check};
use analyzer::info::{chunks, info};
use analyzer::{AnalyzerError, Pattern, Peak, Selection, Trace, peak, timeline};
use format::constants::{CHUNK_HEADER_BYTES, CHUNK_MAGIC};
use support::{header, open, trace_bytes};

const STORY: &str = "process 10 command=python,job.py
    name worker 10
    code 1 <module> job.py 1
    path 1 0 1
    source job.py one|two
    rss 5 500
    alloc 1000 600 stack=1
    time 200
    cut
    free 1000
    map 4096 4096 stack=1
    cut
    alloc 2000 700 stack=1
    thread 2
    name second 11
    turn 9
    alloc 3000 7 stack=1
    end";

/// Asks everything there is to ask, of a trace in a file and of one in memory.
fn questions(bytes: Vec<u8>) -> Result<Peak, AnalyzerError> {
    let ask = |trace: Trace| {
        let named = (trace.code_files(), trace.source_files(), trace.source_line("job.py", 2), trace.summary());
        let told = (info(&trace), chunks(&trace)?);
        let budgets = [
            Budget::Leaks { allowed_bytes: 600 },
            Budget::Site { pattern: Pattern::new("job.py:*")?, allowed_bytes: 600 },
        ];
        let checked = check(&trace, &budgets, &Selection::default())?;
        assert!(trace.complete() || !checked.kept, "{checked:?}");
        let timeline = timeline(&trace, &Default::default())?;
        let answer = peak(&trace)?;
        let mut flamegraph = Vec::new();
        analyzer::flamegraph::write(&answer, &trace, Default::default(), &mut flamegraph)?;
        Ok((answer, timeline, named, told, checked, flamegraph))
    };
    let [from_file, from_memory] = both_ways(bytes).map(|trace| trace.and_then(ask));
    assert_eq!(format!("{from_file:?}"), format!("{from_memory:?}"));
    from_file.map(|(answer, ..)| answer)
}

/// The trace of these bytes.
fn opened(bytes: Vec<u8>) -> Trace {
    let [from_file, from_memory] = both_ways(bytes).map(Result::unwrap);
    let judged = |trace: &Trace| (trace.warnings().to_vec(), trace.complete(), trace.damaged());
    assert_eq!(judged(&from_file), judged(&from_memory));
    from_file
}

thread_local! {
    /// Each test has a thread of its own.
    static FOLDER: tempfile::TempDir = tempfile::tempdir().unwrap();
}

/// The trace of these bytes in a file, and in memory under the same name.
fn both_ways(bytes: Vec<u8>) -> [Result<Trace, AnalyzerError>; 2] {
    let path = FOLDER.with(|folder| folder.path().join("damaged.fil"));
    std::fs::write(&path, &bytes).unwrap();
    [Trace::open(&path), Trace::from_bytes(path.display().to_string(), bytes)]
}

fn chunk_offsets(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&CHUNK_MAGIC)).collect()
}

#[test]
fn a_trace_may_be_cut_short_anywhere() {
    let bytes = trace_bytes(STORY);
    let header_bytes = header().encode().unwrap().len();
    for length in 0..bytes.len() {
        match questions(bytes[..length].to_vec()) {
            Ok(answer) => assert!(!answer.complete && !answer.warnings.is_empty(), "at {length}"),
            Err(AnalyzerError::NotATrace { .. } | AnalyzerError::DamagedHeader { .. }) => {
                assert!(length < header_bytes, "at {length}");
            }
            Err(error) => panic!("at {length}: {error}"),
        }
    }
    assert!(questions(bytes).unwrap().complete);
}

#[test]
fn a_flipped_bit_anywhere_costs_only_its_chunk() {
    let bytes = trace_bytes(STORY);
    let header_bytes = header().encode().unwrap().len();
    let chunks = chunk_offsets(&bytes).len();
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            let answer = questions(damaged.clone());
            if at < header_bytes {
                assert!(answer.is_err(), "at {at}");
                continue;
            }
            let answer = answer.unwrap();
            assert!(!answer.complete, "at {at}");
            let told = |warning: &String| warning.contains("1 damaged part") || warning.contains("cut short");
            assert!(answer.warnings.iter().any(told), "{:?}", answer.warnings);
            // Every other chunk is still there: at most one source, one end or some events are not.
            assert!(chunks > 5 && answer.event_count >= 2, "at {at}");
        }
    }
}

/// Found by fuzzing: sizes that add up to more than 64 bits hold.
#[test]
fn sizes_that_cannot_be_draw_no_picture() {
    let [first, second, third] = [(1u64 << 63) + 10, 3 << 62, 1 << 63];
    let story = format!(
        "process 10
         code 1 f job.py 1
         path 1 0 1
         code 2 g job.py 2
         path 2 0 2
         path 3 1 2
         alloc 1000 {first} stack=1
         alloc 2000 {second} stack=2
         alloc 3000 {third} stack=3
         end"
    );
    let trace = open(&story);
    let mut svg = Vec::new();
    analyzer::flamegraph::write(&peak(&trace).unwrap(), &trace, Default::default(), &mut svg).unwrap();
    assert!(String::from_utf8(svg).unwrap().contains("Sizes are damaged"));
}

/// Of a chunk whose payload is damaged it is known which one it was, and what it had.
#[test]
fn a_damaged_chunk_is_named_with_its_events_and_their_time() {
    let bytes = trace_bytes(STORY);
    let mut named = Vec::new();
    for offset in chunk_offsets(&bytes) {
        let mut damaged = bytes.clone();
        damaged[offset + CHUNK_HEADER_BYTES + 3] ^= 1;
        let warnings = questions(damaged).unwrap().warnings;
        named.extend(warnings.into_iter().filter(|warning| warning.starts_with("chunk ")));
    }
    let expected = [
        "chunk 0 of thread 1 of process 10 is damaged: its 1 event, from 0.000000 s to 0.000000 s, is not in the results",
        "chunk 1 of thread 1 of process 10 is damaged: its 2 events, from 0.000000 s to 0.000000 s, are not in the results",
        "chunk 2 of thread 1 of process 10 is damaged: its 1 event,",
        "chunk 0 of the definitions of process 10 is damaged: some of its functions, lines or threads are unknown",
        "chunk 0 of thread 2 of process 10 is damaged: its 1 event,",
    ];
    for expected in expected {
        assert!(named.iter().any(|warning| warning.starts_with(expected)), "{expected} is not among {named:#?}");
    }
    assert_eq!(named.len(), expected.len(), "{named:#?}");
}

/// What a damaged header says is told only if it fits.
#[test]
fn a_damaged_header_is_not_believed() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    for offset in offsets {
        for at in (8..CHUNK_HEADER_BYTES).filter(|at| !(20..24).contains(at)) {
            let mut damaged = bytes.clone();
            damaged[offset + at] ^= 0x40;
            let warnings = questions(damaged).unwrap().warnings;
            for warning in warnings.iter().filter(|warning| warning.starts_with("chunk ")) {
                let known = [
                    "chunk 0 of thread 1 of",
                    "chunk 1 of thread 1 of",
                    "chunk 2 of thread 1 of",
                    "chunk 0 of thread 2 of",
                ];
                let known = known.iter().any(|known| warning.starts_with(known));
                assert!(known || warning.starts_with("chunk 0 of the definitions of process 10"), "{at}: {warning}");
                assert!(!warning.contains("4194"), "{at}: {warning}");
            }
        }
    }
}

#[test]
fn a_cut_trace_says_where() {
    let bytes = trace_bytes(STORY);
    let last = *chunk_offsets(&bytes).last().unwrap();
    let trace = opened(bytes[..last + 80].to_vec());
    assert!(trace.warnings()[0].contains(&format!("cut short at byte {last}")), "{:?}", trace.warnings());
}

#[test]
fn a_chunk_that_is_there_twice_counts_once() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    let mut doubled = bytes.clone();
    for pair in offsets.windows(2) {
        doubled.extend_from_slice(&bytes[pair[0]..pair[1]]);
    }
    let (once, twice) = (questions(bytes).unwrap(), questions(doubled).unwrap());
    assert_eq!(once, twice);
    assert!(twice.complete, "{:?}", twice.warnings);
}

/// What a process leaves that is killed while it appends a chunk; the chunk comes again from its spool.
#[test]
fn a_torn_chunk_that_is_there_again_is_no_damage() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    for (torn, next) in offsets[1..].iter().zip(&offsets[2..]) {
        let beginning = &bytes[*torn..next - 1];
        let with_torn = [&bytes[..*torn], beginning, &bytes[*torn..]].concat();
        let trace = opened(with_torn.clone());
        assert!(trace.complete() && !trace.damaged(), "{:?}", trace.warnings());
        assert_eq!(questions(with_torn).unwrap(), questions(bytes.clone()).unwrap());
        let lost = [&bytes[..*torn], beginning, &bytes[*next..]].concat();
        assert!(opened(lost).damaged());
    }
}

/// However little of it was written. That it does not come again is seen once the bytes tell which one it was.
#[test]
fn less_than_a_header_of_a_torn_chunk_is_no_damage() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    let is_seen = |trace: &[&[u8]]| {
        let trace = opened(trace.concat());
        trace.warnings().iter().any(|warning| warning.contains("damaged part"))
    };
    for (torn, next) in offsets[1..].iter().zip(&offsets[2..]) {
        let (before, whole, after) = (&bytes[..*torn], &bytes[*torn..*next], &bytes[*next..]);
        for length in 1..CHUNK_HEADER_BYTES {
            let beginning = &whole[..length];
            assert!(!is_seen(&[before, beginning, whole, after]), "{length}");
            if length >= 48 {
                assert!(is_seen(&[before, beginning, after]), "{length}");
                assert!(is_seen(&[before, whole, beginning, after]), "{length}");
            }
        }
    }
}

#[test]
fn of_two_versions_of_a_chunk_the_longer_one_counts() {
    let short = trace_bytes("process 10\nalloc 1000 5");
    let long = trace_bytes("process 10\nalloc 1000 5\nalloc 2000 6");
    let start = header().encode().unwrap().len();
    for (first, second) in [(&short, &long), (&long, &short)] {
        let both = [&first[..], &second[start..]].concat();
        let answer = questions(both).unwrap();
        assert_eq!((answer.peak_bytes, answer.event_count), (11, 2));
    }
}

#[test]
fn a_missing_chunk_is_noticed() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    // The story's chunks: source, then thread 1's first, second and third.
    let without = [&bytes[..offsets[2]], &bytes[offsets[3]..]].concat();
    let answer = questions(without).unwrap();
    assert!(!answer.complete);
    assert!(answer.warnings[0].contains("1 chunk is missing"), "{:?}", answer.warnings);
    assert!(answer.warnings[1].contains("2 events that were recorded"), "{:?}", answer.warnings);
}

#[test]
fn noise_between_chunks_is_passed_over() {
    let bytes = trace_bytes(STORY);
    let at = chunk_offsets(&bytes)[3];
    let noise = [&b"FILc"[..], &[7; 100], b"FILcFILc"].concat();
    let noisy = [&bytes[..at], &noise, &bytes[at..]].concat();
    let answer = questions(noisy).unwrap();
    assert_eq!(answer.call_sites, questions(bytes).unwrap().call_sites);
    assert!(answer.warnings[0].contains("1 damaged part of the trace (about 112 B)"), "{:?}", answer.warnings);
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do() {
    let error = |bytes: &[u8]| match Trace::from_bytes("x.fil".into(), bytes.to_vec()) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("opened"),
    };
    assert!(error(b"").contains("x.fil is not a fil trace"));
    assert!(error(b"PK\x03\x04 something").contains("is not a fil trace"));
    let mut newer = trace_bytes("end");
    newer[8] = 77;
    assert!(error(&newer).contains("trace format 77"), "{}", error(&newer));
    assert!(error(&trace_bytes("end")[..30]).contains("header of x.fil is damaged"));
    let missing = Trace::open(std::path::Path::new("/no/such/trace.fil"));
    assert!(matches!(missing, Err(AnalyzerError::NotFound { .. })));
    let folder = Trace::open(std::path::Path::new("/"));
    assert!(matches!(folder, Err(AnalyzerError::Unreadable { .. })));
}

#[test]
fn numbers_beyond_reason_are_survived() {
    let trace = open(
        "process 10
         thread 4294967295
         turn 18446744073709551615
         time 18446744073700000000
         alloc 18446744073709551615 18446744073709551615 stack=4294967295
         alloc 1 18446744073709551615 stack=1
         map 18446744073709551615 18446744073709551615
         map 0 18446744073709551615
         unmap 0 18446744073709551615
         turn 1
         free 1
         process 11 start=18446744073700000000 fork=10 codes=4294967295 paths=4294967295
         alloc 5 5 stack=77
         end at=18446744073700000000",
    );
    let answer = peak(&trace).unwrap();
    timeline(&trace, &Default::default()).unwrap();
    analyzer::flamegraph::write(&answer, &trace, Default::default(), &mut Vec::new()).unwrap();
}

/// The order in which chunks are decoded goes by the turns in their headers; a turn that falls below must not change what
/// comes first, or answers would depend on how many chunks are decoded at once.
#[test]
fn a_turn_that_falls_changes_nothing_however_the_work_is_cut_up() {
    let story = "process 10 command=python,job.py
        turn 20
        time 100
        alloc 1000 43
        thread 2
        turn 60
        time 3000
        late-turn 3
        alloc 2000 0
        end";
    let answer = |batch_chunks| {
        let mut trace = Trace::from_bytes("forged.fil".into(), trace_bytes(story)).unwrap();
        trace.set_granularity(analyzer::Granularity { batch_chunks, ..Default::default() });
        let peak = peak(&trace).unwrap();
        (peak.peak_bytes, peak.peak_time_ns)
    };
    assert_eq!(answer(32), answer(1));
    assert_eq!(answer(32), (43, 100));
}
