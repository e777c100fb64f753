//! Jobs that are killed at random instants, with and without their `fil record`, and finishing that is killed too: what
//! was acknowledged before is in the trace, once.
//!
//! `FIL_TORTURE_KILLS=1000` makes so many jobs; the default is a look. `FIL_TORTURE_SEED` repeats a run's choices, though not
//! its instants: those are the machine's.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

#[path = "../support/mod.rs"]
mod support;

mod acknowledged;
mod recorded;

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use acknowledged::{Acknowledged, Counts};
use fastrand::Rng;
use format::TraceHeader;
use recorded::Recorded;
use rustix::process::{Pid, Signal, kill_process};
use support::{Folder, Running, python, run, testdata, wait_for_end};

/// Most threads of a process: `testdata/torture.c` allows for eight.
const MOST_THREADS: u32 = 4;
const MOST_PROCESSES: u32 = 3;
/// A job is killed after at most so many lines.
const MOST_LINES: u32 = 3000;
/// And so much time.
const LONGEST_PAUSE: Duration = Duration::from_millis(3);
/// Finishing a trace takes some milliseconds.
const FINISHING: Duration = Duration::from_millis(12);

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victims {
    /// The job only.
    Job,
    /// The job, and then `fil record` while it finishes the trace.
    JobThenFil,
    /// `fil record`, and then the job.
    FilThenJob,
    /// All at once, as by the end of a container.
    All,
}

/// A job of `testdata/torture.c` and how it is to end.
#[derive(Debug)]
struct Plan {
    victims: Victims,
    in_python: bool,
    processes: u32,
    threads: u32,
    /// Killed are the first ones when the job has said so much. `None`: from the start of `fil record` on.
    lines: Option<u32>,
    /// And so much later.
    pause: Duration,
    /// And so much later those who are killed then.
    second_pause: Duration,
    /// After this time `fil analyze` is killed, before another one may finish what is left.
    finishing: Vec<Duration>,
}

impl Plan {
    fn choose(random: &mut Rng) -> Plan {
        let mut up_to = |most: Duration| Duration::from_micros(random.u64(..most.as_micros() as u64));
        let [pause, start, second_pause] = [LONGEST_PAUSE, 5 * FINISHING, FINISHING].map(&mut up_to);
        let finishing = [FINISHING; 2].map(&mut up_to);
        let victims = [Victims::Job, Victims::JobThenFil, Victims::FilThenJob, Victims::All][random.usize(..4)];
        let lines = match random.u8(..8) {
            0 if matches!(victims, Victims::All) => None,
            0..3 => Some(0),
            _ => Some(random.u32(1..MOST_LINES)),
        };
        // Copies of other programs are not recorded.
        let in_python = random.u8(..3) == 0;
        Plan {
            victims,
            in_python,
            processes: if in_python { random.u32(1..=MOST_PROCESSES) } else { 1 },
            threads: random.u32(1..=MOST_THREADS),
            lines,
            pause: if lines.is_none() { start } else { pause },
            second_pause,
            finishing: finishing[..random.usize(..=2)].to_vec(),
        }
    }
}

/// What was tried.
#[derive(Debug, Default)]
struct Tried {
    /// Calls that jobs acknowledged.
    calls: u64,
    /// Chunks of events in traces.
    event_chunks: u64,
}

/// The job's program, and the same as a library.
struct Torture(Folder);

impl Torture {
    fn build() -> Torture {
        let folder = Folder::new();
        for (kind, name) in [(&["-fPIE", "-pie"][..], "torture"), (&["-fPIC", "-shared"], "torture.so")] {
            let mut compile = Command::new("cc");
            compile.args(kind).args(["-O1", "-pthread", "-o"]).arg(folder.join(name)).arg(testdata("torture.c"));
            run(&mut compile).success();
        }
        Torture(folder)
    }

    /// `fil record` of a job.
    fn command(&self, folder: &Folder, plan: &Plan) -> Command {
        let [processes, threads] = [plan.processes, plan.threads].map(|number| number.to_string());
        if plan.in_python {
            let library = self.0.join("torture.so");
            let code = format!("import ctypes; ctypes.CDLL('{}').torture({processes}, {threads})", library.display());
            folder.record_command(&python(), &["-c", &code])
        } else {
            folder.record_command(&self.0.join("torture"), &[&processes, &threads])
        }
    }
}

#[test]
fn what_was_acknowledged_before_a_kill_is_in_the_trace_once() {
    let kills = number_of("FIL_TORTURE_KILLS").unwrap_or(40);
    let seed = number_of("FIL_TORTURE_SEED").unwrap_or_else(|| fastrand::u64(..));
    let torture = Torture::build();
    let mut random = Rng::with_seed(seed);
    let mut tried = Tried::default();
    for kill in 0..kills {
        let plan = Plan::choose(&mut random);
        kill_and_compare(&torture, &plan, &mut tried, &format!("kill {kill} of seed {seed}: {plan:?}"));
    }
    println!("{kills} kills, seed {seed}: {tried:?}");
    assert!(tried.calls > 100 * kills, "{tried:?} is nothing");
    assert!(tried.event_chunks > 10 * kills, "{tried:?}: slots are seldom handed over");
}

fn number_of(variable: &str) -> Option<u64> {
    env::var(variable).ok().map(|number| number.parse().expect("a number"))
}

