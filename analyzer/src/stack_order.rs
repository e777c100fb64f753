//! The order of call stacks in answers: by depth, then by frames from the innermost outwards.
//!
//! Stacks of recursions are equal for long, and many stacks differ in their outer frames only. So stacks are not compared frame by
//! frame: each has a place, found by its innermost frame's place among all frames and the place of the stack around it.

use rayon::prelude::*;

use crate::call_stack::{CallTree, Frame, Node, NodeId};

/// The order of the stacks of a tree.
pub(crate) struct StackOrder {
    /// The place of each node, from 1.
    places: Vec<u32>,
}

impl StackOrder {
    pub(crate) fn of(tree: &CallTree) -> StackOrder {
        StackOrder { places: places(tree.nodes(), tree.depths(), tree.frames()) }
    }

    /// The place of a stack. The one without frames is the first.
    pub(crate) fn place(&self, node: NodeId) -> u32 {
        node.index().map_or(0, |index| self.places[index])
    }
}

fn places(nodes: &[Node], depths: &[u32], frames: &[Frame]) -> Vec<u32> {
    let frame_places = frame_places(frames);
    let mut by_depth: Vec<u32> = (0..nodes.len() as u32).collect();
    by_depth.sort_by_key(|&node| depths[node as usize]);
    let mut places = vec![0; nodes.len()];
    let mut before = 0;
    for level in by_depth.chunk_by(|&one, &other| depths[one as usize] == depths[other as usize]) {
        let key = |&node: &u32| {
            let Node { parent, frame } = nodes[node as usize];
            let around = parent.index().map_or(0, |parent| places[parent]);
            ((frame_places[frame.index()], around), node)
        };
        let mut level: Vec<_> = level.iter().map(key).collect();
        level.par_sort_unstable();
        for &(_, node) in &level {
            before += 1;
            places[node as usize] = before;
        }
    }
    places
}

fn frame_places(frames: &[Frame]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..frames.len() as u32).collect();
    order.par_sort_unstable_by(|&one, &other| frames[one as usize].cmp(&frames[other as usize]));
    let mut places = vec![0; frames.len()];
    for (place, &frame) in (0..).zip(&order) {
        places[frame as usize] = place;
    }
    places
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::call_stack::CallTreeBuilder;

    proptest! {
        #[test]
        fn places_are_those_of_an_order_frame_by_frame(steps in vec((0usize..40, 0usize..5), 0..60)) {
            let mut builder = CallTreeBuilder::default();
            let mut stacks = vec![NodeId::ROOT];
            for (around, name) in steps {
                let frame = builder.frame(Frame::placeholder(["b", "d", "a", "e", "c"][name]));
                stacks.push(builder.child(stacks[around % stacks.len()], frame));
            }
            let tree = builder.finish();
            let order = StackOrder::of(&tree);
            let frames = |stack: NodeId| tree.frames_from_innermost(stack).collect::<Vec<_>>();
            for &one in &stacks {
                for &other in &stacks {
                    let by_frames = (frames(one).len(), frames(one)).cmp(&(frames(other).len(), frames(other)));
                    prop_assert_eq!(order.place(one).cmp(&order.place(other)), by_frames);
                }
            }
        }
    }
}
