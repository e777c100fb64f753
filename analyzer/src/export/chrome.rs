//! A `.heapprofile`: the format in which Chrome's DevTools save and load their "allocation sampling" profiles,
//! HeapProfiler's `SamplingHeapProfile` of the DevTools protocol.
//!
//! It was chosen over Chrome's trace events, which have no view of memory by call stack: their heap dumps are read by
//! chrome://tracing alone, which is no longer developed. DevTools show a heap profile as a tree, bottom-up, and as a
//! flame chart, in bytes.
//!
//! The format is a tree, so it is as large as the tree of call stacks. Processes and threads are outer nodes, where
//! there are several. Lines and columns are counted from 0. `scriptId` is a number for each file, because DevTools tell
//! functions of one name apart by it. There is no room for blocks.

use std::io::{self, Write};

use hashbrown::HashMap;

use crate::call_stack::Frame;
use crate::error::AnalyzerError;
use crate::export::memory_tree::Step;
use crate::export::texts;
use crate::export::threads::Threads;
use crate::peak::Peak;

/// Writes the peak.
pub fn write(peak: &Peak, out: impl Write) -> Result<(), AnalyzerError> {
    let threads = Threads::of(peak);
    let mut writer = NodeWriter { out, next_id: 1, script_ids: HashMap::new(), wants_comma: false };
    writer.out.write_all(b"{\"head\":")?;
    writer.enter("(root)", None, 0)?;
    // The levels of the thread before, which are left where the next one has others.
    let mut open: Vec<(usize, &str)> = Vec::new();
    for thread in &threads.list {
        let levels: Vec<(usize, &str)> =
            threads.levels(thread).into_iter().map(|level| (thread.process_index, level)).collect();
        let has_process_open = threads.several_processes && open.first() == levels.first();
        let kept = usize::from(has_process_open);
        for _ in open.drain(kept..) {
            writer.leave()?;
        }
        for (process, level) in levels.into_iter().skip(kept) {
            writer.enter(level, None, 0)?;
            open.push((process, level));
        }
        let tree = thread.tree();
        for step in tree.walk() {
            match step {
                Step::Enter(index) => {
                    let node = tree.node(index);
                    let frame = node.frame.map(|(_, frame)| frame);
                    writer.enter(texts::function(frame), frame, node.own.total().live_bytes)?;
                }
                Step::Leave(_) => writer.leave()?,
            }
        }
    }
    for _ in 0..=open.len() {
        writer.leave()?;
    }
    // Chrome has here what it sampled, in the order of time: what is known of one instant has none.
    Ok(writer.out.write_all(b",\"samples\":[]}\n")?)
}

/// Writes nodes as JSON, without recursion: stacks are deeper than those of this thread.
struct NodeWriter<'a, W> {
    out: W,
    next_id: u64,
    script_ids: HashMap<&'a str, usize>,
    /// Whether the list of nodes that is open has one already.
    wants_comma: bool,
}

impl<'a, W: Write> NodeWriter<'a, W> {
    fn enter(&mut self, function: &str, frame: Option<&'a Frame>, self_bytes: u64) -> io::Result<()> {
        let placed = frame.filter(|frame| !frame.file.is_empty());
        let file = placed.map_or("", |frame| &frame.file);
        // 0 stands for what is no script.
        let next_script = self.script_ids.len() + 1;
        let script = placed.map_or(0, |frame| *self.script_ids.entry(&frame.file).or_insert(next_script));
        let line = placed.map_or(-1, |frame| i64::from(frame.line) - 1);
        let column = placed.and_then(|frame| frame.column).map_or(-1, i64::from);
        if self.wants_comma {
            self.out.write_all(b",")?;
        }
        self.out.write_all(b"{\"callFrame\":{\"functionName\":")?;
        serde_json::to_writer(&mut self.out, function)?;
        write!(self.out, ",\"scriptId\":\"{script}\",\"url\":")?;
        serde_json::to_writer(&mut self.out, file)?;
        write!(self.out, ",\"lineNumber\":{line},\"columnNumber\":{column}}}")?;
        write!(self.out, ",\"selfSize\":{self_bytes},\"id\":{},\"children\":[", self.next_id)?;
        self.next_id += 1;
        self.wants_comma = false;
        Ok(())
    }

    fn leave(&mut self) -> io::Result<()> {
        self.wants_comma = true;
        self.out.write_all(b"]}")
    }
}
