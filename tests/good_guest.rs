//! A job does not notice that it is recorded: input, output, exit code, signals, environment.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;

use rustix::process::{Signal, geteuid};
use support::{
    FIL, Folder, Python, Running, copy_fil, for_each_python, python, pythons, run, run_with_input, testdata,
};

#[test]
fn input_and_output_go_through_untouched() {
    let folder = Folder::new();
    let code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.write(f'{len(data)} {sum(data)}')
sys.stderr.write('words of the job\\n')";
    let input: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let sum: u64 = input.iter().map(|&byte| u64::from(byte)).sum();
    let ended = run_with_input(&mut folder.record_command(&python(), &["-c", code]), &input).success();
    assert_eq!(ended.stdout, format!("3000000 {sum}"));
    assert_eq!(ended.stderr.lines().next(), Some("words of the job"));
    assert_eq!(ended.fil_lines().len() + 1, ended.stderr.lines().count(), "fil's lines are marked: {ended:#?}");
    assert!((2..=3).contains(&ended.fil_lines().len()), "{ended:#?}");
}

#[test]
fn fil_exits_with_the_jobs_code() {
    for (code, expected) in [
        ("pass", 0),
        ("import sys; sys.exit('x')", 1),
        ("import os; os._exit(4)", 4),
        ("import os; os.abort()", 134),
        ("import ctypes; ctypes.string_at(8)", 139),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit(255)", 255),
        ("1 / 0", 1),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", 143),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137),
    ] {
        let ended = Folder::new().record_code(&python(), code);
        assert_eq!(ended.code(), expected, "{code}: {ended:#?}");
    }
}

#[test]
fn a_command_that_cannot_be_run_leaves_all_as_it_was() {
    let folder = Folder::new();
    fs::write(folder.join("trace.fil"), "an older trace").expect("written");
    fs::write(folder.join("notes.txt"), "not a program").expect("written");
    let before = folder.names();
    for (command, code) in [("no-such-command-of-fil", 127), ("./nor-this", 127), ("./notes.txt", 126), ("/tmp", 126)] {
        let ended = run(&mut folder.fil(&["record", "--", command]));
        assert_eq!(ended.code(), code, "{command}: {ended:#?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:#?}");
        assert!(ended.stderr.contains(command), "{ended:#?}");
        assert_eq!(folder.names(), before);
        assert_eq!(fs::read_to_string(folder.join("trace.fil")).expect("kept"), "an older trace");
    }
}

/// Runs `fil record` in a terminal, presses a key when the job says it is ready, and gives what the
/// terminal showed.
fn press(folder: &Folder, key: &str, python: &Path, code: &str) -> String {
    let program = testdata("terminal.py");
    let words =
        [program.to_str().expect("UTF-8"), key, FIL, "record", "--", python.to_str().expect("UTF-8"), "-c", code];
    run(Command::new(support::python()).args(words).current_dir(folder.path())).success().stdout
}

/// The terminal tells the whole group, and the job hears it once.
#[test]
fn ctrl_c_reaches_the_job_once_and_the_trace_is_finished() {
    let code = "
import os, signal
interrupts = 0
def count(*_):
    global interrupts
    interrupts += 1
signal.signal(signal.SIGINT, count)
held = bytearray(60_000_000)
print(os.isatty(0), os.isatty(1), os.isatty(2))
print('ready', flush=True)
while not interrupts: signal.pause()
# Would a second one be on its way, this one would not be the next.
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print('interrupts', interrupts, signal.sigpending())
raise SystemExit(5)
";
    for_each_python(|python| {
        let folder = Folder::new();
        let shown = press(&folder, "interrupt", &python.path, code);
        assert!(shown.contains("True True True"), "{shown}");
        assert!(shown.contains("interrupts 1 set()"), "{shown}");
        assert!(shown.contains("exit code 5"), "{shown}");
        assert!(folder.peak().number("peak_bytes") >= 60_000_000);
    });
}

