//! Writes what fuzzing begins with: the golden trace, and what is in its chunks, each in a file of its own. The argument is
//! the folder in which each target has one.

use std::fs;
use std::path::{Path, PathBuf};

use format::spool::{
    SLOT_BYTES, SLOT_CHUNK_NUMBER, SLOT_HEADER_BYTES, SLOT_IN_USE, SLOT_KIND, SLOT_LENGTH, SLOT_STATE, SLOT_THREAD,
    SPOOL_HEADER_BYTES, SpoolHeader,
};
use format::{ChunkHeader, ChunkKind, TraceHeader, decompress};

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/golden/v1.fil");
    let trace = fs::read(golden).expect("the golden trace is there");
    let seed = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder.join(target)).expect("a folder can be made");
        fs::write(folder.join(target).join(name), bytes).expect("a file can be written");
    };
    seed("trace_file", "golden", &trace);
    let (_, mut at) = TraceHeader::decode(&trace).expect("the golden trace is sound");
    seed("trace_file", "header", &trace[..at]);
    for number in 0.. {
        let Some(Ok(header)) = trace.get(at..).map(ChunkHeader::decode) else { break };
        let chunk = &trace[at..at + header.total_bytes()];
        at += chunk.len();
        let mut raw = Vec::new();
        decompress(&header, chunk, &mut raw).expect("the golden trace is sound");
        seed("chunk_decoder", &format!("golden-{number}"), &raw);
        if matches!(header.kind, ChunkKind::Events | ChunkKind::Definitions) {
            seed("spool", &format!("golden-{number}"), &in_a_spool(&header, &raw));
        }
    }
}

/// A spool of one slot.
fn in_a_spool(header: &ChunkHeader, raw: &[u8]) -> Vec<u8> {
    let mut bytes = SpoolHeader { process: header.process, start_ticks: 1 }.encode().to_vec();
    bytes.resize(SPOOL_HEADER_BYTES + SLOT_BYTES, 0);
    let slot = &mut bytes[SPOOL_HEADER_BYTES..];
    for (at, value) in [
        (SLOT_STATE, SLOT_IN_USE),
        (SLOT_KIND, header.kind.number()),
        (SLOT_THREAD, header.thread.0),
        (SLOT_LENGTH, raw.len() as u32),
        (SLOT_CHUNK_NUMBER, header.chunk_number as u32),
    ] {
        slot[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    slot[SLOT_HEADER_BYTES..SLOT_HEADER_BYTES + raw.len()].copy_from_slice(raw);
    bytes
}
