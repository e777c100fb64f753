//! Who asked for memory that was not there, and what was alive then.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use analyzer::{OutOfMemory, OutOfMemoryCause, out_of_memory, peak};
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
    assert_eq!(answer("end oom-kills=1"), None, "somebody was killed, and not the job");
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
