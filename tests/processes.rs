//! All processes of a job are recorded into one trace, whatever way they were started, and the peak is
//! that of their sum.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::Value;
use support::{
    Folder, HOLD, Peak, Place, blocks, for_each_python, held, held_by, line_of, list, python, read_csv, run, testdata,
    text,
};

/// The command lines of all processes, largest process first.
fn commands(peak: &Peak) -> Vec<Vec<String>> {
    let words =
        |process: &Value| list(process, "command").iter().map(|word| word.as_str().expect("text").to_owned()).collect();
    list(peak.value(), "processes").iter().map(words).collect()
}

#[test]
fn every_way_to_start_a_process_is_recorded() {
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_testdata(&python.path, "process_ways.py");
        let ways: u64 = ended.stdout.trim().parse().expect("says how many");
        let peak = folder.peak();
        let held = held_by(&peak, "process_ways.py");
        let bytes: Vec<u64> = held.iter().map(|(bytes, _)| *bytes).collect();
        assert_eq!(bytes, blocks(python, (100..100 + ways).chain([500])), "{}: {ended:#?}", python.name);
        let (of_children, of_parent) = held.split_at(ways as usize);
        let place = |function: &str, line: &str| {
            let file = "process_ways.py";
            (function.to_owned(), file.to_owned(), line_of(file, line))
        };
        let hold = place("hold", "held = block(");
        for (_, callers) in of_children {
            let expected = place("hold_until_all_are_there", "held = hold(mebibytes)");
            assert_eq!(callers[callers.len() - 2..], [expected, hold.clone()], "{}: {callers:?}", python.name);
        }
        let callers = [place("<module>", "    main()"), place("main", "ballast = hold(500)"), hold];
        assert_eq!(of_parent[0].1, callers, "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
        assert_eq!(folder.names(), ["go", "ready", "trace.fil"]);
    });
}

#[test]
fn a_process_has_its_own_command_and_a_fork_that_of_its_parent() {
    let code = "
import os, subprocess, sys
if os.fork() == 0: os._exit(0)
os.wait()
subprocess.run([sys.executable, '-c', 'pass', 'by subprocess'], check=True)
if os.fork() == 0: os.execv(sys.executable, ['renamed', '-c', 'pass', 'by exec'])
os.wait()
";
    for_each_python(|python| {
        let folder = Folder::new();
        folder.record_code(&python.path, code).success();
        let mut lasts: Vec<String> =
            commands(&folder.peak()).into_iter().map(|command| command.last().expect("words").clone()).collect();
        lasts.sort();
        let mut expected = vec![code, code, code, "by subprocess", "by exec"];
        if python.version() < (3, 10) {
            // Its subprocess forks, with a copy of the whole process; later ones need none.
            expected.push(code);
        }
        expected.sort_unstable();
        assert_eq!(lasts, expected, "{}", python.name);
    });
}

/// Workers of loky are programs of their own, started by fork and exec, those of multiprocessing are started as Python does
/// it by itself. Both get their tasks through pipes.
#[test]
fn workers_of_joblib_are_recorded() {
    let program = testdata("joblib_workers.py");
    let object = 32 + 1;
    let expected: u64 = (10_000_000..10_000_008).map(|size| size + object).sum();
    for_each_python(|python| {
        for backend in ["loky", "multiprocessing", "threading"] {
            let folder = Folder::new();
            run(folder.record_command(&python.path, &["-B"]).arg(&program).arg(backend)).success();
            // Not JSON: the imports of several processes are 100,000 stacks, each spelled out.
            let rows = read_csv(&folder.analyze(&["--peak", "--csv"]));
            let of_block = rows.iter().filter(|row| row["function"] == "block");
            let bytes: u64 = of_block.map(|row| text(row, "live_bytes").parse::<u64>().expect("bytes")).sum();
            assert_eq!(bytes, expected, "{backend} on {}", python.name);
            let timeline: Value = serde_json::from_str(&folder.analyze(&["--timeline", "--json"])).expect("JSON");
            assert_eq!(list(&timeline, "warnings"), &Vec::<Value>::new(), "{backend} on {}", python.name);
        }
    });
}

