//! The frames of an exported file, each once, for formats that refer to frames by number.

use hashbrown::HashMap;

use crate::call_stack::{Frame, FrameId};
use crate::export::memory_tree::MemoryNode;

/// Numbers frames in the order of first use.
#[derive(Default)]
pub(super) struct FrameTable<'a> {
    frames: Vec<Option<&'a Frame>>,
    indices: HashMap<Option<FrameId>, usize>,
}

impl<'a> FrameTable<'a> {
    /// The number of a node's innermost frame.
    pub(super) fn index(&mut self, node: &MemoryNode<'a>) -> usize {
        *self.indices.entry(node.frame.map(|(id, _)| id)).or_insert_with(|| {
            self.frames.push(node.frame.map(|(_, frame)| frame));
            self.frames.len() - 1
        })
    }

    /// All frames by number; None stands for memory allocated outside Python code.
    pub(super) fn frames(&self) -> &[Option<&'a Frame>] {
        &self.frames
    }
}
