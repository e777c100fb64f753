//! Every way to get memory counts for what it is, to the byte, at the line that asked for it.
//!
//! The programs in testdata/memory/ are tables: each function of theirs is a row that says what it holds when memory is
//! at its peak. What they print is compared with what fil tells.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use support::{Folder, Peak, Place, Python, for_each_python, line_of, list, number, run, testdata, text};

#[test]
fn the_malloc_family() {
    for_each_python(|python| {
        assert_rows(&record_rows(python, "heap.py", &[], &Folder::new()), python);
    });
}

#[test]
fn mapped_memory() {
    for_each_python(|python| {
        let recorded = record_rows(python, "mappings.py", &[], &Folder::new());
        assert_rows(&recorded, python);
        // What Python itself has mapped is the same without the rows.
        let nothing = record_rows(python, "mappings.py", &["none of them"], &Folder::new());
        let of = |peak: &Peak, name: &str| match name {
            "shared_mmap_bytes" => peak.number(name),
            _ => number(&peak.value()["apart"], name),
        };
        for name in ["mapped_files", "reserved", "shared_mmap_bytes"] {
            let added = of(&recorded.peak, name) - of(&nothing.peak, name);
            assert_eq!(added, number(&recorded.expected, name), "{name} on {}", python.name);
        }
    });
}

/// C, C++ and Fortran, compiled here: blocks that are older than the recorder, containers, and
/// destructors of a thread that no Python code runs in any more.
#[test]
fn compiled_code() {
    for_each_python(|python| {
        let folder = Folder::new();
        compile_native(&folder);
        let recorded = record_rows(python, "native.py", &[], &folder);
        assert_rows(&recorded, python);
        let stacks = list(recorded.peak.value(), "stacks");
        let of_thread = stacks.iter().filter(|stack| text(stack, "thread") == "destructors");
        let bytes: u64 = of_thread.map(|stack| number(stack, "live_bytes")).sum();
        assert_eq!(bytes, 1_000_001 + 2_000_003, "{}", python.name);
    });
}

/// A realloc is a free and an allocation at one instant, a move of a mapping likewise: at no time do
/// both count.
#[test]
fn what_moves_counts_once() {
    for_each_python(|python| {
        for row in ["block", "mapping", "replaced"] {
            assert_rows(&record_rows(python, "moves.py", &[row], &Folder::new()), python);
        }
    });
}

/// pymalloc takes its memory in arenas. They are shown beside the objects in them, and not counted. Python itself says how
/// many it has, when nobody stands in front of its allocator.
#[test]
fn arenas_are_apart() {
    let code = "
import sys
floats = [float(number) for number in range(1_000_000)]
# The peak, and no arena.
bytes(100_000_000)
if len(sys.argv) > 1: sys._debugmallocstats()
";
    for_each_python(|python| {
        let mut asked = Command::new(&python.path);
        let asked = run(asked.args(["-c", code, "ask"]).env("PYTHONHASHSEED", "0")).success().stderr;
        let line = asked.lines().find(|line| line.contains("bytes/arena")).expect("it tells of arenas");
        // Such as "35 arenas * 1048576 bytes/arena    =           36,700,160".
        let mut numbers = line.split(' ').filter_map(|word| word.parse::<u64>().ok());
        let (Some(count), Some(arena)) = (numbers.next(), numbers.next()) else { panic!("{line}") };

        let [nothing, floats] = ["pass", code].map(|code| {
            let folder = Folder::new();
            run(folder.record_command(&python.path, &["-c", code]).env("PYTHONHASHSEED", "0")).success();
            folder.peak()
        });
        let found = number(&floats.value()["apart"], "python_arenas");
        // A string more or less in the environment may need one more.
        assert!(
            found.is_multiple_of(arena) && found.abs_diff(count * arena) <= arena,
            "{}: {found}, not {line}",
            python.name
        );
        let mmap = |peak: &Peak| number(&peak.value()["categories"], "mmap");
        assert_eq!(mmap(&floats), mmap(&nothing), "{}", python.name);
    });
}

/// Allocators that libraries bring along map memory themselves, more than the data. What Python's process can write to of
/// its anonymous memory, by the kernel's word, has grown by what fil says of each.
#[test]
fn allocators_of_libraries() {
    let program = source("libraries.py");
    for_each_python(|python| {
        let folder = Folder::new();
        // With one heap for all threads, as what others take meanwhile, fil's among them, is then in none of its mappings.
        let mut command = folder.record_command(&python.path, &[]);
        let ended = run(command.arg(&program).env("MALLOC_ARENA_MAX", "1")).success();
        let grown: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let peak = folder.peak();
        let stacks = peak.stacks();
        let call = line_of("memory/libraries.py", "function(DATA)");
        for function in ["mimalloc", "jemalloc", "frame"] {
            let of_function = stacks.iter().filter(|(_, frames)| {
                frames.first().is_some_and(|frame| frame.2 == call) && frames.iter().any(|frame| frame.0 == function)
            });
            let bytes: u64 = of_function.map(|(bytes, _)| bytes).sum();
            // The objects that stand for the data are a few small blocks of the heap.
            let mapped = number(&grown, function);
            assert!((mapped..mapped + 4096).contains(&bytes), "{function} on {}: {bytes}, not {mapped}", python.name);
            assert!(mapped > 400_000_000, "{function} on {}: {mapped}", python.name);
        }
    });
}

