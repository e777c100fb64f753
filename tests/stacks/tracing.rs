//! Jobs that watch themselves: tracing, profiling, debuggers, coverage. They see what they see without fil, to the
//! byte, and fil sees the stacks that they run on, their own functions on top.

use std::process::Command;

use crate::recorded::{Recorded, place_of};
use crate::support::{Folder, Python, for_each_python, run_with_input};

const PROGRAM: &str = "tracing.py";

/// Records a way of watching, and the same without fil; their outputs are the same.
fn watch(python: &Python, way: &str, input: &str) -> Recorded {
    let recorded = Recorded::with(python, &[PROGRAM, way], input.as_bytes());
    assert_undisturbed(&recorded, python, way, input);
    recorded
}

fn assert_undisturbed(recorded: &Recorded, python: &Python, way: &str, input: &str) {
    let folder = Folder::new();
    let mut alone = Command::new(&python.path);
    alone.arg(place_of(PROGRAM)).arg(way).current_dir(folder.path()).env("PYTHONDONTWRITEBYTECODE", "1");
    let alone = run_with_input(&mut alone, input.as_bytes()).success();
    assert_ne!(alone.stdout, "", "{way} on {}", python.name);
    assert_eq!(recorded.ended.stdout, alone.stdout, "{way} on {}", python.name);
    assert_eq!(recorded.ended.job_stderr(), alone.stderr, "{way} on {}", python.name);
}

/// A function that `main()` of the program calls is on the stack below.
fn assert_watched(recorded: &Recorded, watcher: &str, frames_between: &[&str]) {
    let start = ["<module>: globals()[sys.argv[1]]()", watcher];
    let end = ["main: for _ in generator():", "generator: allocate(\"in a watched generator\")"];
    recorded.assert_stack("in a watched generator", &[&start, frames_between, &end].concat());
}

#[test]
fn settrace() {
    for_each_python(|python| assert_watched(&watch(python, "settrace", ""), "settrace: main()", &[]));
}

#[test]
fn setprofile() {
    for_each_python(|python| assert_watched(&watch(python, "setprofile", ""), "setprofile: main()", &[]));
}

/// `sys.monitoring` came with Python 3.12.
#[test]
fn monitoring() {
    for_each_python(|python| {
        if python.version() >= (3, 12) {
            assert_watched(&watch(python, "monitoring", ""), "monitoring: main()", &[]);
        }
    });
}

#[test]
fn bdb() {
    for_each_python(|python| assert_watched(&watch(python, "bdb", ""), "bdb: Debugger().runcall(main)", &["…"]));
}

#[test]
fn pdb() {
    for_each_python(|python| {
        let recorded = watch(python, "pdb", "break fib\ncontinue\nwhere\nstep\nup\nprint(number)\nclear 1\ncontinue\n");
        assert!(recorded.ended.stdout.contains("-> fib(5)"), "{:#?}", recorded.ended);
        assert_watched(&recorded, "pdb: debugger.runcall(main)", &["…"]);
    });
}

/// Its tracer is written in C; from Python 3.12 on `sys.monitoring` can do that work.
#[test]
fn coverage() {
    for_each_python(|python| {
        assert_watched(&watch(python, "coverage", ""), "coverage: main()", &[]);
        if python.version() >= (3, 12) {
            let recorded = watch(python, "coverage_by_monitoring", "");
            assert!(recorded.ended.stdout.contains("core: SysMonitor"), "{:#?}", recorded.ended);
            let frames = &["coverage: main()"];
            assert_watched(&recorded, "coverage_by_monitoring: coverage(branch=False)", frames);
        }
    });
}

#[test]
fn cprofile() {
    for_each_python(|python| {
        assert_watched(&watch(python, "call_counts", ""), "call_counts: profiler.runcall(main)", &["…"]);
    });
}

/// What tracemalloc keeps of a traceback is memory, too, and allocated where it traces.
#[test]
fn tracemalloc() {
    for_each_python(|python| {
        let recorded = Recorded::unchecked(python, &[PROGRAM, "tracemalloc"], b"");
        assert_undisturbed(&recorded, python, "tracemalloc", "");
        recorded.assert_same_stacks();
        let start = ["<module>: globals()[sys.argv[1]]()", "tracemalloc: deep(5, kept)"];
        let deep = ["deep: return deep(depth - 1, kept)"; 5];
        let end = ["deep: kept.append(bytearray(5_000_000))"];
        assert_eq!(recorded.large_stack(5_000_000), [&start, &deep[..], &end].concat());
    });
}

#[test]
fn faulthandler() {
    for_each_python(|python| {
        let recorded = watch(python, "faulthandler", "");
        assert!(recorded.ended.stdout.contains(" in below\n"), "{:#?}", recorded.ended);
    });
}

#[test]
fn stacks_that_python_shows() {
    for_each_python(|python| {
        watch(python, "shown", "");
    });
}
