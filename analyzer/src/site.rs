//! Sites: what memory is accounted to.

use format::{StackId, ThreadNumber};

use crate::image::ImageIndex;

/// Dense index of a [`Site`] in the order of first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct SiteId(pub(crate) u32);

impl SiteId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Kinds of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Category {
    /// The malloc family.
    Heap,
    /// Python's allocator.
    Python,
    /// Anonymous mappings.
    Mmap,
    /// Arenas of pymalloc. Not counted: the objects in them are.
    PythonArena,
}

impl Category {
    /// Whether its bytes are part of the job's live memory.
    pub(crate) fn counts(self) -> bool {
        self != Category::PythonArena
    }
}

/// A call stack of one thread and a kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    pub(crate) stack: StackId,
    pub(crate) category: Category,
}