/// A job that does not handle it dies of it, as without fil.
#[test]
fn ctrl_c_ends_a_job_that_does_not_handle_it() {
    for (key, name, code) in [("interrupt", "SIGINT", 130), ("quit", "SIGQUIT", 131)] {
        let folder = Folder::new();
        let job = "
import resource, signal
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGINT, signal.SIG_DFL)
print('ready', flush=True)
while True: signal.pause()
";
        let shown = press(&folder, key, &python(), job);
        assert!(shown.contains(&format!("killed by {name}")), "{shown}");
        assert!(shown.contains(&format!("exit code {code}")), "{shown}");
        assert!(folder.peak().number("event_count") > 0);
    }
}

/// Ctrl-Z stops fil and its job, and `fg` lets both go on.
#[test]
fn a_job_can_be_stopped_and_continued() {
    let folder = Folder::new();
    let code = "
import signal
continued = False
def go_on(*_):
    global continued
    continued = True
signal.signal(signal.SIGCONT, go_on)
print('ready', flush=True)
while not continued: signal.pause()
held = bytearray(60_000_000)
";
    let shown = press(&folder, "stop", &python(), code);
    assert!(shown.contains("stopped by SIGTSTP"), "{shown}");
    assert!(shown.contains("exit code 0"), "{shown}");
    assert!(folder.peak().number("peak_bytes") >= 60_000_000);
}

/// A batch system tells the process it started, and not the group, to end; so do kill(1) and the stop
/// of a container.
#[test]
fn a_signal_to_fil_alone_reaches_the_job() {
    let code = "
import signal, sys
signals = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]
for number in signals: signal.signal(number, lambda number, _: sys.exit(100 + number))
print('ready', flush=True)
while True: signal.pause()
";
    for signal in [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP, Signal::USR1, Signal::USR2] {
        if is_ignored(signal) {
            // As by nohup(1): then fil leaves it alone, as it should.
            writeln!(std::io::stderr(), "NOT TESTED with {signal:?}, which is ignored here").expect("can be written");
            continue;
        }
        let folder = Folder::new();
        let mut running = Running::start(&mut folder.record_command(&python(), &["-c", code]));
        assert_eq!(running.line(), "ready");
        running.signal(signal);
        let ended = running.end();
        assert_eq!(ended.code(), 100 + signal.as_raw(), "{ended:#?}");
    }
}

/// Whether whoever started these tests ignores the signal; what they start inherits that.
fn is_ignored(signal: Signal) -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("readable");
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("proc_pid_status(5)");
    u64::from_str_radix(set.trim(), 16).expect("a set") & 1 << (signal.as_raw() - 1) != 0
}

#[test]
fn an_older_trace_is_kept_under_another_name() {
    let folder = Folder::new();
    folder.record_code(&python(), "first = bytearray(33_000_000)").success();
    let first = fs::read(folder.join("trace.fil")).expect("recorded");
    folder.record_code(&python(), "second = bytearray(44_000_000)").success();
    assert_eq!(folder.names(), ["trace.fil", "trace.fil.old"]);
    assert!(fs::read(folder.join("trace.fil.old")).expect("kept") == first);
    assert!(folder.peak().number("peak_bytes") > 44_000_000);
}

#[test]
fn a_trace_goes_where_it_is_told() {
    let folder = Folder::new();
    fs::create_dir(folder.join("results")).expect("created");
    let mut command = folder.fil(&["record", "-o", "results/night run.fil", "--"]);
    run(command.arg(python()).args(["-c", "import os; os.chdir('/')"])).success();
    assert_eq!(folder.names(), ["results"]);
    let table = folder.analyze(&["results/night run.fil", "--peak"]);
    assert!(!table.is_empty());
}

