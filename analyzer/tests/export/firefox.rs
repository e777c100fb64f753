//! Profiles for the Firefox Profiler.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::recursion;
use crate::{STORY, STORY_BYTES, exported};

fn file(story: &str) -> Value {
    serde_json::from_slice(&exported("firefox", story)).unwrap()
}

fn at<'a>(table: &'a Value, column: &str, row: &Value) -> &'a Value {
    &table[column][row.as_u64().unwrap() as usize]
}

/// What each stack itself holds, by labels of frames, as the profiler looks them up.
fn stacks(thread: &Value) -> BTreeMap<String, u64> {
    let samples = &thread["samples"];
    assert_eq!(samples["weightType"], "bytes");
    let (stacks, weights) = (samples["stack"].as_array().unwrap(), samples["weight"].as_array().unwrap());
    let mut held = BTreeMap::new();
    for (stack, weight) in stacks.iter().zip(weights) {
        let mut labels = Vec::new();
        let mut next = stack;
        while !next.is_null() {
            let function = at(&thread["frameTable"], "func", at(&thread["stackTable"], "frame", next));
            let name = at(&thread["funcTable"], "name", function);
            labels.push(at(thread, "stringArray", name).as_str().unwrap());
            next = at(&thread["stackTable"], "prefix", next);
        }
        labels.reverse();
        *held.entry(labels.join(">")).or_default() += weight.as_u64().unwrap();
    }
    held
}

#[test]
fn a_thread_has_its_memory_as_samples() {
    let file = file(STORY);
    assert_eq!(file["meta"]["product"], "Peak memory: python job.py");
    let threads = file["threads"].as_array().unwrap();
    let names: Vec<_> = threads
        .iter()
        .map(|thread| {
            let text = |name: &str| thread[name].as_str().unwrap();
            (text("pid"), text("processName"), text("name"), thread["isMainThread"].as_bool().unwrap())
        })
        .collect();
    let (job, child) = ("python job.py (pid 10)", "python child.py (pid 11)");
    assert_eq!(names, [("10", job, job, true), ("10", job, "worker", false), ("11", child, child, true)]);
    let held: Vec<Vec<(String, u64)>> = threads.iter().map(|thread| stacks(thread).into_iter().collect()).collect();
    let load = "<module> (/home/job.py:1)>load (/home/job.py:5)";
    let text = |name: &str| name.to_owned();
    assert_eq!(
        held,
        [
            vec![
                (text("(no Python frame)"), 4096),
                (text(load), 730),
                (format!("{load}>a;b|\"c (/home/x;y.py:9)"), 20)
            ],
            vec![(text(load), 64)],
            vec![(text("<module> (/home/child.py:1)"), 5)],
        ]
    );
    assert_eq!(held.iter().flatten().map(|(_, bytes)| bytes).sum::<u64>(), STORY_BYTES);
}

#[test]
fn all_is_alive_at_the_time_of_the_peak() {
    let file = file(STORY);
    let thread = &file["threads"][0];
    let deltas = thread["samples"]["timeDeltas"].as_array().unwrap();
    let deltas: Vec<f64> = deltas.iter().map(|delta| delta.as_f64().unwrap()).collect();
    assert_eq!(deltas, [2.0, 0.0, 0.0], "milliseconds");
}

#[test]
fn more_than_fits_into_32_bits() {
    let file = file("process 10\nname python 10\nalloc 1000 5000000000\nend");
    assert_eq!(stacks(&file["threads"][0]).values().copied().collect::<Vec<_>>(), [5_000_000_000]);
    assert_eq!(file["threads"][0]["samples"]["length"], 3);
}

#[test]
fn no_frame_of_a_deep_recursion_is_left_out() {
    let file = file(&recursion(3000));
    let thread = &file["threads"][0];
    assert_eq!(thread["stackTable"]["length"], 3000);
    assert_eq!(thread["samples"]["length"], 3000);
}
