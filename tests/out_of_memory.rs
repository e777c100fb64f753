//! Jobs that want more memory than they can have: who asked for it, and who held the rest.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::{Ended, Folder, behind, for_each_python, list, number, python, run, text};

/// What `fil analyze --out-of-memory --json` says.
fn out_of_memory(folder: &Folder) -> Value {
    serde_json::from_str(&folder.analyze(&["--out-of-memory", "--json"])).expect("JSON")
}

/// Bytes of the call sites of a function.
fn held_by(answer: &Value, function: &str) -> u64 {
    let of_function = |site: &&Value| text(site, "function") == function;
    list(answer, "call_sites").iter().filter(of_function).map(|site| number(site, "live_bytes")).sum()
}

fn assert_parts_add_up(answer: &Value) {
    for part in ["processes", "call_sites", "stacks"] {
        let sum: u64 = list(answer, part).iter().map(|row| number(row, "live_bytes")).sum();
        assert_eq!(sum, number(answer, "live_bytes"), "{part}");
    }
}

#[test]
fn an_allocation_that_fails_is_told_with_its_line_and_what_was_alive() {
    let code = "
import resource
def hold(): return [bytes(100_000) for _ in range(1000)]
def ask(): return bytearray(1 << 50)
held = hold()
try: ask()
except MemoryError: print('none')
del held
more = bytes(300_000_000)
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        assert_eq!(ended.stdout, "none\n", "{}", python.name);
        assert!(ended.fil_lines().contains(&"an allocation of 1.0 PiB failed"), "{}: {ended:#?}", python.name);
        let answer = out_of_memory(&folder);
        let failed = &answer["failed_allocation"];
        assert_eq!(text(&answer, "cause"), "allocation-failed", "{}", python.name);
        assert_eq!((text(failed, "function"), number(failed, "line")), ("ask", 4), "{}", python.name);
        // A bytearray has a zero byte at its end, and from 3.15 on it is a bytes object inside.
        let more = if python.version() < (3, 15) { 1 } else { 33 };
        assert_eq!(number(failed, "bytes"), (1 << 50) + more, "{}", python.name);
        assert_eq!(number(&answer, "failed_allocations"), 1, "{}", python.name);
        // Each of them has a header and a zero byte at its end.
        let of_line = |site: &&Value| text(site, "file") == "<string>" && number(site, "line") == 3;
        let held = list(&answer, "call_sites").iter().filter(of_line).map(|site| number(site, "live_bytes"));
        assert!(held.sum::<u64>() >= 100_033_000, "{}", python.name);
        assert!(number(&answer, "live_bytes") < 200_000_000, "what came later was not there: {}", python.name);
        assert_parts_add_up(&answer);
        let first = folder.analyze(&[]).lines().next().expect("lines").to_owned();
        assert!(
            first.starts_with("Out of memory after ") && first.ends_with(": an allocation of 1.0 PiB failed"),
            "{first}"
        );
    });
}

/// Address space runs out while small blocks are made, for the recorder too.
#[test]
fn a_job_that_fills_its_address_space_is_recorded_to_the_line_that_asked_for_more() {
    let code = "
import resource
def fill(held):
    while True: held.append(bytes(900))
held = []
resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20))
try: fill(held)
except MemoryError: pass
taken = len(held)
del held
print(taken)
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        let taken: u64 = ended.stdout.trim().parse().expect("a number");
        let answer = out_of_memory(&folder);
        assert_eq!(text(&answer["failed_allocation"], "function"), "fill", "{}: {ended:#?}", python.name);
        assert!(held_by(&answer, "fill") >= taken * (900 + 33), "{}", python.name);
        let warnings = list(&answer, "warnings");
        assert!(warnings.is_empty(), "{}: {warnings:?}", python.name);
        assert_parts_add_up(&answer);
    });
}

