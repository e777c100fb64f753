//! Resource limits are the job's own, whether it was started with them or sets them itself.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::process::Command;

use rustix::process::geteuid;
use support::{Folder, assert_the_same_as_without_fil, for_each_python, not_tested, python, pythons, run, testdata};

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
            ended.assert_one_line_error(&["library", "File too large"]);
            continue;
        }
        assert_eq!(ended.stdout, "done\n", "{ended:#?}");
        assert!(ended.stderr.lines().all(|line| line.starts_with("fil: ")), "{ended:#?}");
    }
}

/// And so under every limit that a shell can set.
#[test]
fn limits_are_the_jobs_own() {
    for limit in ["-n 64", "-n 12", "-v 4000000", "-s 512", "-s unlimited", "-c 0", "-c unlimited", "-l 64"] {
        let shell = format!("ulimit {limit} && exec \"$0\" \"$@\"");
        assert_the_same_as_without_fil(&pythons()[0], &["sh", "-c", &shell], &testdata("observer.py"));
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
        return not_tested("only root can become a user that has no other processes");
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
