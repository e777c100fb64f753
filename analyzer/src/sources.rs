//! Source text stored in a trace, decompressed when a line of it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use format::decode_source_file;
use rayon::prelude::*;

use crate::chunk_index::ChunkPlace;
use crate::chunk_reader::ChunkReader;
use crate::trace_bytes::TraceBytes;

/// Source files by name.
#[derive(Default)]
pub(crate) struct Sources {
    files: BTreeMap<String, StoredSource>,
    /// Chunks that could not be read.
    pub(crate) unreadable_chunks: u64,
}

struct StoredSource {
    place: ChunkPlace,
    lines: OnceLock<Vec<String>>,
}

impl Sources {
    /// Learns the names. A file stored twice is read from the later chunk.
    pub(crate) fn read(trace: &TraceBytes, chunks: &[ChunkPlace]) -> Sources {
        let name = |reader: &mut ChunkReader, place: &ChunkPlace| {
            let raw = reader.read(trace, place).ok()?;
            decode_source_file(raw).ok().map(|source| source.file.to_owned())
        };
        let names: Vec<Option<String>> = chunks.par_iter().map_init(ChunkReader::default, name).collect();
        let mut sources = Sources::default();
        for (name, &place) in names.into_iter().zip(chunks) {
            match name {
                Some(name) => {
                    sources.files.insert(name, StoredSource { place, lines: OnceLock::new() });
                }
                None => sources.unreadable_chunks += 1,
            }
        }
        sources
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.files.keys().cloned().collect()
    }

    /// A line, counted from 1, without its end.
    pub(crate) fn line(&self, trace: &TraceBytes, file: &str, line: u32) -> Option<&str> {
        let source = self.files.get(file)?;
        let lines = source.lines.get_or_init(|| source.read_lines(trace));
        lines.get((line as usize).checked_sub(1)?).map(String::as_str)
    }
}

impl StoredSource {
    fn read_lines(&self, trace: &TraceBytes) -> Vec<String> {
        let mut reader = ChunkReader::default();
        let Ok(raw) = reader.read(trace, &self.place) else { return Vec::new() };
        let text = decode_source_file(raw).map(|source| source.text).unwrap_or_default();
        String::from_utf8_lossy(text).lines().map(str::to_owned).collect()
    }
}