/// Held at one instant they add up, one after the other they do not.
#[test]
fn the_peak_is_the_maximum_of_the_sum_at_one_instant() {
    let code = "
def child(mebibytes, before_end):
    there, back = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(back[1])
        block = hold(mebibytes)
        os.write(there[1], b'+')
        if before_end: os.read(back[0], 1)
        block.close()
        # A process is known to be alive up to what is recorded with its time, which a mapping is.
        hold(1).close()
        os._exit(0)
    os.read(there[0], 1)
    if not before_end: os.wait()
    return back[1]
together = sys.argv[1] == 'together'
first = child(300, together)
second = child(200, together)
if together:
    os.close(first), os.close(second)
    os.wait(), os.wait()
";
    let code = format!("{HOLD}{code}");
    for_each_python(|python| {
        for (when, expected) in [("together", &[200, 300][..]), ("apart", &[300])] {
            let folder = Folder::new();
            let mut command = folder.record_command(&python.path, &["-c", &code, when]);
            run(&mut command).success();
            let expected = blocks(python, expected.iter().copied());
            assert_eq!(held(&folder.peak()), expected, "{when} on {}", python.name);
        }
    });
}

/// A fork must find no lock half-held and no thread half-stopped, however busy the others are.
#[test]
fn forks_among_busy_threads_never_hang() {
    const FORKS: usize = 300;
    let program = testdata("fork_storm.py");
    for_each_python(|python| {
        let folder = Folder::new();
        let arguments = ["-W", "ignore", program.to_str().expect("UTF-8"), &FORKS.to_string()];
        let ended = run(&mut folder.record_command(&python.path, &arguments)).success();
        // A status of waitpid: the code is in the upper byte.
        assert_eq!(ended.stdout, "[1792]\n", "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert_eq!(list(peak.value(), "processes").len(), 1 + FORKS, "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}

/// Python 3.12 and later warn of a fork in a process with threads. Fil's own is none of the job's.
#[test]
fn no_warning_of_forks_because_of_fil() {
    let code = "
import multiprocessing, os
for _ in range(50):
    held = [str(number) for number in range(1000)]
    if os.fork() == 0: os._exit(0)
    os.wait()
child, terminal = os.forkpty()
if child == 0: os._exit(0)
os.waitpid(child, 0)
process = multiprocessing.get_context('fork').Process(target=print, args=('child',))
process.start()
process.join()
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = run(&mut folder.record_command(&python.path, &["-W", "error", "-c", code])).success();
        assert_eq!(ended.stdout, "child\n", "{}", python.name);
        assert_eq!(ended.fil_lines().len(), ended.stderr.lines().count(), "{}: {ended:#?}", python.name);
    });
}

/// A warning that the job deserves it still gets.
#[test]
fn a_warning_of_forks_among_the_jobs_own_threads_stays() {
    let code = "
import os, threading
gate = threading.Lock()
gate.acquire()
thread = threading.Thread(target=gate.acquire)
thread.start()
if os.fork() == 0: os._exit(0)
gate.release()
thread.join()
";
    for_each_python(|python| {
        let ended = Folder::new().record_code(&python.path, code).success();
        let warned = ended.stderr.contains("use of fork() may lead to deadlocks in the child");
        assert_eq!(warned, python.version() >= (3, 12), "{}: {ended:#?}", python.name);
    });
}

/// In memory, what ended processes leave must not add up to the end of the job.
#[test]
fn what_ended_processes_leave_is_taken_while_the_job_runs() {
    let code = "
import os
for _ in range(200):
    if os.fork() == 0: os._exit(0)
    os.wait()
spools = lambda: [name for name in os.listdir(open(os.path.join(os.path.dirname(os.environ['LD_PRELOAD'].split(':')[0]), 'recording')).read().split(chr(0))[1]) if name.endswith('.spool')]
while len(spools()) > 1: os.sched_yield()
print(spools()[0].startswith(f'{os.getpid()}-'))
";
    let folder = Folder::new();
    let ended = folder.record_code(&python(), code).success();
    assert_eq!(ended.stdout, "True\n");
    let peak = folder.peak();
    assert_eq!(list(peak.value(), "processes").len(), 201);
    assert_eq!(peak.warnings(), Vec::<String>::new());
}

/// fil ends with its job. What still runs then goes on recording, and the next analysis has it.
#[test]
fn a_daemon_that_outlives_the_job_is_recorded_to_its_end() {
    let code = "
os.mkfifo('gate')
if os.fork() == 0:
    os.setsid()
    if os.fork() != 0: os._exit(0)
    print(os.getpid(), flush=True)
    for descriptor in range(3): os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    os.closerange(3, 4096)
    open('gate').read()
    block = hold(700)
    held = [str(number) for number in range(200_000)]
    os._exit(0)
os.wait()
block = hold(50)
";
    let code = format!("{HOLD}{code}");
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert!(ended.stderr.contains("1 process of the job still runs"), "{ended:#?}");
        let daemon = ended.stdout.trim().parse().ok().and_then(Pid::from_raw).expect("says its process id");
        let daemon = pidfd_open(daemon, PidfdFlags::empty()).expect("it runs");
        fs::write(folder.join("gate"), "go").expect("it reads");
        poll(&mut [PollFd::new(&daemon, PollFlags::IN)], None).expect("waits for its end");
        let peak = folder.peak();
        assert_eq!(held(&peak), blocks(python, [700]), "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
        assert_eq!(folder.names(), ["gate", "trace.fil"], "nothing is left beside the trace");
    });
}