fn kill_and_compare(torture: &Torture, plan: &Plan, tried: &mut Tried, what: &str) {
    let folder = Folder::new();
    let trace = folder.join("trace.fil");
    let acknowledged = kill(torture, &folder, plan);
    if !trace.exists() {
        assert_eq!(plan.lines, None, "{what}");
        return;
    }
    if plan.victims == Victims::Job {
        assert_eq!(folder.names(), ["trace.fil"], "{what}: fil has finished");
    }
    let outside = folders_outside(&trace);
    plan.finishing.iter().for_each(|&pause| kill_finishing(&folder, pause));
    let ended = run(&mut folder.fil(&["analyze", "--peak", "--json"]));
    let peak: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap_or_else(|_| panic!("{what}: {ended:#?}"));
    let recorded = Recorded::read(&trace);
    assert_eq!(peak["event_count"].as_u64(), Some(recorded.events), "{what}: {ended:#?}");
    match plan.victims {
        Victims::Job => assert!(recorded.has_end, "{what}"),
        Victims::JobThenFil => {}
        Victims::FilThenJob | Victims::All => assert!(!recorded.has_end, "{what}"),
    }
    assert!(ended.status.success(), "{what}: {ended:#?}");
    // That there is no end, or not even a beginning, is all that there is to say.
    let warnings = usize::from(!recorded.has_end) + usize::from(!recorded.has_process);
    assert_eq!(ended.stderr.lines().count(), warnings, "{what}: {ended:#?}");
    assert_eq!(folder.names(), ["trace.fil"], "{what}");
    let left: Vec<&PathBuf> = outside.iter().filter(|path| path.exists()).collect();
    assert!(left.is_empty(), "{what}: {left:?} is left");
    tried.calls += compare(&acknowledged, &recorded, what);
    tried.event_chunks += recorded.event_chunks;
}

/// Runs a job, and kills it as planned. Returns what it has said to its end.
fn kill(torture: &Torture, folder: &Folder, plan: &Plan) -> Acknowledged {
    let mut running = Running::start(&mut torture.command(folder, plan));
    let mut acknowledged = Acknowledged::default();
    // The first line names the first process.
    for _ in 0..plan.lines.map_or(0, |lines| lines + 1) {
        acknowledged.note(&running.line());
    }
    let first = acknowledged.pids().first().and_then(|&pid| Pid::from_raw(pid.cast_signed()));
    thread::sleep(plan.pause);
    match plan.victims {
        Victims::Job => kill_process(first.expect("has begun"), Signal::KILL).expect("it runs"),
        Victims::JobThenFil => {
            kill_process(first.expect("has begun"), Signal::KILL).expect("it runs");
            thread::sleep(plan.second_pause);
            running.signal(Signal::KILL);
        }
        Victims::FilThenJob => {
            running.signal(Signal::KILL);
            thread::sleep(plan.second_pause);
            running.signal_group(Signal::KILL);
        }
        Victims::All => running.signal_group(Signal::KILL),
    }
    // Some may have been killed before they said a word.
    let members = running.members();
    // It waits until nobody holds stdout any more, ...
    running.end().stdout.lines().for_each(|line| acknowledged.note(line));
    // ... which processes that end do shortly before they have ended.
    acknowledged.pids().into_iter().chain(members).for_each(wait_for_end);
    acknowledged
}

/// What belongs to a recording and is not beside its trace: the spools and the recorder library.
fn folders_outside(trace: &Path) -> Vec<PathBuf> {
    let (header, _) = TraceHeader::decode(&fs::read(trace).expect("readable")).expect("its header is whole");
    let path = |bytes: &[u8]| Path::new(OsStr::from_bytes(bytes)).to_owned();
    let spools = path(&header.spool_directory);
    let library = fs::read(spools.join("library")).ok().map(|library| path(&library));
    library.into_iter().chain([spools]).collect()
}

/// An analysis that is killed so long after its start.
fn kill_finishing(folder: &Folder, pause: Duration) {
    let mut command = folder.fil(&["analyze", "--peak", "--json"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("can be started");
    thread::sleep(pause);
    child.kill().expect("it is ours");
    child.wait().expect("it is ours to wait for");
}

/// Returns how many calls were acknowledged.
fn compare(acknowledged: &Acknowledged, recorded: &Recorded, what: &str) -> u64 {
    let mut calls = 0;
    for (pid, said) in acknowledged.processes() {
        let written = recorded.story(pid);
        for (block, counts) in &said {
            assert!(*counts == Counts { allocations: 1, frees: counts.frees.min(1) }, "{block:?}: {counts:?}");
            let found = written.get(block).copied().unwrap_or_default();
            assert_eq!(found.allocations, 1, "{block:?} of process {pid}, {what}");
            assert!((counts.frees..=1).contains(&found.frees), "{block:?} of process {pid}: {found:?}, {what}");
            calls += u64::from(counts.allocations + counts.frees);
        }
        // A call may have been over and not acknowledged: one of each thread.
        let unsaid = |block| said.get(block).copied().unwrap_or_default();
        let mut more = [0; MOST_THREADS as usize];
        for (block, counts) in &written {
            let said = unsaid(block);
            more[block.thread as usize] += counts.allocations - said.allocations + counts.frees - said.frees;
        }
        assert!(more.iter().all(|&calls| calls <= 1), "{more:?} calls too many of process {pid}, {what}");
    }
    calls
}
