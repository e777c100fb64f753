//! What a trace says of a job of `testdata/torture.c`, read chunk by chunk without the analyzer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use format::{ChunkHeader, ChunkKind, Event, EventDecoder, TraceHeader, decompress, find_chunk, verify};

use crate::acknowledged::{Block, Story};

/// By process id. A process that never began, but is in the trace, has nothing of interest.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    stories: BTreeMap<u32, Story>,
    /// Events of the job, as the analyzer counts them.
    pub(crate) events: u64,
    /// The recording has an end.
    pub(crate) has_end: bool,
    /// A process has begun to be recorded.
    pub(crate) has_process: bool,
    /// Chunks of events.
    pub(crate) event_chunks: u64,
}

impl Recorded {
    /// Reads a trace in which chunks may be torn, or come twice.
    pub(crate) fn read(trace: &Path) -> Recorded {
        let bytes = std::fs::read(trace).expect("there is a trace");
        let (_, mut at) = TraceHeader::decode(&bytes).expect("its header is whole");
        let mut chunks = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut recorded = Recorded::default();
        while let Some(next) = find_chunk(&bytes[at..]) {
            at += next;
            let header = ChunkHeader::decode(&bytes[at..]).ok();
            let chunk = header.and_then(|header| bytes.get(at..at + header.total_bytes()));
            let (Some(header), Some(chunk)) = (header, chunk.filter(|chunk| verify(chunk).is_ok())) else {
                at += 1;
                continue;
            };
            at += chunk.len();
            recorded.has_end |= header.kind == ChunkKind::End;
            recorded.has_process |= matches!(header.kind, ChunkKind::Events | ChunkKind::Definitions);
            let owner = (header.process.pid, header.process.start_ns, header.thread.0);
            if header.kind == ChunkKind::Events && seen.insert((owner, header.chunk_number)) {
                let mut raw = Vec::new();
                decompress(&header, chunk, &mut raw).expect("its checksum is right");
                chunks.insert((owner, header.chunk_number), (header, raw));
                recorded.event_chunks += 1;
            }
        }
        let mut threads = BTreeMap::new();
        for ((owner, _), (header, raw)) in chunks {
            recorded.add(header.process.pid, threads.entry(owner).or_default(), &header, &raw);
        }
        recorded
    }

    /// What is recorded of a process.
    pub(crate) fn story(&self, pid: u32) -> Story {
        self.stories.get(&pid).cloned().unwrap_or_default()
    }

    /// Adds a chunk of a thread that holds these blocks by their addresses: no thread gives another's block back.
    fn add(&mut self, pid: u32, held: &mut BTreeMap<u64, Block>, header: &ChunkHeader, raw: &[u8]) {
        let story = self.stories.entry(pid).or_default();
        for event in EventDecoder::new(raw, header.first_ns, header.first_turn) {
            let event = event.expect("what was published is whole");
            self.events += u64::from(!event.is_mark());
            match event {
                Event::Alloc { address, size, .. } => {
                    held.remove(&address);
                    if let Some(block) = Block::of_size(size) {
                        held.insert(address, block);
                        story.entry(block).or_default().allocations += 1;
                    }
                }
                Event::Free { address } => {
                    if let Some(block) = held.remove(&address) {
                        story.entry(block).or_default().frees += 1;
                    }
                }
                _ => {}
            }
        }
    }
}
