//! A job does not notice that it is recorded: input, output, exit code, signals, environment.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use rustix::process::Signal;
use support::{
    Folder, assert_the_same_as_without_fil, copy_fil, for_each_python, python, run, run_with_input, testdata,
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

/// The core of the job itself is written where it would be, and can be read.
#[test]
fn a_core_of_the_job_is_written_as_without_fil() {
    let code = "
import os, resource
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
os.abort()";
    let cores = |folder: &Folder| folder.names().iter().filter(|name| name.starts_with("core")).count();
    for_each_python(|python| {
        let (with, without) = (Folder::new(), Folder::new());
        run(Command::new(&python.path).args(["-c", code]).current_dir(without.path()));
        let ended = with.record_code(&python.path, code);
        assert_eq!(ended.code(), 128 + Signal::ABORT.as_raw(), "{}: {ended:#?}", python.name);
        assert_eq!(cores(&with), cores(&without), "{}", python.name);
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
