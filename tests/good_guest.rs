//! A job does not notice that it is recorded: input, output, exit code, signals, environment.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use support::{
    FIL, Folder, HOLD, Python, assert_the_same_as_without_fil, blocks, copy_fil, for_each_python, has_program, held,
    not_tested, run, run_with_input, testdata,
};

#[test]
fn input_and_output_go_through_untouched() {
    let code = "import sys; data = sys.stdin.buffer.read(); sys.stdout.write(f'{len(data)} {sum(data)}')
sys.stderr.write('words of the job\\n')";
    let input: Vec<u8> = (0..3_000_000u32).map(|number| (number % 251) as u8).collect();
    let sum: u64 = input.iter().map(|&byte| u64::from(byte)).sum();
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = run_with_input(&mut folder.record_command(&python.path, &["-c", code]), &input).success();
        assert_eq!(ended.stdout, format!("3000000 {sum}"), "{}", python.name);
        assert_eq!(ended.job_stderr(), "words of the job\n", "{}: {ended:#?}", python.name);
        assert!((2..=3).contains(&ended.fil_lines().len()), "{}: {ended:#?}", python.name);
    });
}

#[test]
fn fil_exits_with_the_jobs_code() {
    let codes = [
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
    ];
    for_each_python(|python| {
        for (code, expected) in codes {
            let ended = Folder::new().record_code(&python.path, code);
            assert_eq!(ended.code(), expected, "{code} on {}: {ended:#?}", python.name);
        }
    });
}

/// One file is the installation.
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
    let program = testdata("fib.py");
    for_each_python(|python| {
        let folder = Folder::new();
        let arguments = [program.to_str().expect("UTF-8"), "22"];
        let ended = run(&mut folder.record_command(&python.path, &arguments)).success();
        assert_eq!(ended.stdout, "17711\ntrace function: None profile function: None\n", "{}", python.name);
    });
}

#[test]
fn the_environment_is_passed_on() {
    let code = "import os; print(os.environ['MY_SETTING'], os.getcwd(), os.environ.get('PYTHONMALLOC'))";
    for_each_python(|python| {
        let folder = Folder::new();
        let mut command = folder.record_command(&python.path, &["-c", code]);
        let ended = run(command.env("MY_SETTING", "17")).success();
        let here = folder.path().canonicalize().expect("is there");
        assert_eq!(ended.stdout, format!("17 {} None\n", here.display()), "{}", python.name);
    });
}

/// Descriptors, folder and time limits are the job's to change.
#[test]
fn a_job_that_closes_every_descriptor_is_recorded() {
    let code = "
import os, sys
os.chdir('/')
os.closerange(3, 4096)
def fill(held):
    for _ in range(100_000): held.append(bytearray(1000))
held = []
empty = sys.getsizeof(held)
fill(held)
print(sum(map(sys.getsizeof, held)) + sys.getsizeof(held) - empty)
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        let peak = folder.peak();
        assert_eq!(peak.bytes_of("<string>", "fill").to_string(), ended.stdout.trim(), "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}

#[test]
fn a_job_in_a_deleted_folder_is_recorded() {
    for_each_python(|python| {
        let folder = Folder::new();
        let trace = folder.join("trace.fil");
        fs::create_dir(folder.join("gone")).expect("a new folder");
        let script = "cd gone && rmdir \"$PWD\" && exec \"$0\" \"$@\"";
        let mut shell = Command::new("sh");
        shell.args(["-c", script, FIL, "record", "-o"]).arg(&trace).arg("--").arg(&python.path);
        let ended = run(shell.args(["-c", "print('it runs')"]).current_dir(folder.path())).success();
        assert_eq!(ended.stdout, "it runs\n", "{}: {ended:#?}", python.name);
        assert!(folder.peak().number("event_count") > 0, "{}", python.name);
    });
}

/// Numbers that the recorder's own files have are the job's to take, to use and to free.
#[test]
fn a_job_that_takes_the_recorders_descriptors_keeps_them_and_is_recorded() {
    let code = format!(
        "{HOLD}
(there, back), (wait, go) = os.pipe(), os.pipe()
taken = range(490, 520)
for number in taken: os.dup2(back, number)
small = [str(number) for number in range(300_000)]
child = os.fork()
held = hold(200 if child else 100)
for number in taken: os.write(number, b'+')
for number in taken: os.close(number)
small += [str(number) for number in range(300_000)]
if child == 0:
    # Until the parent has its block too, and says so.
    os.read(wait, 1)
    hold(1).close()
    os._exit(0)
written = os.read(there, 1000)
while len(written) < 2 * len(taken): written += os.read(there, 1000)
ballast = hold(300)
ballast.close()
os.write(go, b'+')
print(os.waitpid(child, 0)[1], set(written))
"
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert_eq!(ended.stdout, "0 {43}\n", "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert_eq!(held(&peak), blocks(python, [100, 200, 300]), "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
        assert!(peak.number("event_count") > 3 * 300_000, "{}", python.name);
    });
}

/// Everything that a job sees of itself is the same: descriptors, processors, threads, signals, limits,
/// environment, folder, modules and more.
#[test]
fn what_a_job_sees_of_itself_is_the_same() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("observer.py"));
    });
}

