//! pprof's heap profiles, read by messages that are written down here once more, after profile.proto.

use std::collections::BTreeMap;
use std::io::Read;

use flate2::read::GzDecoder;
use prost::Message;

use crate::support::{JOB_START_NS, recursion};
use crate::{STORY, STORY_BYTES, exported};

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
    #[prost(int64, tag = "14")]
    default_sample_type: i64,
}

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    r#type: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    str: i64,
    #[prost(int64, tag = "3")]
    num: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Mapping {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "5")]
    filename: i64,
    #[prost(bool, tag = "7")]
    has_functions: bool,
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

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

impl Profile {
    fn of(story: &str) -> Profile {
        let mut bytes = Vec::new();
        GzDecoder::new(&exported("pprof", story)[..]).read_to_end(&mut bytes).unwrap();
        Profile::decode(&bytes[..]).unwrap()
    }

    fn text(&self, id: i64) -> &str {
        &self.string_table[id as usize]
    }

    /// `function file:line` of a location.
    fn place(&self, id: u64) -> String {
        let location = self.location.iter().find(|location| location.id == id).unwrap();
        assert_eq!(location.mapping_id, self.mapping[0].id);
        let [line] = &location.line[..] else { panic!("{location:?}") };
        let function = self.function.iter().find(|function| function.id == line.function_id).unwrap();
        format!("{} {}:{}", self.text(function.name), self.text(function.filename), line.line)
    }

    fn labels(&self, sample: &Sample) -> BTreeMap<&str, String> {
        let value = |label: &Label| match label.str {
            0 => label.num.to_string(),
            text => self.text(text).to_owned(),
        };
        sample.label.iter().map(|label| (self.text(label.key), value(label))).collect()
    }
}

#[test]
fn samples_have_blocks_and_bytes() {
    let profile = Profile::of(STORY);
    let types: Vec<_> =
        profile.sample_type.iter().map(|kind| (profile.text(kind.r#type), profile.text(kind.unit))).collect();
    assert_eq!(types, [("inuse_objects", "count"), ("inuse_space", "bytes")]);
    assert_eq!(profile.text(profile.default_sample_type), "inuse_space");
    assert_eq!(profile.text(0), "");
    let sum = |at: usize| profile.sample.iter().map(|sample| sample.value[at]).sum::<i64>();
    assert_eq!((sum(0), sum(1)), (7, STORY_BYTES as i64));
    assert_eq!(profile.time_nanos, 2_000_000, "the job started at 0, whatever {JOB_START_NS} of the other clock is");
}

#[test]
fn samples_tell_stack_process_thread_and_kind() {
    let profile = Profile::of(STORY);
    let samples: Vec<String> = profile
        .sample
        .iter()
        .map(|sample| {
            let labels = profile.labels(sample);
            let places: Vec<String> = sample.location_id.iter().map(|&id| profile.place(id)).collect();
            let [process, pid, thread, kind] = ["process", "pid", "thread", "kind"].map(|key| &labels[key]);
            format!("{process}, {pid}, {thread}, {kind}: {} = {:?}", places.join(" < "), sample.value)
        })
        .collect();
    let job = "python job.py (pid 10), 10";
    let load = "load /home/job.py:5 < <module> /home/job.py:1";
    assert_eq!(
        samples,
        [
            format!("{job}, MainThread, mmap: (no Python frame) :0 = [1, 4096]"),
            format!("{job}, MainThread, heap: <module> /home/job.py:1 = [1, 0]"),
            format!("{job}, MainThread, heap: {load} = [1, 700]"),
            format!("{job}, MainThread, python: {load} = [1, 30]"),
            format!("{job}, MainThread, python: a;b|\"c /home/x;y.py:9 < {load} = [1, 20]"),
            format!("{job}, worker, heap: {load} = [1, 64]"),
            "python child.py (pid 11), 11, MainThread, heap: <module> /home/child.py:1 = [1, 5]".to_owned(),
        ]
    );
}

#[test]
fn everything_is_there_once_and_nothing_is_to_be_looked_up() {
    let profile = Profile::of(STORY);
    let mut texts = profile.string_table.clone();
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), profile.string_table.len());
    // Five frames, and the one in place of those that are left out.
    assert_eq!((profile.location.len(), profile.function.len()), (6, 6));
    assert!(profile.mapping[0].has_functions);
    assert_eq!(profile.text(profile.mapping[0].filename), "python");
    // Or pprof would take names for C++'s, and `<module>` for a template's argument.
    assert!(profile.function.iter().all(|function| function.system_name == 0));
}

#[test]
fn deep_stacks_have_both_ends() {
    let profile = Profile::of(&recursion(3000));
    let deepest = &profile.sample.iter().max_by_key(|sample| sample.location_id.len()).unwrap().location_id;
    assert_eq!(deepest.len(), 512 + 1 + 512);
    assert_eq!(profile.place(deepest[0]), "deeper job.py:2");
    assert_eq!(profile.place(deepest[512]), "(frames are left out here: the stack is too deep) :0");
    assert_eq!(profile.place(deepest[1024]), "<module> job.py:1");
    assert_eq!(profile.sample.iter().map(|sample| sample.value[1]).sum::<i64>(), 300_000);
}

#[test]
fn without_memory_there_are_no_samples() {
    assert_eq!(Profile::of("end").sample, []);
}
