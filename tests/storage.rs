//! Where traces are written to may be full, small, gone, or somebody else's. The job does not care.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use rustix::process::geteuid;
use support::{Ended, Folder, behind, has_program, list, not_tested, python, run, text, wait_for_end};

/// Makes some MB of trace, and prints a number that is the same each time.
const MUCH: &str = "
import random
random.seed(7)
total = 0
for _ in range(350_000): total += len(bytes(random.randrange(400)))
print(total)
";

/// Runs a shell script with a tmpfs of so many KiB at `disk` in this folder, of which nobody else sees.
fn on_small_disk(folder: &Folder, kibibytes: u64, command: &std::process::Command) -> Ended {
    fs::create_dir_all(folder.join("disk")).expect("created");
    let script =
        format!("mount -t tmpfs -o size={kibibytes}k small \"$0\" && \"$@\"; code=$?; cp \"$0\"/* . ; exit $code");
    let disk = folder.join("disk");
    let shell = ["unshare", "--mount", "sh", "-c", &script, disk.to_str().expect("UTF-8")];
    run(&mut behind(&shell, command))
}

/// At every 64 KiB of trace: there is always a chunk that does not fit, and each time it is another one.
#[test]
fn a_full_disk_ends_the_recording_and_not_the_job() {
    if !geteuid().is_root() {
        return not_tested("only root can mount a file system");
    }
    let folder = Folder::new();
    let whole = folder.record_code(&python(), MUCH).success();
    let trace_kibibytes = fs::metadata(folder.join("trace.fil")).expect("recorded").len() >> 10;
    assert!(trace_kibibytes > 1000, "{trace_kibibytes} KiB try little");
    let all_events = folder.peak().number("event_count");
    let mut partial = 0;
    for kibibytes in (64..trace_kibibytes + 128).step_by(64) {
        let folder = Folder::new();
        let mut record = folder.fil(&["record", "-o", "disk/trace.fil", "--"]);
        let ended = on_small_disk(&folder, kibibytes, record.arg(python()).args(["-c", MUCH]));
        let what = format!("{kibibytes} KiB: {ended:#?}");
        assert_eq!(ended.stdout, whole.stdout, "{what}");
        assert!(ended.stderr.lines().all(|line| line.starts_with("fil: ")), "{what}");
        let answer = run(&mut folder.fil(&["analyze", "--peak", "--json"]));
        let peak: serde_json::Value =
            serde_json::from_str(&answer.stdout).unwrap_or_else(|_| panic!("{what} {answer:#?}"));
        let events = peak["event_count"].as_u64().expect("a number");
        let complete = peak["complete"].as_bool().expect("a truth");
        assert_eq!(complete, list(&peak, "warnings").is_empty(), "{what} {answer:#?}");
        if complete {
            // Addresses, and so the trace, are others each time; what Python does is not, but for a few objects.
            assert!(events.abs_diff(all_events) < all_events / 1000, "{events} of {all_events} events, {what}");
            assert_eq!(ended.code(), 0, "{what}");
        } else {
            partial += 1;
            assert_eq!(ended.code(), 2, "{what}");
            assert!(ended.stderr.contains("the trace is not finished"), "{what}");
        }
    }
    assert!(partial >= trace_kibibytes / 64 - 2, "{partial}");
}

/// A disk that takes nothing more for a while: strace lets writes to the trace fail, those of each thread but for the first two.
#[test]
fn a_used_up_quota_ends_the_recording_and_not_the_job() {
    if !has_program("strace") {
        return;
    }
    let whole = Folder::new().record_code(&python(), MUCH).success();
    let folder = Folder::new();
    let trace = folder.join("trace.fil");
    let strace = ["strace", "-f", "-qq", "-o", "strace.txt", "-e", "inject=write:error=EDQUOT:when=3+", "-P"];
    let strace = [&strace[..], &[trace.to_str().expect("UTF-8")]].concat();
    let ended = run(&mut behind(&strace, &folder.record_command(&python(), &["-c", MUCH])));
    assert_eq!(ended.stdout, whole.stdout, "{ended:#?}");
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(ended.stderr.lines().all(|line| line.starts_with("fil: ")), "{ended:#?}");
    assert!(ended.stderr.contains("Disk quota exceeded"), "{ended:#?}");
    // When there is room again, what is in the spool goes to the trace, and with it the reason.
    let peak = folder.peak();
    assert_eq!(peak.value()["complete"].as_bool(), Some(false));
    assert!(
        peak.warnings().iter().any(|warning| warning.contains("the disk quota is used up")),
        "{:?}",
        peak.warnings()
    );
    assert!(peak.number("event_count") > 10_000);
}

