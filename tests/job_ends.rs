//! However a job ends, what it did up to that instant is in the trace, and in the right order.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde_json::Value;
use support::{Folder, Peak, Running, for_each_python, line_of, list, number, python, run, testdata};

/// What `bytes(length)` takes: that many, a zero at its end, and the object.
fn bytes_object(length: u64) -> u64 {
    length + 1 + 32
}

fn start_killed(folder: &Folder, python: &Path) -> (Running, Pid) {
    let mut running = Running::start(folder.record_command(python, &[]).arg(testdata("killed.py")));
    let ready = running.line();
    let pid = ready.strip_prefix("ready ").and_then(|pid| pid.parse().ok()).expect("says its process id");
    (running, Pid::from_raw(pid).expect("not 0"))
}

fn assert_killed_is_found(peak: &Peak) {
    assert_eq!(peak.bytes_of("killed.py", "make_first"), bytes_object(100 << 20));
    assert_eq!(peak.bytes_of("killed.py", "make_second"), bytes_object(50 << 20));
    assert!(peak.number("end_bytes") > bytes_object(100 << 20) + bytes_object(50 << 20), "it died holding both");
}

#[test]
fn a_job_that_is_killed_in_the_middle_shows_its_memory_at_that_moment() {
    for_each_python(|python| {
        let folder = Folder::new();
        let (running, job) = start_killed(&folder, &python.path);
        rustix::process::kill_process(job, Signal::KILL).expect("it runs");
        let ended = running.end();
        assert_eq!(ended.code(), 137, "{ended:#?}");
        assert!(ended.fil_lines()[0].contains("SIGKILL"), "{ended:#?}");
        assert_killed_is_found(&folder.peak());
        assert_eq!(folder.names(), ["trace.fil"], "nothing is left beside the trace");
    });
}

/// As when a machine runs out of memory in earnest: fil dies first, the job goes on and dies too.
#[test]
fn a_job_and_its_fil_that_are_both_killed_lose_nothing() {
    let folder = Folder::new();
    let (running, job) = start_killed(&folder, &python());
    let job = pidfd_open(job, PidfdFlags::empty()).expect("it runs");
    running.signal(Signal::KILL);
    pidfd_send_signal(&job, Signal::KILL).expect("it runs still, though its parent may be gone");
    poll(&mut [PollFd::new(&job, PollFlags::IN)], None).expect("waits for its end");
    running.end();
    assert_killed_is_found(&folder.peak());
    // The first analysis has put all into the trace; the second one says the same.
    assert_killed_is_found(&folder.peak());
}

#[test]
fn blocks_freed_by_another_thread_are_gone() {
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_testdata(&python.path, "two_threads.py");
        let expected: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        let peak = folder.peak();
        for function in ["make_bytearray", "make_small", "make_c_block"] {
            let alive = peak.bytes_of("two_threads.py", function);
            assert_eq!(alive, number(&expected, function), "{function} on {}", python.name);
        }
        let ballast = peak.bytes_at("two_threads.py", line_of("two_threads.py", "ballast ="));
        assert_eq!(ballast, number(&expected, "main"), "{}", python.name);
    });
}

/// A child counts what it allocates itself, and what it frees of its parent's is not its to free.
#[test]
fn a_forked_child_and_a_subprocess_are_recorded() {
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_testdata(&python.path, "forks.py");
        assert_eq!(ended.stdout, "child 7\nsubprocess 20971520\n");
        assert!(ended.stderr.contains("3 processes"), "{ended:#?}");
        let peak = folder.peak();
        assert_eq!(peak.bytes_of("forks.py", "in_parent"), bytes_object(60 << 20), "{}", python.name);
        assert_eq!(peak.bytes_of("forks.py", "in_child"), bytes_object(50 << 20), "{}", python.name);
        let live: Vec<u64> =
            list(peak.value(), "processes").iter().map(|process| number(process, "live_bytes")).collect();
        assert_eq!(live.iter().filter(|&&bytes| bytes >= 50 << 20).count(), 2, "both at one instant: {live:?}");
    });
}

/// The pipes make the order: the child has its block, the parent gets one, and only then the child ends, at
/// once.
#[test]
fn blocks_of_two_processes_that_are_held_at_one_instant_add_up() {
    let code = "
import os
bytes(1)  # what the first call makes for all others is not the block's
def in_child(): return bytes(80_000_000)
def in_parent(): return bytes(50_000_000)
there, back = os.pipe(), os.pipe()
if os.fork() == 0:
    held = in_child()
    os.write(there[1], b'+')
    os.read(back[0], 1)
    END
os.read(there[0], 1)
held = in_parent()
os.write(back[1], b'+')
os.wait()
";
    for_each_python(|python| {
        for end in ["os._exit(0)", "raise SystemExit", "os.abort()"] {
            let folder = Folder::new();
            folder.record_code(&python.path, &code.replace("END", end)).success();
            let peak = folder.peak();
            let held = ["in_child", "in_parent"].map(|function| peak.bytes_of("<string>", function));
            assert_eq!(held, [80_000_000, 50_000_000].map(bytes_object), "{end} on {}", python.name);
        }
    });
}