/// The first thread may end before the others. To the kernel the process is then a zombie that works.
#[test]
fn a_process_whose_first_thread_has_ended_goes_on_recording() {
    let code = "
import ctypes, threading
def work():
    # Not before the first thread has ended, and fil has had a look at the process.
    while ') Z' not in open(f'/proc/{os.getpid()}/task/{os.getpid()}/stat').read(): os.sched_yield()
    if os.fork() == 0: os._exit(0)
    os.wait()
    spools = lambda: [name for name in os.listdir(open(os.path.join(os.path.dirname(os.environ['LD_PRELOAD'].split(':')[0]), 'recording')).read().split(chr(0))[1]) if name.endswith('.spool')]
    while len(spools()) > 1: os.sched_yield()
    global block
    block = hold(90)
    held = [str(number) for number in range(500_000)]
    os._exit(9)
threading.Thread(target=work).start()
ctypes.CDLL(None).syscall(60, 0)
";
    let code = format!("{HOLD}{code}");
    // Its first thread ends without the interpreter's lock: ctypes gave it back for the call.
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code);
        assert_eq!(ended.code(), 9, "{}: {ended:#?}", python.name);
        assert_eq!(held(&folder.peak()), blocks(python, [90]), "{}", python.name);
    });
}

/// Three Pythons that hold memory at the same time, and then one that holds more than each of them, but less than all.
#[test]
fn the_peak_of_a_shell_script_is_the_greatest_sum_at_one_instant() {
    let program = "import itertools, os, sys
def hold(size):
    held = bytearray(size)
    os.write(1, b'%d\\n' % sys.getsizeof(held))
    wait_for(int(sys.argv[2]))
    os._exit(0)
def wait_for(count):
    gate = os.open('gate', os.O_RDWR)
    for number in itertools.count(1):
        try: os.open(f'number {number}', os.O_CREAT | os.O_EXCL)
        except FileExistsError: continue
        return os.write(gate, b'+' * (count - 1)) if number == count else os.read(gate, 1)
hold(int(sys.argv[1]))
";
    let script = "mkfifo gate; for size in 10000000 15000000 20000000; do \"$0\" -c \"$1\" $size 3 & done; wait
\"$0\" -c \"$1\" 30000000 4";
    for_each_python(|python| {
        let folder = Folder::new();
        let python_path = python.path.to_str().expect("UTF-8");
        let ended = run(&mut folder.record_command(Path::new("sh"), &["-c", script, python_path, program])).success();
        let mut expected: Vec<u64> = ended.stdout.lines().take(3).map(|line| line.parse().expect("a number")).collect();
        expected.sort_unstable();
        let of_hold =
            |(_, frames): &(u64, Vec<Place>)| frames.last() == Some(&("hold".to_owned(), "<string>".to_owned(), 3));
        let mut held: Vec<u64> = folder.peak().stacks().into_iter().filter(of_hold).map(|(bytes, _)| bytes).collect();
        held.sort_unstable();
        assert_eq!(held, expected, "{}", python.name);
    });
}

#[test]
fn a_shell_script_that_starts_several_pythons() {
    let script = "
\"$0\" -c 'print(1)' one
\"$0\" -c 'print(2)' two &
wait
\"$0\" -c 'print(3)' three | \"$0\" -c 'import sys; print(sys.stdin.read().strip(), 4)' four
(\"$0\" -c 'print(5)' five)
echo \"$(\"$0\" -c 'print(6)' six)\"
exec \"$0\" -c 'raise SystemExit(3)' seven
";
    for_each_python(|python| {
        let folder = Folder::new();
        let python_path = python.path.to_str().expect("UTF-8");
        let ended = run(&mut folder.record_command(Path::new("sh"), &["-c", script, python_path]));
        assert_eq!((ended.code(), &*ended.stdout), (3, "1\n2\n3 4\n5\n6\n"), "{}: {ended:#?}", python.name);
        let mut lasts: Vec<String> = commands(&folder.peak())
            .into_iter()
            .filter(|command| command[0] != "sh")
            .map(|command| command.last().expect("words").clone())
            .collect();
        lasts.sort();
        assert_eq!(lasts, ["five", "four", "one", "seven", "six", "three", "two"], "{}", python.name);
    });
}
