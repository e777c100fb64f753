//! Call sites: innermost Python frames by function, file and line.

use hashbrown::HashMap;

use crate::call_stack::{CallTree, FrameId, NodeId};
use crate::interner::Interner;

/// What a call site without a Python frame is called.
pub(crate) const NO_PYTHON_FRAME: &str = "(no Python frame)";

/// Function, file and line of an innermost frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CallSiteName {
    // In the order in which people look for them, which decides between equal sizes.
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) function: String,
}

/// Dense index of a call site in the order of first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CallSiteId(u32);

impl CallSiteId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All call sites of an answer, each once.
#[derive(Default)]
pub(crate) struct CallSiteNames {
    names: Interner<CallSiteName>,
    /// Frames that differ in their columns only are one call site.
    of_frame: HashMap<Option<FrameId>, CallSiteId>,
}

impl CallSiteNames {
    /// The call site of a stack.
    pub(crate) fn of_stack(&mut self, tree: &CallTree, stack: NodeId) -> CallSiteId {
        let frame = tree.innermost(stack);
        if let Some(&known) = self.of_frame.get(&frame) {
            return known;
        }
        let name = match frame.map(|frame| tree.frame(frame)) {
            Some(frame) => {
                CallSiteName { file: frame.file.clone(), line: frame.line, function: frame.function.clone() }
            }
            None => CallSiteName { file: String::new(), line: 0, function: NO_PYTHON_FRAME.to_owned() },
        };
        let id = CallSiteId(self.names.index_of(name));
        self.of_frame.insert(frame, id);
        id
    }

    /// By [`CallSiteId`].
    pub(crate) fn names(&self) -> &[CallSiteName] {
        self.names.values()
    }
}
