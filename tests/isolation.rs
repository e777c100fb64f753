//! Jobs that leave the world in which they were started: for other rights, another root, other process ids.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rustix::process::geteuid;
use support::{Folder, HOLD, blocks, for_each_python, held, library, list, not_tested, number, python, run, text};

/// Needs more memory and slots than it has, again and again: the spool grows after rights and paths
/// are gone.
const HOLD_MUCH: &str = "
import threading
def hold_much():
    # Each thread needs a slot of its own, more than the spool had at the start.
    gate = threading.Barrier(41)
    def work():
        held = [str(number) for number in range(2_000)]
        gate.wait()
        gate.wait()
    threads = [threading.Thread(target=work) for _ in range(40)]
    for thread in threads: thread.start()
    gate.wait()
    block = hold(160)
    gate.wait()
    for thread in threads: thread.join()
    block.close()
";

/// A job that gives its rights up, moves to where nothing of fil's can be found, or does both, is
/// recorded to its end all the same.
#[test]
fn a_job_that_gave_its_rights_up_is_recorded() {
    if !geteuid().is_root() {
        return not_tested("giving rights up needs those of root");
    }
    for act in [
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)",
        "os.chroot('jail')",
        "os.chroot('jail'); os.chdir('/'); os.setuid(65534)",
        "os.closerange(3, 4096); os.setuid(65534)",
    ] {
        let code = format!("{HOLD}{HOLD_MUCH}os.mkdir('jail')\n{act}\nhold_much()\nprint('done')");
        for_each_python(|python| {
            let folder = Folder::new();
            let ended = folder.record_code(&python.path, &code).success();
            assert_eq!(ended.stdout, "done\n", "{act} on {}: {ended:#?}", python.name);
            let peak = folder.peak();
            let closed = act.contains("closerange");
            // With no descriptor and no path left the spool cannot grow, and that is said.
            assert_eq!(ended.stderr.contains("recording stopped"), closed, "{act}: {ended:#?}");
            if !closed {
                assert_eq!(held(&peak), blocks(python, [160]), "{act} on {}", python.name);
            }
        });
    }
}

/// The dynamic linker does not load what LD_PRELOAD names into a program that takes on another user's rights (ld.so(8)), so
/// it does what it does without fil, and fil says that there is nothing to show.
#[test]
fn a_setuid_program_is_left_alone() {
    if !geteuid().is_root() {
        return not_tested("a setuid program of another user can only be made by root");
    }
    let folder = Folder::new();
    let program = folder.join("id");
    std::fs::copy("/usr/bin/id", &program).expect("id is there");
    std::os::unix::fs::chown(&program, Some(65534), None).expect("root may");
    std::fs::set_permissions(&program, Permissions::from_mode(0o4755)).expect("root may");
    let without = run(&mut Command::new(&program)).success().stdout;
    if !without.contains("euid=65534") {
        return not_tested("programs cannot take on another user's rights here");
    }
    let ended = run(&mut folder.record_command(&program, &[]));
    assert_eq!((ended.code(), ended.stdout.as_str()), (2, without.as_str()), "{ended:?}");
    assert_eq!(ended.fil_lines().iter().filter(|line| line.contains("nothing was recorded")).count(), 1, "{ended:?}");
    assert!(!ended.stderr.contains("ld.so"), "the linker has nothing to say: {ended:?}");
}

/// A child that has no way to make a spool is told of in the trace.
#[test]
fn a_child_that_cannot_be_recorded_is_named() {
    if !geteuid().is_root() {
        return not_tested("giving rights up needs those of root");
    }
    let code = "
import os
os.setuid(65534)
child = os.fork()
if child == 0: os._exit(0)
os.waitpid(child, 0)
print(child)
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        let text = "not all is recorded: the process, whose spool cannot be made";
        assert!(ended.stderr.contains(text), "{}: {ended:#?}", python.name);
        let named = format!("process {}: {text}", ended.stdout.trim());
        let warnings = folder.peak().warnings();
        assert!(warnings.iter().any(|warning| warning.starts_with(&named)), "{}: {warnings:?}", python.name);
    });
}

