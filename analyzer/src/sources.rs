//! Source text stored in a trace, decompressed when a line of it is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use format::decode_source_file;

use crate::chunk_index::ChunkPlace;

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
    pub(crate) fn read(trace: &[u8], chunks: &[ChunkPlace]) -> Sources {
        let mut sources = Sources::default();
        let mut raw = Vec::new();
        for &place in chunks {
            let named = format::decompress(&place.header, &trace[place.range()], &mut raw)
                .and_then(|()| decode_source_file(&raw))
                .map(|source| source.file.to_owned());
            match named {
                Ok(file) => {
                    sources.files.insert(file, StoredSource { place, lines: OnceLock::new() });
                }
                Err(_) => sources.unreadable_chunks += 1,
            }
        }
        sources
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.files.keys().cloned().collect()
    }

    /// A line, counted from 1, without its end.
    pub(crate) fn line(&self, trace: &[u8], file: &str, line: u32) -> Option<&str> {
        let source = self.files.get(file)?;
        let lines = source.lines.get_or_init(|| source.read_lines(trace));
        lines.get((line as usize).checked_sub(1)?).map(String::as_str)
    }
}

impl StoredSource {
    fn read_lines(&self, trace: &[u8]) -> Vec<String> {
        let mut raw = Vec::new();
        if format::decompress(&self.place.header, &trace[self.place.range()], &mut raw).is_err() {
            return Vec::new();
        }
        let text = decode_source_file(&raw).map(|source| source.text).unwrap_or_default();
        String::from_utf8_lossy(text).lines().map(str::to_owned).collect()
    }
}
