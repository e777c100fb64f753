//! A trace larger than memory can be analyzed: only parts of it are in memory at a time. The only test of its program, as it
//! looks at the most memory that this had.

#![allow(clippy::unwrap_used)]

mod support;

use std::io::Write;

use analyzer::{Trace, peak};
use format::{ChunkHeader, ChunkKind, ChunkWriter, ProcessKey, ThreadNumber};
use support::trace_bytes;

const TRACE_BYTES: u64 = 128 << 20;
const MEMORY_BYTES: u64 = 32 << 20;

/// The most resident memory that this process ever had.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn a_trace_is_not_read_into_memory() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&trace_bytes("process 10\nalloc 1000 600")).unwrap();
    let mut random = fastrand::Rng::with_seed(1);
    let mut writer = ChunkWriter::new(1).unwrap();
    let raw: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(64 << 10).collect();
    for number in 0..TRACE_BYTES / raw.len() as u64 {
        let header = ChunkHeader::new(ChunkKind::Unknown(77), ProcessKey::default(), ThreadNumber(0), number);
        file.write_all(writer.chunk(header, &raw).unwrap()).unwrap();
    }
    let before = most_memory();
    let trace = Trace::open(file.path()).unwrap();
    assert_eq!(peak(&trace).unwrap().peak_bytes, 600);
    let more = most_memory() - before;
    assert!(more < MEMORY_BYTES, "a trace of {TRACE_BYTES} bytes took {more} bytes of memory");
}
