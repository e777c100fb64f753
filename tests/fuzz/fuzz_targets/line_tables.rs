//! Any bytes as the line table of a code object, and any instruction in it.
#![no_main]

use analyzer::Trace;
use arbitrary::Arbitrary;
use format::{
    ChunkHeader, ChunkKind, ChunkWriter, CodeId, Definition, Domain, Event, EventEncoder, PathId, ProcessKey, StackId,
    ThreadNumber, encode_definition,
};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    format: u8,
    first_line: u32,
    instructions: [u32; 3],
    table: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let table = &input.table[..input.table.len().min(1 << 14)];
    let code = Definition::Code {
        id: CodeId(1),
        function: "function",
        file: "job.py",
        first_line: input.first_line,
        line_table_format: fil_fuzz::line_table_format_of(input.format),
        line_table_bytes: table.len() as u32,
    };
    let pieces = Definition::LineTable { code: CodeId(1), offset: 0, bytes: table };
    let path = Definition::CallPath { id: PathId(1), caller: PathId::EMPTY, instruction: 0, code: CodeId(1) };
    let mut definitions = Vec::new();
    for definition in [code, pieces, path] {
        let mut room = vec![0; table.len() + 256];
        let length = encode_definition(&definition, &mut room).expect("there is room");
        definitions.extend_from_slice(&room[..length]);
    }
    let mut events = Vec::new();
    let mut encoder = EventEncoder::new(0, 0);
    for (at, instruction) in input.instructions.into_iter().enumerate() {
        let stack = StackId { path: PathId(1), instruction };
        let address = (at as u64 + 1) << 8;
        encoder.encode(&mut events, Event::Alloc { domain: Domain::Python, address, size: 100, stack });
    }
    let process = ProcessKey { pid: 1, start_ns: 1 };
    let mut writer = ChunkWriter::new(1).expect("the compressor starts");
    let mut bytes = fil_fuzz::header(0).encode().expect("it is short");
    for (kind, thread, raw) in [(ChunkKind::Definitions, 0, &definitions), (ChunkKind::Events, 1, &events)] {
        let header = ChunkHeader::new(kind, process, ThreadNumber(thread), 0);
        bytes.extend_from_slice(writer.chunk(header, raw).expect("it is short"));
    }
    let trace = Trace::from_bytes("fuzz.fil".to_owned(), bytes).expect("it is sound");
    let peak = analyzer::peak(&trace).expect("it has a peak");
    assert_eq!(peak.peak_bytes, 300);
    assert_eq!(peak.call_sites.iter().map(|row| row.live_bytes).sum::<u64>(), 300);
    assert!(peak.call_sites.iter().all(|row| row.function == "function"));
});
