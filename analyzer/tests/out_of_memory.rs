//! Who asked for memory that was not there, and what was alive then.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use analyzer::{OutOfMemory, OutOfMemoryCause, Pattern, Selection, out_of_memory, out_of_memory_of, peak};
use support::open;

const JOB: &str = "
    process 10 start=0 command=python,job.py
    code 1 hold job.py 5
    code 2 ask job.py 9
    path 1 0 1
    path 2 1 2
    thread 1
    name MainThread 10
    turn 1
    time 1000
    alloc 4096 1000 stack=1
";

fn answer(rest: &str) -> Option<OutOfMemory> {
    out_of_memory(&open(&format!("{JOB}{rest}"))).unwrap()
}

fn held(answer: &OutOfMemory) -> Vec<(&str, u64)> {
    answer.call_sites.iter().map(|site| (site.function.as_str(), site.live_bytes)).collect()
}

#[test]
fn a_job_that_got_all_it_asked_for_has_no_such_answer() {
    assert_eq!(answer("end"), None);
    assert_eq!(answer("end killed"), None, "not for its memory");
}

/// A worker, or a Python behind a shell.
#[test]
fn of_a_job_that_goes_on_when_a_process_was_killed_the_largest_end_counts() {
    let answer = answer(
        "time 2000
         process 20 start=500 command=worker
         code 1 fill worker.py 3
         path 1 0 1
         thread 1
         turn 1
         time 1600
         alloc 4096 7000 stack=1
         time 1900
         process 40 start=600 command=large
         thread 1
         turn 1
         time 1700
         alloc 4096 90000 stack=0
         time 1800
         ended 1800
         process 30 start=1000 command=small
         thread 1
         turn 1
         time 2200
         alloc 4096 20 stack=0
         in 10
         thread 1
         time 5000
         alloc 8192 9 stack=1
         end oom-kills=1 at=6000",
    )
    .unwrap();
    assert_eq!(answer.cause, OutOfMemoryCause::ProcessKilled);
    assert_eq!(answer.killed_process, Some(20));
    assert_eq!(held(&answer), [("fill", 7000), ("hold", 1000)]);
    assert_eq!(answer.live_bytes, 8000, "the job had 1000");
}

/// A program without Python, which is not recorded.
#[test]
fn of_a_process_that_is_not_recorded_nothing_is_told() {
    let answer = answer("time 2000\nend oom-kills=1").unwrap();
    assert_eq!((answer.cause, answer.killed_process), (OutOfMemoryCause::ProcessKilled, None));
    assert_eq!((answer.live_bytes, answer.call_sites.len()), (0, 0));
}

#[test]
fn of_several_failed_calls_the_one_at_which_most_was_alive_counts() {
    let answer = answer(
        "failed 500 stack=2
         alloc 8192 3000 stack=1
         time 2000
         failed 77 stack=2
         failed 78 stack=1
         free 8192
         time 3000
         failed 5 stack=1
         alloc 8192 9000 stack=1
         end",
    )
    .unwrap();
    assert_eq!(answer.cause, OutOfMemoryCause::AllocationFailed);
    assert_eq!((answer.time_ns, answer.live_bytes, answer.failed_allocations), (2000, 4000, 4));
    let failed = answer.failed_allocation.as_ref().unwrap();
    assert_eq!((failed.bytes, failed.time_ns, failed.process, failed.thread.as_str()), (77, 2000, 10, "MainThread"));
    assert_eq!((failed.function.as_str(), failed.file.as_str(), failed.line), ("ask", "job.py", 9));
    let frames: Vec<&str> = failed.frames.frames().iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(frames, ["hold", "ask"]);
    assert_eq!(held(&answer), [("hold", 4000)]);
}

/// The failed call is the one at which most was alive of all memory, whatever part is asked for.
#[test]
fn of_a_part_of_the_memory_the_instant_is_the_same() {
    let rest = "alloc 8192 3000 stack=2\ntime 2000\nfailed 77 stack=2\nfree 8192\nalloc 8192 2000 stack=1\ntime 3000\n\
        failed 5 stack=1\nend";
    let trace = open(&format!("{JOB}{rest}"));
    let of = |name: &str| {
        let functions = vec![Pattern::new(name).unwrap()];
        out_of_memory_of(&trace, &Selection { functions, ..Selection::default() }).unwrap().unwrap()
    };
    let asked = of("ask");
    assert_eq!((asked.time_ns, asked.live_bytes, asked.failed_allocations), (2000, 3000, 2));
    assert_eq!(held(&asked), [("ask", 3000)]);
    assert_eq!(asked.categories.heap, 3000);
    assert_eq!(of("hold").live_bytes, 4000, "all of it is below hold");
    assert_eq!(held(&of("nobody")), []);
}

#[test]
fn a_job_that_was_killed_for_its_memory_shows_its_end() {
    let answer = answer(
        "alloc 8192 3000 stack=2
         time 2000
         failed 500 stack=2
         free 8192
         time 3000
         alloc 12288 300 stack=2
         end killed oom-kills=2 at=4000",
    )
    .unwrap();
    assert_eq!(answer.cause, OutOfMemoryCause::Killed);
    assert_eq!((answer.time_ns, answer.live_bytes, answer.oom_kills), (3000, 1300, 2));
    assert_eq!(held(&answer), [("hold", 1000), ("ask", 300)]);
    // The failed call is told all the same.
    assert_eq!(answer.failed_allocation.map(|failed| (failed.bytes, failed.time_ns)), Some((500, 2000)));
}

#[test]
fn a_failed_call_changes_nothing_else() {
    let with = peak(&open(&format!("{JOB}failed 500 stack=2\nend"))).unwrap();
    let without = peak(&open(&format!("{JOB}end"))).unwrap();
    assert_eq!((with.peak_bytes, with.call_sites), (without.peak_bytes, without.call_sites));
    assert_eq!(with.event_count, without.event_count + 1);
    assert!(with.complete);
}