/// As daemons do: no descriptor is left to say it with, and the parent's spool is where it is said.
#[test]
fn a_child_that_cannot_even_say_so_is_counted() {
    if !geteuid().is_root() {
        return not_tested("giving rights up needs those of root");
    }
    // What the recorder has to write until then is written when the job sleeps: afterwards it may not.
    let code = "
import os, time
time.sleep(0.5)
os.closerange(3, 65536)
os.setuid(65534)
if os.fork() == 0: os._exit(0)
os.wait()
";
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, code).success();
        assert!(ended.stderr.contains("a forked child, which could make no spool"), "{}: {ended:#?}", python.name);
        let peak = folder.peak();
        assert!(
            peak.warnings().iter().any(|warning| warning.contains("a forked child, which could make no spool")),
            "{}",
            peak.value()
        );
        assert_eq!(peak.value()["complete"].as_bool(), Some(false), "{}", python.name);
    });
}

/// In namespaces of their own, processes have the same ids at the same time.
#[test]
fn processes_with_the_same_id_add_up() {
    let mut unshare = Command::new("unshare");
    unshare.args(["--pid", "--fork"]);
    if !run(unshare.arg("true")).status.success() {
        return not_tested("namespaces of process ids cannot be made here");
    }
    for_each_python(|python| {
        let folder = Folder::new();
        folder.record_testdata(&python.path, "pid_namespaces.py");
        let peak = folder.peak();
        let mut held = BTreeMap::<u64, Vec<u64>>::new();
        for stack in list(peak.value(), "stacks") {
            if list(stack, "frames").last().is_some_and(|innermost| text(innermost, "function") == "block") {
                held.entry(number(stack, "process")).or_default().push(number(stack, "live_bytes"));
            }
        }
        held.values_mut().for_each(|blocks| blocks.sort_unstable());
        let held: Vec<Vec<u64>> = held.into_values().collect();
        let expected = [blocks(python, [10, 20, 40]), blocks(python, [20, 40, 80])];
        assert_eq!(held, expected, "1 and its child in each, on {}", python.name);
    });
}

/// A child of vfork has its parent's memory and none of its threads. It must not stop them, nor start one.
#[test]
fn a_child_of_vfork_can_enter_a_namespace() {
    let folder = Folder::new();
    let library = library(&folder, "vfork.c");
    let code = format!(
        "
import ctypes
print(ctypes.CDLL('{}').unshare_in_vfork())
def hold(): return [str(number) for number in range(300_000)]
held = hold()
print('done')
",
        library.display()
    );
    let plain = run(Command::new(python()).args(["-c", &code])).success();
    if plain.stdout != "0\ndone\n" {
        return not_tested("namespaces of users cannot be made here");
    }
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert_eq!(ended.stdout, plain.stdout, "{}", python.name);
        assert_eq!(folder.peak().warnings(), Vec::<String>::new(), "{}", python.name);
    });
}

/// The kernel allows it to a process of one thread only, and the recorder's is not the job's.
#[test]
fn a_job_can_enter_a_namespace_of_users() {
    let code = format!(
        "{HOLD}
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER = 0x10000000
print(libc.unshare(CLONE_NEWUSER), ctypes.get_errno(), flush=True)
held = hold(70)
gate = os.pipe()
if os.fork() == 0:
    # The parent's is a copy that nobody wrote to: it counts where it was made.
    held = hold(90)
    os.write(gate[1], b'+')
    os._exit(0)
os.read(gate[0], 1)
os.wait()
"
    );
    let plain = run(Command::new(python()).args(["-c", &code])).success();
    if plain.stdout != "0 0\n" {
        return not_tested("namespaces of users cannot be made here");
    }
    for_each_python(|python| {
        let folder = Folder::new();
        let ended = folder.record_code(&python.path, &code).success();
        assert_eq!(ended.stdout, plain.stdout, "{}", python.name);
        let peak = folder.peak();
        assert_eq!(held(&peak), blocks(python, [70, 90]), "{}", python.name);
        assert_eq!(peak.warnings(), Vec::<String>::new(), "{}", python.name);
    });
}
