//! Definitions come back as they were written; one that does not decode costs only itself.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use format::constants::{MAX_LINE_TABLE_PIECE, MAX_NAME_BYTES};
use format::spool::SLOT_CAPACITY;
use format::{
    CodeId, Definition, DefinitionReader, FormatError, JobEnd, LineTableFormat, NoticeKind, PathId, ProcessKey,
    RecordingEnd, SourceFile, ThreadNumber, decode_recording_end, decode_source_file, encode_definition,
    encode_recording_end, encode_source_file,
};
use proptest::prelude::*;
use support::{encode_definitions, every_definition};

/// A definition that owns what it says, for strategies.
#[derive(Clone, Debug)]
struct Owned {
    which: u8,
    numbers: [u32; 4],
    long: [u64; 2],
    texts: [String; 2],
    bytes: Vec<Vec<u8>>,
    some: bool,
}

impl Owned {
    fn definition(&self) -> Definition<'_> {
        let [a, b, c, d] = self.numbers;
        let [first, second] = self.long;
        let [function, file] = [&*self.texts[0], &*self.texts[1]];
        match self.which {
            0 => Definition::ProcessStart {
                command: self.bytes.iter().map(Vec::as_slice).collect(),
                parent_pid: a,
                pid_namespace: first,
                start_ticks: second,
                forked_from: self.some.then_some(ProcessKey { pid: b, start_ns: first }),
                inherited_codes: c,
                inherited_paths: d,
                python_version: self.some.then_some(function),
            },
            1 => Definition::ThreadStart { thread: ThreadNumber(a), kernel_id: b, name: function },
            2 => Definition::Code {
                id: CodeId(a),
                function,
                file,
                first_line: b,
                line_table_format: if self.some { LineTableFormat::Locations } else { LineTableFormat::LineRanges },
                line_table_bytes: c,
            },
            3 => Definition::LineTable {
                code: CodeId(a),
                offset: b,
                bytes: self.bytes.first().map(Vec::as_slice).unwrap_or_default(),
            },
            4 => Definition::CallPath { id: PathId(a), caller: PathId(b), instruction: c, code: CodeId(d) },
            5 => Definition::ResidentMemory { time_ns: first, bytes: second },
            6 => Definition::ThreadName { thread: ThreadNumber(a), name: function },
            7 => Definition::AllocationFailed { time_ns: first, size: second },
            8 => Definition::EndedItself { time_ns: first },
            _ => Definition::Notice { kind: NoticeKind::RecordingStopped, time_ns: first, text: file },
        }
    }
}

fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0u32..300, 65_000u32..66_000, any::<u32>()]
}

fn long_number() -> impl Strategy<Value = u64> {
    prop_oneof![number().prop_map(u64::from), any::<u64>()]
}

fn owned() -> impl Strategy<Value = Owned> {
    (
        0u8..10,
        [number(), number(), number(), number()],
        [long_number(), long_number()],
        ["\\PC{0,40}", "\\PC{0,300}"],
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5),
        any::<bool>(),
    )
        .prop_map(|(which, numbers, long, texts, bytes, some)| Owned { which, numbers, long, texts, bytes, some })
}

