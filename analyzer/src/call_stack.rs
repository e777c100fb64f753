//! Call stacks with their lines resolved: a tree in which equal stacks are one node, whatever ids
//! they had in the trace.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Serialize, Serializer};

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

    /// A number that no other node of the tree has.
    #[cfg(feature = "tables")]
    pub(crate) fn number(self) -> u32 {
        self.0
    }
}

/// A frame of a [`CallTree`]; equal frames have equal ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FrameId(u32);

/// All stacks of an answer. A stack is its parent and one more frame; each stack is there once.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallTree {
    nodes: Vec<Node>,
    /// How many frames the stack of each node has.
    depths: Vec<u32>,
    frames: Vec<Frame>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Node {
    parent: NodeId,
    frame: FrameId,
}

impl CallTree {
    pub(crate) fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.0 as usize]
    }

    /// All frames, each once.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames that nothing recorded has called.
    pub(crate) fn outermost(&self) -> impl Iterator<Item = &Frame> {
        self.nodes.iter().filter(|node| node.parent == NodeId::ROOT).map(|node| self.frame(node.frame))
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

    /// An order of stacks by depth, then by frames from the innermost outwards. (Those of recursions are equal for long: in
    /// another order, sorting them would take the square of their depth.)
    fn compare(&self, one: NodeId, other: NodeId) -> Ordering {
        let by_depth = self.depth(one).cmp(&self.depth(other));
        if by_depth != Ordering::Equal {
            return by_depth;
        }
        let (mut one, mut other) = (one, other);
        // Equal stacks are one node, and equal frames have one id.
        while one != other
            && let (Some(inner), Some(other_inner)) = (self.node(one), self.node(other))
        {
            if inner.frame != other_inner.frame {
                return self.frame(inner.frame).cmp(self.frame(other_inner.frame));
            }
            (one, other) = (inner.parent, other_inner.parent);
        }
        Ordering::Equal
    }

    fn depth(&self, node: NodeId) -> u32 {
        // The root has no entry.
        (node.0 as usize).checked_sub(1).map_or(0, |index| self.depths[index])
    }

    fn node(&self, id: NodeId) -> Option<Node> {
        // The root has no entry.
        self.nodes.get((id.0 as usize).checked_sub(1)?).copied()
    }
}

/// Builds a [`CallTree`].
#[derive(Default)]
pub(crate) struct CallTreeBuilder {
    nodes: hashbrown::HashMap<Node, NodeId>,
    frames: hashbrown::HashMap<Frame, FrameId>,
    tree: CallTree,
}

impl CallTreeBuilder {
    /// The id of a frame.
    pub(crate) fn frame(&mut self, frame: Frame) -> FrameId {
        *self.frames.entry(frame).or_insert_with_key(|frame| {
            self.tree.frames.push(frame.clone());
            FrameId((self.tree.frames.len() - 1) as u32)
        })
    }

    /// The stack of `parent` and one more frame.
    pub(crate) fn child(&mut self, parent: NodeId, frame: FrameId) -> NodeId {
        let node = Node { parent, frame };
        *self.nodes.entry(node).or_insert_with(|| {
            self.tree.depths.push(self.tree.depth(parent) + 1);
            self.tree.nodes.push(node);
            NodeId(self.tree.nodes.len() as u32)
        })
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

    /// An order by depth, then by frames from the innermost outwards. Both are stacks of one answer.
    pub(crate) fn compare(&self, other: &CallStack) -> Ordering {
        self.tree.compare(self.node, other.node)
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