/// One file is the installation.
/// A file over the limit is an error of fil's, told in a line; the job runs as it would.
#[test]
fn a_limit_on_file_sizes_does_not_reach_the_job() {
    // In blocks of 512 bytes. 512 KiB is less than the recorder library, 4 MiB less than the trace.
    const TOO_LITTLE_FOR_FIL: u64 = 1024;
    for limit in [TOO_LITTLE_FOR_FIL, 8192] {
        let folder = Folder::new();
        let code = "import random\nheld = [random.random() for _ in range(3_000_000)]\nprint('done')";
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -f $0; exec \"$@\"", &limit.to_string()]);
        let recording = folder.record_command(&python(), &["-c", code]);
        limited.arg(recording.get_program()).args(recording.get_args()).current_dir(folder.path());
        let ended = run(&mut limited);
        if limit == TOO_LITTLE_FOR_FIL {
            ended.assert_one_line_error(&["library"]);
            continue;
        }
        assert_eq!(ended.stdout, "done\n", "{ended:#?}");
        assert!(ended.stderr.lines().all(|line| line.starts_with("fil: ")), "{ended:#?}");
    }
}

/// Of several that start at once with the same trace, one records and the others say why they do not.
#[test]
fn a_trace_is_of_one_job_only() {
    const FILS: usize = 4;
    let folder = Folder::new();
    let gate = folder.join("gate");
    assert!(Command::new("mkfifo").arg(&gate).status().expect("mkfifo is there").success());
    // Opening a pipe waits for the other side: the job lasts until the others have ended.
    let code = format!("open('{}').read()", gate.display());
    let (told, ends) = mpsc::channel();
    for _ in 0..FILS {
        let running = Running::start(&mut folder.record_command(&python(), &["-c", &code]));
        let told = told.clone();
        thread::spawn(move || told.send(running.end()));
    }
    for refused in ends.iter().take(FILS - 1) {
        refused.assert_one_line_error(&["trace.fil", "being recorded by another fil"]);
    }
    fs::write(&gate, "go").expect("the job reads");
    ends.recv().expect("the one that records").success();
    assert_eq!(folder.peak().value()["processes"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_fil_copied_alone_into_an_empty_folder_works() {
    let installed = Folder::new();
    let fil = installed.join("fil");
    copy_fil(&fil);
    for_each_python(|python| {
        let folder = Folder::new();
        let code = "def hold(): return bytearray(40_000_000)\nheld = hold()";
        let in_bare_environment = |arguments: &[&str]| {
            let mut command = Command::new(&fil);
            command.env_clear().env("PATH", "").current_dir(folder.path()).args(arguments);
            run(&mut command)
        };
        in_bare_environment(&["record", "--", python.path.to_str().expect("UTF-8"), "-c", code]).success();
        let peak = in_bare_environment(&["analyze", "--peak", "--csv"]).success();
        assert!(peak.stdout.contains("hold"), "{peak:#?}");
        assert_eq!(installed.names(), ["fil"]);
        assert_eq!(folder.names(), ["trace.fil"]);
    });
}

#[test]
fn nothing_traces_the_jobs_calls() {
    let folder = Folder::new();
    let program = testdata("fib.py");
    let ended = run(&mut folder.record_command(&python(), &[program.to_str().expect("UTF-8"), "22"])).success();
    assert_eq!(ended.stdout, "17711\ntrace function: None profile function: None\n");
}

#[test]
fn the_environment_is_passed_on() {
    let folder = Folder::new();
    let code = "import os; print(os.environ['MY_SETTING'], os.getcwd(), os.environ.get('PYTHONMALLOC'))";
    let mut command = folder.record_command(&python(), &["-c", code]);
    let ended = run(command.env("MY_SETTING", "17")).success();
    let here = folder.path().canonicalize().expect("is there");
    assert_eq!(ended.stdout, format!("17 {} None\n", here.display()));
}

/// Python's other allocators are installed after the recorder's hooks, and must be hooked again.
#[test]
fn other_allocators_of_python_are_recorded_too() {
    for setting in ["malloc", "debug", "pymalloc_debug", "malloc_debug"] {
        let folder = Folder::new();
        let code = "def hold(): return [str(number) * 3 for number in range(300_000)]\nheld = hold()";
        let mut command = folder.record_command(&python(), &["-c", code]);
        run(command.env("PYTHONMALLOC", setting)).success();
        let sites = folder.peak().call_sites();
        let held: u64 = sites.iter().filter(|site| site.is_in("<string>")).map(|site| site.live_bytes).sum();
        assert!(held > 20_000_000, "PYTHONMALLOC={setting}: {held} bytes");
    }
}

/// tracemalloc holds a lock while it allocates for itself: fil must not come back to it there.
#[test]
fn a_job_under_tracemalloc_is_recorded() {
    for verify in ["0", "1"] {
        let folder = Folder::new();
        let code = "def hold(): return [str(number) for number in range(100_000)]\nheld = hold()\nprint('done')";
        let mut command = folder.record_command(&python(), &["-X", "tracemalloc=5", "-c", code]);
        let ended = run(command.env("FIL_VERIFY_STACKS", verify)).success();
        assert_eq!(ended.stdout, "done\n", "{ended:#?}");
        let held = folder.peak().bytes_of("<string>", "hold.<locals>.<listcomp>");
        assert!(held > 5_000_000, "{held} bytes");
    }
}

/// Descriptors, folder and time limits are the job's to change.
#[test]
fn a_job_that_closes_every_descriptor_is_recorded() {
    let folder = Folder::new();
    let code = "
import os
os.chdir('/')
os.closerange(3, 4096)
def hold(): return [bytearray(1000) for _ in range(100_000)]
held = hold()
print('done')
";
    let ended = folder.record_code(&python(), code).success();
    assert_eq!(ended.stdout, "done\n");
    let sites = folder.peak().call_sites();
    let held: u64 = sites.iter().filter(|site| site.is_in("<string>")).map(|site| site.live_bytes).sum();
    assert!(held >= 100_000 * 1057, "{held} bytes");
}

/// Another user's job, in a folder that only this user may write to, is no reason to fail.
#[test]
fn the_trace_belongs_to_who_recorded_it() {
    let folder = Folder::new();
    folder.record_code(&python(), "pass").success();
    let mode = fs::metadata(folder.join("trace.fil")).expect("recorded").permissions().mode();
    assert_eq!(mode & 0o600, 0o600);
    assert_eq!(mode & 0o111, 0, "a trace is no program");
}

/// Runs a program of `testdata/` without fil and under it, with the words `before` in front of both, and
/// asserts that it printed the same and ended the same.
fn assert_the_same_as_without_fil(python: &Python, before: &[&str], program: &Path) {
    let folder = Folder::new();
    let mut without = Command::new(before.first().map_or(python.path.as_os_str(), OsStr::new));
    if !before.is_empty() {
        without.args(&before[1..]).arg(&python.path);
    }
    let without = run(without.arg(program).current_dir(folder.path()));
    let mut recorded = Command::new(before.first().map_or(FIL, |&word| word));
    if !before.is_empty() {
        recorded.args(&before[1..]).arg(FIL);
    }
    let recorded = run(recorded.args(["record", "--"]).arg(&python.path).arg(program).current_dir(folder.path()));
    assert_eq!(recorded.code(), without.code(), "{}: {recorded:#?}", python.name);
    for (mine, its) in recorded.stdout.lines().zip(without.stdout.lines()) {
        assert_eq!(mine, its, "{} after {before:?}", python.name);
    }
    assert_eq!(recorded.stdout, without.stdout, "{} after {before:?}", python.name);
    let of_job: Vec<&str> = recorded.stderr.lines().filter(|line| !line.starts_with("fil: ")).collect();
    assert_eq!(of_job.join("\n"), without.stderr.trim_end(), "{} after {before:?}", python.name);
    assert!(folder.peak().number("event_count") > 0, "it was recorded");
}

/// Everything that a job sees of itself is the same: descriptors, processors, threads, signals, limits,
/// environment, folder, modules and more.
#[test]
fn what_a_job_sees_of_itself_is_the_same() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("observer.py"));
    });
}

