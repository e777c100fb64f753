//! The peak of tiny jobs, to the byte.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::peak;
use support::{call_sites, open, stacks};

const STACKS: &str = "process 10 command=python,job.py
    name python 10
    code 1 <module> job.py 1
    code 2 make job.py 5
    code 3 other job.py 9
    path 1 0 1
    path 2 1 2
    path 3 1 3
    ";

fn peak_of(story: &str) -> analyzer::Peak {
    let peak = peak(&open(&format!("{STACKS}{story}"))).unwrap();
    let sum = |sizes: &mut dyn Iterator<Item = u64>| sizes.sum::<u64>();
    assert_eq!(sum(&mut peak.call_sites.iter().map(|site| site.live_bytes)), peak.peak_bytes);
    assert_eq!(sum(&mut peak.stacks.iter().map(|stack| stack.live_bytes)), peak.peak_bytes);
    assert_eq!(sum(&mut peak.processes.iter().map(|process| process.live_bytes)), peak.peak_bytes);
    assert_eq!(peak.categories.heap + peak.categories.python + peak.categories.mmap, peak.peak_bytes);
    peak
}

#[test]
fn the_peak_is_the_first_instant_of_the_maximum() {
    let peak = peak_of(
        "time 100
         alloc 1000 600 stack=2
         alloc 2000 50 stack=1
         time 200
         free 1000
         time 300
         alloc 1000 600 stack=3
         time 400
         free 2000
         end",
    );
    assert_eq!((peak.peak_bytes, peak.peak_time_ns, peak.end_bytes), (650, 100, 600));
    assert_eq!(stacks(&peak), ["10 MainThread <module>>make=600/1", "10 MainThread <module>=50/1"]);
    assert_eq!(call_sites(&peak), ["make=600/1", "<module>=50/1"]);
    assert!(peak.complete, "{:?}", peak.warnings);
    assert_eq!(peak.warnings, [""; 0]);
    assert_eq!(peak.event_count, 5);
}

#[test]
fn memory_without_python_frames_has_a_call_site_of_its_own() {
    let peak = peak_of("alloc 1000 5 stack=0\npyalloc 2000 7\nalloc 3000 1 stack=2\nend");
    assert_eq!(call_sites(&peak), ["(no Python frame)=12/2", "make=1/1"]);
    assert_eq!(stacks(&peak), ["10 MainThread =12/2", "10 MainThread <module>>make=1/1"]);
    assert_eq!((peak.categories.heap, peak.categories.python), (6, 7));
}

#[test]
fn a_failed_realloc_leaves_the_block_alive() {
    let peak = peak_of(
        "alloc 1000 100 stack=2
         free 1000
         undo
         undo
         alloc 2000 10 stack=3
         free 3000
         undo
         free 1000
         end",
    );
    assert_eq!((peak.peak_bytes, peak.end_bytes), (110, 10));
}

#[test]
fn what_was_not_seen_is_survived() {
    let peak = peak_of(
        "free 9000
         alloc 1000 100 stack=2
         alloc 1000 30 stack=3
         unmap 0 4096
         end",
    );
    assert_eq!((peak.peak_bytes, peak.end_bytes), (100, 30));
    assert_eq!(call_sites(&peak), ["make=100/1"]);
}

#[test]
fn mappings_may_be_replaced_and_unmapped_in_part() {
    let peak = peak_of(
        "map 40960 40960 stack=2
         unmap 45056 4096
         map 40960 8192 stack=3
         arena 409600 100000 stack=1
         pyalloc 409600 10 stack=1
         end",
    );
    // 40960 - 4096, then the first 4096 are replaced by 8192.
    assert_eq!((peak.peak_bytes, peak.end_bytes), (40970, 40970));
    assert_eq!(call_sites(&peak), ["make=32768/1", "other=8192/1", "<module>=10/1"]);
    assert_eq!(peak.apart.python_arenas, 100_000);
}

#[test]
fn a_reservation_counts_where_it_is_opened() {
    let peak = peak_of(
        "map 40960 81920 reserved stack=1
         open 45056 8192 stack=2
         open 40960 8192 stack=3
         map-file 819200 50000 stack=1
         map-shared 409600 4096 stack=3
         close 45056 4096 stack=1
         end",
    );
    // The second opening finds half of its range open, and the end of the story finds one page closed.
    assert_eq!((peak.peak_bytes, peak.end_bytes), (16_384, 12_288));
    assert_eq!(call_sites(&peak), ["make=8192/1", "other=8192/2"]);
    assert_eq!((peak.categories.mmap, peak.shared_mmap_bytes), (16_384, 4096));
    assert_eq!((peak.apart.reserved, peak.apart.mapped_files), (81_920 - 12_288, 50_000));
}

