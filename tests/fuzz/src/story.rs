//! Traces built from anything.

use arbitrary::Arbitrary;
use format::{
    ChunkHeader, ChunkKind, ChunkWriter, CodeId, Definition, Domain, Event, EventEncoder, JobEnd, LineTableFormat,
    MappingKind, NoticeKind, PathId, ProcessKey, RecordingEnd, SourceFile, StackId, ThreadNumber, TraceHeader,
    encode_definition, encode_recording_end, encode_source_file,
};

/// A trace as a list of what is in it.
#[derive(Arbitrary, Debug)]
pub struct Story {
    start_ns: u32,
    parts: Vec<Part>,
}

/// One chunk. Numbers are small, so that they meet.
#[derive(Arbitrary, Debug)]
enum Part {
    Definitions {
        process: u8,
        number: u8,
        definitions: Vec<Told>,
    },
    Events {
        process: u8,
        thread: u8,
        number: u8,
        first_turn: u16,
        first_ns: u32,
        last_ns: u32,
        events: Vec<Happened>,
    },
    Source {
        number: u8,
        text: Vec<u8>,
    },
    End {
        code: i32,
        killed: bool,
        end_ns: u32,
        event_count: u16,
        oom_kills: u8,
    },
    /// A payload that nobody wrote.
    Raw {
        kind: u8,
        process: u8,
        thread: u8,
        number: u8,
        raw: Vec<u8>,
    },
    /// Bytes that are no chunk.
    Garbage(Vec<u8>),
    /// The last chunk comes again, or only its beginning.
    Again {
        cut: Option<u16>,
    },
}

#[derive(Arbitrary, Debug)]
enum Told {
    Start { parent: Option<u8>, codes: u8, paths: u8, namespace: u8, ticks: u8, python: bool },
    Thread { thread: u8, kernel_id: u8 },
    Name { thread: u8 },
    Code { id: u8, line_table_format: u8, line_table_bytes: u16, line: u32 },
    LineTable { code: u8, offset: u16, bytes: Vec<u8> },
    Path { id: u8, caller: u8, instruction: u16, code: u8 },
    Resident { time_ns: u32, bytes: u64 },
    Notice { kind: u8, time_ns: u32 },
    Failed { time_ns: u32, size: u64 },
    Ended { time_ns: u32 },
}

#[derive(Arbitrary, Debug)]
enum Happened {
    Alloc { python: bool, address: u16, size: u16, path: u8, instruction: u8 },
    LargeAlloc { address: u64, size: u64, path: u32, instruction: u32 },
    Free { address: u16 },
    FarFree { address: u64 },
    UndoFree,
    Map { kind: u8, accessible: bool, page: u8, pages: u8, path: u8 },
    LargeMap { kind: u8, accessible: bool, address: u64, length: u64, path: u8 },
    Unmap { page: u8, pages: u8 },
    Protect { accessible: bool, page: u8, pages: u8, path: u8 },
    Remap { page: u8, pages: u8, path: u8 },
    Failed { size: u64, path: u8 },
    Time { ns: u32 },
    Turn { turn: u16 },
}

impl Story {
    /// The bytes of the trace.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = header(self.start_ns.into()).encode().expect("it is short");
        let mut writer = ChunkWriter::new(1).expect("the compressor starts");
        let mut last = bytes.len();
        for part in &self.parts {
            let begin = bytes.len();
            match part {
                Part::Garbage(garbage) => bytes.extend_from_slice(garbage),
                Part::Again { cut } => {
                    let again = bytes[last..].to_vec();
                    let length = cut.map_or(again.len(), |cut| usize::from(cut).min(again.len()));
                    bytes.extend_from_slice(&again[..length]);
                }
                chunk => {
                    let (header, raw) = chunk.chunk();
                    bytes.extend_from_slice(writer.chunk(header, &raw).expect("it is short"));
                    last = begin;
                }
            }
        }
        bytes
    }
}

