//! What the tests of the format share: a small trace with a chunk of each kind, and a reader that
//! goes through any bytes the way a reader of traces should.

// Each test file is a program of its own and uses a part of this.
#![allow(dead_code)]

use format::{
    ChunkHeader, ChunkKind, ChunkWriter, CodeId, Definition, DefinitionReader, Domain, Event, EventDecoder,
    EventEncoder, FormatError, JobEnd, LineTableFormat, MappingKind, NoticeKind, PathId, ProcessKey, RecordingEnd,
    SourceFile, StackId, ThreadNumber, TraceHeader, decode_recording_end, decode_source_file, decompress,
    encode_definition, encode_recording_end, encode_source_file, find_chunk, verify,
};

/// The process that all chunks made here belong to.
pub(crate) const PROCESS: ProcessKey = ProcessKey { pid: 4711, start_ns: 1_000_000 };

/// A header whose lengths [`ChunkWriter`] is to fill in.
pub(crate) fn chunk_header(kind: ChunkKind, thread: u32, chunk_number: u64) -> ChunkHeader {
    ChunkHeader {
        kind,
        thread: ThreadNumber(thread),
        raw_bytes: 0,
        compressed_bytes: 0,
        event_count: 0,
        process: PROCESS,
        chunk_number,
        first_turn: 0,
        first_ns: 0,
        last_ns: 0,
    }
}

/// The header of the traces made here.
pub(crate) fn trace_header() -> TraceHeader {
    TraceHeader {
        fil_version: "0.1.0".to_owned(),
        command: vec![b"python".to_vec(), b"job.py".to_vec(), b"not \xff UTF-8".to_vec()],
        working_directory: b"/home/scientist".to_vec(),
        host: "laptop".to_owned(),
        wall_clock_start_ns: 1_760_000_000_123_456_789,
        monotonic_start_ns: 1_000_000,
        spool_directory: b"/home/scientist".to_vec(),
    }
}

/// One definition of each sort, and of each variant in them.
pub(crate) fn every_definition() -> Vec<Definition<'static>> {
    let code = |id, line_table_format| Definition::Code {
        id: CodeId(id),
        function: "Basket.fill.<locals>.pick",
        file: "/home/scientist/höhe.py",
        first_line: 70_000,
        line_table_format,
        line_table_bytes: 5,
    };
    vec![
        Definition::ProcessStart {
            command: vec![b"python", b"", b"not \xff UTF-8"],
            parent_pid: 4000,
            pid_namespace: 4_026_531_836,
            start_ticks: 851,
            forked_from: None,
            inherited_codes: 0,
            inherited_paths: 0,
            python_version: Some("3.11.7 (main)"),
        },
        Definition::ProcessStart {
            command: vec![],
            parent_pid: 4711,
            pid_namespace: 0,
            start_ticks: 0,
            forked_from: Some(ProcessKey { pid: 4711, start_ns: u64::MAX }),
            inherited_codes: 250,
            inherited_paths: 251,
            python_version: None,
        },
        Definition::ThreadStart { thread: ThreadNumber(1), kernel_id: 4711, name: "MainThread" },
        code(1, LineTableFormat::Lnotab),
        code(2, LineTableFormat::LineRanges),
        code(u32::MAX, LineTableFormat::Locations),
        Definition::LineTable { code: CodeId(1), offset: 0, bytes: &[0x80, 0, 0xd8, 0x04, 0xff] },
        Definition::CallPath { id: PathId(1), caller: PathId::EMPTY, instruction: 65_536, code: CodeId(1) },
        Definition::ResidentMemory { time_ns: 5_000_000_000, bytes: 1 << 40 },
        Definition::Notice { kind: NoticeKind::NoStacks, time_ns: 1_500_000, text: "Python 3.8 has no stack support" },
        Definition::Notice { kind: NoticeKind::RecordingStopped, time_ns: 1 << 40, text: "no space left on device" },
        Definition::AllocationFailed { time_ns: 3_000_000, size: 1 << 50 },
        Definition::EndedItself { time_ns: 4_000_000 },
    ]
}