/// A job that goes on when nobody gets memory any more, and has more call paths than the recorder's reserve has room for: it
/// only loses its recording.
#[test]
fn when_half_of_the_reserve_is_used_recording_ends_and_the_job_does_not() {
    let code = "
import ctypes, resource
def make(): return [1]
exec('def call():\\n' + ' make()\\n' * 40000)
room_in_arenas = [[] for _ in range(50000)]
del room_in_arenas
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
resource.setrlimit(resource.RLIMIT_AS, (4096, 4096))
for size in (1 << 20, 1 << 16, 1 << 12, 1 << 9):
    while c.malloc(ctypes.c_size_t(size)): pass
call()
print('done')
";
    let folder = Folder::new();
    let ended = folder.record_code(&python(), code).success();
    assert_eq!(ended.stdout, "done\n", "{ended:#?}");
    assert!(
        ended.stderr.contains("recording stopped before the process ended: there was no memory left for it"),
        "{ended:#?}"
    );
    let answer = out_of_memory(&folder);
    assert_eq!(answer["complete"], Value::Bool(false));
    assert_eq!(answer["failed_allocation"]["bytes"], Value::from(512), "the one at which most was alive");
    let says_so = |warning: &Value| warning.as_str().is_some_and(|text| text.contains("no memory left"));
    assert!(list(&answer, "warnings").iter().any(says_so), "{answer:?}");
    assert_parts_add_up(&answer);
}

#[test]
fn a_job_with_enough_memory_has_no_such_answer() {
    let folder = Folder::new();
    let ended = folder.record_code(&python(), "held = bytes(10_000_000)").success();
    assert!(!ended.stderr.contains("failed"), "{ended:#?}");
    assert_eq!(out_of_memory(&folder), Value::Null);
    assert!(folder.analyze(&["--out-of-memory"]).starts_with("Nothing shows"));
    assert!(folder.analyze(&[]).starts_with("Command"));
}

/// What is asked for to see whether it can be had, and what fails for another reason.
#[test]
fn a_job_that_only_tries_has_no_such_answer() {
    let code = "
import ctypes
c = ctypes.CDLL(None, use_errno=True)
c.mmap.restype = c.mremap.restype = c.malloc.restype = c.realloc.restype = ctypes.c_void_p
size_t, pointer = ctypes.c_size_t, ctypes.c_void_p
PROT_READ_WRITE, PRIVATE_ANONYMOUS, HUGETLB = 3, 0x22, 0x40000
def mmap(address, length, flags): return c.mmap(pointer(address), size_t(length), PROT_READ_WRITE, flags, -1, 0)
# Few systems have so many huge pages set aside.
assert mmap(0, 1 << 44, PRIVATE_ANONYMOUS | HUGETLB) == pointer(-1).value
# A mapping in front of another cannot grow where it is.
two = mmap(0, 8192, PRIVATE_ANONYMOUS)
assert c.mremap(pointer(two), size_t(4096), size_t(12288), 0) == pointer(-1).value
# Nothing is mapped there.
assert c.mprotect(pointer(1 << 40), size_t(1 << 30), PROT_READ_WRITE) == -1
# What is given back is not refused.
block = c.malloc(size_t(100))
assert c.realloc(pointer(block), size_t(0)) is None
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        assert!(!ended.stderr.contains("failed"), "{}: {ended:#?}", python.name);
        assert_eq!(out_of_memory(&folder), Value::Null, "{}", python.name);
    });
}

/// The kernel's killer comes for a job in a control group with little memory, and leaves fil alone, which has less.
#[test]
fn a_job_that_is_killed_for_its_memory_is_told_of_with_what_was_alive() {
    let code = "
def hold(): return bytearray(b'x') * 60_000_000
def fill():
    held = []
    while True: held.append(bytearray(b'x') * 1_000_000)
first = hold()
fill()
";
    for_each_python(|python| {
        let Some(group) = ControlGroup::with_memory(python.name, 200 << 20) else {
            // Not in every container can they be made, and CI's may be one.
            writeln!(std::io::stderr(), "NOT TESTED: no control group can be made here")
                .expect("stderr can be written");
            return;
        };
        let folder = Folder::new();
        let members = group.members();
        let join = ["sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", members.to_str().expect("UTF-8")];
        let ended = run_until_fil_is_spared(|| behind(&join, &folder.record_command(&python.path, &["-c", code])));
        assert_eq!(ended.code(), 137, "{}: {ended:#?}", python.name);
        assert!(ended.fil_lines().contains(&"the kernel killed it for want of memory"), "{}: {ended:#?}", python.name);
        let answer = out_of_memory(&folder);
        assert_eq!(text(&answer, "cause"), "killed", "{}", python.name);
        assert!(number(&answer, "oom_kills") >= 1, "{}", python.name);
        assert!(held_by(&answer, "hold") > 60_000_000, "{}", python.name);
        assert!(held_by(&answer, "fill") > 60_000_000, "{}: {answer:#}", python.name);
        assert_parts_add_up(&answer);
        let first = folder.analyze(&[]).lines().next().expect("lines").to_owned();
        assert!(
            first.starts_with("Out of memory after ") && first.ends_with("the kernel killed the job for it"),
            "{first}"
        );
    });
}

