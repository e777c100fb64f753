//! Sorts the chunks of a trace by what they belong to: each chunk once, in the order in which its
//! process and thread wrote it, and a count of those that are missing.

use std::collections::BTreeMap;

use format::spool::SLOT_CAPACITY;
use format::{ChunkHeader, ChunkKind, ProcessKey, ThreadNumber};

use crate::chunk_index::ChunkPlace;

/// All chunks by owner.
#[derive(Default)]
pub(crate) struct Catalogue {
    pub(crate) images: BTreeMap<ImageOrder, ImageChunks>,
    pub(crate) sources: Vec<ChunkPlace>,
    pub(crate) ends: Vec<ChunkPlace>,
    /// Chunks that must have been written but are not there.
    pub(crate) missing_chunks: u64,
}

/// Process images in the order of their starts; the pid decides between equal ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ImageOrder {
    start_ns: u64,
    pid: u32,
}

impl ImageOrder {
    /// That of the image which a chunk belongs to.
    pub(crate) fn of(header: &ChunkHeader) -> ImageOrder {
        ImageOrder { start_ns: header.process.start_ns, pid: header.process.pid }
    }

    pub(crate) fn key(self) -> ProcessKey {
        ProcessKey { pid: self.pid, start_ns: self.start_ns }
    }
}

/// The chunks of one process image.
#[derive(Default)]
pub(crate) struct ImageChunks {
    pub(crate) definitions: Stream,
    pub(crate) events: BTreeMap<ThreadNumber, Stream>,
}

/// Chunks of one process, thread and kind by their number.
#[derive(Default)]
pub(crate) struct Stream {
    chunks: BTreeMap<u64, ChunkPlace>,
}

impl Catalogue {
    /// Takes the chunks in the order of the file.
    pub(crate) fn new(chunks: &[ChunkPlace]) -> Catalogue {
        let mut catalogue = Catalogue::default();
        for &place in chunks {
            catalogue.add(place);
        }
        let streams = |image: &ImageChunks| -> u64 {
            image.definitions.missing_chunks() + image.events.values().map(Stream::missing_chunks).sum::<u64>()
        };
        catalogue.missing_chunks = catalogue.images.values().map(streams).fold(0, u64::saturating_add);
        catalogue
    }

    /// Events of all images, as the chunk headers say.
    pub(crate) fn event_count(&self) -> u64 {
        let streams = self.images.values().flat_map(|image| image.events.values());
        streams.flat_map(Stream::chunks).map(|place| u64::from(place.header.event_count)).sum()
    }

    /// Whether a chunk of this header is missing: the one that comes next in a stream that is there, or fills a gap of it,
    /// at a time that fits to those around it. Anything else a damaged header may say.
    pub(crate) fn lacks(&self, header: &ChunkHeader) -> bool {
        let Some(image) = self.images.get(&ImageOrder::of(header)) else { return false };
        match header.kind {
            ChunkKind::Events => image.events.get(&header.thread).is_some_and(|stream| stream.lacks(header)),
            ChunkKind::Definitions => image.definitions.lacks(header),
            _ => false,
        }
    }

    /// Adds the next chunk of the file.
    pub(crate) fn add(&mut self, place: ChunkPlace) {
        let header = place.header;
        let order = ImageOrder::of(&header);
        match header.kind {
            ChunkKind::Events => {
                self.images.entry(order).or_default().events.entry(header.thread).or_default().add(place);
            }
            ChunkKind::Definitions => self.images.entry(order).or_default().definitions.add(place),
            ChunkKind::Source => self.sources.push(place),
            ChunkKind::End => self.ends.push(place),
            ChunkKind::Unknown(_) => {}
        }
    }
}

/// Whether a chunk from a slot may have these numbers. The shortest event is a byte.
pub(crate) fn has_sound_numbers(header: &ChunkHeader) -> bool {
    let has_room = header.event_count <= header.raw_bytes && header.raw_bytes as usize <= SLOT_CAPACITY;
    has_room && header.first_ns <= header.last_ns
}

impl Stream {
    /// A chunk that was salvaged after it had been appended is there twice: the longer one counts.
    fn add(&mut self, place: ChunkPlace) {
        let kept = self.chunks.entry(place.header.chunk_number).or_insert(place);
        if place.header.raw_bytes > kept.header.raw_bytes {
            *kept = place;
        }
    }

    /// In the order in which they were written.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = &ChunkPlace> {
        self.chunks.values()
    }

    fn lacks(&self, header: &ChunkHeader) -> bool {
        let before = self.chunks.range(..header.chunk_number).next_back();
        let behind = self.chunks.range(header.chunk_number..).next();
        let is_there = behind.is_some_and(|(&number, _)| number == header.chunk_number);
        let is_next = header.chunk_number == before.map_or(0, |(&number, _)| number.saturating_add(1));
        let has_time = before.is_none_or(|(_, before)| before.header.last_ns <= header.first_ns)
            && behind.is_none_or(|(_, behind)| header.last_ns <= behind.header.first_ns);
        !is_there && (is_next || behind.is_some()) && has_time && has_sound_numbers(header)
    }

    /// Chunks are numbered from 0. Those lost behind the last one that is there are not known.
    fn missing_chunks(&self) -> u64 {
        let count = self.chunks.len() as u64;
        self.chunks.last_key_value().map_or(0, |(&last, _)| last.saturating_add(1).saturating_sub(count))
    }
}