/// A stack of its own for each number; those of two share a path.
fn stack_id(number: u32) -> StackId {
    StackId { path: PathId(number / 2), instruction: number }
}

/// Events that take every way through the encoder: sites new, known and displaced, addresses likely, near, far and
/// unaligned, frees near and far, both domains, every mark.
pub(crate) fn every_event() -> Vec<Event> {
    let python = |address, size, stack| Event::Alloc { domain: Domain::Python, address, size, stack: stack_id(stack) };
    let heap = |address, size, stack| Event::Alloc { domain: Domain::Heap, address, size, stack: stack_id(stack) };
    let free = |address| Event::Free { address };
    let map = |kind, accessible, address, length, stack| Event::Map {
        kind,
        accessible,
        address,
        length,
        stack: stack_id(stack),
    };
    let base = 0x7f00_1234_5000;
    let mut events = vec![
        python(base, 56, 3),
        python(base + 64, 56, 3),
        free(base + 64),
        free(base),
        // Both come back, the one freed last first.
        python(base, 56, 4),
        python(base + 64, 56, 4),
        free(base),
        // A heap block of the same size does not come from there.
        heap(0x5555_0000_0010, 56, 4),
        Event::Time { ns: 2_000_000 },
        Event::Turn { turn: 9 },
        Event::Turn { turn: u64::MAX },
        heap(0x7fff_0000_0001, 419_430_400, u32::MAX),
        free(0x7fff_0000_0001),
        Event::UndoFree,
        free(0x7fff_0000_0001),
        heap(u64::MAX, u64::MAX, 0),
        heap(0, 0, 0),
        free(0),
        free(0x1234),
        map(MappingKind::Private, true, 0x7f11_0000_0000, 1 << 21, 7),
        map(MappingKind::PythonArena, true, 0x7f22_0000_0000, 1 << 20, 6),
        map(MappingKind::Private, false, 0x7f33_0000_0000, 1 << 40, 6),
        map(MappingKind::Shared, true, 0x7f44_0000_0000, 1 << 16, 6),
        map(MappingKind::File, true, 0x7f55_0000_0000, 1 << 16, 8),
        Event::Protect { accessible: true, address: 0x7f33_0000_0000, length: 1 << 16, stack: stack_id(9) },
        Event::Protect { accessible: false, address: 0x7f33_0000_1000, length: 4096, stack: stack_id(9) },
        Event::Unmap { address: 0x7f11_0000_1000, length: 4096 },
        Event::Remap { address: 0x7f66_0000_0000, length: 8192, stack: stack_id(10) },
        Event::Failed { size: 1 << 50, stack: stack_id(11) },
        Event::Time { ns: 2_000_001 },
    ];
    // Some that displace each other, freed in three orders.
    events.extend((0..80).map(|i| python(base + 0x1000 + 512 * i, 16 + 8 * i, 5 + i as u32 % 3)));
    events.extend((0..80).step_by(2).map(|i| free(base + 0x1000 + 512 * i)));
    events.extend((0..80).rev().filter(|i| i % 4 == 1).map(|i| free(base + 0x1000 + 512 * i)));
    events.extend((0..80).map(|i| python(base + 0x1000 + 512 * (79 - i), 16 + 8 * (79 - i), 5)));
    events
}

/// Encodes a chunk of events that begins at the turn and time of [`chunk_header`].
pub(crate) fn encode_events(events: &[Event]) -> Vec<u8> {
    let mut encoder = EventEncoder::new(0, 0);
    let mut bytes = Vec::new();
    for &event in events {
        encoder.encode(&mut bytes, event);
    }
    bytes
}