/// The folder of the trace goes, and with it what was recorded.
#[test]
fn a_folder_that_vanishes_is_told_of() {
    let folder = Folder::new();
    fs::create_dir(folder.join("results")).expect("created");
    let code = format!("import shutil; shutil.rmtree('results')\n{MUCH}");
    let mut record = folder.fil(&["record", "-o", "results/trace.fil", "--"]);
    let ended = run(record.arg(python()).args(["-c", &code]));
    assert_eq!(ended.stdout.lines().count(), 1, "{ended:#?}");
    assert_eq!(ended.code(), 2, "{ended:#?}");
    assert!(
        ended.stderr.contains("results/trace.fil was removed while the job ran: what was recorded is lost"),
        "{ended:#?}"
    );
    assert!(ended.stderr.lines().all(|line| line.starts_with("fil: ")), "{ended:#?}");
    run(&mut folder.fil(&["analyze", "results/trace.fil"])).assert_one_line_error(&["results/trace.fil"]);
}

#[test]
fn a_trace_ends_at_the_size_that_it_may_have() {
    let folder = Folder::new();
    let far_more = MUCH.replace("350_000", "1_200_000");
    let mut record = folder.fil(&["record", "--max-trace-size", "1MB", "--"]);
    let ended = run(record.arg(python()).args(["-c", &far_more])).success();
    assert_eq!(ended.stdout.lines().filter(|line| !line.is_empty()).count(), 1, "{ended:#?}");
    assert!(ended.stderr.contains("the trace has the size that it may have"), "{ended:#?}");
    let bytes = fs::metadata(folder.join("trace.fil")).expect("recorded").len();
    // What was in the spool when recording ended is added: 8 MiB at most, which compressed are less than half.
    assert!((900_000..5_000_000).contains(&bytes), "{bytes}");
    let peak = folder.peak();
    assert_eq!(peak.value()["complete"].as_bool(), Some(false));
    assert!(peak.warnings().iter().any(|warning| warning.contains("recording stopped")), "{:?}", peak.warnings());
    assert!(peak.number("event_count") > 100_000);
    // Without a limit it would have been larger.
    let whole = Folder::new();
    whole.record_code(&python(), &far_more).success();
    assert!(fs::metadata(whole.join("trace.fil")).expect("recorded").len() > 2 * bytes.min(1_500_000));
}

#[test]
fn a_size_that_is_none_is_an_error_of_one_line() {
    let folder = Folder::new();
    let mut record = folder.fil(&["record", "--max-trace-size", "much", "--"]);
    run(record.arg(python())).assert_one_line_error(&["--max-trace-size", "much"]);
}

