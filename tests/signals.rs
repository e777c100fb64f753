//! Signals reach the job as they would without fil: each once, and none is lost.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::{FIL, Folder, Running, assert_the_same_as_without_fil, behind, for_each_python, library, run, testdata};

/// Begins a job in Python that has handlers and waits for a signal, whenever that comes: Python's part of
/// a handler runs between two instructions, and a `pause()` that begins before it would wait for ever. So the
/// job reads a pipe, into which the interpreter writes with each signal.
const WAIT_FOR_SIGNAL: &str = "
import os, signal, sys
there, back = os.pipe()
os.set_blocking(back, False)
signal.set_wakeup_fd(back)
def wait_for_signal():
    print('ready', flush=True)
    os.read(there, 1)
";

/// Runs `fil record` in a terminal, presses a key when the job says it is ready, and gives what the
/// terminal showed.
fn press(folder: &Folder, key: &str, python: &Path, code: &str) -> String {
    press_while(folder, key, &[FIL, "record", "--", python.to_str().expect("UTF-8"), "-c", code])
}

/// The same with any command.
fn press_while(folder: &Folder, key: &str, command: &[&str]) -> String {
    let mut terminal = Command::new(support::python());
    terminal.arg(testdata("terminal.py")).arg(key).args(command).current_dir(folder.path());
    run(&mut terminal).success().stdout
}

/// The terminal tells the whole group, and the job hears it once.
#[test]
fn ctrl_c_reaches_the_job_once_and_the_trace_is_finished() {
    let code = format!(
        "{WAIT_FOR_SIGNAL}
interrupts = 0
def count(*_):
    global interrupts
    interrupts += 1
signal.signal(signal.SIGINT, count)
held = bytearray(60_000_000)
print(os.isatty(0), os.isatty(1), os.isatty(2))
wait_for_signal()
while not interrupts: pass
# Would a second one be on its way, this one would not be the next.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print('interrupts', interrupts, signal.sigpending())
raise SystemExit(5)
"
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let shown = press(&folder, "interrupt", &python.path, &code);
        assert!(shown.contains("True True True"), "{shown}");
        assert!(shown.contains("interrupts 1 set()"), "{shown}");
        assert!(shown.contains("exit code 5"), "{shown}");
        assert!(folder.peak().number("peak_bytes") >= 60_000_000);
    });
}

/// A job that does not handle it dies of it, as without fil.
#[test]
fn ctrl_c_ends_a_job_that_does_not_handle_it() {
    let job = "
import resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGINT, signal.SIG_DFL)
print('ready', flush=True)
while True: signal.pause()
";
    for_each_python(|python| {
        // An interrupt is told by dying of it, as shells want it.
        for (key, name, ending) in [("interrupt", "SIGINT", "killed by 2"), ("quit", "SIGQUIT", "exit code 131")] {
            let folder = Folder::new();
            let shown = press(&folder, key, &python.path, job);
            assert!(shown.contains(&format!("killed by {name}")), "{}: {shown}", python.name);
            assert!(shown.contains(ending), "{}: {shown}", python.name);
            assert!(folder.peak().number("event_count") > 0);
        }
    });
}

/// A shell that runs a script goes on to the next command unless it learns that this one died of the interrupt.
#[test]
fn ctrl_c_ends_a_script_with_recorded_jobs() {
    let job = format!("{WAIT_FOR_SIGNAL}\nwait_for_signal()\nwhile True: pass");
    for_each_python(|python| {
        let folder = Folder::new();
        let script =
            format!("for round in 1 2; do {FIL} record -- {} -c \"{job}\"; done; echo went on", python.path.display());
        let shown = press_while(&folder, "interrupt", &["/bin/bash", "-c", &script]);
        assert!(shown.contains("killed by 2"), "{}: {shown}", python.name);
        assert!(!shown.contains("went on"), "{}: {shown}", python.name);
        assert_eq!(shown.matches("fil: recorded").count(), 1, "{}: {shown}", python.name);
    });
}

/// Ctrl-Z stops fil and its job, and `fg` lets both go on.
#[test]
fn a_job_can_be_stopped_and_continued() {
    let code = format!(
        "{WAIT_FOR_SIGNAL}
continued = False
def go_on(*_):
    global continued
    continued = True
signal.signal(signal.SIGCONT, go_on)
wait_for_signal()
while not continued: pass
held = bytearray(60_000_000)
"
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let shown = press(&folder, "stop", &python.path, &code);
        assert!(shown.contains("stopped by SIGTSTP"), "{}: {shown}", python.name);
        assert!(shown.contains("exit code 0"), "{}: {shown}", python.name);
        assert!(folder.peak().number("peak_bytes") >= 60_000_000);
    });
}

