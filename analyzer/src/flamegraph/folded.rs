//! The calls of a picture as a tree, and of that the lines that inferno wants: a path and a size each.
//!
//! inferno leaves out what is too small to be seen, but reads it before. Of a job with a hundred thousand call stacks
//! that takes seconds, so what cannot be seen is left out here, and its size stays with the call that it came from.

use hashbrown::HashMap;

use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::{CallTree, Frame, NodeId};
use crate::flamegraph::shape::Shape;
use crate::flamegraph::{LEFT_OUT, Picture, Weighed, frame_label, shown_ends};
use crate::trace::Trace;

/// What holds less than one part in so many is not drawn. inferno's own limit is twice that.
const LEAST_PART: u128 = 2000;

/// What calls that have no caller are called together, where they are too small to be seen.
const TOO_SMALL: &str = "(calls too small to be seen)";

/// The lines of a picture.
pub(super) fn lines(picture: &Picture, trace: &Trace, shape: Shape) -> Vec<String> {
    let mut weighed = picture.stacks.iter().filter(|stack| stack.weight > 0);
    let first = weighed.next().map(|stack| stack.process_index);
    let several_processes = weighed.any(|stack| Some(stack.process_index) != first);
    let mut tree = Tree { nodes: vec![Node::new(0, Call::All)], ids: HashMap::new(), of_stack: HashMap::new(), shape };
    for stack in picture.stacks.iter().filter(|stack| stack.weight > 0) {
        let top = if several_processes { tree.child(ROOT, Call::Process(stack.process_index)) } else { ROOT };
        tree.add(stack, top);
    }
    tree.lines(picture, trace)
}

/// What a box stands for. Frames that differ in nothing but columns are one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Call<'a> {
    All,
    Process(usize),
    Frame {
        function: &'a str,
        file: &'a str,
        /// 0 if lines do not matter.
        line: u32,
    },
    /// In place of frames that are not shown.
    LeftOut,
    NoPythonFrame,
}

struct Node<'a> {
    parent: usize,
    call: Call<'a>,
    /// With all that it called. At first what it has itself.
    total: u64,
}

impl<'a> Node<'a> {
    fn new(parent: usize, call: Call<'a>) -> Node<'a> {
        Node { parent, call, total: 0 }
    }
}

/// The first node: all of it.
const ROOT: usize = 0;

/// A parent stands before its children.
struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    ids: HashMap<(usize, Call<'a>), usize>,
    /// Of stacks that are shown as they are, by the node that they begin with: equal callers are looked for once.
    of_stack: HashMap<(usize, NodeId), usize>,
    shape: Shape,
}

impl<'a> Tree<'a> {
    fn child(&mut self, parent: usize, call: Call<'a>) -> usize {
        *self.ids.entry((parent, call)).or_insert_with(|| {
            self.nodes.push(Node::new(parent, call));
            self.nodes.len() - 1
        })
    }

    fn call_of(&self, frame: &'a Frame) -> Call<'a> {
        let line = if self.shape.by_function { 0 } else { frame.line };
        Call::Frame { function: &frame.function, file: &frame.file, line }
    }

    fn add(&mut self, stack: &Weighed<'a>, top: usize) {
        let is_as_it_is = self.shape == Shape { by_function: self.shape.by_function, ..Shape::default() };
        let mut node = if is_as_it_is && !is_too_deep(stack.frames.depth()) {
            self.node_of(stack.frames.tree(), stack.frames.node(), top)
        } else {
            self.node_of_shown(stack, top)
        };
        if node == top {
            node = self.child(top, Call::NoPythonFrame);
        }
        let total = &mut self.nodes[node].total;
        *total = total.saturating_add(stack.weight);
    }

    /// The box of a stack that is shown whole.
    fn node_of(&mut self, tree: &'a CallTree, stack: NodeId, top: usize) -> usize {
        let mut unknown = Vec::new();
        let mut at = stack;
        let mut node = loop {
            let (Some(frame), Some(caller)) = (tree.innermost(at), tree.parent(at)) else { break top };
            if let Some(&known) = self.of_stack.get(&(top, at)) {
                break known;
            }
            unknown.push((at, tree.frame(frame)));
            at = caller;
        };
        for (at, frame) in unknown.into_iter().rev() {
            node = self.child(node, self.call_of(frame));
            self.of_stack.insert((top, at), node);
        }
        node
    }

    fn node_of_shown(&mut self, stack: &Weighed<'a>, top: usize) -> usize {
        let frames = self.shape.of(stack.frames.frames());
        let (outer, inner) = shown_ends(&frames);
        let mut node = top;
        for frame in outer {
            node = self.child(node, self.call_of(frame));
        }
        if !inner.is_empty() {
            node = self.child(node, Call::LeftOut);
        }
        for frame in inner {
            node = self.child(node, self.call_of(frame));
        }
        node
    }

    fn lines(mut self, picture: &Picture, trace: &Trace) -> Vec<String> {
        for at in (1..self.nodes.len()).rev() {
            let Node { parent, total, .. } = self.nodes[at];
            self.nodes[parent].total = self.nodes[parent].total.saturating_add(total);
        }
        let all = u128::from(self.nodes[ROOT].total);
        let is_shown = |node: &Node| u128::from(node.total) * LEAST_PART >= all;
        let mut rest: Vec<u64> = self.nodes.iter().map(|node| node.total).collect();
        let mut paths: Vec<String> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let mut path = String::new();
            if node.call != Call::All && is_shown(node) {
                rest[node.parent] = rest[node.parent].saturating_sub(node.total);
                if node.parent != ROOT {
                    path = format!("{};", paths[node.parent]);
                }
                path += &label(node.call, picture, trace);
            }
            paths.push(path);
        }
        // All that has no box to stay with has one of its own.
        paths[ROOT] = TOO_SMALL.to_owned();
        let shown = self.nodes.iter().zip(paths).zip(rest);
        let shown = shown.filter(|((node, _), rest)| is_shown(node) && *rest > 0);
        shown.map(|((_, path), rest)| format!("{path} {rest}")).collect()
    }
}

fn is_too_deep(depth: usize) -> bool {
    depth > 2 * crate::flamegraph::SHOWN_AT_EACH_END
}

fn label(call: Call, picture: &Picture, trace: &Trace) -> String {
    match call {
        Call::All => String::new(),
        Call::Process(index) => picture.processes.get(index).cloned().unwrap_or_default(),
        Call::Frame { function, file, line } => frame_label(function, file, line, trace),
        Call::LeftOut => LEFT_OUT.to_owned(),
        Call::NoPythonFrame => NO_PYTHON_FRAME.to_owned(),
    }
}
