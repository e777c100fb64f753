//! Any bytes as what a process has left in its spool: what is found of it can be appended to a trace.
#![no_main]

use format::{ChunkWriter, spool};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(chunks) = spool::salvage(bytes) else { return };
    spool::silent_children(bytes);
    let mut writer = ChunkWriter::new(1).expect("the compressor starts");
    let mut trace = fil_fuzz::header(0).encode().expect("it is short");
    for (header, raw) in chunks {
        trace.extend_from_slice(writer.chunk(header, raw).expect("a slot fits into a chunk"));
    }
    fil_fuzz::ask_everything(trace);
});
