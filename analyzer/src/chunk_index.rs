//! Finds the chunks of a trace by hopping from header to header, and finds the way again behind
//! damage.
//!
//! Invariant: every chunk in the index has a checksum that fits its bytes. A chunk that does not
//! costs only itself: its length is not believed either, so chunks are looked for inside it.
//!
//! A process that is killed while it appends a chunk leaves a torn one. The whole chunk is appended
//! from its spool afterwards, so a torn chunk that is there again, behind what is torn, is no damage.
//!
//! The trace goes by in a window of a few MiB; the chunks in it are checked in parallel.

#[cfg(test)]
mod oracle;

use std::collections::BTreeSet;
use std::io;
use std::ops::Range;

use format::constants::{CHUNK_HEADER_BYTES, CHUNK_MAGIC, MAX_CHUNK_RAW_BYTES};
use format::{ChunkCheck, ChunkHeader};
use rayon::prelude::*;

use crate::trace_bytes::TraceBytes;
use crate::window::Window;

/// Longer chunks are not read, and behind damage not believed: known kinds are shorter, and a file full of false headers
/// must not have its bytes summed again and again.
pub(crate) const MAX_CANDIDATE_BYTES: u64 = 2 * MAX_CHUNK_RAW_BYTES as u64;

/// Bytes that are looked at together: some 200 chunks, enough for many processors, and few enough to stay in their caches.
pub(crate) const WINDOW_BYTES: u64 = 4 << 20;

const HEADER_BYTES: u64 = CHUNK_HEADER_BYTES as u64;

/// Where a chunk lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkPlace {
    pub(crate) header: ChunkHeader,
    /// Offset of its header in the trace.
    pub(crate) offset: u64,
}

impl ChunkPlace {
    /// Reads the header at `offset`; `None` if no whole chunk can be there.
    fn at(trace: &mut Window<'_>, offset: u64) -> io::Result<Option<ChunkPlace>> {
        let Ok(header) = ChunkHeader::decode(trace.first(offset, HEADER_BYTES)?) else { return Ok(None) };
        let place = ChunkPlace { header, offset };
        Ok((place.range().end <= trace.trace_length()).then_some(place))
    }

    /// Its bytes in the trace.
    pub(crate) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(self.length())
    }

    /// How many they are.
    pub(crate) fn length(&self) -> u64 {
        self.header.total_bytes() as u64
    }

    /// Whether these bytes, read again, are those of this chunk.
    pub(crate) fn is_still(&self, chunk: &[u8]) -> bool {
        ChunkHeader::decode(chunk).is_ok_and(|header| header == self.header) && format::verify(chunk).is_ok()
    }

    /// Whether its bytes fit its checksum. The window need not be as long as the chunk.
    fn is_sound(&self, trace: &mut Window<'_>) -> io::Result<bool> {
        let Some(header) = trace.first(self.offset, HEADER_BYTES)?.first_chunk() else { return Ok(false) };
        let mut check = ChunkCheck::new(header);
        let Range { start, end } = self.range();
        let mut offset = start + HEADER_BYTES;
        while offset < end {
            let payload = trace.from(offset, 1)?;
            let payload = &payload[..payload.len().min((end - offset) as usize)];
            check.add(payload);
            offset += payload.len() as u64;
        }
        Ok(check.finish().is_ok())
    }
}

/// The sound chunks of a trace in the order of the file, and what was passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ChunkIndex {
    pub(crate) chunks: Vec<ChunkPlace>,
    /// Stretches of bytes that are no sound chunk.
    pub(crate) damaged: Vec<Range<u64>>,
    /// What those that look like a chunk say of themselves. It may be what is damaged.
    pub(crate) damaged_headers: Vec<ChunkHeader>,
    /// Beginnings of chunks that are all there behind them.
    pub(crate) torn: Vec<Range<u64>>,
    /// Offset of a chunk at the end that is not all there.
    pub(crate) cut_short_at: Option<u64>,
}

/// A stretch of bytes that is no sound chunk.
struct Gap {
    range: Range<u64>,
    /// Its first bytes, as many as a header has, or fewer.
    beginning: Vec<u8>,
}

impl ChunkIndex {
    /// Goes through the chunks from offset `start` on. `window_bytes` are in memory at a time.
    pub(crate) fn scan(trace: &TraceBytes, start: u64, window_bytes: u64) -> io::Result<ChunkIndex> {
        let mut window = Window::new(trace, window_bytes);
        let mut index = ChunkIndex { chunks: sound_chunks(&mut window, start)?, ..ChunkIndex::default() };
        index.note_gaps(&mut window, start)?;
        Ok(index)
    }

