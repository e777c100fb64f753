//! The main job from end to end: a program is recorded, and its peak is told exactly.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use support::{Folder, Place, ask_python, for_each_python, list, number, python, read_csv, run, testdata, text};

/// Bytes of the arrays in testdata/seed.py.
const BIG_ARRAY: u64 = 419_430_400;
const SMALL_ARRAY: u64 = 83_886_080;

/// What numpy allocates beside the data of a three-dimensional array: the object, and 8 bytes for each dimension
/// and each stride.
const ARRAY_OBJECT: u64 = 96 + 48;

/// What the first call of np.zeros keeps for all others: the names of its arguments, taken apart.
const FIRST_CALL_OF_ZEROS: u64 = 24;

fn frame(function: &str, file: &str, line: u64) -> Place {
    (function.to_owned(), file.to_owned(), line)
}

#[test]
fn three_arrays_are_found_to_the_byte_with_their_whole_stacks() {
    for_each_python(|python| {
        let folder = Folder::new();
        folder.record_testdata(&python.path, "seed.py");
        let peak = folder.peak();

        let stacks = peak.stacks();
        let module = frame("<module>", "seed.py", 11);
        let small = [module.clone(), frame("main", "seed.py", 9)];
        let big = [module, frame("main", "seed.py", 10), frame("make_big_array", "seed.py", 3)];
        let zeros = [&small[..], &[frame("make_two_arrays", "seed.py", 5)]].concat();
        let ones_in_seed = [&small[..], &[frame("make_two_arrays", "seed.py", 6)]].concat();

        assert_eq!(stacks[0].1, big, "{}", python.name);
        assert_eq!(stacks[0].0, BIG_ARRAY + ARRAY_OBJECT, "{}", python.name);
        assert_eq!(stacks[1].1, zeros, "{}", python.name);
        assert_eq!(stacks[1].0, SMALL_ARRAY + ARRAY_OBJECT + FIRST_CALL_OF_ZEROS, "{}", python.name);
        let (ones_bytes, ones) = &stacks[2];
        let [seed_part @ .., (function, file, _)] = &ones[..] else { panic!("an empty stack") };
        assert_eq!(seed_part, ones_in_seed, "{}", python.name);
        assert_eq!((&**function, &**file), ("ones", "numeric.py"), "{}", python.name);
        assert_eq!(*ones_bytes, SMALL_ARRAY + ARRAY_OBJECT, "{}", python.name);

        // The call sites are the innermost frames of these. Imports called ones(), too, for a few small arrays.
        assert_eq!(peak.bytes_at("seed.py", 3), stacks[0].0, "{}", python.name);
        assert_eq!(peak.bytes_at("seed.py", 5), stacks[1].0, "{}", python.name);
        let by_imports = peak.bytes_of("numeric.py", "ones") - ones_bytes;
        assert!(by_imports < 4096, "{}: {by_imports}", python.name);

        // The rest of what the program itself holds is next to nothing; all else is what imports and the
        // interpreter hold.
        let arrays: u64 = stacks[..3].iter().map(|(bytes, _)| bytes).sum();
        let after_imports = |frames: &[Place]| frames.first() == Some(&frame("<module>", "seed.py", 11));
        let program: u64 = stacks.iter().filter(|(_, frames)| after_imports(frames)).map(|(bytes, _)| bytes).sum();
        let rest = program - arrays;
        assert!(rest < 4096, "{}: {rest} bytes besides the arrays", python.name);
    });
}

/// Every name that the contract has, with its type, and nothing that is not to be relied on.
#[test]
fn the_json_of_the_peak_is_as_agreed() {
    let folder = Folder::new();
    let python = python();
    folder.record_code(&python, "block = bytearray(50_000_000)").success();
    let peak = folder.peak();
    let value = peak.value();
    assert_eq!(text(value, "schema"), "fil.peak/1");
    assert_eq!(text(value, "trace"), "trace.fil");
    let command: Vec<&str> = list(value, "command").iter().map(|argument| argument.as_str().expect("text")).collect();
    assert_eq!(command, [python.to_str().expect("UTF-8"), "-c", "block = bytearray(50_000_000)"]);
    assert_eq!(value["complete"].as_bool(), Some(true));
    assert_eq!(peak.warnings(), Vec::<String>::new());
    assert!(number(value, "peak_bytes") > 50_000_000);
    assert!(number(value, "peak_time_ns") > 0);
    assert!(number(value, "end_bytes") < number(value, "peak_bytes"), "the block is freed in the end");
    assert!(number(value, "event_count") > 1000);
    let mut categories: Vec<&str> =
        value["categories"].as_object().expect("an object").keys().map(|key| &**key).collect();
    categories.sort_unstable();
    assert_eq!(categories, ["heap", "mmap", "python"]);
    assert!(number(value, "shared_mmap_bytes") <= number(&value["categories"], "mmap"));
    let mut apart: Vec<&str> = value["apart"].as_object().expect("an object").keys().map(|key| &**key).collect();
    apart.sort_unstable();
    assert_eq!(apart, ["mapped_files", "python_arenas", "reserved"]);
    let process = &list(value, "processes")[0];
    assert!(number(process, "pid") > 0);
    assert_eq!(list(process, "command").len(), 3);

    // bytearray takes a byte more for the zero at its end, and 56 bytes for the object.
    let site = peak.call_sites().into_iter().find(|site| site.live_bytes > 50_000_000).expect("it is the peak");
    assert_eq!((&*site.function, &*site.file, site.line), ("<module>", "<string>", 1));
    let stack = &list(value, "stacks")[0];
    assert_eq!(number(stack, "process"), number(process, "pid"));
    assert!(stack["thread"].is_string());
    assert!(number(stack, "live_blocks") >= 2);
    let frames = list(stack, "frames");
    assert_eq!(frames.len(), 1);
    // The expression that allocated: columns count bytes from 0, as in Python's own co_positions().
    let place = ["line", "column", "end_line", "end_column"].map(|name| number(&frames[0], name));
    let source = "block = bytearray(50_000_000)";
    let expression = "bytearray(50_000_000)";
    let start = source.find(expression).expect("is in it") as u64;
    assert_eq!(place, [1, start, 1, start + expression.len() as u64]);
}

