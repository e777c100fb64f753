//! The verifying mode: at every event the stack that fil reads is compared with what Python's public API says,
//! and the first difference ends the job. Here it finds none, and is shown to find some.
//!
//! Programs of `testdata/verify/` use one large library or one part of Python each, and print what they computed.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use rustix::process::Signal;
use support::{Ended, Folder, Python, for_each_version, run, testdata};

/// What `FIL_STACK_MARKERS` is set to.
const MARKERS: &str = "";
const NO_MARKERS: &str = "0";

fn verify(program: &str) {
    for_each_version(|python| verify_on(python, &format!("verify/{program}"), &[], MARKERS));
}

/// Runs a program with and without verification: it succeeds, prints the same, and its stacks were compared.
fn verify_on(python: &Python, program: &str, arguments: &[&str], markers: &str) {
    let context = format!("{program} {arguments:?} on {}, markers {markers:?}", python.name);
    let folder = Folder::new();
    let mut alone = Command::new(&python.path);
    let alone = alone.arg("-B").arg(testdata(program)).args(arguments).current_dir(folder.path());
    let alone = run(alone).success();
    let verified = record(&folder, python, program, arguments, markers, "1").success();
    assert_eq!(verified.stdout, alone.stdout, "{context}");
    assert_eq!(verified.job_stderr(), alone.stderr, "{context}");

    let peak = folder.peak();
    let warnings = peak.warnings();
    let compared: Vec<u64> = warnings.iter().filter_map(|warning| stacks_compared(warning)).collect();
    assert_eq!(compared.len(), warnings.len(), "{context}: {warnings:#?}");
    let compared: u64 = compared.iter().sum();
    let passed_over: u64 = warnings.iter().filter_map(|warning| stacks_passed_over(warning)).sum();
    let events = peak.number("event_count");
    // Every second event is an allocation, and the numbers are known to an eighth.
    assert!(compared + passed_over > events / 5 * 2, "{context}: {events} events: {warnings:#?}");
    // Before 3.12 nobody can be asked about a sub-interpreter, which does not run with the thread's own state.
    let few = if program.contains("subinterpreters") { events / 2 } else { events / 50 };
    assert!(passed_over < few, "{context}: {events} events: {warnings:#?}");
}

fn record(folder: &Folder, python: &Python, program: &str, arguments: &[&str], markers: &str, how: &str) -> Ended {
    let mut command = folder.record_command(&python.path, &["-B"]);
    let command = command.arg(testdata(program)).args(arguments);
    run(command.env("FIL_VERIFY_STACKS", how).env("FIL_STACK_MARKERS", markers))
}

/// The number in the trace's notice of how many stacks were compared.
fn stacks_compared(warning: &str) -> Option<u64> {
    number_before(warning, " call stacks were compared with Python's own, with no difference")
}

/// How many stacks could not be compared, by the same notice.
fn stacks_passed_over(warning: &str) -> Option<u64> {
    number_before(warning, " could not be, for want of the GIL or because of others' allocators")
}

fn number_before(warning: &str, text: &str) -> Option<u64> {
    warning.split_once(text)?.0.rsplit(' ').next()?.parse().ok()
}

/// Whoever calls malloc with the GIL is asked about; without the GIL, or while tracemalloc may hold a lock, none is.
#[test]
fn what_c_code_allocates() {
    let library = Folder::new();
    let library_path = support::library(&library, "verify/mallocs.c");
    for_each_version(|python| {
        for (way, all_compared) in [("PyDLL", true), ("CDLL", false), ("tracemalloc", false)] {
            let folder = Folder::new();
            let mut command = folder.record_command(&python.path, &[]);
            command.arg(testdata("verify/mallocs.py")).arg(way).arg(&library_path).env("FIL_VERIFY_STACKS", "1");
            run(&mut command).success();
            let warnings = folder.peak().warnings();
            let [warning] = &warnings[..] else { panic!("{}: {way}: {warnings:#?}", python.name) };
            let numbers = (stacks_compared(warning), stacks_passed_over(warning));
            let (Some(compared), Some(passed_over)) = numbers else { panic!("{}: {way}: {warning}", python.name) };
            assert_eq!(compared > 200_000, all_compared, "{}: {way}: {warning}", python.name);
            assert_eq!(passed_over < 1_000, all_compared, "{}: {way}: {warning}", python.name);
        }
    });
}

#[test]
fn a_wrong_stack_ends_the_job() {
    for_each_version(|python| {
        for mistake in ["wrong-frame", "wrong-caller", "wrong-instruction"] {
            let folder = Folder::new();
            let ended = record(&folder, python, "verify/threads_job.py", &[], MARKERS, mistake);
            assert!(ended.stderr.contains("fil: the call stack differs from Python's own"), "{mistake}: {ended:#?}");
            assert_eq!(ended.code(), 128 + Signal::ABORT.as_raw(), "{mistake}: {ended:#?}");
        }
    });
}

#[test]
fn numpy() {
    verify("numpy_job.py");
}

#[test]
fn pandas() {
    verify("pandas_job.py");
}

#[test]
fn scikit_learn() {
    verify("scikit_learn_job.py");
}

#[test]
fn asyncio() {
    verify("asyncio_job.py");
}

#[test]
fn threads() {
    verify("threads_job.py");
}

#[test]
fn deep_recursion() {
    verify("recursion_job.py");
}

#[test]
fn generators_and_greenlets() {
    verify("generators_job.py");
}

#[test]
fn generators_resumed_from_elsewhere() {
    verify("resumed_job.py");
}

#[test]
fn calls_of_every_kind() {
    for_each_version(|python| {
        for seed in ["1", "2", "3"] {
            verify_on(python, "verify/calls_job.py", &[seed], MARKERS);
        }
    });
}

/// As on 3.14.0 to 3.14.4, and with Python's JIT.
#[test]
fn without_markers() {
    for_each_version(|python| {
        for program in [&["verify/calls_job.py", "1"][..], &["verify/generators_job.py"], &["verify/resumed_job.py"]] {
            verify_on(python, program[0], &program[1..], NO_MARKERS);
        }
    });
}

#[test]
fn exceptions() {
    verify("exceptions_job.py");
}

/// The programs whose single stacks tests/stacks/ looks at, and all that happens between those.
#[test]
fn every_kind_of_stack() {
    let programs: [&[&str]; 15] = [
        &["callbacks.py"],
        &["code_objects.py"],
        &["coroutines.py"],
        &["exceptions.py"],
        &["generators.py"],
        &["gevents.py"],
        &["greenlets.py"],
        &["imports.py"],
        &["names.py"],
        &["subinterpreters.py"],
        &["threads.py"],
        &["tracing.py", "settrace"],
        &["tracing.py", "setprofile"],
        &["tracing.py", "bdb"],
        &["tracing.py", "coverage"],
    ];
    for_each_version(|python| {
        for program in programs {
            verify_on(python, &format!("stacks/{}", program[0]), &program[1..], MARKERS);
        }
    });
}
