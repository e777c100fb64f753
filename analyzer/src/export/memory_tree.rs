//! The call stacks of one thread as a tree, with what each of them holds.
//!
//! It takes the time and room of its nodes, not of the frames of all stacks: where every level of a deep recursion
//! holds memory, those are the square of its depth.

use std::cmp::Reverse;
use std::convert::Infallible;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::call_stack::{CallTree, Frame, FrameId, NodeId};
use crate::held::{Kinds, StackMemory};

/// See the module. Memory allocated outside Python code is that of a node without a frame.
pub(super) struct MemoryTree<'a> {
    /// Parents before their children.
    nodes: Vec<MemoryNode<'a>>,
    /// The nodes by parent, those without first; those of one parent from the largest down.
    children: Vec<usize>,
    /// Where the children of each node begin in `children`, and where those of the last one end.
    first_child: Vec<usize>,
}

/// A call stack.
pub(super) struct MemoryNode<'a> {
    parent: Option<usize>,
    /// The innermost frame; None for memory allocated outside Python code. Frames of equal ids are equal.
    pub(super) frame: Option<(FrameId, &'a Frame)>,
    /// What this stack itself holds.
    pub(super) own: Kinds,
    /// What it and those that begin with it hold. Ends at the largest number, which only damaged traces reach.
    pub(super) total_bytes: u64,
    /// The same in blocks.
    pub(super) total_blocks: u64,
}

/// A step of a walk from call to call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// To a node from its parent.
    Enter(usize),
    /// Back from a node.
    Leave(usize),
}

impl<'a> MemoryTree<'a> {
    /// Of stacks of one answer.
    pub(super) fn of(stacks: &[&'a StackMemory]) -> MemoryTree<'a> {
        let Some(tree) = stacks.first().map(|stack| stack.frames.tree()) else {
            return MemoryTree { nodes: Vec::new(), children: Vec::new(), first_child: vec![0] };
        };
        let mut held = HashMap::<NodeId, Kinds>::new();
        for stack in stacks {
            let node = stack.frames.node();
            held.insert(node, stack.kinds);
            let mut ancestor = caller(tree, node);
            // One that is there has its own ancestors there.
            while let Some(node) = ancestor
                && let Entry::Vacant(vacant) = held.entry(node)
            {
                vacant.insert(Kinds::default());
                ancestor = caller(tree, node);
            }
        }
        // Parents have lower ids.
        let mut ids: Vec<(NodeId, Kinds)> = held.into_iter().collect();
        ids.sort_unstable_by_key(|&(node, _)| node);
        let mut nodes = Self::nodes(tree, &ids);
        for index in (0..nodes.len()).rev() {
            let (bytes, blocks) = (nodes[index].total_bytes, nodes[index].total_blocks);
            if let Some(parent) = nodes[index].parent {
                let parent = &mut nodes[parent];
                parent.total_bytes = parent.total_bytes.saturating_add(bytes);
                parent.total_blocks = parent.total_blocks.saturating_add(blocks);
            }
        }
        Self::with_children(nodes)
    }

    fn nodes(tree: &'a CallTree, ids: &[(NodeId, Kinds)]) -> Vec<MemoryNode<'a>> {
        let mut indices = HashMap::<NodeId, usize>::with_capacity(ids.len());
        let node = |(index, &(id, own)): (usize, &(NodeId, Kinds))| {
            indices.insert(id, index);
            MemoryNode {
                parent: caller(tree, id).and_then(|parent| indices.get(&parent).copied()),
                frame: tree.innermost(id).map(|frame| (frame, tree.frame(frame))),
                own,
                total_bytes: own.total().live_bytes,
                total_blocks: own.total().live_blocks,
            }
        };
        ids.iter().enumerate().map(node).collect()
    }

    fn with_children(nodes: Vec<MemoryNode<'a>>) -> MemoryTree<'a> {
        // Those without a parent are those of number 0.
        let group = |index: usize| nodes[index].parent.map_or(0, |parent| parent + 1);
        let mut children: Vec<usize> = (0..nodes.len()).collect();
        children.sort_unstable_by_key(|&index| (group(index), Reverse(nodes[index].total_bytes), index));
        let mut first_child = vec![0; nodes.len() + 2];
        for index in 0..nodes.len() {
            first_child[group(index) + 1] += 1;
        }
        for group in 1..first_child.len() {
            first_child[group] += first_child[group - 1];
        }
        MemoryTree { nodes, children, first_child }
    }

    pub(super) fn node(&self, index: usize) -> &MemoryNode<'a> {
        &self.nodes[index]
    }

    /// In the order of their numbers, which is that of [`MemoryNode::parent`].
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<usize>, &MemoryNode<'a>)> {
        self.nodes.iter().map(|node| (node.parent, node))
    }

    /// What all its stacks hold, in bytes.
    pub(super) fn total_bytes(&self) -> u64 {
        self.roots().iter().fold(0, |sum, &root| sum.saturating_add(self.nodes[root].total_bytes))
    }

    /// What all its stacks hold, in blocks.
    pub(super) fn total_blocks(&self) -> u64 {
        self.roots().iter().fold(0, |sum, &root| sum.saturating_add(self.nodes[root].total_blocks))
    }

    /// Calls `each` with every stack that holds something: the nodes from its outermost call to itself. In the order of
    /// [`MemoryTree::walk`].
    pub(super) fn try_for_each_stack<E>(&self, mut each: impl FnMut(&[usize]) -> Result<(), E>) -> Result<(), E> {
        let mut path = Vec::new();
        self.walk().try_for_each(|step| match step {
            Step::Enter(node) => {
                path.push(node);
                if self.nodes[node].own == Kinds::default() { Ok(()) } else { each(&path) }
            }
            Step::Leave(_) => {
                path.pop();
                Ok(())
            }
        })
    }

    /// The same where nothing can fail.
    pub(super) fn for_each_stack(&self, mut each: impl FnMut(&[usize])) {
        let Ok(()) = self.try_for_each_stack(|path| {
            each(path);
            Ok::<(), Infallible>(())
        });
    }

    /// A walk over the whole tree, from the outermost calls inwards, the largest first.
    pub(super) fn walk(&self) -> impl Iterator<Item = Step> {
        let mut todo: Vec<Step> = self.roots().iter().rev().map(|&root| Step::Enter(root)).collect();
        std::iter::from_fn(move || {
            let step = todo.pop()?;
            if let Step::Enter(node) = step {
                todo.push(Step::Leave(node));
                todo.extend(self.children(node).iter().rev().map(|&child| Step::Enter(child)));
            }
            Some(step)
        })
    }

    fn roots(&self) -> &[usize] {
        self.group(0)
    }

    fn children(&self, node: usize) -> &[usize] {
        self.group(node + 1)
    }

    fn group(&self, group: usize) -> &[usize] {
        match self.first_child.get(group..group + 2) {
            Some(&[start, end]) => &self.children[start..end],
            _ => &[],
        }
    }
}

/// The stack that called the innermost frame, unless that is the outermost.
fn caller(tree: &CallTree, node: NodeId) -> Option<NodeId> {
    tree.parent(node).filter(|&parent| parent != NodeId::ROOT)
}
