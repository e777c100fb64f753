//! Call stacks with their lines resolved: a tree in which equal stacks are one node, whatever ids
//! they had in the trace.

use std::sync::Arc;

use serde::{Serialize, Serializer};

use crate::interner::Interner;

/// A frame of a call stack.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Frame {
    /// Qualified name of the function.
    pub function: String,
    /// File name, as Python says it.
    pub file: String,
    /// Line being run, or the first line of the function if Python does not say.
    pub line: u32,
    /// Where the expression begins in its line, as in `co_positions()`: bytes of UTF-8, from 0. None
    /// if it is not known, as before Python 3.11.
    pub column: Option<u32>,
    /// Line in which the expression ends. None if it is not known.
    pub end_line: Option<u32>,
    /// Where the expression ends in that line, like `column`. None if it is not known.
    pub end_column: Option<u32>,
}

impl Frame {
    /// A frame of which nothing is known but what to call it.
    pub(crate) fn placeholder(function: &str) -> Frame {
        Frame {
            function: function.to_owned(),
            file: String::new(),
            line: 0,
            column: None,
            end_line: None,
            end_column: None,
        }
    }
}

/// A node of a [`CallTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

impl NodeId {
    /// The stack without frames.
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// Where it is among the nodes of its tree. The stack without frames is none.
    pub(crate) fn index(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }

    /// A number that no other node of the tree has.
    #[cfg(feature = "tables")]
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// A frame of a [`CallTree`]; equal frames have equal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FrameId(u32);

impl FrameId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All stacks of an answer. A stack is its parent and one more frame; each stack is there once.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallTree {
    nodes: Interner<Node>,
    /// How many frames the stack of each node has.
    depths: Vec<u32>,
    frames: Interner<Frame>,
}

/// A stack of a [`CallTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) parent: NodeId,
    pub(crate) frame: FrameId,
}

impl CallTree {
    pub(crate) fn frame(&self, id: FrameId) -> &Frame {
        &self.frames.values()[id.index()]
    }

    /// All frames, each once.
    pub(crate) fn frames(&self) -> &[Frame] {
        self.frames.values()
    }

    /// All stacks but the one without frames, each behind its parent.
    pub(crate) fn nodes(&self) -> &[Node] {
        self.nodes.values()
    }

    /// How many frames each of them has.
    pub(crate) fn depths(&self) -> &[u32] {
        &self.depths
    }

    /// The frames that nothing recorded has called.
    pub(crate) fn outermost(&self) -> impl Iterator<Item = &Frame> {
        self.nodes().iter().filter(|node| node.parent == NodeId::ROOT).map(|node| self.frame(node.frame))
    }

    /// The innermost frame of a stack.
    pub(crate) fn innermost(&self, node: NodeId) -> Option<FrameId> {
        self.node(node).map(|node| node.frame)
    }

    /// The frames of a stack, innermost first.
    pub(crate) fn frames_from_innermost(&self, node: NodeId) -> impl Iterator<Item = &Frame> {
        let mut next = self.node(node);
        std::iter::from_fn(move || {
            let node = next?;
            next = self.node(node.parent);
            Some(self.frame(node.frame))
        })
    }

    /// A stack without its innermost frame. Its id is lower; the stack without frames has none.
    pub(crate) fn parent(&self, node: NodeId) -> Option<NodeId> {
        self.node(node).map(|node| node.parent)
    }

    fn depth(&self, node: NodeId) -> u32 {
        node.index().map_or(0, |index| self.depths[index])
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        self.nodes().get(id.index()?).copied()
    }
}

/// Builds a [`CallTree`].
#[derive(Default)]
pub(crate) struct CallTreeBuilder {
    tree: CallTree,
}

impl CallTreeBuilder {
    /// The id of a frame.
    pub(crate) fn frame(&mut self, frame: Frame) -> FrameId {
        FrameId(self.tree.frames.index_of(frame))
    }

    /// The stack of `parent` and one more frame.
    pub(crate) fn child(&mut self, parent: NodeId, frame: FrameId) -> NodeId {
        let index = self.tree.nodes.index_of(Node { parent, frame });
        if index as usize == self.tree.depths.len() {
            self.tree.depths.push(self.tree.depth(parent) + 1);
        }
        NodeId(index + 1)
    }

    pub(crate) fn tree(&self) -> &CallTree {
        &self.tree
    }

    pub(crate) fn finish(self) -> CallTree {
        self.tree
    }
}

/// A call stack of an answer. Cheap to clone: the frames are shared by all stacks of the answer.
///
/// In JSON it is the sequence of its frames, outermost first.
#[derive(Clone)]
pub struct CallStack {
    tree: Arc<CallTree>,
    node: NodeId,
}

impl CallStack {
    pub(crate) fn new(tree: Arc<CallTree>, node: NodeId) -> CallStack {
        CallStack { tree, node }
    }

    /// The tree that it is in, which is that of all stacks of the answer.
    pub(crate) fn tree(&self) -> &CallTree {
        &self.tree
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    /// Its frames, outermost first.
    pub fn frames(&self) -> Vec<&Frame> {
        let mut frames: Vec<&Frame> = self.frames_from_innermost().collect();
        frames.reverse();
        frames
    }

    /// How many frames it has.
    pub fn depth(&self) -> usize {
        self.tree.depth(self.node) as usize
    }

    /// Its frames, innermost first.
    pub fn frames_from_innermost(&self) -> impl Iterator<Item = &Frame> {
        self.tree.frames_from_innermost(self.node)
    }
}

impl PartialEq for CallStack {
    fn eq(&self, other: &CallStack) -> bool {
        self.frames_from_innermost().eq(other.frames_from_innermost())
    }
}

impl std::fmt::Debug for CallStack {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.frames()).finish()
    }
}

impl Serialize for CallStack {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.frames())
    }
}
