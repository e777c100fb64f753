//! Resource limits are the job's own, whether it was started with them or sets them itself.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use rustix::process::geteuid;
use support::{
    Ended, Folder, HOLD, Python, assert_the_same_as_without_fil, behind, blocks, for_each_python, held, not_tested,
    run, testdata,
};

/// Runs `fil record` of some Python code as a shell does after `ulimit -f`.
fn record_with_file_size_limit(folder: &Folder, python: &Python, kibibytes: u64, code: &str) -> Ended {
    // In blocks of 512 bytes.
    let limit = ["sh", "-c", "ulimit -f $0; exec \"$@\"", &(2 * kibibytes).to_string()];
    run(&mut behind(&limit, &folder.record_command(&python.path, &["-c", code])))
}

/// A trace over the limit ends the recording, which is told; the job runs as it would.
#[test]
fn a_limit_on_file_sizes_below_the_trace_ends_the_recording_only() {
    let code = "import random\nfor _ in range(6_000_000): bytes(random.randrange(400))\nprint('done')";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = record_with_file_size_limit(&folder, python, 4096, code);
        assert_eq!(ended.code(), 2, "{}: {ended:#?}", python.name);
        assert_eq!(ended.stdout, "done\n", "{}: {ended:#?}", python.name);
        assert!(ended.stderr.lines().all(|line| line.starts_with("fil: ")), "{}: {ended:#?}", python.name);
        assert!(ended.stderr.contains("the trace is not finished"), "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert!(peak.number("event_count") > 1_000_000, "{}", python.name);
        assert_eq!(peak.value()["complete"].as_bool(), Some(false), "{}", python.name);
    });
}

/// With less than the recorder library takes nothing can be recorded, which is said before the job starts.
#[test]
fn a_limit_on_file_sizes_below_the_library_is_an_error_of_one_line() {
    for_each_python(|python| {
        let ended = record_with_file_size_limit(&Folder::new(), python, 512, "print('it runs')");
        ended.assert_one_line_error(&["library", "File too large"]);
    });
}

/// A limit that the job sets itself is in the recorder's way as well. The job must not die of that.
#[test]
fn a_job_that_limits_its_files_is_told_of_and_not_killed() {
    let code = format!(
        "{HOLD}
import random, resource, signal
# What Python sets for itself. Other programs die of a file that is too large.
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
held = [random.random() for _ in range(3_000_000)]
block = hold(320)
print('done')"
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert_eq!(ended.stdout, "done\n", "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert!(ended.stderr.contains("recording stopped"), "{}: {ended:#?}", python.name);
        let [warning] = &peak.warnings()[..] else { panic!("{:?} on {}", peak.warnings(), python.name) };
        assert!(warning.contains("the trace cannot be written: file too large"), "{}: {warning}", python.name);
        assert_eq!(peak.value()["complete"].as_bool(), Some(false), "{}", python.name);
        // What was there already is.
        assert!(peak.number("event_count") > 10_000, "{}", python.name);
    });
}

/// And so under every limit that a shell can set.
#[test]
fn limits_are_the_jobs_own() {
    let descriptors = ["-n 64", "-n 12"];
    let memory = ["-v 4000000", "-d 1000000", "-s 512", "-s unlimited", "-l 64"];
    let others = ["-c 0", "-c unlimited", "-t 1000", "-u 1000"];
    for limit in [&descriptors[..], &memory, &others].concat() {
        // bash: Debian's sh knows no -u.
        let shell = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        for_each_python(|python| {
            assert_the_same_as_without_fil(python, &["bash", "-c", &shell], &testdata("observer.py"));
        });
    }
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
            "{HOLD}
import resource
{act}\nheld = [str(number) for number in range(500_000)]\nblock = hold(320)\nprint('done')"
        );
        for_each_python(|python| {
            let folder = Folder::new();
            let ended = folder.record_code(&python.path, &code).success();
            assert_eq!(ended.stdout, "done\n", "{limit} on {}: {ended:#?}", python.name);
            let peak = folder.peak();
            assert_eq!(held(&peak), blocks(python, [320]), "{limit} on {}", python.name);
            assert_eq!(peak.warnings(), Vec::<String>::new(), "{limit} on {}", python.name);
        });
    }
}

/// Where no thread can be started, the job's own threads append what they recorded.
#[test]
fn a_job_that_may_have_no_more_threads_is_recorded() {
    if !geteuid().is_root() {
        return not_tested("only root can become a user that has no other processes");
    }
    let code = format!(
        "{HOLD}
import resource, threading
# A user of nobody else's: the kernel counts the processes of a user, not those of a job.
os.setgroups([]), os.setgid(64222), os.setuid(64222)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
try: threading.Thread(target=print).start()
except RuntimeError: print('no thread')
# A fork stops fil's own thread. This one fails, and then the thread cannot be started any more.
try: os.fork()
except BlockingIOError: print('no fork')
held = [str(number) for number in range(3_000_000)]
block = hold(320)
"
    );
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert_eq!(ended.stdout, "no thread\nno fork\n", "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert_eq!(held(&peak), blocks(python, [320]), "{}", python.name);
        assert!(peak.number("event_count") > 3_000_000, "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}