/// A batch system tells the process it started, and not the group, to end; so do kill(1) and the stop
/// of a container.
#[test]
fn a_signal_to_fil_alone_reaches_the_job() {
    let code = format!(
        "{WAIT_FOR_SIGNAL}
signals = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
for number in signals: signal.signal(number, lambda number, _: sys.exit(100 + number))
wait_for_signal()
while True: pass
"
    );
    for signal in [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP, Signal::USR1, Signal::USR2] {
        for_each_python(|python| {
            let folder = Folder::new();
            let recording = folder.record_command(&python.path, &["-c", &code]);
            // Whoever started these tests may ignore it, as nohup(1) does: then fil would leave it alone, as it should.
            let mut running = Running::start(&mut behind(&["env", "--default-signal"], &recording));
            assert_eq!(running.line(), "ready");
            running.signal(signal);
            let ended = running.end();
            assert_eq!(ended.code(), 100 + signal.as_raw(), "{}: {ended:#?}", python.name);
        });
    }
}

/// A script or a container's entry point has fil in its own group, and signals it alone.
#[test]
fn a_signal_to_fil_alone_from_its_own_group_reaches_the_job() {
    let starter = "
import signal, subprocess, sys
number = int(sys.argv[1])
fil = subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE, text=True)
assert fil.stdout.readline() == 'ready\\n'
fil.send_signal(number)
print(fil.wait())
";
    let job = format!(
        "{WAIT_FOR_SIGNAL}
for number in [signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]:
    signal.signal(number, lambda number, _: sys.exit(100 + number))
wait_for_signal()
while True: pass
"
    );
    for signal in [Signal::TERM, Signal::HUP, Signal::USR1] {
        for_each_python(|python| {
            let folder = Folder::new();
            let recording = folder.record_command(&python.path, &["-c", &job]);
            let starter_path = support::python();
            let signal = signal.as_raw().to_string();
            let words = ["env", "--default-signal", starter_path.to_str().expect("UTF-8"), "-c", starter, &signal];
            let ended = run(&mut behind(&words, &recording)).success();
            let code = 100 + signal.parse::<i32>().expect("a number");
            assert_eq!(ended.stdout, format!("{code}\n"), "{}: {ended:#?}", python.name);
        });
    }
}

/// Whoever signals the whole group, from outside of it.
#[test]
fn a_signal_to_the_group_reaches_the_job_once() {
    let code = format!(
        "{WAIT_FOR_SIGNAL}
count = 0
def handler(*_):
    global count
    count += 1
    print('here', flush=True)
def end(*_):
    print(count, flush=True)
    os._exit(0)
signal.signal(signal.SIGUSR1, handler)
signal.signal(signal.SIGUSR2, end)
wait_for_signal()
while True: pass
"
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let recording = folder.record_command(&python.path, &["-c", &code]);
        let mut running = Running::start(&mut behind(&["env", "--default-signal"], &recording));
        assert_eq!(running.line(), "ready");
        running.signal_group(Signal::USR1);
        assert_eq!(running.line(), "here");
        // Passed on when fil is done with the one before, and behind it if that was passed on too.
        running.signal(Signal::USR2);
        let ended = running.end();
        assert_eq!(ended.stdout, "1\n", "{}: {ended:#?}", python.name);
    });
}

/// Out of the C library: nothing of fil's is half-done there, and recording goes on.
#[test]
fn a_signal_handler_may_jump_out_of_an_allocation() {
    let folder = Folder::new();
    let library = library(&folder, "jumps.c");
    let code = format!(
        "
import ctypes
bytes(1)  # what the first call makes for all others is not the block's
jumps = ctypes.PyDLL('{}')
def hold(): return bytes(70_000_000)
# What ctypes makes for a function belongs to none of these; nor do results, or what lives during a call.
after_a_jump, in_a_handler = jumps.deep_after_a_jump, jumps.interrupted
after_a_jump.restype = in_a_handler.restype = None
sizes = [ctypes.c_size_t(size) for size in (30_000_000, 20_000_000, 10_000_000)]
def deep(): after_a_jump(sizes[0])
def interrupted(): in_a_handler(0, sizes[1])
def interrupted_aside(): in_a_handler(1, sizes[2])
print(jumps.out_of_a_call())
deep()
interrupted()
interrupted_aside()
held = hold()
",
        library.display()
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert_eq!(ended.stdout, "1\n", "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        let bytes = ["hold", "deep", "interrupted", "interrupted_aside"].map(|site| peak.bytes_of("<string>", site));
        assert_eq!(bytes, [70_000_033, 30_000_000, 20_000_000, 10_000_000], "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}

#[test]
fn signals_reach_the_job_as_without_fil() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("signals.py"));
    });
}
