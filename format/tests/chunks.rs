//! File headers and chunks come back as they were written, and say so when they cannot.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use format::constants::{CHUNK_HEADER_BYTES, FORMAT_VERSION, MAX_CHUNK_RAW_BYTES, MAX_HEADER_BYTES, TRACE_MAGIC};
use format::{
    ChunkHeader, ChunkKind, ChunkWriter, FormatError, ProcessKey, ThreadNumber, TraceHeader, decompress, find_chunk,
    verify,
};
use proptest::prelude::*;
use support::{chunk_header, decode_content, every_chunk, read_chunks, small_trace, trace_header};

fn any_header() -> impl Strategy<Value = ChunkHeader> {
    let kind = prop_oneof![(1u32..5), any::<u32>()].prop_map(ChunkKind::from_number);
    (kind, any::<[u32; 3]>(), any::<[u64; 5]>()).prop_map(
        |(kind, [thread, event_count, pid], [start_ns, chunk_number, first_turn, first_ns, last_ns])| ChunkHeader {
            kind,
            thread: ThreadNumber(thread),
            raw_bytes: 0,
            compressed_bytes: 0,
            event_count,
            process: ProcessKey { pid, start_ns },
            chunk_number,
            first_turn,
            first_ns,
            last_ns,
        },
    )
}

proptest! {
    #[test]
    fn chunks_come_back(
        chunks in prop::collection::vec((any_header(), prop::collection::vec(any::<u8>(), 0..2000)), 0..6),
    ) {
        let mut writer = ChunkWriter::new(1).expect("zstd has level 1");
        let mut bytes = Vec::new();
        for (header, raw) in &chunks {
            bytes.extend_from_slice(writer.chunk(*header, raw).expect("fits"));
        }
        let read = read_chunks(&bytes);
        prop_assert_eq!(read.len(), chunks.len());
        for (read, (header, raw)) in read.into_iter().zip(chunks) {
            let read = read.expect("reads");
            let lengths = ChunkHeader {
                raw_bytes: raw.len() as u32,
                compressed_bytes: read.header.compressed_bytes,
                ..header
            };
            prop_assert_eq!(read.header, lengths);
            prop_assert_eq!(read.raw, raw);
        }
    }

    #[test]
    fn file_headers_come_back(
        fil_version in "\\PC{0,20}",
        command in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
        folders in prop::array::uniform2(prop::collection::vec(any::<u8>(), 0..300)),
        host in "\\PC{0,20}",
        wall_clock_start_ns: u64,
        monotonic_start_ns: u64,
        behind in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let [working_directory, spool_directory] = folders;
        let header = TraceHeader {
            fil_version, command, working_directory, host, wall_clock_start_ns, monotonic_start_ns, spool_directory,
        };
        let mut bytes = header.encode().expect("encodes");
        let end = bytes.len();
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(TraceHeader::decode(&bytes), Ok((header, end)));
    }

    #[test]
    fn garbage_is_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert_eq!(TraceHeader::decode(&bytes), Err(FormatError::NotATrace));
        prop_assert!(read_chunks(&bytes).iter().all(Result::is_err));
    }
}

/// The fixed part of a file header, byte by byte as docs/FORMAT.md has it.
#[test]
fn a_file_header_is_laid_out_as_documented() {
    let bytes = trace_header().encode().expect("encodes");
    assert_eq!(bytes[..8], *b"\x89FIL\r\n\x1a\n");
    assert_eq!(bytes[8..12], [1, 0, 0, 0]);
    assert_eq!(bytes[12..16], (bytes.len() as u32 - 20).to_le_bytes());
    assert_eq!(bytes[20..26], *b"\x050.1.0");
    assert_eq!(bytes[26..28], [3, 6], "three arguments, the first of six bytes");
}

/// A chunk header, byte by byte as docs/FORMAT.md has it.
#[test]
fn a_chunk_header_is_laid_out_as_documented() {
    let header = ChunkHeader {
        kind: ChunkKind::Events,
        thread: ThreadNumber(0x0302_0100),
        raw_bytes: 0,
        compressed_bytes: 0,
        event_count: 0x1312_1110,
        process: ProcessKey { pid: 0x2322_2120, start_ns: 0x3736_3534_3332_3130 },
        chunk_number: 0x4746_4544_4342_4140,
        first_turn: 0x5756_5554_5352_5150,
        first_ns: 0x6766_6564_6362_6160,
        last_ns: 0x7776_7574_7372_7170,
    };
    let mut writer = ChunkWriter::new(1).expect("zstd has level 1");
    let chunk = writer.chunk(header, b"raw").expect("fits");
    assert_eq!(chunk[..4], *b"FILc");
    assert_eq!(chunk[8..12], [1, 0, 0, 0]);
    assert_eq!(chunk[12..16], [0x00, 0x01, 0x02, 0x03]);
    assert_eq!(chunk[16..20], [3, 0, 0, 0]);
    assert_eq!(chunk[20..24], (chunk.len() as u32 - 72).to_le_bytes());
    assert_eq!(chunk[24..28], [0x10, 0x11, 0x12, 0x13]);
    assert_eq!(chunk[28..32], [0x20, 0x21, 0x22, 0x23]);
    for (at, first) in [(32, 0x30), (40, 0x40), (48, 0x50), (56, 0x60), (64, 0x70)] {
        let field: Vec<u8> = (first..first + 8).collect();
        assert_eq!(chunk[at..at + 8], field);
    }
    assert_eq!(chunk[72..76], [0x28, 0xb5, 0x2f, 0xfd], "a zstd frame");
}

