//! A trace whose file changes while it is analyzed: what can no longer be read is told, and nobody is given a wrong answer.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use analyzer::{AnalyzerError, Peak, Trace, peak, timeline};
use format::constants::{CHUNK_HEADER_BYTES, CHUNK_MAGIC};
use support::trace_bytes;

const STORY: &str = "process 10 command=python,job.py
    name worker 10
    code 1 <module> job.py 1
    path 1 0 1
    source job.py one|two
    alloc 1000 600 stack=1
    cut
    alloc 2000 700 stack=1
    alloc 3000 1 stack=1
    cut
    alloc 4000 50 stack=1
    end";

struct TraceFile {
    folder: tempfile::TempDir,
}

impl TraceFile {
    fn new(bytes: &[u8]) -> TraceFile {
        let file = TraceFile { folder: tempfile::tempdir().unwrap() };
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("trace.fil")
    }

    fn open(&self) -> Trace {
        Trace::open(&self.path()).unwrap()
    }

    fn writer(&self) -> File {
        OpenOptions::new().write(true).open(self.path()).unwrap()
    }
}

/// Offsets of the chunks: the source, the three of events, the definitions and the end.
fn chunk_offsets(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(&CHUNK_MAGIC)).collect()
}

/// How many chunks of events the answer says it is without.
fn chunks_gone(answer: &Peak) -> u64 {
    let told: Vec<u64> = answer
        .warnings
        .iter()
        .filter(|warning| warning.contains("could no longer be read: something changed the trace"))
        .map(|warning| warning.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(told.is_empty(), answer.complete, "{:?}", answer.warnings);
    told.iter().sum()
}

#[test]
fn a_file_that_becomes_shorter_costs_what_was_there() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    for (length, bytes_left, gone) in
        [(0, 0, 3), (offsets[1], 0, 3), (offsets[2], 600, 2), (offsets[3] - 1, 600, 2), (offsets[4], 1351, 0)]
    {
        let file = TraceFile::new(&bytes);
        let trace = file.open();
        assert!(trace.complete(), "{:?}", trace.warnings());
        file.writer().set_len(length as u64).unwrap();
        let answer = peak(&trace).unwrap();
        assert_eq!((answer.peak_bytes, chunks_gone(&answer)), (bytes_left, gone), "cut at {length}");
        let over_time = timeline(&trace, &Default::default()).unwrap();
        assert_eq!(over_time.warnings, answer.warnings);
        assert_eq!(trace.source_line("job.py", 2), (length > 0).then(|| "two".to_owned()));
    }
}

#[test]
fn a_chunk_that_is_written_over_is_not_believed() {
    let bytes = trace_bytes(STORY);
    let offsets = chunk_offsets(&bytes);
    for at in offsets[2]..offsets[3] {
        let file = TraceFile::new(&bytes);
        let trace = file.open();
        file.writer().write_all_at(&[bytes[at] ^ 0x10], at as u64).unwrap();
        let answer = peak(&trace).unwrap();
        assert_eq!((answer.peak_bytes, chunks_gone(&answer)), (650, 1), "at {at}");
    }
}

#[test]
fn a_sound_chunk_that_is_another_one_is_not_believed() {
    let bytes = trace_bytes(STORY);
    let other = trace_bytes(&STORY.replace("process 10", "process 11"));
    assert_eq!(chunk_offsets(&bytes), chunk_offsets(&other));
    let file = TraceFile::new(&bytes);
    let trace = file.open();
    std::fs::write(file.path(), other).unwrap();
    let answer = peak(&trace).unwrap();
    assert_eq!((answer.peak_bytes, chunks_gone(&answer)), (0, 3));
}

#[test]
fn what_is_appended_or_replaces_the_file_is_not_seen() {
    let bytes = trace_bytes(STORY);
    let file = TraceFile::new(&bytes);
    let trace = file.open();
    let before = peak(&trace).unwrap();
    OpenOptions::new().append(true).open(file.path()).unwrap().write_all(&bytes[CHUNK_HEADER_BYTES..]).unwrap();
    assert_eq!(peak(&trace).unwrap(), before);
    let new = file.folder.path().join("new");
    std::fs::write(&new, b"something else").unwrap();
    std::fs::rename(new, file.path()).unwrap();
    assert_eq!(peak(&trace).unwrap(), before);
    assert!(before.complete);
}

/// As in `fil analyze <(zstd -dc trace.fil.zst)`.
#[test]
fn a_trace_may_come_through_a_pipe() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let bytes = trace_bytes(STORY);
    let trace = std::thread::scope(|scope| {
        scope.spawn(move || writer.write_all(&bytes).unwrap());
        Trace::open(format!("/proc/self/fd/{}", reader.as_raw_fd()).as_ref()).unwrap()
    });
    assert_eq!(peak(&trace).unwrap().peak_bytes, 1351);
    assert_eq!(trace.source_line("job.py", 1).unwrap(), "one");
}

/// Whatever happens between two reads: every answer is the true one, or says that it is not, or there is none.
#[test]
fn a_file_that_changes_all_the_time_gives_no_wrong_answer() {
    let bytes = trace_bytes(STORY);
    let file = TraceFile::new(&bytes);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let writer = file.writer();
            let mut random = fastrand::Rng::with_seed(1);
            while !ended.load(Ordering::Relaxed) {
                let at = random.usize(..bytes.len());
                match random.bool() {
                    true => writer.set_len(at as u64).unwrap(),
                    false => writer.write_all_at(&[random.u8(..); 9], at as u64).unwrap(),
                }
                writer.write_all_at(&bytes, 0).unwrap();
                writer.set_len(bytes.len() as u64).unwrap();
            }
        });
        for _ in 0..2000 {
            let answer =
                Trace::open(&file.path()).and_then(|trace| Ok((peak(&trace)?, timeline(&trace, &Default::default())?)));
            match answer {
                Ok((peak, over_time)) => {
                    assert!(!peak.complete || peak.peak_bytes == 1351, "{peak:?}");
                    let last = over_time.totals.last().unwrap();
                    assert!(!over_time.complete || last.live_bytes == 1351, "{over_time:?}");
                }
                Err(
                    AnalyzerError::Changed { .. }
                    | AnalyzerError::Unreadable { .. }
                    | AnalyzerError::NotATrace { .. }
                    | AnalyzerError::NewerVersion { .. }
                    | AnalyzerError::DamagedHeader { .. },
                ) => {}
                Err(error) => panic!("{error}"),
            }
        }
        ended.store(true, Ordering::Relaxed);
    });
}