#[test]
fn errno_is_the_jobs_own() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("errno.py"));
    });
}

#[test]
fn crashes_of_children_are_told_as_without_fil() {
    for_each_python(|python| {
        assert_the_same_as_without_fil(python, &[], &testdata("crashes.py"));
    });
}

/// The core of the job itself is written where it would be, and a debugger finds the same callers in it.
#[test]
fn a_core_of_the_job_is_written_as_without_fil() {
    if !has_program("gdb") {
        return;
    }
    let code = "
import os, resource
# Only root may have more than the hard limit.
most = resource.RLIM_INFINITY if os.getuid() == 0 else resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (most, most))
os.abort()";
    let core = |folder: &Folder| folder.names().into_iter().find(|name| name.starts_with("core"));
    for_each_python(|python| {
        let (with, without) = (Folder::new(), Folder::new());
        run(Command::new(&python.path).args(["-c", code]).current_dir(without.path()));
        let ended = with.record_code(&python.path, code);
        assert_eq!(ended.code(), 128 + Signal::ABORT.as_raw(), "{}: {ended:#?}", python.name);
        let Some(expected) = core(&without) else {
            return not_tested("the system puts cores elsewhere, or none can be written");
        };
        let expected = functions_in_core(python, &without.join(&expected));
        assert!(expected.len() > 10, "{}: {expected:?}", python.name);
        let found = core(&with).unwrap_or_else(|| panic!("{}: no core: {ended:#?}", python.name));
        assert_eq!(functions_in_core(python, &with.join(&found)), expected, "{}", python.name);
        // The recorder is one of the callers, and kept for the debugger.
        let library = ended.fil_lines().iter().find_map(|line| line.split("debuggers need ").nth(1));
        let library = library.and_then(|line| line.strip_suffix(", which is kept")).expect("fil tells where it is");
        fs::remove_dir_all(Path::new(library).parent().expect("in a folder")).expect("it is there");
    });
}

/// The functions on the stack of the thread that crashed, innermost first, without the recorder's.
fn functions_in_core(python: &Python, core: &Path) -> Vec<String> {
    let mut gdb = Command::new("gdb");
    gdb.args(["-batch", "-nx", "-ex", "backtrace"]).arg(&python.path).arg(core);
    let read = run(&mut gdb);
    assert!(read.stdout.contains("Program terminated with signal SIGABRT"), "{}: {read:#?}", python.name);
    // Such as "#5  0x00007ffb85efa82d in os_abort_impl (module=<optimized out>) at ./Modules/posixmodule.c:12676".
    let frames = read.stdout.lines().filter(|line| line.starts_with('#') && !line.contains("libfil_recorder"));
    let name = |line: &str| {
        let before = line.split(" (").next().expect("a part");
        before.rsplit(' ').next().expect("a word").to_owned()
    };
    frames.map(name).collect()
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
