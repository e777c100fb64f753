//! Every way to get memory counts for what it is, to the byte, at the line that asked for it.
//!
//! The programs in testdata/memory/ are tables: each function of theirs is a row that says what it holds when memory is
//! at its peak. What they print is compared with what fil tells.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
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

/// A program without Python, whose peak comes when main has returned.
#[test]
fn memory_at_exit() {
    let folder = Folder::new();
    compile("g++", &[OsStr::new("-o"), folder.join("exits").as_os_str(), source("exits.cpp").as_os_str()]);
    run(&mut folder.record_command(Path::new("./exits"), &[])).success();
    assert_eq!(folder.peak().number("peak_bytes"), 1_000_001 + 2_000_003 + 4_000_007 + 8_000_009);
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

/// pymalloc takes its memory in arenas. They are shown beside the objects in them, and not counted.
#[test]
fn arenas_are_apart() {
    /// CPython 3.9 has arenas of 256 KiB, later ones of 1 MiB.
    const ARENA: u64 = 256 << 10;
    let code = "floats = [float(n) for n in range(1_000_000)]";
    for_each_python(|python| {
        let [nothing, floats] = ["pass", code].map(|code| {
            let folder = Folder::new();
            folder.record_code(&python.path, code).success();
            folder.peak()
        });
        let arenas = |peak: &Peak| number(&peak.value()["apart"], "python_arenas");
        let mmap = |peak: &Peak| number(&peak.value()["categories"], "mmap");
        assert!(arenas(&nothing) > 0 && arenas(&nothing) % ARENA == 0, "{}", python.name);
        assert!(arenas(&floats) - arenas(&nothing) >= 24_000_000 - 4 * ARENA, "{}", python.name);
        assert_eq!(arenas(&floats) % ARENA, 0, "{}", python.name);
        assert_eq!(mmap(&floats), mmap(&nothing), "{}", python.name);
    });
}

/// Allocators that libraries bring along map memory themselves. What they map is never less than the data. They
/// round up: mimalloc, pyarrow's, a little, jemalloc, polars' and an option of pyarrow's, up to a quarter.
#[test]
fn allocators_of_libraries() {
    /// Bytes of the data of each; nobody touches those of pyarrow.
    const DATA: u64 = 400_000_000;
    let code = r#"
import polars, pyarrow
def mimalloc(): return pyarrow.allocate_buffer(400_000_000, memory_pool=pyarrow.mimalloc_memory_pool())
def jemalloc(): return pyarrow.allocate_buffer(400_000_000, memory_pool=pyarrow.jemalloc_memory_pool())
def frame(): return polars.repeat(1, 50_000_000, dtype=polars.Int64, eager=True)
held = mimalloc(), jemalloc(), frame()
"#;
    for_each_python(|python| {
        let folder = Folder::new();
        folder.record_code(&python.path, code).success();
        let peak = folder.peak();
        for (function, at_most) in [("mimalloc", DATA / 10 * 11), ("jemalloc", DATA / 4 * 5), ("frame", DATA / 4 * 5)] {
            let bytes: u64 = peak
                .stacks()
                .iter()
                .filter(|(_, frames)| frames.iter().any(|frame| frame.0 == function))
                .map(|(bytes, _)| bytes)
                .sum();
            assert!((DATA..=at_most).contains(&bytes), "{function} on {}: {bytes}", python.name);
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