/// An allocator of the user's stays in use, and what C++ code takes from it in a way of its own is told of.
#[test]
fn an_operator_new_that_does_not_call_malloc_is_named() {
    let folder = Folder::new();
    let library = folder.join("own_allocator.so");
    let source = source("operator_new.cpp");
    compile(
        "g++",
        &[OsStr::new("-shared"), OsStr::new("-fPIC"), OsStr::new("-o"), library.as_os_str(), source.as_os_str()],
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let mut command = folder.record_command(&python.path, &["-c", "pass"]);
        run(command.env("LD_PRELOAD", &library)).success();
        let peak = folder.peak();
        let [warning] = &peak.warnings()[..] else { panic!("{:?} on {}", peak.warnings(), python.name) };
        assert!(warning.contains("operator new of") && warning.contains("own_allocator.so"), "{warning}");
    });
}

const PAGE: u64 = 4096;

/// A recorded table and its answer.
struct Recorded {
    expected: Value,
    peak: Peak,
}

fn source(name: &str) -> PathBuf {
    testdata(&format!("memory/{name}"))
}

/// Records the rows that are named, or all of them.
fn record_rows(python: &Python, program: &str, rows: &[&str], folder: &Folder) -> Recorded {
    let program = source(program);
    // -B: nothing is written into testdata/.
    let arguments = [&["-B", program.to_str().expect("UTF-8")], rows].concat();
    let mut command = folder.record_command(&python.path, &arguments);
    if folder.join("native.so").exists() {
        command.env("LD_PRELOAD", folder.join("native.so"));
    }
    let ended = run(&mut command).success();
    let expected = serde_json::from_str(&ended.stdout).expect("JSON");
    Recorded { expected, peak: folder.peak() }
}

/// Compares every row with the answer, and names all that differ.
fn assert_rows(recorded: &Recorded, python: &Python) {
    let call_sites = recorded.peak.call_sites();
    let rows = list(&recorded.expected, "rows");
    assert!(!rows.is_empty());
    let different = rows.iter().filter_map(|row| {
        let name = row[0].as_str().expect("the name of a row");
        let sites = || call_sites.iter().filter(|site| site.function == name);
        let found = (sites().map(|site| site.live_bytes).sum(), sites().map(|site| site.live_blocks).sum());
        let bytes = row[1].as_u64().unwrap_or(found.0);
        let blocks = row[2].as_u64().unwrap_or(found.1);
        let pages = row[3].as_u64().unwrap_or(found.0 / PAGE);
        let differs = found != (bytes, blocks) || found.0 / PAGE != pages;
        differs.then(|| format!("{name}: {found:?}, not {:?}, {pages} pages", (bytes, blocks)))
    });
    let different: Vec<String> = different.collect();
    assert!(different.is_empty(), "bytes and blocks on {}: {different:#?}", python.name);
    assert_stacks(recorded, python);
}

/// Whatever a row holds was asked for by one of its own lines, called from the program as all rows are.
fn assert_stacks(recorded: &Recorded, python: &Python) {
    let called_from = |file: &str, function: &str, line: &str| -> Place {
        (function.to_owned(), file.to_owned(), line_of(&format!("memory/{file}"), line))
    };
    let stacks = recorded.peak.stacks();
    for row in list(&recorded.expected, "rows") {
        let name = row[0].as_str().expect("the name of a row");
        let [first, last] = [0, 1].map(|end| row[4][end].as_u64().expect("a line"));
        let of_row = stacks.iter().filter(|(_, frames)| frames.last().is_some_and(|frame| frame.0 == name));
        for (_, frames) in of_row {
            let [module, run, own] = &frames[..] else { panic!("{name} on {}: {frames:?}", python.name) };
            assert_eq!(*module, called_from(&own.1, "<module>", "run("), "{name} on {}", python.name);
            assert_eq!(*run, called_from("rows.py", "run", "        row()"), "{name} on {}", python.name);
            assert!((first..=last).contains(&own.2), "{name} on {}: line {}", python.name, own.2);
        }
    }
}

fn compile(compiler: &str, arguments: &[&OsStr]) {
    let compiled = run(Command::new(compiler).args(arguments));
    assert!(compiled.status.success(), "{compiled:#?}");
}

/// native.so of native.c and native.cpp, and fortran.so if there is a compiler for it.
fn compile_native(folder: &Folder) {
    let object = |compiler: &str, name: &str| {
        let object = folder.join(&format!("{name}.o"));
        let options = ["-O1", "-fPIC", "-c", "-o"].map(OsStr::new);
        compile(compiler, &[&options[..], &[object.as_os_str(), source(name).as_os_str()]].concat());
        object
    };
    let objects = [object("gcc", "native.c"), object("g++", "native.cpp")];
    let library = folder.join("native.so");
    let options = ["-shared", "-pthread", "-o"].map(OsStr::new);
    let files = [library.as_os_str(), objects[0].as_os_str(), objects[1].as_os_str()];
    compile("g++", &[&options[..], &files].concat());
    if support::has_program("gfortran") {
        let library = folder.join("fortran.so");
        let options = ["-O1", "-fPIC", "-shared", "-J"].map(OsStr::new);
        let files = [folder.path().as_os_str(), OsStr::new("-o"), library.as_os_str()];
        compile("gfortran", &[&options[..], &files, &[source("native.f90").as_os_str()]].concat());
    }
}
