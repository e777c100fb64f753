//! speedscope's file format.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::recursion;
use crate::{STORY, STORY_BYTES, exported};

fn file(story: &str) -> Value {
    serde_json::from_slice(&exported("speedscope", story)).unwrap()
}

/// What each stack itself holds, by frame names, checked against the rules of the format on the way: frames are opened
/// and closed in pairs, inside each other, and values never fall.
fn stacks(file: &Value, profile: &Value) -> BTreeMap<String, u64> {
    assert_eq!(profile["type"], "evented");
    let frames = file["shared"]["frames"].as_array().unwrap();
    let mut stack: Vec<u64> = Vec::new();
    let mut held = BTreeMap::new();
    let mut last = profile["startValue"].as_u64().unwrap();
    for event in profile["events"].as_array().unwrap() {
        let (at, frame) = (event["at"].as_u64().unwrap(), event["frame"].as_u64().unwrap());
        assert!(at >= last, "{event} after {last}");
        if at > last {
            let names: Vec<&str> =
                stack.iter().map(|&frame| frames[frame as usize]["name"].as_str().unwrap()).collect();
            *held.entry(names.join(">")).or_default() += at - last;
        }
        last = at;
        match event["type"].as_str().unwrap() {
            "O" => stack.push(frame),
            "C" => assert_eq!(stack.pop(), Some(frame)),
            other => panic!("{other}"),
        }
    }
    assert!(stack.is_empty());
    assert_eq!(profile["endValue"], last);
    held
}

#[test]
fn a_thread_is_a_profile_of_bytes_and_one_of_blocks() {
    let file = file(STORY);
    assert_eq!(file["$schema"], "https://www.speedscope.app/file-format-schema.json");
    assert_eq!(file["name"], "Peak memory: python job.py");
    assert_eq!(file["activeProfileIndex"], 0);
    assert!(file["exporter"].as_str().unwrap().starts_with("fil@"));
    let profiles = file["profiles"].as_array().unwrap();
    let names: Vec<_> =
        profiles.iter().map(|profile| (profile["name"].as_str().unwrap(), profile["unit"].as_str().unwrap())).collect();
    assert_eq!(
        names,
        [
            ("python job.py (pid 10), MainThread", "bytes"),
            ("python job.py (pid 10), worker", "bytes"),
            ("python child.py (pid 11), MainThread", "bytes"),
            ("python job.py (pid 10), MainThread: blocks", "none"),
            ("python job.py (pid 10), worker: blocks", "none"),
            ("python child.py (pid 11), MainThread: blocks", "none"),
        ]
    );
    let held = |at: usize| stacks(&file, &profiles[at]).into_iter().collect::<Vec<_>>();
    let text = |name: &str| name.to_owned();
    let strange = "<module>>load>a;b|\"c";
    assert_eq!(held(0), [(text("(no Python frame)"), 4096), (text("<module>>load"), 730), (text(strange), 20)]);
    assert_eq!(held(1), [(text("<module>>load"), 64)]);
    assert_eq!(held(2), [(text("<module>"), 5)]);
    assert_eq!(
        held(3),
        [(text("(no Python frame)"), 1), (text("<module>"), 1), (text("<module>>load"), 2), (text(strange), 1)]
    );
    let bytes: u64 = profiles[..3].iter().map(|profile| profile["endValue"].as_u64().unwrap()).sum();
    assert_eq!(bytes, STORY_BYTES);
}

#[test]
fn frames_are_there_once_with_their_places() {
    let file = file(STORY);
    assert_eq!(
        file["shared"]["frames"],
        json!([
            {"name": "(no Python frame)"},
            {"name": "<module>", "file": "/home/job.py", "line": 1},
            {"name": "load", "file": "/home/job.py", "line": 5},
            {"name": "a;b|\"c", "file": "/home/x;y.py", "line": 9},
            {"name": "<module>", "file": "/home/child.py", "line": 1},
        ])
    );
}

#[test]
fn without_memory_there_is_a_profile_of_none() {
    let file = file("end");
    assert_eq!(file["profiles"][0]["events"], json!([]));
    assert_eq!(file["profiles"][0]["endValue"], 0);
}

#[test]
fn no_frame_of_a_deep_recursion_is_left_out() {
    let file = file(&recursion(3000));
    assert_eq!(file["profiles"][0]["events"].as_array().unwrap().len(), 6000);
    assert_eq!(stacks(&file, &file["profiles"][0]).values().sum::<u64>(), 300_000);
}