#[test]
fn csv_has_the_same_rows_as_json() {
    let folder = Folder::new();
    folder.record_testdata(&python(), "lists.py");
    let mut from_json: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for site in folder.peak().call_sites() {
        *from_json.entry((site.function, site.file, site.line.to_string())).or_default() += site.live_bytes;
    }
    let mut from_csv: BTreeMap<(String, String, String), u64> = BTreeMap::new();
    for row in read_csv(&folder.analyze(&["--peak", "--csv"])) {
        let bytes: u64 = text(&row, "live_bytes").parse().expect("bytes");
        let place = ["function", "file", "line"].map(|name| text(&row, name).to_owned());
        *from_csv.entry(place.into()).or_default() += bytes;
    }
    assert_eq!(from_csv, from_json);
}

#[test]
fn the_table_for_people_names_the_lines_and_shows_their_source() {
    let folder = Folder::new();
    folder.record_testdata(&python(), "seed.py");
    let table = folder.analyze(&["--peak"]);
    for expected in ["make_big_array", "make_two_arrays", "seed.py", "np.zeros((1024, 1024, 50))", "%"] {
        assert!(table.contains(expected), "{expected:?} is missing:\n{table}");
    }
    let summary = folder.analyze(&[]);
    assert!(summary.contains("seed.py"), "{summary}");
    assert!(summary.lines().count() < table.lines().count() + 10, "a summary is short:\n{summary}");
}

/// Source lines come from the trace: the program may be gone when the report is made.
#[test]
fn source_lines_outlive_the_program() {
    let folder = Folder::new();
    let program = folder.join("short_lived.py");
    std::fs::write(&program, "def hold():\n    return bytearray(80_000_000)  # the comment\nheld = hold()\n")
        .expect("written");
    run(&mut folder.record_command(&python(), &["short_lived.py"])).success();
    std::fs::remove_file(program).expect("removed");
    let table = folder.analyze(&["--peak"]);
    assert!(table.contains("return bytearray(80_000_000)"), "{table}");
}

/// An SVG that a browser can read, with every large block in it.
#[test]
fn the_flamegraph_is_well_formed() {
    let folder = Folder::new();
    folder.record_testdata(&python(), "seed.py");
    folder.analyze(&["--flamegraph", "peak.svg"]);
    assert_flamegraph(&folder.join("peak.svg"), &["make_big_array", "np.zeros((1024, 1024, 50))", "ones"]);
}

/// `fil run` does it all: the trace, the peak, the flamegraph beside the trace. stdout is the job's.
#[test]
fn one_command_records_and_shows_the_peak() {
    let folder = Folder::new();
    let seed = testdata("seed.py");
    let ended = run(folder.fil(&["run", "--"]).arg(python()).arg(seed)).success();
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("make_big_array"), "{ended:#?}");
    let names = folder.names();
    assert!(names.contains(&"trace.fil".to_owned()), "{names:?}");
    let svg = names.iter().find(|name| name.ends_with(".svg")).expect("a flamegraph");
    assert!(ended.stderr.contains(svg), "says where it is: {ended:#?}");
    assert_flamegraph(&folder.join(svg), &["make_big_array"]);
}

/// `fil run` exits as the job did, too.
#[test]
fn one_command_passes_on_the_exit_code() {
    let folder = Folder::new();
    let ended = run(folder
        .fil(&["run", "--"])
        .arg(python())
        .args(["-c", "block = bytearray(20_000_000); raise SystemExit(9)"]));
    assert_eq!(ended.code(), 9, "{ended:#?}");
    assert!(folder.join("trace.fil").exists());
}

fn assert_flamegraph(svg: &Path, titles: &[&str]) {
    let code = r#"
import json, sys, xml.etree.ElementTree as tree
root = tree.parse(sys.argv[1]).getroot()
titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
print(json.dumps({"tag": root.tag, "titles": titles}))
"#;
    let read = ask_python(code, &[svg.to_str().expect("UTF-8")], b"");
    assert_eq!(text(&read, "tag"), "{http://www.w3.org/2000/svg}svg");
    let found: Vec<&str> = list(&read, "titles").iter().filter_map(|title| title.as_str()).collect();
    for title in titles {
        assert!(found.iter().any(|one| one.contains(title)), "{title:?} is in none of {found:#?}");
    }
}
