//! The peak of made-up jobs of many events, whose generator (`examples/generate_trace`) knows it without a replay.

#![allow(clippy::unwrap_used)]

#[path = "../examples/generate_trace/generator/mod.rs"]
mod generator;

use analyzer::{Peak, Trace, peak};
use generator::{KnownAnswer, Plan, generate};

const PLAN: Plan = Plan { events: 100_000, live_blocks: 2000, threads: 4, processes: 2, call_sites: 100, seed: 1 };

fn bytes_and_answer(plan: &Plan) -> (Vec<u8>, KnownAnswer) {
    let (answer, bytes) = generate(plan, Vec::new()).unwrap();
    (bytes, answer)
}

/// Generates a trace, and compares what the analyzer finds with what is known.
fn check(plan: &Plan) -> (Peak, KnownAnswer) {
    let (bytes, known) = bytes_and_answer(plan);
    let trace = Trace::from_bytes("generated.fil".into(), bytes).unwrap();
    let peak = peak(&trace).unwrap();
    assert!(peak.complete, "{plan:?}: {:?}", peak.warnings);
    assert_eq!(peak.warnings, [""; 0], "{plan:?}");
    assert_eq!(known.events, plan.events, "{plan:?}");
    assert_eq!(peak.event_count, plan.events, "{plan:?}");
    let (bytes, time_ns) = (known.peak_bytes as u64, known.peak_time_ns);
    assert_eq!(
        (peak.peak_bytes, peak.peak_time_ns, peak.end_bytes),
        (bytes, time_ns, known.end_bytes as u64),
        "{plan:?}"
    );
    assert_eq!(trace.process_count(), known.processes as usize, "{plan:?}");
    let categories = [peak.categories.heap, peak.categories.python, peak.categories.mmap];
    let known_categories = [known.categories.heap, known.categories.python, known.categories.mmap];
    assert_eq!(categories, known_categories.map(|bytes| bytes as u64), "{plan:?}");
    assert_eq!(call_sites(&peak), known_call_sites(&known), "{plan:?}");
    (peak, known)
}

type CallSite<'a> = (&'a str, &'a str, u32, u64, u64);

fn call_sites(peak: &Peak) -> Vec<CallSite<'_>> {
    let sites = peak.call_sites.iter();
    sites.map(|site| (&*site.function, &*site.file, site.line, site.live_bytes, site.live_blocks)).collect()
}

fn known_call_sites(known: &KnownAnswer) -> Vec<CallSite<'_>> {
    let sites = known.call_sites.iter();
    sites
        .map(|site| (&*site.function, &*site.file, site.line, site.live_bytes as u64, site.live_blocks as u64))
        .collect()
}

#[test]
fn the_peak_is_the_known_one() {
    for seed in 1..5 {
        check(&Plan { seed, ..PLAN });
    }
}

#[test]
fn one_thread_and_many_one_process_and_many() {
    for (threads, processes) in [(1, 1), (1, 3), (2, 1), (16, 1), (3, 8)] {
        let (_, known) = check(&Plan { threads, processes, ..PLAN });
        assert_eq!((known.processes, known.threads), (processes, processes * threads));
    }
}

#[test]
fn one_line_that_allocates_and_many() {
    for call_sites in [1, 2, 5000] {
        check(&Plan { call_sites, ..PLAN });
    }
}

#[test]
fn short_jobs_and_jobs_that_do_not_reach_their_peak() {
    for events in [0, 1, 7, 100, 1000] {
        check(&Plan { events, ..PLAN });
    }
}

/// The job is what it is said to be: else these tests say little.
#[test]
fn the_job_is_like_one() {
    let (peak, known) = check(&Plan { events: 1_000_000, live_blocks: 20_000, call_sites: 1000, ..PLAN });
    assert!((16_000..22_000).contains(&known.peak_blocks), "{}", known.peak_blocks);
    let blocks: u64 = peak.stacks.iter().map(|stack| stack.live_blocks).sum();
    assert_eq!(blocks, known.peak_blocks as u64);
    assert!(known.end_bytes < known.peak_bytes / 2);
    assert!(known.allocated_blocks > 450_000 && known.allocated_bytes > known.peak_bytes * 2);
    let depths: Vec<usize> = peak.stacks.iter().map(|stack| stack.frames.depth()).filter(|depth| *depth > 0).collect();
    assert_eq!((depths.iter().min(), depths.iter().max()), (Some(&5), Some(&30)));
    let lines_that_held = known.call_sites.len();
    assert!(lines_that_held > 300, "{lines_that_held}");
    assert!(known.categories.heap > 0 && known.categories.python > 0 && known.categories.mmap > 0);
}

#[test]
fn equal_plans_give_equal_traces() {
    assert!(bytes_and_answer(&PLAN) == bytes_and_answer(&PLAN));
    assert!(bytes_and_answer(&PLAN).0 != bytes_and_answer(&Plan { seed: 2, ..PLAN }).0);
}