#[test]
fn kinds_keep_their_numbers() {
    use ChunkKind::{Definitions, End, Events, Source, Unknown};
    for (number, kind) in [(1, Events), (2, Definitions), (3, Source), (4, End), (0, Unknown(0)), (5, Unknown(5))] {
        assert_eq!(kind.number(), number);
        assert_eq!(ChunkKind::from_number(number), kind);
    }
}

#[test]
fn a_small_trace_reads_whole() {
    let (bytes, ends) = small_trace();
    let (header, header_end) = TraceHeader::decode(&bytes).expect("reads");
    assert_eq!((header, header_end), (trace_header(), ends[0]));
    let chunks = read_chunks(&bytes[header_end..]);
    let written = every_chunk();
    assert_eq!(chunks.len(), written.len());
    for (chunk, (header, raw)) in chunks.into_iter().zip(written) {
        let chunk = chunk.expect("reads");
        assert_eq!(chunk.header.kind, header.kind);
        assert_eq!(chunk.raw, raw);
        assert_eq!(decode_content(&chunk.header, &chunk.raw).1, None);
    }
}

/// The text of an error is what a user reads: a newer version must say both numbers.
#[test]
fn a_newer_version_is_refused_by_name() {
    let mut bytes = trace_header().encode().expect("encodes");
    bytes[8..12].copy_from_slice(&7u32.to_le_bytes());
    let error = TraceHeader::decode(&bytes).expect_err("newer");
    assert_eq!(error, FormatError::NewerVersion { found: 7, supported: FORMAT_VERSION });
    assert_eq!(error.to_string(), "trace format version 7 is newer than this fil understands (1)");
}

#[test]
fn lengths_that_no_writer_produces_are_refused_before_anything_is_allocated() {
    let mut bytes = TRACE_MAGIC.to_vec();
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&u32::MAX.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    let (length, limit) = (u64::from(u32::MAX), MAX_HEADER_BYTES as u64);
    assert_eq!(TraceHeader::decode(&bytes), Err(FormatError::TooLong { what: "file header", length, limit }));

    let mut writer = ChunkWriter::new(1).expect("zstd has level 1");
    let mut chunk = writer.chunk(chunk_header(ChunkKind::Events, 1, 0), b"raw").expect("fits").to_vec();
    let length = MAX_CHUNK_RAW_BYTES as u32 + 1;
    chunk[16..20].copy_from_slice(&length.to_le_bytes());
    let too_long = FormatError::TooLong { what: "chunk", length: length.into(), limit: MAX_CHUNK_RAW_BYTES as u64 };
    assert_eq!(ChunkHeader::decode(&chunk), Err(too_long.clone()));

    // A kind of a later version may be longer; it can be passed over, not decompressed.
    chunk[8] = 99;
    let header = ChunkHeader::decode(&chunk).expect("its header is fine");
    assert_eq!(header.total_bytes(), chunk.len());
    assert_eq!(decompress(&header, &chunk, &mut Vec::new()), Err(too_long));
}

#[test]
fn a_chunk_of_the_greatest_length_is_written_and_one_more_byte_is_refused() {
    let mut writer = ChunkWriter::new(1).expect("zstd has level 1");
    let mut raw = vec![0xab; MAX_CHUNK_RAW_BYTES];
    let header = chunk_header(ChunkKind::Source, 0, 0);
    let chunk = writer.chunk(header, &raw).expect("fits").to_vec();
    let read = read_chunks(&chunk).remove(0).expect("reads");
    assert!(read.raw == raw);

    raw.push(0);
    let (length, limit) = (raw.len() as u64, MAX_CHUNK_RAW_BYTES as u64);
    assert_eq!(writer.chunk(header, &raw).err(), Some(FormatError::TooLong { what: "chunk", length, limit }));
    assert!(writer.chunk(header, b"the writer can be used again").is_ok());
}

#[test]
fn what_is_shorter_than_a_header_is_no_chunk() {
    assert_eq!(verify(&[0; 71]), Err(FormatError::Truncated { needed: CHUNK_HEADER_BYTES, available: 71 }));
    assert_eq!(ChunkHeader::decode(b"FILc"), Err(FormatError::Truncated { needed: CHUNK_HEADER_BYTES, available: 4 }));
    assert_eq!(ChunkHeader::decode(&[0; 72]), Err(FormatError::NotAChunk));
    assert_eq!(TraceHeader::decode(&[]), Err(FormatError::NotATrace));
    assert_eq!(TraceHeader::decode(b"\x89FIL"), Err(FormatError::Truncated { needed: 20, available: 4 }));
    assert_eq!(TraceHeader::decode(b"#!/usr/bin/env python"), Err(FormatError::NotATrace));
}

#[test]
fn the_next_chunk_is_found_behind_garbage() {
    assert_eq!(find_chunk(b"FIL FILc FILc"), Some(4));
    assert_eq!(find_chunk(b"FILcc"), Some(0));
    assert_eq!(find_chunk(b"FIL"), None);
    assert_eq!(find_chunk(b""), None);
}
