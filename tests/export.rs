//! `fil export`: the peak of a real job in the formats of other tools. What stands where in each file is tested in
//! analyzer/tests/export; here, that nothing of a real peak is lost on the way, and where files go.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::process::Command;

use serde_json::Value;
use support::{FIL, Folder, ask_python, list, number, python, read_csv, run, text};

/// Memory of two threads and of a child, all of which is there at the peak.
const CODE: &str = "
import os, threading
held = []
def hold(size): held.append(bytearray(size))
thread = threading.Thread(target=hold, args=(7_000_000,), name='helper')
thread.start()
thread.join()
hold(50_000_000)
there, done = os.pipe(), os.pipe()
if os.fork() == 0:
    hold(30_000_000)
    os.write(there[1], b'x')
    os.read(done[0], 1)
    os._exit(0)
os.read(there[0], 1)
hold(1_000)
os.write(done[1], b'x')
os.wait()
os._exit(0)
";

/// Sums of blocks and of bytes of pprof's samples, and the texts that are in the file: by a reader of protobuf's wire
/// format that knows no more than that samples are field 2, their values field 2 of those, and texts field 6.
const PPROF_READER: &str = "
import gzip, json, sys
def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]; at += 1
        value |= (byte & 127) << shift; shift += 7
        if byte < 128: return value, at
def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            value, at = data[at:at + value], at + value
        else:
            assert key & 7 == 0, key
        yield key >> 3, value
def packed(data):
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value
sums, texts = [0, 0], []
for number, value in fields(gzip.open(sys.argv[1]).read()):
    if number == 2:
        values = [list(packed(inner)) for field, inner in fields(value) if field == 2][0]
        sums = [sum + value for sum, value in zip(sums, values)]
    elif number == 6:
        texts.append(value.decode())
print(json.dumps({'blocks': sums[0], 'bytes': sums[1], 'texts': texts}))
";

fn recorded() -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), CODE).success();
    folder
}

/// What goes to stdout.
fn exported(folder: &Folder, format: &str) -> String {
    let ended = run(&mut folder.fil(&["export", "--to", format])).success();
    assert_eq!(ended.stderr, "", "{format}");
    ended.stdout
}

fn json(folder: &Folder, format: &str) -> Value {
    serde_json::from_str(&exported(folder, format)).expect("JSON")
}

/// The numbers behind every occurrence of a text.
fn numbers_behind(text: &str, name: &str) -> u64 {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    text.split(name).skip(1).map(|rest| digits(rest).parse::<u64>().expect("a number")).sum()
}

#[test]
fn every_format_has_the_whole_peak() {
    let folder = recorded();
    let peak = folder.peak();
    let bytes = peak.number("peak_bytes");
    assert!(bytes > 87_000_000, "{bytes}");
    let blocks: u64 = peak.call_sites().iter().map(|site| site.live_blocks).sum();

    let collapsed = exported(&folder, "collapsed");
    let size = |line: &str| line.rsplit_once(' ').expect("a size").1.parse::<u64>().expect("a number");
    assert_eq!(collapsed.lines().map(size).sum::<u64>(), bytes);
    for (thread, least) in [("MainThread;<module> (<string>:8);hold (<string>:4) 5", 1), ("helper;", 1), ("(pid ", 9)] {
        assert!(collapsed.matches(thread).count() >= least, "{thread} in {collapsed}");
    }

    let speedscope = json(&folder, "speedscope");
    let sum = |unit: &str| -> u64 {
        let profiles = list(&speedscope, "profiles").iter().filter(|profile| text(profile, "unit") == unit);
        profiles.map(|profile| number(profile, "endValue")).sum()
    };
    assert_eq!((sum("bytes"), sum("none")), (bytes, blocks));

    let firefox = json(&folder, "firefox");
    let weights = list(&firefox, "threads").iter().flat_map(|thread| list(&thread["samples"], "weight"));
    assert_eq!(weights.map(|weight| weight.as_u64().expect("bytes")).sum::<u64>(), bytes);

    let chrome = exported(&folder, "chrome");
    assert_eq!(numbers_behind(&chrome, "\"selfSize\":"), bytes);

    let rows = read_csv(&exported(&folder, "memray-csv"));
    let column = |name: &str| rows.iter().map(|row| text(row, name).parse::<u64>().expect("a number")).sum::<u64>();
    assert_eq!((column("size"), column("num_allocations")), (bytes, blocks));

    run(&mut folder.fil(&["export", "--to", "pprof"])).success();
    let pprof = ask_python(PPROF_READER, &[folder.join("trace.pb.gz").to_str().expect("UTF-8")], b"");
    assert_eq!((number(&pprof, "bytes"), number(&pprof, "blocks")), (bytes, blocks));
    let texts: Vec<&str> = list(&pprof, "texts").iter().map(|text| text.as_str().expect("text")).collect();
    for text in ["hold", "helper", "inuse_space", "python"] {
        assert!(texts.contains(&text), "{text} in {texts:?}");
    }
}

