//! A heap profile for pprof: `profile.proto`, compressed with gzip, as its description demands.
//!
//! The messages below are the part of <https://github.com/google/pprof/blob/main/proto/profile.proto> that is written;
//! names and numbers are its own. Samples have blocks and bytes, as those of Go's heap profiles, whose names they have:
//! `inuse_objects` and `inuse_space`. There is a sample for each thread, call stack and kind of memory, and labels tell
//! `process`, `pid`, `thread` and `kind` (heap, python or mmap). Strings, functions and locations are there once. A
//! sample has the numbers of all its locations, so stacks that are too deep are cut in their middle. Columns are
//! counted from 1, in bytes of UTF-8.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use hashbrown::HashMap;
use prost::Message;

use crate::call_stack::Frame;
use crate::error::AnalyzerError;
use crate::export::frame_table::FrameTable;
use crate::export::memory_tree::MemoryTree;
use crate::export::shown_path::shown;
use crate::export::texts;
use crate::export::threads::{ThreadMemory, Threads};
use crate::flamegraph::LEFT_OUT;
use crate::held::KindMemory;
use crate::peak::Peak;
use crate::trace::Trace;

/// All that is in a file.
#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    mapping: Vec<Mapping>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
    #[prost(int64, repeated, tag = "13")]
    comment: Vec<i64>,
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

/// Of what a number says how much: texts of the string table.
#[derive(Clone, Copy, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    /// Innermost first.
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    /// In the order of `sample_type`.
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

/// A text or a number by which samples can be told apart.
#[derive(Clone, Copy, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
    #[prost(int64, tag = "3")]
    num: i64,
}

/// A program in memory. pprof would look for names in it if it did not say that all are there.
#[derive(Clone, Copy, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
    #[prost(bool, tag = "7")]
    has_functions: bool,
    #[prost(bool, tag = "8")]
    has_filenames: bool,
    #[prost(bool, tag = "9")]
    has_line_numbers: bool,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(uint64, tag = "2")]
    mapping_id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
    #[prost(int64, tag = "3")]
    column: i64,
}

/// It has no `system_name`: pprof would take one that equals the name for a mangled name of C++, and make nothing of
/// `<module>`.
#[derive(Clone, Copy, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// The only mapping.
const PROGRAM: u64 = 1;

/// The location in place of those that are left out.
const LEFT_OUT_ID: u64 = 1;

/// Id of the location of the first frame.
const FIRST_FRAME_ID: u64 = 2;

/// Writes the peak.
pub fn write(peak: &Peak, trace: &Trace, out: impl Write) -> Result<(), AnalyzerError> {
    let profile = profile(peak, trace);
    let mut compressed = GzEncoder::new(out, Compression::default());
    compressed.write_all(&profile.encode_to_vec())?;
    compressed.finish()?.flush()?;
    Ok(())
}

fn profile(peak: &Peak, trace: &Trace) -> Profile {
    let mut strings = Strings::new();
    let mut frames = FrameTable::default();
    let mut samples = Vec::new();
    for thread in &Threads::of(peak).list {
        add_samples(&mut samples, thread, &mut frames, &mut strings);
    }
    let mut places = Places::default();
    // Whether a stack was cut or not: a location that nobody names does no harm.
    places.add(LEFT_OUT_ID, LEFT_OUT, None, &mut strings);
    for (id, frame) in (FIRST_FRAME_ID..).zip(frames.frames()) {
        places.add(id, texts::function(*frame), *frame, &mut strings);
    }
    let bytes = ValueType { kind: strings.id("inuse_space"), unit: strings.id("bytes") };
    let blocks = ValueType { kind: strings.id("inuse_objects"), unit: strings.id("count") };
    let wall_clock_ns = trace.header().wall_clock_start_ns.saturating_add(peak.peak_time_ns);
    Profile {
        // pprof shows the last unless told otherwise, and so do others whatever they are told.
        sample_type: vec![blocks, bytes],
        sample: samples,
        mapping: vec![Mapping {
            id: PROGRAM,
            filename: strings.id(peak.command.first().map_or("", String::as_str)),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
        }],
        location: places.locations,
        function: places.functions,
        time_nanos: signed(wall_clock_ns),
        period_type: Some(ValueType { kind: strings.id("space"), unit: bytes.unit }),
        // Every byte is counted.
        period: 1,
        comment: vec![strings.id(&format!("Memory at its peak: {}", peak.command.join(" ")))],
        default_sample_type: bytes.kind,
        string_table: strings.texts,
    }
}

fn add_samples<'a>(
    samples: &mut Vec<Sample>,
    thread: &ThreadMemory<'a>,
    frames: &mut FrameTable<'a>,
    strings: &mut Strings,
) {
    let of_thread = [
        Label { key: strings.id("process"), str: strings.id(&thread.process), num: 0 },
        Label { key: strings.id("pid"), str: 0, num: i64::from(thread.pid) },
        Label { key: strings.id("thread"), str: strings.id(thread.name), num: 0 },
    ];
    let tree: MemoryTree<'a> = thread.tree();
    tree.for_each_stack(|path| {
        let location = |node: Option<usize>| match node {
            Some(node) => FIRST_FRAME_ID + frames.index(tree.node(node)) as u64,
            None => LEFT_OUT_ID,
        };
        let locations: Vec<u64> = shown(path).rev().map(location).collect();
        let own = path.last().map(|&node| tree.node(node).own).unwrap_or_default();
        for (name, kind) in [("heap", own.heap), ("python", own.python), ("mmap", own.mmap)] {
            if kind == KindMemory::default() {
                continue;
            }
            let of_kind = Label { key: strings.id("kind"), str: strings.id(name), num: 0 };
            samples.push(Sample {
                location_id: locations.clone(),
                value: vec![signed(kind.live_blocks), signed(kind.live_bytes)],
                label: of_thread.into_iter().chain([of_kind]).collect(),
            });
        }
    });
}

/// Functions and what is called in them.
#[derive(Default)]
struct Places {
    locations: Vec<Location>,
    functions: Vec<Function>,
    /// By name and file.
    function_ids: HashMap<(i64, i64), u64>,
}

impl Places {
    fn add(&mut self, id: u64, function: &str, frame: Option<&Frame>, strings: &mut Strings) {
        let name = strings.id(function);
        let filename = strings.id(frame.map_or("", |frame| &frame.file));
        let next_id = self.functions.len() as u64 + 1;
        let function_id = *self.function_ids.entry((name, filename)).or_insert_with(|| {
            self.functions.push(Function { id: next_id, name, filename });
            next_id
        });
        let line = frame.map_or(0, |frame| i64::from(frame.line));
        let column = frame.and_then(|frame| frame.column).map_or(0, |column| i64::from(column) + 1);
        let line = vec![Line { function_id, line, column }];
        self.locations.push(Location { id, mapping_id: PROGRAM, line });
    }
}

/// The string table. Its first text is empty, as the format demands.
struct Strings {
    texts: Vec<String>,
    ids: HashMap<String, i64>,
}

impl Strings {
    fn new() -> Strings {
        Strings { texts: vec![String::new()], ids: HashMap::from([(String::new(), 0)]) }
    }

    fn id(&mut self, text: &str) -> i64 {
        if let Some(&known) = self.ids.get(text) {
            return known;
        }
        let id = self.texts.len() as i64;
        self.texts.push(text.to_owned());
        self.ids.insert(text.to_owned(), id);
        id
    }
}

/// Ends at the largest number, which only damaged traces reach.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
