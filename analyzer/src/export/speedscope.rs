//! speedscope's own file format, <https://www.speedscope.app/file-format-schema.json>.
//!
//! A file has one table of frames and a profile for each thread and unit: first the bytes of all threads, then their
//! blocks (of the unit `none`, as the format knows no counts). Profiles are evented: frames that are opened and closed
//! while memory is counted from 0 up. A sampled profile would repeat all frames of each stack; speedscope makes the
//! same picture of both. Columns are counted from 1, in bytes of UTF-8.

use std::io::{self, Write};

use serde::Serialize;

use crate::call_stack::Frame;
use crate::error::AnalyzerError;
use crate::export::frame_table::FrameTable;
use crate::export::memory_tree::{MemoryNode, MemoryTree, Step};
use crate::export::texts;
use crate::export::threads::Threads;
use crate::peak::Peak;

const SCHEMA: &str = "https://www.speedscope.app/file-format-schema.json";
const EXPORTER: &str = concat!("fil@", env!("CARGO_PKG_VERSION"));

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    shared: Shared<'a>,
    profiles: Vec<Profile>,
    name: String,
    active_profile_index: usize,
    exporter: &'static str,
}

#[derive(Serialize)]
struct Shared<'a> {
    frames: Vec<SharedFrame<'a>>,
}

#[derive(Serialize)]
struct SharedFrame<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    col: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    /// `O` opens a frame, `C` closes it.
    #[serde(rename = "type")]
    kind: char,
    frame: usize,
    at: u64,
}

/// Writes the peak.
pub fn write(peak: &Peak, mut out: impl Write) -> Result<(), AnalyzerError> {
    let threads = Threads::of(peak);
    let mut frames = FrameTable::default();
    let trees: Vec<(String, MemoryTree<'_>)> =
        threads.list.iter().map(|thread| (threads.title(thread), thread.tree())).collect();
    let bytes = trees.iter().map(|(title, tree)| {
        profile(title.clone(), "bytes", tree, tree.total_bytes(), |node| node.total_bytes, &mut frames)
    });
    let mut profiles: Vec<Profile> = bytes.collect();
    let blocks = trees.iter().map(|(title, tree)| {
        profile(format!("{title}: blocks"), "none", tree, tree.total_blocks(), |node| node.total_blocks, &mut frames)
    });
    profiles.extend(blocks);
    if profiles.is_empty() {
        // speedscope opens no file without a profile.
        profiles.push(profile("no memory".to_owned(), "bytes", &MemoryTree::of(&[]), 0, |_| 0, &mut frames));
    }
    let file = File {
        schema: SCHEMA,
        shared: Shared { frames: frames.frames().iter().map(|frame| shared_frame(*frame)).collect() },
        profiles,
        name: format!("Peak memory: {}", peak.command.join(" ")),
        active_profile_index: 0,
        exporter: EXPORTER,
    };
    serde_json::to_writer(&mut out, &file).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// Frames that hold nothing of the unit are not in it: they would be of no width.
fn profile<'a>(
    name: String,
    unit: &'static str,
    tree: &MemoryTree<'a>,
    end_value: u64,
    total: impl Fn(&MemoryNode<'a>) -> u64,
    frames: &mut FrameTable<'a>,
) -> Profile {
    let mut events = Vec::new();
    let mut at = 0u64;
    let mut starts = Vec::new();
    for step in tree.walk() {
        let (Step::Enter(index) | Step::Leave(index)) = step;
        let node = tree.node(index);
        if total(node) == 0 {
            continue;
        }
        let frame = frames.index(node);
        if step == Step::Enter(index) {
            starts.push(at);
            events.push(Event { kind: 'O', frame, at });
        } else {
            // What the stack itself holds comes behind what its callees hold.
            at = starts.pop().unwrap_or(at).saturating_add(total(node));
            events.push(Event { kind: 'C', frame, at });
        }
    }
    Profile { kind: "evented", name, unit, start_value: 0, end_value, events }
}

fn shared_frame(frame: Option<&Frame>) -> SharedFrame<'_> {
    let placed = frame.filter(|frame| !frame.file.is_empty());
    SharedFrame {
        name: texts::function(frame),
        file: placed.map(|frame| frame.file.as_str()),
        line: placed.map(|frame| frame.line),
        col: placed.and_then(|frame| frame.column).map(|column| column.saturating_add(1)),
    }
}