    /// What lies between sound chunks is damage, unless it is a torn chunk that is there again; so is
    /// what lies behind the last one, unless it is the beginning of a chunk.
    fn note_gaps(&mut self, trace: &mut Window<'_>, start: u64) -> io::Result<()> {
        let mut gaps = Vec::new();
        let mut end = start;
        for place in &self.chunks {
            if place.offset > end {
                gaps.push(Gap::at(trace, end..place.offset)?);
            }
            end = place.range().end.max(end);
        }
        if end < trace.trace_length() {
            let rest = Gap::at(trace, end..trace.trace_length())?;
            let begins_a_chunk = rest.beginning.starts_with(&CHUNK_MAGIC) || CHUNK_MAGIC.starts_with(&rest.beginning);
            if begins_a_chunk && ChunkPlace::at(trace, end)?.is_none() {
                self.cut_short_at = Some(end);
            } else {
                gaps.push(rest);
            }
        }
        let mut behind = BTreeSet::new();
        let mut chunks = self.chunks.iter().rev().peekable();
        for gap in gaps.into_iter().rev() {
            while let Some(place) = chunks.next_if(|place| place.offset >= gap.range.end) {
                behind.insert(place.header.identity());
            }
            if gap.is_torn_twin(&behind) {
                self.torn.push(gap.range);
            } else {
                self.damaged_headers.extend(ChunkHeader::decode(&gap.beginning));
                self.damaged.push(gap.range);
            }
        }
        self.torn.reverse();
        self.damaged.reverse();
        self.damaged_headers.reverse();
        Ok(())
    }

    /// How many bytes are damaged.
    pub(crate) fn damaged_bytes(&self) -> u64 {
        self.damaged.iter().map(length).sum()
    }
}

fn length(range: &Range<u64>) -> u64 {
    range.end - range.start
}

impl Gap {
    fn at(trace: &mut Window<'_>, range: Range<u64>) -> io::Result<Gap> {
        let most = HEADER_BYTES.min(range.end - range.start);
        Ok(Gap { beginning: trace.first(range.start, most)?.to_vec(), range })
    }

    /// Whether the bytes are the beginning of a chunk, cut short, that comes again: its identity is among those of the
    /// chunks behind it, as far as there is one. (Of less than 48 bytes, another chunk may be taken for it.)
    fn is_torn_twin(&self, behind: &BTreeSet<Vec<u8>>) -> bool {
        if ChunkHeader::decode(&self.beginning).is_ok_and(|header| header.total_bytes() as u64 <= length(&self.range)) {
            return false;
        }
        let torn = format::identity(&self.beginning);
        behind.range(torn.clone()..).next().is_some_and(|identity| identity.starts_with(&torn))
    }
}

/// All sound chunks from offset `start` on, in the order of the file.
fn sound_chunks(trace: &mut Window<'_>, start: u64) -> io::Result<Vec<ChunkPlace>> {
    let mut chunks = Vec::new();
    let mut offset = start;
    loop {
        let mut candidates = hop(trace.from(offset, HEADER_BYTES)?, offset);
        if candidates.is_empty() {
            // The window ends inside a chunk, or here is none.
            let candidate = match ChunkPlace::at(trace, offset)? {
                Some(place) => Some((place, place.is_sound(trace)?)),
                None => next_sound_chunk(trace, offset + 1..trace.trace_length())?.map(|place| (place, true)),
            };
            candidates.extend(candidate);
        }
        let Some((last, _)) = candidates.last() else { break };
        offset = last.range().end;
        for (place, is_sound) in candidates {
            if is_sound {
                chunks.push(place);
            } else {
                rescue(trace, place.range(), &mut chunks)?;
            }
        }
    }
    chunks.sort_by_key(|place| place.offset);
    chunks.dedup_by_key(|place| place.offset);
    Ok(chunks)
}

/// What headers that look right say is in these bytes, which begin at `offset`, from the beginning of each to the end of
/// the one before it; and whether it is sound.
fn hop(bytes: &[u8], offset: u64) -> Vec<(ChunkPlace, bool)> {
    let mut candidates = Vec::new();
    let mut rest = bytes;
    let mut next = offset;
    while let Ok(header) = ChunkHeader::decode(rest)
        && let Some((chunk, behind)) = rest.split_at_checked(header.total_bytes())
    {
        candidates.push((ChunkPlace { header, offset: next }, chunk));
        next += chunk.len() as u64;
        rest = behind;
    }
    candidates.into_par_iter().map(|(place, chunk)| (place, format::verify(chunk).is_ok())).collect()
}

/// Adds the sound chunks that begin inside a damaged one: its length may be what is wrong.
fn rescue(trace: &mut Window<'_>, damaged: Range<u64>, chunks: &mut Vec<ChunkPlace>) -> io::Result<()> {
    let mut offset = damaged.start + 1;
    while let Some(place) = next_sound_chunk(trace, offset..damaged.end)? {
        chunks.push(place);
        offset = place.range().end;
    }
    Ok(())
}

/// The first sound chunk that begins in `range`.
fn next_sound_chunk(trace: &mut Window<'_>, range: Range<u64>) -> io::Result<Option<ChunkPlace>> {
    let mut offset = range.start;
    while let Some(found) = next_magic(trace, offset..range.end)? {
        if let Some(place) = ChunkPlace::at(trace, found)?
            && place.length() <= MAX_CANDIDATE_BYTES
            && place.is_sound(trace)?
        {
            return Ok(Some(place));
        }
        offset = found + 1;
    }
    Ok(None)
}

/// Where the first chunk magic that begins in `range` is.
fn next_magic(trace: &mut Window<'_>, range: Range<u64>) -> io::Result<Option<u64>> {
    let mut offset = range.start;
    while offset < range.end {
        let bytes = trace.from(offset, CHUNK_MAGIC.len() as u64)?;
        if let Some(at) = format::find_chunk(bytes) {
            let found = offset + at as u64;
            return Ok((found < range.end).then_some(found));
        }
        // It may begin with the last bytes of the window.
        offset += bytes.len().saturating_sub(CHUNK_MAGIC.len() - 1).max(1) as u64;
    }
    Ok(None)
}