/// And so under every limit that a shell can set.
#[test]
fn limits_are_the_jobs_own() {
    for limit in ["-n 64", "-n 12", "-v 4000000", "-s 512", "-s unlimited", "-c 0", "-c unlimited", "-l 64"] {
        let shell = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        assert_the_same_as_without_fil(&pythons()[0], &["sh", "-c", &shell], &testdata("observer.py"));
    }
}

#[test]
fn errno_is_the_jobs_own() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("errno.py"));
    });
}

#[test]
fn signals_reach_the_job_as_without_fil() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("signals.py"));
    });
}

#[test]
fn crashes_of_children_are_told_as_without_fil() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("crashes.py"));
    });
}

/// The job may allow itself less than it was started with, down to nothing.
#[test]
fn a_job_that_limits_itself_is_recorded() {
    let soon = "resource.setrlimit(resource.{}, (0, resource.getrlimit(resource.{})[1]))";
    for (limit, act) in [
        ("descriptors", soon.replace("{}", "RLIMIT_NOFILE")),
        ("core files", soon.replace("{}", "RLIMIT_CORE")),
        ("locked memory", soon.replace("{}", "RLIMIT_MEMLOCK")),
        ("stack of the next program", "resource.setrlimit(resource.RLIMIT_STACK, (65536, 65536))".to_owned()),
    ] {
        let code = format!(
            "import mmap, resource
def hold(): return mmap.mmap(-1, 320 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
{act}\nheld = [str(number) for number in range(500_000)]\nblock = hold()\nprint('done')"
        );
        for_each_python(|python| {
            let folder = Folder::new();
            let ended = folder.record_code(&python.path, &code).success();
            assert_eq!(ended.stdout, "done\n", "{limit} on {}: {ended:#?}", python.name);
            let peak = folder.peak();
            assert_eq!(peak.bytes_of("<string>", "hold") >> 20, 320, "{limit} on {}", python.name);
            assert_eq!(peak.warnings(), Vec::<String>::new(), "{limit} on {}", python.name);
        });
    }
}

/// Where no thread can be started, the job's own threads append what they recorded.
#[test]
fn a_job_that_may_have_no_more_threads_is_recorded() {
    if !geteuid().is_root() {
        eprintln!("NOT TESTED: only root can become a user that has no other processes");
        return;
    }
    let code = "
import mmap, os, resource, threading
# A user of nobody else's: the kernel counts the processes of a user, not those of a job.
os.setgroups([]), os.setgid(64222), os.setuid(64222)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
try: threading.Thread(target=print).start()
except RuntimeError: print('no thread')
# A fork stops fil's own thread. This one fails, and then the thread cannot be started any more.
try: os.fork()
except BlockingIOError: print('no fork')
def hold(): return mmap.mmap(-1, 320 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
held = [str(number) for number in range(3_000_000)]
block = hold()
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        assert_eq!(ended.stdout, "no thread\nno fork\n", "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert_eq!(peak.bytes_of("<string>", "hold") >> 20, 320, "{}", python.name);
        assert!(peak.number("event_count") > 3_000_000, "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}

/// As the init of a container: waits for whatever child there is, and for orphans.
#[test]
fn a_job_that_reaps_orphans_sees_only_its_own() {
    let code = "
import ctypes, os
assert ctypes.CDLL(None).prctl(36, 1) == 0  # PR_SET_CHILD_SUBREAPER
there, back = os.pipe()
if os.fork() == 0:
    if os.fork() == 0: os._exit(3)
    os._exit(4)
codes = []
while True:
    try: codes.append(os.waitpid(-1, 0)[1] >> 8)
    except ChildProcessError: break
print(sorted(codes))
";
    for_each_python(|python| {
        let ended = Folder::new().record_code(&python.path, code).success();
        assert_eq!(ended.stdout, "[3, 4]\n", "{}", python.name);
    });
}