impl Part {
    fn chunk(&self) -> (ChunkHeader, Vec<u8>) {
        let header = |kind, process: u8, thread: u8, number: u8| {
            ChunkHeader::new(kind, key(process), ThreadNumber(thread.into()), number.into())
        };
        match self {
            Part::Definitions { process, number, definitions } => {
                let mut raw = Vec::new();
                for told in definitions {
                    let mut room = vec![0; 1 << 16];
                    let length = told.encode(&mut room).expect("it is short");
                    raw.extend_from_slice(&room[..length]);
                }
                (header(ChunkKind::Definitions, *process, 0, *number), raw)
            }
            Part::Events { process, thread, number, first_turn, first_ns, last_ns, events } => {
                let (first_turn, first_ns) = (u64::from(*first_turn), u64::from(*first_ns));
                let mut encoder = EventEncoder::new(first_ns, first_turn);
                let mut raw = Vec::new();
                let events = events.iter().map(Happened::event);
                let mut event_count = 0;
                for event in events {
                    encoder.encode(&mut raw, event);
                    event_count += u32::from(!event.is_mark());
                }
                let last_ns = u64::from(*last_ns);
                let header = header(ChunkKind::Events, *process, *thread, *number);
                (ChunkHeader { first_turn, first_ns, last_ns, event_count, ..header }, raw)
            }
            Part::Source { number, text } => {
                let source = SourceFile { file: "job.py", text };
                let raw = encode_source_file(&source).expect("it is short");
                (header(ChunkKind::Source, 0, 0, *number), raw)
            }
            Part::End { code, killed, end_ns, event_count, oom_kills } => {
                let end = RecordingEnd {
                    job_end: if *killed { JobEnd::Killed(*code) } else { JobEnd::Exited(*code) },
                    end_ns: (*end_ns).into(),
                    event_count: (*event_count).into(),
                    oom_kills: (*oom_kills).into(),
                };
                (header(ChunkKind::End, 0, 0, 0), encode_recording_end(&end).expect("it is short"))
            }
            Part::Raw { kind, process, thread, number, raw } => {
                (header(ChunkKind::from_number((*kind).into()), *process, *thread, *number), raw.clone())
            }
            Part::Garbage(_) | Part::Again { .. } => unreachable!("they are no chunks"),
        }
    }
}

impl Told {
    fn encode(&self, out: &mut [u8]) -> Option<usize> {
        let definition = match self {
            Told::Start { parent, codes, paths, namespace, ticks, python } => Definition::ProcessStart {
                command: vec![b"python", b"job.py"],
                parent_pid: parent.unwrap_or(0).into(),
                pid_namespace: (*namespace).into(),
                start_ticks: (*ticks).into(),
                forked_from: parent.map(key),
                inherited_codes: (*codes).into(),
                inherited_paths: (*paths).into(),
                python_version: python.then_some("3.11.7"),
            },
            Told::Thread { thread, kernel_id } => Definition::ThreadStart {
                thread: ThreadNumber((*thread).into()),
                kernel_id: (*kernel_id).into(),
                name: "thread",
            },
            Told::Name { thread } => Definition::ThreadName { thread: ThreadNumber((*thread).into()), name: "name" },
            Told::Code { id, line_table_format, line_table_bytes, line } => Definition::Code {
                id: CodeId((*id).into()),
                function: "function",
                file: "job.py",
                first_line: *line,
                line_table_format: line_table_format_of(*line_table_format),
                line_table_bytes: (*line_table_bytes).into(),
            },
            Told::LineTable { code, offset, bytes } => {
                let bytes = &bytes[..bytes.len().min(1 << 14)];
                Definition::LineTable { code: CodeId((*code).into()), offset: (*offset).into(), bytes }
            }
            Told::Path { id, caller, instruction, code } => Definition::CallPath {
                id: PathId((*id).into()),
                caller: PathId((*caller).into()),
                instruction: (*instruction).into(),
                code: CodeId((*code).into()),
            },
            Told::Resident { time_ns, bytes } => {
                Definition::ResidentMemory { time_ns: (*time_ns).into(), bytes: *bytes }
            }
            Told::Notice { kind, time_ns } => {
                let kinds = [
                    NoticeKind::NoStacks,
                    NoticeKind::RecordingStopped,
                    NoticeKind::StacksVerified,
                    NoticeKind::NotAllRecorded,
                ];
                let kind = kinds[usize::from(*kind) % kinds.len()];
                Definition::Notice { kind, time_ns: (*time_ns).into(), text: "something" }
            }
            Told::Ended { time_ns } => Definition::EndedItself { time_ns: (*time_ns).into() },
            Told::Failed { time_ns, size } => Definition::AllocationFailed { time_ns: (*time_ns).into(), size: *size },
        };
        encode_definition(&definition, out)
    }
}

