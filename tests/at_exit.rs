//! What is allocated while a process ends counts as anything else does.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::PathBuf;
use std::process::Command;

use support::{Folder, Place, Row, for_each_python, library, line_of, run, testdata};

/// All that testdata/exits.cpp allocates, for each of its arguments.
const EXITS: u64 = 1_000_001 + 2_000_003 + 4_000_007 + 8_000_009;

/// A program or a library of testdata/exits.cpp.
fn compile_exits(folder: &Folder, options: &[&str]) -> PathBuf {
    let compiled = folder.join("exits");
    run(Command::new("g++").args(options).arg("-o").args([&compiled, &testdata("exits.cpp")])).success();
    compiled
}

/// A program without Python, whose peak comes when main has returned.
#[test]
fn handlers_and_destructors_of_a_program() {
    let folder = Folder::new();
    let program = compile_exits(&folder, &[]);
    run(&mut folder.record_command(&program, &[])).success();
    assert_eq!(folder.peak().number("peak_bytes"), EXITS);
}

/// The same in a library that Python has loaded: they run when Python is gone.
#[test]
fn handlers_and_destructors_of_a_library() {
    let built = Folder::new();
    let library = compile_exits(&built, &["-shared", "-fPIC"]);
    let library = library.to_str().expect("UTF-8");
    let code = "import ctypes, sys; ctypes.CDLL(sys.argv[1]).main(int(sys.argv[2]), None)";
    for_each_python(|python| {
        let [smaller, greater] = ["20", "21"].map(|times| {
            let folder = Folder::new();
            run(&mut folder.record_reproducibly(&python.path, &["-c", code, library, times])).success();
            folder.peak().number("peak_bytes")
        });
        assert_eq!(greater - smaller, EXITS, "{}", python.name);
    });
}

/// Python's own: atexit, and a `__del__` that is called while modules are taken apart.
#[test]
fn handlers_of_python_and_its_teardown() {
    let code = "
import atexit, sys
kept = [None, None]
def at_exit(kept=kept): kept[0] = bytes(40_000_000)
class Module:
    def __del__(self, kept=kept):
        # What Python keeps of a call, to use it in the next, belongs to no block.
        bytes(1)
        kept[1] = bytes(70_000_000)
        # The peak is here, when what the call needed is gone.
        bytes(30_000_000)
atexit.register(at_exit)
sys.modules['last'] = Module()
";
    for_each_python(|python| {
        let folder = Folder::new();
        folder.record_code(&python.path, code).success();
        let mut stacks = folder.peak().stacks();
        stacks.retain(|(bytes, _)| *bytes >= 40_000_000);
        // From 3.11 on a method has its qualified name.
        let del = if python.version() < (3, 11) { "__del__" } else { "Module.__del__" };
        let frame = |function: &str, line| -> Vec<Place> { vec![(function.to_owned(), "<string>".to_owned(), line)] };
        // 32 bytes of a bytes object, and its 0 at the end.
        let expected = [(70_000_033, frame(del, 9)), (40_000_033, frame("at_exit", 4))];
        assert_eq!(stacks, expected, "{}", python.name);
    });
}

/// A daemon thread in C outlives its thread state: from then on it has the stack that started it.
#[test]
fn a_daemon_thread_when_python_is_gone() {
    const FILE: &str = "after_python.py";
    for_each_python(|python| {
        let folder = Folder::new();
        let library = library(&folder, "after_python.c");
        let program = testdata(FILE);
        let arguments = [program.as_os_str(), library.as_os_str()];
        let ended = run(folder.record_command(&python.path, &[]).args(arguments)).success();
        assert_eq!(ended.stdout, "the end\n", "{}", python.name);
        let peak = folder.peak();
        let rows = peak.rows();
        let frames_of = |bytes: u64| -> &[Place] {
            // Nothing else is as large. What ctypes holds during the call has the same stack, and so has what
            // Python keeps for the frames of the thread.
            let is_it = |row: &&Row| row.thread == "daemon" && (bytes..bytes + 20_000).contains(&row.live_bytes);
            let row = rows.iter().find(is_it);
            &row.unwrap_or_else(|| panic!("{}: no row of {bytes} bytes in {rows:#?}", python.name)).frames
        };
        let call = ("allocate".to_owned(), FILE.to_owned(), line_of(FILE, "before_and_after("));
        assert_eq!(frames_of(70_000_001).last(), Some(&call), "{}", python.name);
        let start = ("<module>".to_owned(), FILE.to_owned(), line_of(FILE, ").start()"));
        let after = frames_of(90_000_001);
        assert_eq!(after.first(), Some(&start), "{}", python.name);
        let rest: Vec<&str> = after[1..].iter().map(|frame| &*frame.1).collect();
        assert!(!rest.is_empty() && rest.iter().all(|file| *file == "threading.py"), "{}: {after:?}", python.name);
    });
}