/// The job's own process is no exception: what it held is gone when it is, though others go on.
#[test]
fn what_a_job_held_does_not_count_after_its_end() {
    let code = "
import os
bytes(1)  # what the first call makes for all others is not the block's
def in_child(): return bytes(80_000_000)
def in_parent(): return bytes(90_000_000)
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent: os.sched_yield()
    held = in_child()
    os._exit(0)
held = in_parent()
END
";
    for_each_python(|python| {
        for end in ["os._exit(0)", "os.kill(os.getpid(), 9)"] {
            let folder = Folder::new();
            // The child has stdout too: this is over when both are.
            folder.record_code(&python.path, &code.replace("END", end));
            let answer = folder.peak();
            let held = ["in_child", "in_parent"].map(|function| answer.bytes_of("<string>", function));
            assert_eq!(held, [0, bytes_object(90_000_000)], "{end} on {}", python.name);
            assert!((90_000_000..100_000_000).contains(&answer.number("end_bytes")), "{end} on {}", python.name);
        }
    });
}

#[test]
fn every_way_to_end_keeps_the_peak() {
    for (name, last_line, code) in [
        ("falling off the end", "", 0),
        ("sys.exit", "import sys; sys.exit(3)", 3),
        ("an exception", "raise ValueError('no')", 1),
        ("os._exit", "import os; os._exit(4)", 4),
        ("os.abort", "import os; os.abort()", 134),
        ("a segmentation fault", "import ctypes; ctypes.string_at(8)", 139),
        ("another program in its place", "import os, sys; os.execv('/bin/sh', ['sh', '-c', 'exit 5'])", 5),
    ] {
        let folder = Folder::new();
        let program = format!("def hold():\n    return bytes(70_000_000)\nheld = hold()\n{last_line}\n");
        let ended = folder.record_code(&python(), &program);
        assert_eq!(ended.code(), code, "{name}: {ended:#?}");
        assert_eq!(folder.peak().bytes_of("<string>", "hold"), bytes_object(70_000_000), "{name}");
        assert_eq!(folder.names(), ["trace.fil"], "{name}");
    }
}

/// No one calls exit then: glibc ends a process whose last thread ends, and the recorder's own thread
/// must not keep it. So ends the child of a fork in a thread, and a job whose main thread ended earlier.
#[test]
fn a_process_that_ends_with_its_last_thread_ends() {
    let code = "
import ctypes, os, threading
def fork():
    child = os.fork()
    if child:
        print(os.waitpid(child, 0)[1])
thread = threading.Thread(target=fork)
thread.start()
thread.join()
bytes(1)  # what the first call makes for all others is not the block's
def hold(): return bytes(70_000_000)
def outlive_main_thread():
    held = hold()
    while open('/proc/self/stat').read().rpartition(')')[2].split()[0] != 'Z':
        os.sched_yield()
    os.write(1, b'ended\\n')
threading.Thread(target=outlive_main_thread).start()
import sys; sys.stdout.flush()
ctypes.CDLL(None).pthread_exit(None)
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        assert_eq!(ended.stdout, "0\nended\n", "{}", python.name);
        let peak = folder.peak();
        assert_eq!(peak.bytes_of("<string>", "hold"), bytes_object(70_000_000), "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}

/// exec(2) keeps the process id: what ran before and after are two programs all the same.
#[test]
fn a_python_that_becomes_another_python_is_recorded_twice() {
    let folder = Folder::new();
    let code = "
import os, sys
def first(): return bytes(90_000_000)
held = first()
code = 'def second(): return bytes(30_000_000)\\nheld = second()'
os.execv(sys.executable, [sys.executable, '-c', code])
";
    let ended = folder.record_code(&python(), code).success();
    assert!(!ended.stderr.contains("processes"), "it is one: {ended:#?}");
    let peak = folder.peak();
    assert_eq!(list(peak.value(), "processes").len(), 2, "of two programs");
    assert_eq!(peak.bytes_of("<string>", "first"), bytes_object(90_000_000));
    assert_eq!(peak.bytes_of("<string>", "second"), 0, "the memory of the first was gone by then");
}

/// Threads that end, and threads that are still at work when the job ends.
#[test]
fn what_threads_hold_is_counted_at_their_stacks() {
    let folder = Folder::new();
    let code = "
import threading
started, never = threading.Event(), threading.Event()
held = [None]
def ended(): held[0] = bytes(41_000_000)
def still_running():
    block = bytes(42_000_000)
    started.set()
    never.wait()
thread = threading.Thread(target=ended, name='short'); thread.start(); thread.join()
threading.Thread(target=still_running, name='long', daemon=True).start()
started.wait()
ballast = bytes(200_000_000)
";
    folder.record_code(&python(), code).success();
    let peak = folder.peak();
    assert_eq!(peak.bytes_of("<string>", "ended"), bytes_object(41_000_000));
    assert_eq!(peak.bytes_of("<string>", "still_running"), bytes_object(42_000_000));
    let stacks = peak.stacks();
    let of_thread = stacks.iter().find(|(_, frames)| frames.iter().any(|frame| frame.0 == "ended")).expect("a stack");
    let functions: Vec<&str> = of_thread.1.iter().map(|frame| &*frame.0).collect();
    assert_eq!(functions, ["Thread._bootstrap", "Thread._bootstrap_inner", "Thread.run", "ended"]);
}

/// The trace grows while the job runs; another `fil analyze` may look at it at any time.
#[test]
fn a_trace_can_be_read_while_its_job_runs() {
    let folder = Folder::new();
    let (running, job) = start_killed(&folder, &python());
    let ended = run(&mut folder.fil(&["analyze", "--peak", "--json"]));
    assert!(ended.status.success() || ended.code() == 2, "{ended:#?}");
    rustix::process::kill_process(job, Signal::KILL).expect("it runs");
    running.end();
    assert_killed_is_found(&folder.peak());
}
