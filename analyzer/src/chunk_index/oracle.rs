//! The index as it is found by looking at all of a trace in memory, one chunk after the other: what a window of any size
//! must find too.

#![allow(clippy::unwrap_used, reason = "a test may stop at what cannot happen")]

use std::ops::Range;

use format::constants::CHUNK_MAGIC;
use format::{ChunkHeader, ChunkKind, ChunkWriter, ProcessKey, ThreadNumber};

use super::{ChunkIndex, ChunkPlace, MAX_CANDIDATE_BYTES};
use crate::trace_bytes::TraceBytes;

struct Oracle<'t> {
    trace: &'t [u8],
}

impl Oracle<'_> {
    fn index(&self, start: usize) -> ChunkIndex {
        let mut chunks = Vec::new();
        let mut offset = start;
        while let Some(place) = self.at(offset).or_else(|| self.next_sound_chunk(offset + 1..self.trace.len())) {
            if self.is_sound(&place) {
                chunks.push(place);
            } else {
                self.rescue(usable(&place), &mut chunks);
            }
            offset = usable(&place).end;
        }
        chunks.sort_by_key(|place| place.offset);
        chunks.dedup();
        let mut index = ChunkIndex { chunks, ..ChunkIndex::default() };
        self.note_gaps(&mut index, start);
        index
    }

    fn at(&self, offset: usize) -> Option<ChunkPlace> {
        let header = ChunkHeader::decode(self.trace.get(offset..)?).ok()?;
        let place = ChunkPlace { header, offset: offset as u64 };
        (usable(&place).end <= self.trace.len()).then_some(place)
    }

    fn is_sound(&self, place: &ChunkPlace) -> bool {
        format::verify(&self.trace[usable(place)]).is_ok()
    }

    fn rescue(&self, damaged: Range<usize>, chunks: &mut Vec<ChunkPlace>) {
        let mut offset = damaged.start + 1;
        while let Some(place) = self.next_sound_chunk(offset..damaged.end) {
            chunks.push(place);
            offset = usable(&place).end;
        }
    }

    fn next_sound_chunk(&self, range: Range<usize>) -> Option<ChunkPlace> {
        let begins = |offset: &usize| self.trace[*offset..].starts_with(&CHUNK_MAGIC);
        let mut places = range.filter(begins).filter_map(|offset| self.at(offset));
        places.find(|place| place.length() <= MAX_CANDIDATE_BYTES && self.is_sound(place))
    }

    fn note_gaps(&self, index: &mut ChunkIndex, start: usize) {
        let mut end = start;
        let mut gaps = Vec::new();
        for place in &index.chunks {
            if place.offset as usize > end {
                gaps.push(end..place.offset as usize);
            }
            end = end.max(usable(place).end);
        }
        let rest = &self.trace[end..];
        let begins_a_chunk = rest.starts_with(&CHUNK_MAGIC) || CHUNK_MAGIC.starts_with(rest);
        if !rest.is_empty() && begins_a_chunk && self.at(end).is_none() {
            index.cut_short_at = Some(end as u64);
        } else if !rest.is_empty() {
            gaps.push(end..self.trace.len());
        }
        for gap in gaps {
            let range = gap.start as u64..gap.end as u64;
            if self.comes_again(&gap, &index.chunks) {
                index.torn.push(range);
            } else {
                index.damaged_headers.extend(ChunkHeader::decode(&self.trace[gap]));
                index.damaged.push(range);
            }
        }
    }

    fn comes_again(&self, gap: &Range<usize>, chunks: &[ChunkPlace]) -> bool {
        let bytes = &self.trace[gap.clone()];
        let is_whole = ChunkHeader::decode(bytes).is_ok_and(|header| header.total_bytes() <= bytes.len());
        let torn = format::identity(bytes);
        let is_twin = |place: &ChunkPlace| format::identity(&self.trace[usable(place)]).starts_with(&torn);
        !is_whole && chunks.iter().any(|place| place.offset as usize >= gap.end && is_twin(place))
    }
}

fn usable(place: &ChunkPlace) -> Range<usize> {
    place.range().start as usize..place.range().end as usize
}

/// Chunks of up to a few hundred bytes.
fn made_up(random: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let mut writer = ChunkWriter::new(1).unwrap();
    let count = random.u64(1..12);
    let chunk = |number: u64| {
        let kind = ChunkKind::from_number(random.u32(1..6));
        let process = ProcessKey { pid: random.u32(1..3), start_ns: 7 };
        let mut raw = vec![0; random.usize(..400)];
        random.fill(&mut raw);
        writer.chunk(ChunkHeader::new(kind, process, ThreadNumber(1), number), &raw).unwrap().to_vec()
    };
    (0..count).map(chunk).collect()
}

/// What can happen to a trace.
fn damage(trace: &mut Vec<u8>, chunks: &[Vec<u8>], random: &mut fastrand::Rng) {
    let at = random.usize(..=trace.len());
    let chunk = &chunks[random.usize(..chunks.len())];
    let inserted = match random.u32(..8) {
        // A bit is flipped, in a header more often than elsewhere.
        0 | 1 if at < trace.len() => {
            trace[at] ^= 1 << random.u32(..8);
            return;
        }
        2 => {
            let magic = trace.windows(4).skip(at).position(|bytes| bytes == CHUNK_MAGIC).map(|found| found + at);
            if let Some(byte) = magic.and_then(|magic| trace.get_mut(magic + random.usize(..24))) {
                *byte ^= 1 << random.u32(..8);
            }
            return;
        }
        3 => {
            trace.truncate(at);
            return;
        }
        4 => {
            trace.drain(at..(at + random.usize(..200)).min(trace.len()));
            return;
        }
        5 => CHUNK_MAGIC.repeat(random.usize(..40)),
        6 => chunk[..random.usize(..chunk.len())].to_vec(),
        _ => chunk.clone(),
    };
    trace.splice(at..at, inserted);
}

#[test]
fn a_window_of_any_size_finds_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..400 {
        let mut random = fastrand::Rng::with_seed(seed);
        let chunks = made_up(&mut random);
        let mut trace = chunks.concat();
        for _ in 0..random.u32(..5) {
            damage(&mut trace, &chunks, &mut random);
        }
        let start = random.usize(..=trace.len().min(100));
        let file = folder.path().join(seed.to_string());
        std::fs::write(&file, &trace).unwrap();
        let expected = Oracle { trace: &trace }.index(start);
        for window_bytes in [1, 72, 100, 171, 500, 2000, super::WINDOW_BYTES] {
            let in_file = TraceBytes::open(&file).unwrap();
            let found = ChunkIndex::scan(&in_file, start as u64, window_bytes).unwrap();
            assert_eq!(found, expected, "seed {seed}, a window of {window_bytes} bytes");
        }
        let in_memory = TraceBytes::in_memory(trace.clone());
        assert_eq!(ChunkIndex::scan(&in_memory, start as u64, 1).unwrap(), expected, "seed {seed}, in memory");
    }
}
