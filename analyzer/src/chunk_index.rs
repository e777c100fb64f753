//! Finds the chunks of a trace by hopping from header to header, and finds the way again behind
//! damage.
//!
//! Invariant: every chunk in the index has a checksum that fits its bytes. A chunk that does not
//! costs only itself: its length is not believed either, so chunks are looked for inside it.
//!
//! A process that is killed while it appends a chunk leaves a torn one. The whole chunk is appended
//! from its spool afterwards, so a torn chunk that is there again, behind what is torn, is no damage.

use std::collections::BTreeSet;
use std::ops::Range;

use format::ChunkHeader;
use format::constants::CHUNK_MAGIC;
use rayon::prelude::*;

/// Behind damage, candidates longer than this are not believed: known kinds are shorter, and a file
/// full of false headers must not have its bytes summed again and again.
const MAX_CANDIDATE_BYTES: usize = 2 * format::constants::MAX_CHUNK_RAW_BYTES;

/// Where a chunk lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChunkPlace {
    pub(crate) header: ChunkHeader,
    /// Offset of its header in the trace.
    pub(crate) offset: usize,
}

impl ChunkPlace {
    /// Reads the header at `offset`; `None` if no whole chunk can be there.
    fn at(trace: &[u8], offset: usize) -> Option<ChunkPlace> {
        let header = ChunkHeader::decode(trace.get(offset..)?).ok()?;
        let place = ChunkPlace { header, offset };
        (place.range().end <= trace.len()).then_some(place)
    }

    /// Its bytes in the trace.
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset.saturating_add(self.header.total_bytes())
    }

    /// Whether its bytes fit its checksum.
    fn is_sound(&self, trace: &[u8]) -> bool {
        trace.get(self.range()).is_some_and(|chunk| format::verify(chunk).is_ok())
    }
}

/// The sound chunks of a trace in the order of the file, and what was passed over.
#[derive(Default)]
pub(crate) struct ChunkIndex {
    pub(crate) chunks: Vec<ChunkPlace>,
    /// Stretches of bytes that are no sound chunk.
    pub(crate) damaged_stretches: u64,
    /// What those that look like a chunk say of themselves. It may be what is damaged.
    pub(crate) damaged_headers: Vec<ChunkHeader>,
    /// Bytes in those stretches.
    pub(crate) damaged_bytes: u64,
    /// Offset of a chunk at the end that is not all there.
    pub(crate) cut_short_at: Option<usize>,
}

impl ChunkIndex {
    /// Goes through the chunks from offset `start` on.
    pub(crate) fn scan(trace: &[u8], start: usize) -> ChunkIndex {
        let candidates = hop(trace, start);
        let sound: Vec<bool> = candidates.par_iter().map(|place| place.is_sound(trace)).collect();
        let mut chunks = Vec::with_capacity(candidates.len());
        for (place, sound) in candidates.into_iter().zip(sound) {
            if sound {
                chunks.push(place);
            } else {
                rescue(trace, place.range(), &mut chunks);
            }
        }
        chunks.sort_by_key(|place| place.offset);
        chunks.dedup_by_key(|place| place.offset);
        let mut index = ChunkIndex { chunks, ..ChunkIndex::default() };
        index.note_gaps(trace, start);
        index
    }

    /// What lies between sound chunks is damage, unless it is a torn chunk that is there again; so is
    /// what lies behind the last one, unless it is the beginning of a chunk.
    fn note_gaps(&mut self, trace: &[u8], start: usize) {
        let mut gaps = Vec::new();
        let mut end = start;
        for place in &self.chunks {
            if place.offset > end {
                gaps.push(end..place.offset);
            }
            end = place.range().end.max(end);
        }
        let rest = &trace[end..];
        let begins_a_chunk = rest.starts_with(&CHUNK_MAGIC) || CHUNK_MAGIC.starts_with(rest);
        if !rest.is_empty() && begins_a_chunk && ChunkPlace::at(trace, end).is_none() {
            self.cut_short_at = Some(end);
        } else if !rest.is_empty() {
            gaps.push(end..trace.len());
        }
        if !gaps.is_empty() {
            let mut behind = BTreeSet::new();
            let mut chunks = self.chunks.iter().rev().peekable();
            gaps.reverse();
            gaps.retain(|gap| {
                while let Some(place) = chunks.next_if(|place| place.offset >= gap.end) {
                    behind.insert(format::identity(&trace[place.range()]));
                }
                !is_torn_twin(&trace[gap.clone()], &behind)
            });
        }
        gaps.reverse();
        self.damaged_headers = gaps.iter().filter_map(|gap| ChunkHeader::decode(&trace[gap.clone()]).ok()).collect();
        self.damaged_stretches = gaps.len() as u64;
        self.damaged_bytes = gaps.iter().map(|gap| gap.len() as u64).sum();
    }
}

/// Whether the bytes are the beginning of a chunk, cut short, that comes again: its identity is among those of the chunks
/// behind it, as far as there is one. (Of less than 48 bytes, another chunk may be taken for it.)
fn is_torn_twin(gap: &[u8], behind: &BTreeSet<Vec<u8>>) -> bool {
    if ChunkHeader::decode(gap).is_ok_and(|header| header.total_bytes() <= gap.len()) {
        return false;
    }
    let torn = format::identity(gap);
    behind.range(torn.clone()..).next().is_some_and(|identity| identity.starts_with(&torn))
}

/// Headers that look right, from the beginning of each to the end of the one before it. What comes
/// behind damage is verified, the others are not.
fn hop(trace: &[u8], start: usize) -> Vec<ChunkPlace> {
    let mut candidates = Vec::new();
    let mut offset = start;
    while let Some(place) = ChunkPlace::at(trace, offset).or_else(|| next_sound_chunk(trace, offset + 1..trace.len())) {
        candidates.push(place);
        offset = place.range().end;
    }
    candidates
}

/// Adds the sound chunks that begin inside a damaged one: its length may be what is wrong.
fn rescue(trace: &[u8], damaged: Range<usize>, chunks: &mut Vec<ChunkPlace>) {
    let mut offset = damaged.start + 1;
    while let Some(place) = next_sound_chunk(trace, offset..damaged.end) {
        chunks.push(place);
        offset = place.range().end;
    }
}

/// The first sound chunk that begins in `range`.
fn next_sound_chunk(trace: &[u8], range: Range<usize>) -> Option<ChunkPlace> {
    let mut offset = range.start;
    while offset < range.end {
        offset += format::find_chunk(trace.get(offset..)?)?;
        if offset >= range.end {
            return None;
        }
        let believable = |place: &ChunkPlace| place.header.total_bytes() <= MAX_CANDIDATE_BYTES;
        match ChunkPlace::at(trace, offset).filter(believable) {
            Some(place) if place.is_sound(trace) => return Some(place),
            _ => offset += 1,
        }
    }
    None
}