/// The trace, its spools and what is in them are nobody else's business, whatever the umask.
#[test]
fn what_is_recorded_can_be_read_by_its_owner_only() {
    let folder = Folder::new();
    let code = "
import os, glob
def launcher(spools):
    try: return open(spools + '/launcher').read().split()[0]
    except OSError: return None  # another recording's, which is over
spools = [spool for where in ('/dev/shm', '.') for spool in glob.glob(where + '/*.spool')]
mine = [spool for spool in spools if launcher(spool) == str(os.getppid())]
assert len(mine) == 1, spools
for path in ['trace.fil', *mine, *glob.glob(mine[0] + '/*.spool')]: print(oct(os.stat(path).st_mode & 0o777))
";
    let record = folder.record_command(&python(), &["-c", code]);
    let ended = run(&mut behind(&["sh", "-c", "umask 0; exec \"$0\" \"$@\""], &record)).success();
    assert_eq!(ended.stdout, "0o600\n0o700\n0o600\n", "{ended:#?}");
    let mode = fs::metadata(folder.join("trace.fil")).expect("recorded").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// Records a job that kills its `fil record` and ends.
fn leave_unfinished(folder: &Folder) {
    let code = "
import os
held = [bytes(number) for number in range(3000)]
print(os.getpid(), flush=True)
os.kill(os.getppid(), 9)
os._exit(1)
";
    let mut running = support::Running::start(&mut folder.record_command(&python(), &["-c", code]));
    let job = running.line().parse().expect("a process id");
    running.end();
    wait_for_end(job);
}

/// Of a recording whose `fil record` is gone each analysis would finish the trace.
#[test]
fn analyses_at_the_same_time_finish_a_trace_once() {
    let folder = Folder::new();
    leave_unfinished(&folder);
    let mut analyses: Vec<_> =
        (0..4).map(|_| support::Running::start(&mut folder.fil(&["analyze", "--peak", "--json"]))).collect();
    let answers: Vec<Ended> = analyses.drain(..).map(support::Running::end).collect();
    let [first, others @ ..] = &answers[..] else { panic!("there are four") };
    assert_eq!(first.stderr.lines().count(), 1, "that it did not end in order: {first:#?}");
    assert!(others.iter().all(|other| other.stdout == first.stdout && other.stderr == first.stderr), "{answers:#?}");
    // And whatever they appended is there once.
    let bytes = fs::read(folder.join("trace.fil")).expect("recorded");
    let (_, mut at) = format::TraceHeader::decode(&bytes).expect("a header");
    let mut identities = std::collections::BTreeSet::new();
    while at < bytes.len() {
        let header = format::ChunkHeader::decode(&bytes[at..]).expect("a chunk");
        let chunk = &bytes[at..at + header.total_bytes()];
        assert!(identities.insert(format::identity(chunk)), "{header:?} is there twice");
        at += chunk.len();
    }
    assert_eq!(folder.names(), ["trace.fil"]);
}

/// Who copies a trace before touching it keeps a trace that can be finished.
#[test]
fn a_copy_of_an_unfinished_trace_takes_nothing_from_it() {
    let folder = Folder::new();
    leave_unfinished(&folder);
    fs::copy(folder.join("trace.fil"), folder.join("copy.fil")).expect("copied");
    let events = |trace: &str| -> (u64, String) {
        let ended = run(&mut folder.fil(&["analyze", trace, "--peak", "--json"])).success();
        let peak: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        (peak["event_count"].as_u64().expect("a number"), ended.stderr)
    };
    let (of_copy, told) = events("copy.fil");
    assert!(told.contains("this is a copy"), "{told}");
    // A trace may go by another name.
    fs::rename(folder.join("trace.fil"), folder.join("moved.fil")).expect("renamed");
    assert_eq!(events("copy.fil"), (of_copy, told), "it is a copy all the same");
    let (of_trace, told) = events("moved.fil");
    assert!(of_trace > of_copy && !told.contains("copy"), "{of_copy} {of_trace} {told}");
}

/// So that a trace does not grow with the number of processes for ever.
#[test]
fn processes_that_begin_when_the_trace_is_full_are_not_recorded() {
    let folder = Folder::new();
    let code = format!(
        "{MUCH}\nimport subprocess, sys\nfor _ in range(20): subprocess.run([sys.executable, '-c', 'import json'])"
    );
    let mut record = folder.fil(&["record", "--max-trace-size", "1MB", "--"]);
    run(record.arg(python()).args(["-c", &code])).success();
    let peak = folder.peak();
    let told: Vec<String> = peak.warnings().into_iter().filter(|warning| warning.contains("may have")).collect();
    assert_eq!(told.len(), 1, "said once: {:?}", peak.warnings());
    assert!(told[0].starts_with("21 processes: recording stopped"), "{told:?}");
    assert!(told[0].contains("(the first after "), "{told:?}");
    let bytes = fs::metadata(folder.join("trace.fil")).expect("recorded").len();
    assert!(bytes < 5_000_000, "{bytes}");
}

/// Somebody may have put a link where the trace is to be. It is kept like an older trace, and what it leads to stays as it is.
#[test]
fn a_link_in_place_of_the_trace_is_not_followed() {
    let folder = Folder::new();
    fs::write(folder.join("precious"), "as it was").expect("written");
    symlink(folder.join("precious"), folder.join("trace.fil")).expect("linked");
    folder.record_code(&python(), "pass").success();
    assert_eq!(fs::read_to_string(folder.join("precious")).expect("there"), "as it was");
    assert!(fs::symlink_metadata(folder.join("trace.fil")).expect("recorded").is_file());
}

/// A trace from elsewhere may name any folder as that of its spools. What is in it is appended, and removed: not unless the
/// folder is one that only this user could have made.
#[test]
fn a_trace_that_names_a_folder_of_somebody_elses_is_not_believed() {
    let folder = Folder::new();
    let code = "print(1, flush=True); input()";
    let mut running = support::Running::start(&mut folder.record_command(&python(), &["-c", code]));
    running.line();
    let trace = fs::read(folder.join("trace.fil")).expect("begun");
    let (header, _) = format::TraceHeader::decode(&trace).expect("a header");
    let spools = Path::new(std::str::from_utf8(&header.spool_directory).expect("UTF-8")).to_owned();
    running.signal_group(rustix::process::Signal::KILL);
    running.end();
    let files = || fs::read_dir(&spools).map_or(0, Iterator::count);
    let before = files();
    assert!(before > 0);
    let analyze_and_see_it_left = |why: &str| {
        let analyzed = run(&mut folder.fil(&["analyze"]));
        assert!(analyzed.stderr.contains("did not end in order"), "{why}: {analyzed:#?}");
        assert_eq!(files(), before, "{why}");
    };
    fs::set_permissions(&spools, fs::Permissions::from_mode(0o755)).expect("it is ours");
    analyze_and_see_it_left("others could have put something there");
    fs::set_permissions(&spools, fs::Permissions::from_mode(0o700)).expect("it is ours");
    if geteuid().is_root() {
        chown(&spools, Some(64222), None).expect("root may do that");
        analyze_and_see_it_left("it is another user's");
        chown(&spools, Some(0), None).expect("root may do that");
    }
    run(&mut folder.fil(&["analyze"])).success();
    assert_eq!(files(), 0, "and now it is taken");
}

/// A container that ends takes its memory with it, and not the volume where the trace is.
#[test]
fn spools_lie_beside_a_trace_on_a_volume_of_its_own() {
    if !geteuid().is_root() {
        return not_tested("only root can mount a file system");
    }
    let code = "
import glob, os
def launcher(spools):
    try: return open(spools + '/launcher').read().split()[0]
    except OSError: return None  # another recording's, which is over
for where in '/dev/shm', 'disk':
    if any(launcher(spools) == str(os.getppid()) for spools in glob.glob(where + '/*.spool')): print(where)
";
    for (kibibytes, place) in [(100 << 10, "disk\n"), (10 << 10, "/dev/shm\n")] {
        let folder = Folder::new();
        let mut record = folder.fil(&["record", "-o", "disk/trace.fil", "--"]);
        let ended = on_small_disk(&folder, kibibytes, record.arg(python()).args(["-c", code])).success();
        assert_eq!(ended.stdout, place, "{kibibytes} KiB: {ended:#?}");
        assert!(folder.peak().number("event_count") > 10_000, "{kibibytes} KiB");
    }
}

/// Passwords stand in environments and, though they should not, in arguments.
#[test]
fn secrets_stay_out_of_the_trace() {
    let folder = Folder::new();
    let code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'pass', 'hush-3'])";
    let program = folder.join("job.py");
    fs::write(&program, code.replace("hush", "h' + 'ush")).expect("written");
    let mut record = folder.fil(&["record", "--no-command-line", "--"]);
    record.env("FIL_TEST_PASSWORD", "hush-1").arg(python()).arg(&program).arg("hush-2");
    run(&mut record).success();
    let json = folder.analyze(&["--peak", "--json"]);
    assert!(!json.contains("hush-"), "{json}");
    let peak: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(list(&peak, "command").len(), 1, "the command itself is told");
    for process in list(&peak, "processes") {
        assert_eq!(list(process, "command").len(), 1, "{process}");
    }
    assert!(text(&peak, "trace").ends_with("trace.fil"));
    // What is compressed is looked at too.
    let bytes = fs::read(folder.join("trace.fil")).expect("recorded");
    let (_, mut at) = format::TraceHeader::decode(&bytes).expect("a header");
    let has_secret = |bytes: &[u8]| bytes.windows(5).any(|window| window == b"hush-");
    assert!(!has_secret(&bytes[..at]));
    let mut raw = Vec::new();
    while at < bytes.len() {
        let header = format::ChunkHeader::decode(&bytes[at..]).expect("a chunk");
        let chunk = &bytes[at..at + header.total_bytes()];
        format::decompress(&header, chunk, &mut raw).expect("sound");
        assert!(!has_secret(&raw), "{header:?}");
        at += header.total_bytes();
    }
}

/// A name is text, whatever is in it, in pictures too.
#[test]
fn names_with_markup_stay_text() {
    let folder = Folder::new();
    let name = "<script>alert(1)</script>&\"'";
    let program = folder.join("job.py");
    let code = format!("exec(compile('def f(): return bytes(20_000_000)\\nheld = f()', {name:?}, 'exec'))");
    fs::write(&program, code).expect("written");
    run(&mut folder.record_command(&python(), &[program.to_str().expect("UTF-8")])).success();
    folder.analyze(&["--flamegraph", "peak.svg"]);
    let svg = fs::read_to_string(folder.join("peak.svg")).expect("written");
    assert!(!svg.contains("<script>alert"), "it would be run");
    assert!(svg.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"), "it is shown");
}
