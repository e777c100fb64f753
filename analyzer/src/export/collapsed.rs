//! Collapsed stacks, as flamegraph.pl and inferno read them: a line per stack, `frame;frame;frame bytes`, outermost
//! first.
//!
//! The format has no other escapes than not to use a character: a semicolon in a name becomes the Greek question mark,
//! which looks the same, and line breaks become spaces. A frame is `function (file:line)`. Processes and threads are
//! outer frames, where there are several. Stacks of no bytes have no line.

use std::io::Write;

use crate::call_stack::Frame;
use crate::error::AnalyzerError;
use crate::export::frame_table::FrameTable;
use crate::export::shown_path::shown;
use crate::export::texts;
use crate::export::threads::Threads;
use crate::flamegraph::LEFT_OUT;
use crate::flamegraph::label::sanitize;
use crate::peak::Peak;

/// Writes the peak.
pub fn write(peak: &Peak, mut out: impl Write) -> Result<(), AnalyzerError> {
    let threads = Threads::of(peak);
    let mut frames = FrameTable::default();
    let mut labels: Vec<String> = Vec::new();
    for thread in &threads.list {
        let levels: String = threads.levels(thread).into_iter().map(|level| sanitize(level) + ";").collect();
        let tree = thread.tree();
        tree.try_for_each_stack(|path| {
            let bytes = path.last().map_or(0, |&node| tree.node(node).own.total().live_bytes);
            if bytes == 0 {
                return Ok(());
            }
            out.write_all(levels.as_bytes())?;
            for (at, node) in shown(path).enumerate() {
                let label = match node {
                    Some(node) => {
                        let index = frames.index(tree.node(node));
                        labels.extend(frames.frames()[labels.len()..].iter().map(|frame| label(*frame)));
                        &labels[index]
                    }
                    None => LEFT_OUT,
                };
                out.write_all(if at > 0 { b";" } else { b"" })?;
                out.write_all(label.as_bytes())?;
            }
            writeln!(out, " {bytes}")
        })?;
    }
    Ok(())
}

fn label(frame: Option<&Frame>) -> String {
    sanitize(&texts::frame(frame))
}
