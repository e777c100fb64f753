//! From stack ids of the trace to resolved call stacks.
//!
//! A forked process knows its parent's code objects and stacks under the parent's ids; everything
//! else is its own. Definitions may be lost or, in a damaged trace, lead in a circle: what is not
//! there is a frame `(unknown)`. Every call path is resolved once.

use format::{CodeId, PathId, StackId};
use hashbrown::HashMap;

use crate::call_stack::{CallTree, CallTreeBuilder, Frame, FrameId, NodeId};
use crate::image::{Image, ImageIndex};
use crate::line_table::LineTable;

/// The function of a frame whose definition is not in the trace.
pub(crate) const UNKNOWN_FUNCTION: &str = "(unknown)";

/// Resolves stack ids and remembers what they are.
pub(crate) struct StackResolver<'a> {
    images: &'a [Image],
    tree: CallTreeBuilder,
    /// By the image that defined a call path, and its index there; empty for images of which no path was met.
    callers: Vec<Vec<Caller>>,
    frames: HashMap<(ImageIndex, CodeId, u32), FrameId>,
    line_tables: HashMap<(ImageIndex, CodeId), LineTable>,
}

/// The stack of a call path's caller.
#[derive(Clone, Copy)]
enum Caller {
    Unresolved,
    /// It is being resolved: meeting it again means that it is its own ancestor.
    InProgress,
    Resolved(NodeId),
}

impl<'a> StackResolver<'a> {
    pub(crate) fn new(images: &'a [Image]) -> StackResolver<'a> {
        StackResolver {
            images,
            tree: CallTreeBuilder::default(),
            callers: vec![Vec::new(); images.len()],
            frames: HashMap::new(),
            line_tables: HashMap::new(),
        }
    }

    /// The call stack that a process calls by this id.
    pub(crate) fn resolve(&mut self, image: ImageIndex, stack: StackId) -> NodeId {
        let mut unresolved: Vec<(ImageIndex, usize, u32)> = Vec::new();
        let (mut image, mut stack) = (image, stack);
        let mut node = loop {
            if stack.path == PathId::EMPTY {
                break NodeId::ROOT;
            }
            image = self.owner(image, |image| stack.path.0 < image.definitions.start.inherited_paths);
            let paths = &self.images[image.index()].definitions.paths;
            let Some(index) = paths.index(stack.path.0) else { break self.unknown() };
            let callers = &mut self.callers[image.index()];
            callers.resize(paths.values().len(), Caller::Unresolved);
            match callers[index] {
                Caller::Resolved(caller) => break self.child(caller, image, index, stack.instruction),
                Caller::InProgress => break self.unknown(),
                Caller::Unresolved => callers[index] = Caller::InProgress,
            }
            unresolved.push((image, index, stack.instruction));
            stack = paths.values()[index].caller;
        };
        for (image, index, instruction) in unresolved.into_iter().rev() {
            self.callers[image.index()][index] = Caller::Resolved(node);
            node = self.child(node, image, index, instruction);
        }
        node
    }

    /// The stack of this caller and the frame of the call path of this index, where this instruction is run.
    fn child(&mut self, caller: NodeId, image: ImageIndex, index: usize, instruction: u32) -> NodeId {
        let code = self.images[image.index()].definitions.paths.values()[index].code;
        let frame = self.frame(image, code, instruction);
        self.tree.child(caller, frame)
    }

    /// The stacks resolved so far.
    pub(crate) fn tree(&self) -> &CallTree {
        self.tree.tree()
    }

    pub(crate) fn finish(self) -> CallTree {
        self.tree.finish()
    }

    /// The process that defined an id, given which processes have it from their parent.
    fn owner(&self, image: ImageIndex, inherited: impl Fn(&Image) -> bool) -> ImageIndex {
        let mut owner = image;
        while let Some(parent) = self.images[owner.index()].forked_from
            && inherited(&self.images[owner.index()])
        {
            owner = parent;
        }
        owner
    }

    fn unknown(&mut self) -> NodeId {
        let frame = self.tree.frame(Frame::placeholder(UNKNOWN_FUNCTION));
        self.tree.child(NodeId::ROOT, frame)
    }

    fn frame(&mut self, image: ImageIndex, code: CodeId, instruction: u32) -> FrameId {
        let image = self.owner(image, |image| code.0 < image.definitions.start.inherited_codes);
        if let Some(&known) = self.frames.get(&(image, code, instruction)) {
            return known;
        }
        let frame = self.resolve_frame(image, code, instruction);
        let id = self.tree.frame(frame);
        self.frames.insert((image, code, instruction), id);
        id
    }

    fn resolve_frame(&mut self, image: ImageIndex, id: CodeId, instruction: u32) -> Frame {
        let definitions = &self.images[image.index()].definitions;
        let Some(code) = definitions.codes.get(&id) else {
            return Frame::placeholder(UNKNOWN_FUNCTION);
        };
        let line_table = self
            .line_tables
            .entry((image, id))
            .or_insert_with(|| LineTable::decode(code.line_table_format, &definitions.line_table(id), code.first_line));
        let location = line_table.location(instruction);
        Frame {
            function: code.function.clone(),
            file: code.file.clone(),
            line: location.line.unwrap_or(code.first_line),
            column: location.column,
            end_line: location.end_line,
            end_column: location.end_column,
        }
    }
}