#[test]
fn what_moves_keeps_its_call_stack_and_what_grows_belongs_to_the_mover() {
    let peak = peak_of(
        "map 40960 8192 stack=1
         alloc 16 100 stack=1
         unmap 40960 8192
         remap 409600 12288 stack=2
         unmap 409600 12288
         remap 409600 12288 stack=3
         unmap 409600 12288
         remap 409600 4096 stack=3
         remap 819200 4096 stack=3
         end",
    );
    // Moved and grown, then a failure, then cut off, and the same once more elsewhere.
    assert_eq!((peak.peak_bytes, peak.end_bytes), (12_388, 8292));
    assert_eq!(call_sites(&peak), ["<module>=8292/2", "make=4096/1"]);
}

#[test]
fn arenas_stay_apart_whatever_becomes_of_them() {
    let peak = peak_of(
        "arena 40960 81920 reserved stack=1
         open 40960 40960 stack=1
         unmap 40960 40960
         remap 819200 45056 stack=1
         unmap 0 4096
         remap 0 8192 stack=1
         alloc 16 1 stack=1
         end",
    );
    assert_eq!(peak.peak_bytes, 1);
    assert_eq!((peak.apart.python_arenas, peak.apart.reserved), (45_056, 40_960));
}

#[test]
fn turns_order_the_threads() {
    // By lines thread 2 frees nothing; by turns it frees what thread 1 allocated.
    let peak = peak_of(
        "thread 2
         turn 2
         free 1000
         turn 4
         alloc 2000 70 stack=3
         thread 1
         turn 1
         alloc 1000 100 stack=2
         turn 3
         alloc 1000 50 stack=2
         cut
         turn 5
         free 2000
         end",
    );
    assert_eq!((peak.peak_bytes, peak.end_bytes), (120, 50));
    assert_eq!(stacks(&peak), ["10 thread 2 <module>>other=70/1", "10 MainThread <module>>make=50/1"]);
}

#[test]
fn a_turn_may_span_chunks() {
    let peak = peak_of(
        "turn 1
         alloc 1000 1 stack=1
         cut
         alloc 1001 2 stack=1
         cut
         alloc 1002 4 stack=1
         thread 2
         turn 2
         free 1001
         thread 1
         turn 3
         alloc 1001 8 stack=1
         end",
    );
    assert_eq!((peak.peak_bytes, peak.end_bytes), (13, 13));
}

#[test]
fn stacks_that_look_the_same_are_one() {
    let peak = peak_of(
        "code 4 make job.py 5
         path 4 1 4
         path 5 1 2
         alloc 1 10 stack=2
         alloc 2 10 stack=4
         alloc 3 10 stack=5
         end",
    );
    assert_eq!(stacks(&peak), ["10 MainThread <module>>make=30/3"]);
}

#[test]
fn lost_definitions_are_unknown_and_circles_end() {
    let peak = peak_of(
        "path 7 99 2
         path 8 9 1
         path 9 8 2
         path 10 1 98
         path 4294967295 1 2
         alloc 1 1 stack=7
         alloc 2 2 stack=8
         alloc 3 4 stack=9
         alloc 4 8 stack=10
         alloc 5 16 stack=4294967295
         alloc 6 32 stack=4294967290
         end",
    );
    assert_eq!(peak.peak_bytes, 63);
    assert_eq!(
        stacks(&peak),
        [
            "10 MainThread (unknown)=32/1",
            "10 MainThread <module>>make=16/1",
            "10 MainThread <module>>(unknown)=8/1",
            // Both of the one whose caller is lost, and of the one that is found to be its own ancestor.
            "10 MainThread (unknown)>make=5/2",
            "10 MainThread (unknown)>make><module>=2/1",
        ]
    );
}