/// A format of line tables for each number.
pub fn line_table_format_of(number: u8) -> LineTableFormat {
    let formats = [LineTableFormat::Lnotab, LineTableFormat::LineRanges, LineTableFormat::Locations];
    formats[usize::from(number) % formats.len()]
}

impl Happened {
    fn event(&self) -> Event {
        let stack = |path: u8| StackId { path: PathId(path.into()), instruction: 0 };
        let kind = |kind: u8| MappingKind::ALL[usize::from(kind) % MappingKind::ALL.len()];
        let range = |page: u8, pages: u8| (u64::from(page) << 12, u64::from(pages) << 12);
        match *self {
            Happened::Alloc { python, address, size, path, instruction } => Event::Alloc {
                domain: if python { Domain::Python } else { Domain::Heap },
                address: u64::from(address) << 4,
                size: size.into(),
                stack: StackId { path: PathId(path.into()), instruction: instruction.into() },
            },
            Happened::LargeAlloc { address, size, path, instruction } => {
                Event::Alloc { domain: Domain::Heap, address, size, stack: StackId { path: PathId(path), instruction } }
            }
            Happened::Free { address } => Event::Free { address: u64::from(address) << 4 },
            Happened::FarFree { address } => Event::Free { address },
            Happened::UndoFree => Event::UndoFree,
            Happened::Map { kind: number, accessible, page, pages, path } => {
                let (address, length) = range(page, pages);
                Event::Map { kind: kind(number), accessible, address, length, stack: stack(path) }
            }
            Happened::LargeMap { kind: number, accessible, address, length, path } => {
                Event::Map { kind: kind(number), accessible, address, length, stack: stack(path) }
            }
            Happened::Unmap { page, pages } => {
                let (address, length) = range(page, pages);
                Event::Unmap { address, length }
            }
            Happened::Protect { accessible, page, pages, path } => {
                let (address, length) = range(page, pages);
                Event::Protect { accessible, address, length, stack: stack(path) }
            }
            Happened::Remap { page, pages, path } => {
                let (address, length) = range(page, pages);
                Event::Remap { address, length, stack: stack(path) }
            }
            Happened::Failed { size, path } => Event::Failed { size, stack: stack(path) },
            Happened::Time { ns } => Event::Time { ns: ns.into() },
            Happened::Turn { turn } => Event::Turn { turn: turn.into() },
        }
    }
}

/// The header of a trace that began at this instant.
pub fn header(monotonic_start_ns: u64) -> TraceHeader {
    TraceHeader {
        fil_version: "0".to_owned(),
        command: vec![b"python".to_vec()],
        working_directory: b"/".to_vec(),
        host: "here".to_owned(),
        wall_clock_start_ns: 0,
        monotonic_start_ns,
        spool_directory: Vec::new(),
    }
}

fn key(process: u8) -> ProcessKey {
    ProcessKey { pid: (process & 7).into(), start_ns: (process >> 3).into() }
}