/// A worker, or what a shell script runs: the job goes on, and says nothing of why.
#[test]
fn a_process_of_the_job_that_is_killed_for_its_memory_is_told_of_too() {
    let code = "
def fill():
    held = []
    while True: held.append(bytearray(b'x') * 1_000_000)
fill()
";
    for_each_python(|python| {
        let Some(group) = ControlGroup::with_memory(&format!("worker-{}", python.name), 150 << 20) else {
            writeln!(std::io::stderr(), "NOT TESTED: no control group can be made here")
                .expect("stderr can be written");
            return;
        };
        let folder = Folder::new();
        let members = group.members();
        let join = ["sh", "-c", "echo $$ > \"$0\" && exec \"$@\"", members.to_str().expect("UTF-8")];
        let script = ["-c", "\"$0\" -c \"$1\"; exit 3"];
        let ended = run_until_fil_is_spared(|| {
            behind(&join, folder.record_command(Path::new("/bin/sh"), &script).arg(&python.path).arg(code))
        });
        assert_eq!(ended.code(), 3, "{}: {ended:#?}", python.name);
        let told = "the kernel killed 1 process for want of memory meanwhile";
        assert!(ended.fil_lines().contains(&told), "{}: {ended:#?}", python.name);
        let answer = out_of_memory(&folder);
        assert_eq!(text(&answer, "cause"), "process-killed", "{}", python.name);
        assert!(held_by(&answer, "fill") > 60_000_000, "{}: {answer:#}", python.name);
        let largest = list(&answer, "processes").first().expect("there are two");
        assert_eq!(number(&answer, "killed_process"), number(largest, "pid"), "{}", python.name);
        assert_parts_add_up(&answer);
        assert!(folder.analyze(&[]).starts_with("Out of memory after "), "{}", python.name);
    });
}

/// Runs a command until the kernel has killed the job alone: while that has not given its memory back, it may kill fil too.
fn run_until_fil_is_spared(command: impl Fn() -> Command) -> Ended {
    let mut runs = (0..10).map(|_| run(&mut command()));
    runs.find(|ended| ended.status.signal().is_none()).expect("fil is not killed each time")
}

/// A control group of version 1 or 2 below the one of this process, with a limit of memory. Gone with the value.
struct ControlGroup(PathBuf);

impl ControlGroup {
    fn with_memory(name: &str, bytes: u64) -> Option<ControlGroup> {
        let membership = fs::read_to_string("/proc/self/cgroup").ok()?;
        let groups = membership.lines().filter_map(|line| {
            let mut fields = line.splitn(3, ':').skip(1);
            let (controllers, path) = (fields.next()?, fields.next()?);
            match controllers {
                "memory" => Some((format!("/sys/fs/cgroup/memory{path}"), "memory.limit_in_bytes")),
                "" => Some((format!("/sys/fs/cgroup{path}"), "memory.max")),
                _ => None,
            }
        });
        groups.into_iter().find_map(|(parent, limit)| {
            let group = ControlGroup(Path::new(&parent).join(format!("fil-test-{}-{name}", std::process::id())));
            fs::create_dir(&group.0).ok()?;
            fs::write(group.0.join(limit), bytes.to_string()).ok()?;
            Some(group)
        })
    }

    /// Whoever writes its process id there is a member.
    fn members(&self) -> PathBuf {
        self.0.join("cgroup.procs")
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}