/// Encodes definitions one behind the other.
pub(crate) fn encode_definitions(definitions: &[Definition<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for definition in definitions {
        let mut out = vec![0; 64 << 10];
        let length = encode_definition(definition, &mut out).expect("fits");
        bytes.extend_from_slice(&out[..length]);
    }
    bytes
}

/// The chunks of a small trace: one of each kind, and one that only a later version knows.
pub(crate) fn every_chunk() -> Vec<(ChunkHeader, Vec<u8>)> {
    let events = every_event();
    let event_header = ChunkHeader {
        event_count: events.iter().filter(|event| !event.is_mark()).count() as u32,
        last_ns: 2_000_001,
        ..chunk_header(ChunkKind::Events, 1, 0)
    };
    let source = SourceFile { file: "/home/scientist/höhe.py", text: b"print('caf\xe9')\n" };
    let end = RecordingEnd { job_end: JobEnd::Killed(9), end_ns: 9_000_000, event_count: 200, oom_kills: 1 };
    vec![
        (chunk_header(ChunkKind::Definitions, 0, 0), encode_definitions(&every_definition())),
        (event_header, encode_events(&events)),
        (chunk_header(ChunkKind::Unknown(77), 0, 0), b"for a later fil".to_vec()),
        (chunk_header(ChunkKind::Source, 0, 0), encode_source_file(&source).expect("encodes")),
        (chunk_header(ChunkKind::End, 0, 0), encode_recording_end(&end).expect("encodes")),
    ]
}

/// Header and chunks as they stand in a file, and the offsets at which each part ends.
pub(crate) fn small_trace() -> (Vec<u8>, Vec<usize>) {
    let mut bytes = trace_header().encode().expect("encodes");
    let mut ends = vec![bytes.len()];
    let mut writer = ChunkWriter::new(3).expect("zstd has level 3");
    for (header, raw) in every_chunk() {
        bytes.extend_from_slice(writer.chunk(header, &raw).expect("fits"));
        ends.push(bytes.len());
    }
    (bytes, ends)
}

/// One chunk as a reader found it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadChunk {
    pub(crate) header: ChunkHeader,
    pub(crate) raw: Vec<u8>,
}

/// Goes through the chunks in `bytes` (a trace without its header): each is whole and right, or an
/// error. Behind an error the reader looks for the next chunk, as the analyzer does.
pub(crate) fn read_chunks(mut bytes: &[u8]) -> Vec<Result<ReadChunk, FormatError>> {
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        match read_chunk(bytes) {
            Ok(chunk) => {
                bytes = &bytes[chunk.header.total_bytes()..];
                chunks.push(Ok(chunk));
            }
            Err(error) => {
                chunks.push(Err(error));
                bytes = find_chunk(&bytes[1..]).map_or(&[], |next| &bytes[1 + next..]);
            }
        }
    }
    chunks
}

fn read_chunk(bytes: &[u8]) -> Result<ReadChunk, FormatError> {
    let header = ChunkHeader::decode(bytes)?;
    let needed = header.total_bytes();
    let chunk = bytes.get(..needed).ok_or(FormatError::Truncated { needed, available: bytes.len() })?;
    verify(chunk)?;
    let mut raw = Vec::new();
    decompress(&header, chunk, &mut raw)?;
    Ok(ReadChunk { header, raw })
}

/// Decodes what a chunk holds, to see that it can be done: the number of records that decode and
/// the first error.
pub(crate) fn decode_content(header: &ChunkHeader, raw: &[u8]) -> (usize, Option<FormatError>) {
    match header.kind {
        ChunkKind::Events => tally(EventDecoder::new(raw, header.first_ns, header.first_turn)),
        ChunkKind::Definitions => tally(DefinitionReader::new(raw)),
        ChunkKind::Source => tally(std::iter::once(decode_source_file(raw))),
        ChunkKind::End => tally(std::iter::once(decode_recording_end(raw))),
        ChunkKind::Unknown(_) => (0, None),
    }
}

fn tally<T>(records: impl Iterator<Item = Result<T, FormatError>>) -> (usize, Option<FormatError>) {
    let mut decoded = 0;
    let mut first_error = None;
    for record in records {
        match record {
            Ok(_) => decoded += 1,
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    (decoded, first_error)
}