#[test]
fn the_peak_of_several_processes_is_that_of_their_sum() {
    let peak = peak_of(
        "time 100
         alloc 1000 100 stack=2
         time 500
         free 1000
         time 600
         alloc 1000 10 stack=2
         process 11 start=200 fork=10 codes=3 paths=4 command=python,child
         code 3 child job.py 20
         code 2 shadowed shadowed.py 1
         path 4 2 3
         time 300
         free 1000
         alloc 5000 40 stack=4
         time 400
         alloc 6000 2 stack=3
         time 550
         alloc 6001 60 stack=2
         end",
    );
    assert_eq!((peak.peak_bytes, peak.peak_time_ns), (142, 400));
    // After its last instant the child's memory is gone.
    assert_eq!(peak.end_bytes, 10);
    assert_eq!(
        stacks(&peak),
        ["10 MainThread <module>>make=100/1", "11 thread 1 <module>>make>child=40/1", "11 thread 1 <module>>other=2/1",]
    );
    assert_eq!(peak.processes[0].live_bytes, 100);
    assert_eq!((peak.processes[1].pid, peak.processes[1].command.join(" ")), (11, "python child".into()));
}

#[test]
fn exec_drops_what_the_older_image_held() {
    let peak = peak_of(
        "time 100
         alloc 1000 100 stack=2
         process 10 start=200 command=other
         time 300
         alloc 1000 90 stack=1
         end",
    );
    assert_eq!((peak.peak_bytes, peak.end_bytes), (100, 90));
}

/// The last thing that is known of the job is at 300; its child went on.
#[test]
fn the_job_counts_until_it_ends_and_no_longer() {
    let peak = peak_of(
        "time 100
         alloc 1000 100
         process 11 start=150 command=child fork=10
         alloc 2000 20
         in 10
         time 300
         in 11
         time 400
         alloc 3000 70
         end at=500",
    );
    assert_eq!((peak.peak_bytes, peak.end_bytes), (120, 120));
}

/// Another namespace has a process 10 too, and the kernel gives an id to the next one when a process is gone.
#[test]
fn processes_that_share_an_id_only_are_different_ones() {
    let trace = open(
        "process 9
         alloc 1000 100
         process 10 start=150 namespace=1 ticks=7
         alloc 1000 90
         time 350
         process 10 start=160 namespace=2 ticks=7
         time 300
         alloc 1000 80
         process 10 start=400 namespace=1 ticks=8
         time 500
         alloc 1000 70
         in 9
         time 600
         end",
    );
    assert_eq!(trace.process_count(), 4);
    assert_eq!(peak(&trace).unwrap().peak_bytes, 270, "of the first three at 300");
}

#[test]
fn a_trace_in_which_nothing_was_recorded_says_so() {
    let peak = peak(&open("end")).unwrap();
    assert_eq!((peak.peak_bytes, peak.event_count), (0, 0));
    assert!(peak.warnings[0].contains("never loaded"), "{:?}", peak.warnings);
    assert!(peak.call_sites.is_empty() && peak.stacks.is_empty());
}

#[test]
fn a_recording_that_did_not_end_says_so() {
    let peak = peak(&open("alloc 1 5")).unwrap();
    assert_eq!(peak.peak_bytes, 5);
    assert!(!peak.complete);
    assert!(peak.warnings[0].contains("did not end in order"), "{:?}", peak.warnings);
}

#[test]
fn notices_become_one_warning() {
    let trace = open("process 10\nnotice why\nprocess 11\nnotice why\nalloc 1 1\nprocess 12\nnotice else\nend");
    assert_eq!(
        trace.warnings(),
        [
            "process 12: recorded without Python call stacks: else",
            "2 processes: recorded without Python call stacks: why",
        ]
    );
    assert!(trace.complete());
}

#[test]
fn a_process_does_not_run_ahead_of_chunks_that_are_not_yet_decoded() {
    let chunks = |count, first_ns| -> String {
        (0..count).map(|at| format!("time {}\nalloc 1 50\nfree 1\ncut\n", first_ns + at)).collect()
    };
    // Wherever the boundary between two batches is.
    for before in 0..70 {
        let peak = peak_of(&format!(
            "{}
             time 100
             alloc 1000 60 stack=2
             time 1000
             free 1000
             time 1001
             alloc 1000 100 stack=3
             process 11 start=200
             {}
             end",
            chunks(before, 1),
            chunks(100, 300)
        ));
        assert_eq!((peak.peak_bytes, peak.peak_time_ns), (110, 300), "{before} chunks before");
    }
}