#[test]
fn kinds_of_memory_are_memrays() {
    let folder = recorded();
    let categories = folder.peak().value()["categories"].clone();
    let rows = read_csv(&exported(&folder, "memray-csv"));
    let of = |allocator: &str| -> u64 {
        let rows = rows.iter().filter(|row| text(row, "allocator") == allocator);
        rows.map(|row| text(row, "size").parse::<u64>().expect("bytes")).sum()
    };
    assert_eq!(of("MALLOC"), number(&categories, "heap"));
    assert_eq!(of("PYMALLOC_MALLOC"), number(&categories, "python"));
    assert_eq!(of("MMAP"), number(&categories, "mmap"));
}

#[test]
fn columns_are_the_expressions() {
    let folder = Folder::new();
    let code = "held = bytearray(60_000_000)\nimport os; os._exit(0)";
    folder.record_code(&python(), code).success();
    let speedscope = json(&folder, "speedscope");
    let frame = &list(&speedscope["shared"], "frames")[0];
    assert_eq!((text(frame, "name"), text(frame, "file")), ("<module>", "<string>"));
    assert_eq!((number(frame, "line"), number(frame, "col")), (1, 8));
}

#[test]
fn a_file_goes_where_it_shall() {
    let folder = recorded();
    let ended = run(&mut folder.fil(&["export", "--to", "collapsed", "-o", "peak.txt"])).success();
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.fil_lines(), ["the peak for flamegraph.pl and its like: peak.txt"]);
    assert_eq!(fs::read_to_string(folder.join("peak.txt")).expect("written"), exported(&folder, "collapsed"));
    assert_eq!(
        exported(&folder, "collapsed"),
        run(&mut folder.fil(&["export", "--to", "collapsed", "-o", "-"])).stdout
    );

    fs::create_dir(folder.join("elsewhere")).expect("made");
    let pprof = ["export", "../trace.fil", "--to", "pprof"];
    let ended = run(folder.fil(&pprof).current_dir(folder.join("elsewhere"))).success();
    assert_eq!(ended.fil_lines(), ["the peak for pprof: trace.pb.gz"]);
    assert!(folder.join("elsewhere/trace.pb.gz").exists());
    assert_eq!(folder.names(), ["elsewhere", "peak.txt", "trace.fil"]);
}

#[test]
fn binary_never_goes_to_a_terminal() {
    let folder = recorded();
    let code = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut terminal = Command::new(python());
    terminal.args(["-c", code, FIL, "export", "--to", "pprof", "-o", "-"]).current_dir(folder.path());
    let ended = run(&mut terminal);
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stdout.starts_with("fil: pprof's format is not for a terminal"), "{ended:#?}");
    // A pipe is none.
    let piped = run(&mut folder.fil(&["export", "--to", "pprof", "-o", "-"])).success();
    assert!(!piped.stdout.is_empty());
}

#[test]
fn mistakes_are_told_in_one_line() {
    let folder = Folder::new();
    run(&mut folder.fil(&["export", "--to", "speedscope"])).assert_one_line_error(&["trace.fil", "fil record"]);
    run(&mut folder.fil(&["export", "--to", "xml"])).assert_one_line_error(&["xml"]);
    let folder = recorded();
    let over_itself = ["export", "--to", "collapsed", "-o", "./trace.fil"];
    run(&mut folder.fil(&over_itself)).assert_one_line_error(&["trace.fil", "is the trace"]);
    let nowhere = ["export", "--to", "collapsed", "-o", "no/such/file"];
    run(&mut folder.fil(&nowhere)).assert_one_line_error(&["no/such/file"]);
    folder.peak();
}

#[test]
fn a_damaged_trace_gives_what_is_left() {
    let folder = recorded();
    let path = folder.join("trace.fil");
    let mut bytes = fs::read(&path).expect("recorded");
    // Behind the 72 bytes of its header, in the last chunk but one: the last is the end.
    let chunks: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"FILc")).collect();
    bytes[chunks[chunks.len() - 2] + 80] ^= 1;
    fs::write(&path, bytes).expect("written");
    let ended = run(&mut folder.fil(&["export", "--to", "collapsed"]));
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stderr.contains("fil: warning: 1 damaged part of the trace"), "{ended:#?}");
    assert!(!ended.stdout.is_empty());
}
