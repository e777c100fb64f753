//! Heap profiles of Chrome's DevTools.

use serde_json::{Value, json};

use crate::support::recursion;
use crate::{STORY, STORY_BYTES, exported, exported_text};

fn head(story: &str) -> Value {
    let file: Value = serde_json::from_slice(&exported("chrome", story)).unwrap();
    assert_eq!(file["samples"], json!([]));
    file["head"].clone()
}

/// Every node as `depth name self`, parents first; ids are checked on the way.
fn outline(node: &Value, depth: usize, ids: &mut Vec<u64>, out: &mut Vec<String>) {
    ids.push(node["id"].as_u64().unwrap());
    let name = node["callFrame"]["functionName"].as_str().unwrap();
    out.push(format!("{depth} {name} {}", node["selfSize"]));
    for child in node["children"].as_array().unwrap() {
        outline(child, depth + 1, ids, out);
    }
}

#[test]
fn processes_threads_and_calls_are_one_tree() {
    let (mut ids, mut out) = (Vec::new(), Vec::new());
    outline(&head(STORY), 0, &mut ids, &mut out);
    assert_eq!(
        out,
        [
            "0 (root) 0",
            "1 python job.py (pid 10) 0",
            "2 MainThread 0",
            "3 (no Python frame) 4096",
            "3 <module> 0",
            "4 load 730",
            "5 a;b|\"c 20",
            "2 worker 0",
            "3 <module> 0",
            "4 load 64",
            "1 python child.py (pid 11) 0",
            "2 <module> 5",
        ]
    );
    assert_eq!(ids, (1..=out.len() as u64).collect::<Vec<_>>());
    let bytes: u64 = out.iter().map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum();
    assert_eq!(bytes, STORY_BYTES);
}

#[test]
fn a_call_frame_has_all_that_the_protocol_demands() {
    let head = head(STORY);
    let main_thread = &head["children"][0]["children"][0];
    assert_eq!(
        main_thread["children"][1]["children"][0]["callFrame"],
        json!({"functionName": "load", "scriptId": "1", "url": "/home/job.py", "lineNumber": 4, "columnNumber": -1})
    );
    assert_eq!(
        main_thread["children"][0]["callFrame"],
        json!({
            "functionName": "(no Python frame)", "scriptId": "0", "url": "", "lineNumber": -1, "columnNumber": -1
        })
    );
}

#[test]
fn several_threads_of_one_process_and_none_at_all() {
    let story = "process 10\nname python 10\nalloc 1000 7\nthread 2\nname worker 77\nalloc 2000 9\nend";
    let (mut ids, mut out) = (Vec::new(), Vec::new());
    outline(&head(story), 0, &mut ids, &mut out);
    assert_eq!(out, ["0 (root) 0", "1 worker 0", "2 (no Python frame) 9", "1 MainThread 0", "2 (no Python frame) 7"]);
    assert_eq!(head("end")["children"], json!([]));
}

#[test]
fn no_frame_of_a_deep_recursion_is_left_out() {
    let text = exported_text("chrome", &recursion(20_000));
    assert_eq!(text.matches("\"selfSize\":100,").count(), 20_000);
    let count = |character| text.matches(character).count();
    assert_eq!(count('{'), count('}'));
    assert_eq!(count('['), count(']'));
}
