//! A trace cut at every byte and with every bit flipped: each chunk is read as it was written or
//! refused with an error, and a damaged one costs only itself.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::ops::Range;

use format::{ChunkHeader, FormatError, TraceHeader, decompress};
use proptest::prelude::*;
use support::{ReadChunk, decode_content, read_chunks, small_trace};

fn intact_chunks(bytes: &[u8], ends: &[usize]) -> Vec<ReadChunk> {
    read_chunks(&bytes[ends[0]..]).into_iter().map(|chunk| chunk.expect("intact")).collect()
}

#[test]
fn a_trace_cut_at_any_byte_keeps_the_chunks_in_front_of_the_cut() {
    let (bytes, ends) = small_trace();
    let intact = intact_chunks(&bytes, &ends);
    for cut in 0..bytes.len() {
        let header = TraceHeader::decode(&bytes[..cut]);
        if cut < ends[0] {
            let expected = if cut == 0 {
                FormatError::NotATrace
            } else {
                FormatError::Truncated { needed: if cut < 20 { 20 } else { ends[0] }, available: cut }
            };
            assert_eq!(header, Err(expected), "cut at {cut}");
            continue;
        }
        assert!(header.is_ok(), "cut at {cut}");
        let kept = ends.partition_point(|&end| end <= cut) - 1;
        let chunks = read_chunks(&bytes[ends[0]..cut]);
        for (chunk, intact) in chunks.iter().zip(&intact[..kept]) {
            assert_eq!(chunk.as_ref(), Ok(intact), "cut at {cut}");
        }
        if cut == ends[kept] {
            assert_eq!(chunks.len(), kept, "cut at {cut}");
        } else {
            assert_eq!(chunks.len(), kept + 1, "cut at {cut}");
            // Of a magic cut short nothing tells that it was one.
            let error = chunks[kept].as_ref().expect_err("cut");
            assert!(matches!(error, FormatError::Truncated { .. }), "cut at {cut}: {error}");
        }
    }
}

#[test]
fn any_flipped_bit_is_noticed_and_costs_one_chunk() {
    let (mut bytes, ends) = small_trace();
    let intact = intact_chunks(&bytes, &ends);
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let place = format!("bit {bit} of byte {at}");
            if at < ends[0] {
                assert_header_error(TraceHeader::decode(&bytes), at, &place);
            } else {
                let damaged = ends.partition_point(|&end| end <= at) - 1;
                assert_one_chunk_lost(&read_chunks(&bytes[ends[0]..]), &intact, damaged, &place);
            }
            bytes[at] ^= 1 << bit;
        }
    }
}

fn assert_header_error(header: Result<(TraceHeader, usize), FormatError>, at: usize, place: &str) {
    let error = header.expect_err(place);
    let expected = match at {
        0..8 => matches!(error, FormatError::NotATrace),
        8..12 => matches!(error, FormatError::NewerVersion { .. } | FormatError::Checksum { .. }),
        12..16 => {
            matches!(error, FormatError::TooLong { .. } | FormatError::Truncated { .. } | FormatError::Checksum { .. })
        }
        _ => matches!(error, FormatError::Checksum { .. }),
    };
    assert!(expected, "{place}: {error}");
}

fn assert_one_chunk_lost(chunks: &[Result<ReadChunk, FormatError>], intact: &[ReadChunk], damaged: usize, place: &str) {
    let read: Vec<&ReadChunk> = chunks.iter().filter_map(|chunk| chunk.as_ref().ok()).collect();
    let mut expected: Vec<&ReadChunk> = intact.iter().collect();
    expected.remove(damaged);
    assert_eq!(read, expected, "{place}");
    let errors: Vec<&FormatError> = chunks.iter().filter_map(|chunk| chunk.as_ref().err()).collect();
    assert_eq!(errors.len(), 1, "{place}: {errors:?}");
    assert!(
        matches!(
            errors[0],
            FormatError::NotAChunk
                | FormatError::Checksum { .. }
                | FormatError::Truncated { .. }
                | FormatError::TooLong { .. }
        ),
        "{place}: {}",
        errors[0]
    );
}

/// A checksum can be right by chance: what is behind it must stand damage too. Whatever comes out,
/// it comes out without a panic and within the lengths that the headers allow.
#[test]
fn damage_that_no_checksum_notices_is_survived() {
    let (bytes, ends) = small_trace();
    let mut refused = 0;
    for range in ends.windows(2).map(|pair| Range { start: pair[0], end: pair[1] }) {
        let mut chunk = bytes[range].to_vec();
        let header = ChunkHeader::decode(&chunk).expect("intact");
        for at in 72..chunk.len() {
            for flip in [0x01, 0x80, 0xff] {
                chunk[at] ^= flip;
                let mut raw = Vec::new();
                match decompress(&header, &chunk, &mut raw) {
                    Ok(()) => {
                        let (decoded, _) = decode_content(&header, &raw);
                        assert!(decoded <= raw.len());
                    }
                    Err(_) => refused += 1,
                }
                chunk[at] ^= flip;
            }
        }
        // The content itself, byte by byte.
        let mut raw = Vec::new();
        decompress(&header, &chunk, &mut raw).expect("intact");
        for at in 0..raw.len() {
            for flip in 1..=255 {
                raw[at] ^= flip;
                let (decoded, _) = decode_content(&header, &raw);
                assert!(decoded <= raw.len());
                raw[at] ^= flip;
            }
        }
    }
    assert!(refused > 0, "zstd notices some of it");
}

proptest! {
    /// Many bytes overwritten, cut out or put in: what is still read is what was written.
    #[test]
    fn heavy_damage_invents_nothing(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, prop::collection::vec(any::<u8>(), 0..40)), 1..8),
    ) {
        let (mut bytes, ends) = small_trace();
        let intact = intact_chunks(&bytes, &ends);
        for (place, cut, put) in edits {
            let start = ends[0] + place.index(bytes.len() - ends[0] + 1);
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, put);
            if bytes.len() < ends[0] + 1 {
                return Ok(());
            }
        }
        for chunk in read_chunks(&bytes[ends[0]..]).into_iter().flatten() {
            prop_assert!(intact.contains(&chunk));
        }
    }
}