proptest! {
    #[test]
    fn definitions_come_back(owned in prop::collection::vec(owned(), 0..20)) {
        let definitions: Vec<Definition<'_>> = owned.iter().map(Owned::definition).collect();
        let bytes = encode_definitions(&definitions);
        let decoded: Vec<Definition<'_>> = DefinitionReader::new(&bytes).collect::<Result<_, _>>().expect("decodes");
        prop_assert_eq!(decoded, definitions);
    }

    /// One byte too few is told, never written over.
    #[test]
    fn a_definition_fits_or_is_not_written(owned in owned()) {
        let bytes = encode_definitions(&[owned.definition()]);
        let mut out = vec![0; bytes.len()];
        prop_assert_eq!(encode_definition(&owned.definition(), &mut out), Some(bytes.len()));
        prop_assert_eq!(&out, &bytes);
        for room in 0..bytes.len() {
            prop_assert_eq!(encode_definition(&owned.definition(), &mut out[..room]), None);
        }
    }

    #[test]
    fn garbage_ends(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let steps = DefinitionReader::new(&bytes).take(bytes.len() + 1).count();
        prop_assert!(steps <= bytes.len());
    }

    #[test]
    fn the_end_comes_back(code: i32, killed: bool, end_ns: u64, event_count: u64, oom_kills: u64) {
        let job_end = if killed { JobEnd::Killed(code) } else { JobEnd::Exited(code) };
        let end = RecordingEnd { job_end, end_ns, event_count, oom_kills };
        let bytes = encode_recording_end(&end).expect("encodes");
        prop_assert_eq!(decode_recording_end(&bytes), Ok(end));
    }

    #[test]
    fn a_source_file_comes_back(file in "\\PC{0,80}", text in prop::collection::vec(any::<u8>(), 0..3000)) {
        let source = SourceFile { file: &file, text: &text };
        let bytes = encode_source_file(&source).expect("encodes");
        prop_assert_eq!(decode_source_file(&bytes), Ok(source));
    }
}

#[test]
fn every_sort_comes_back() {
    let definitions = every_definition();
    let bytes = encode_definitions(&definitions);
    let decoded: Vec<Definition<'_>> = DefinitionReader::new(&bytes).collect::<Result<_, _>>().expect("decodes");
    assert_eq!(decoded, definitions);
}

/// The worked example of docs/FORMAT.md, byte by byte.
#[test]
fn the_example_of_the_document() {
    let path = Definition::CallPath { id: PathId(300), caller: PathId(7), instruction: 70_000, code: CodeId(12) };
    let bytes = [0x8b, 0x80, 0x00, 4, 251, 0x2c, 0x01, 7, 252, 0x70, 0x11, 0x01, 0x00, 12];
    assert_eq!(encode_definitions(&[path]), bytes);
}

/// A later version may add a variant: its record is passed over by its length.
#[test]
fn an_unknown_record_costs_only_itself() {
    let known = every_definition();
    let mut bytes = encode_definitions(&known[..1]);
    bytes.extend_from_slice(&[3, 99, 1, 2]);
    bytes.extend_from_slice(&encode_definitions(&known[2..3]));
    let decoded: Vec<_> = DefinitionReader::new(&bytes).collect();
    assert_eq!(decoded.len(), 3);
    assert_eq!(decoded[0], Ok(known[0].clone()));
    assert!(matches!(decoded[1], Err(FormatError::Record(_))), "{:?}", decoded[1]);
    assert_eq!(decoded[2], Ok(known[2].clone()));
}

/// A later version may append fields to a record: a reader of today passes over them.
#[test]
fn fields_at_the_end_of_a_record_are_passed_over() {
    let thread = Definition::ThreadStart { thread: ThreadNumber(1), kernel_id: 2, name: "x" };
    let bytes = [&[7, 1, 1, 2, 1, b'x', 42, 43][..], &encode_definitions(&[thread])[..]].concat();
    let thread = Definition::ThreadStart { thread: ThreadNumber(1), kernel_id: 2, name: "x" };
    let decoded: Vec<_> = DefinitionReader::new(&bytes).collect();
    assert_eq!(decoded, [Ok(thread.clone()), Ok(thread)]);
}

/// What the limits promise: the longest name and the longest piece of a line table fit into a slot.
#[test]
fn the_longest_records_fit_into_a_slot() {
    let name = "n".repeat(MAX_NAME_BYTES);
    let piece = vec![0xff; MAX_LINE_TABLE_PIECE];
    let mut slot = vec![0; SLOT_CAPACITY];
    let code = Definition::Code {
        id: CodeId(u32::MAX),
        function: &name,
        file: &name,
        first_line: u32::MAX,
        line_table_format: LineTableFormat::Locations,
        line_table_bytes: u32::MAX,
    };
    let table = Definition::LineTable { code: CodeId(u32::MAX), offset: u32::MAX, bytes: &piece };
    let code_bytes = encode_definition(&code, &mut slot).expect("fits");
    assert!(encode_definition(&table, &mut slot[code_bytes..]).is_some());
}
