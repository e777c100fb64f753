//! Sites: what memory is accounted to.

use std::hash::BuildHasherDefault;

use format::{Domain, MappingKind, StackId, ThreadNumber};
use hashbrown::HashMap;

use crate::image::ImageIndex;
use crate::spread::NumberHasher;

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
    /// Private anonymous mappings.
    PrivateMapping,
    /// Shared anonymous mappings.
    SharedMapping,
    /// Mapped files and devices. Not counted: they are not memory that the job asked for.
    MappedFile,
    /// Mappings that are not accessible. Not counted: there is no memory behind them.
    Reserved,
    /// Arenas of Python's allocator. Not counted: the objects in them are. The last one, see [`Category::COUNT`].
    PythonArena,
}

impl Category {
    /// How many there are: the last one is the last of the list.
    const COUNT: usize = Category::PythonArena as usize + 1;

    /// The category of blocks from this allocator.
    pub(crate) fn of_block(domain: Domain) -> Category {
        match domain {
            Domain::Python => Category::Python,
            Domain::Heap => Category::Heap,
        }
    }

    /// The category of a mapping.
    pub(crate) fn of_mapping(kind: MappingKind, accessible: bool) -> Category {
        match (kind, accessible) {
            (MappingKind::File, _) => Category::MappedFile,
            (_, false) => Category::Reserved,
            (MappingKind::Private, true) => Category::PrivateMapping,
            (MappingKind::Shared, true) => Category::SharedMapping,
            (MappingKind::PythonArena, true) => Category::PythonArena,
        }
    }

    /// Whether its bytes are part of the job's live memory.
    pub(crate) fn counts(self) -> bool {
        match self {
            Category::Heap | Category::Python | Category::PrivateMapping | Category::SharedMapping => true,
            Category::MappedFile | Category::Reserved | Category::PythonArena => false,
        }
    }
}

/// A call stack of one thread and a kind of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    pub(crate) stack: StackId,
    pub(crate) category: Category,
}

/// By the number of the stack.
type IdsOfStacks = HashMap<u64, SiteId, BuildHasherDefault<NumberHasher>>;

/// Numbers sites in the order of first use.
#[derive(Default)]
pub(crate) struct SiteIds {
    /// For each thread, by category and call stack: there may be millions.
    ids: HashMap<(ImageIndex, ThreadNumber), [IdsOfStacks; Category::COUNT]>,
    sites: Vec<Site>,
}

impl SiteIds {
    pub(crate) fn id_of(&mut self, site: Site) -> SiteId {
        let Site { image, thread, stack, category } = site;
        self.of_thread(image, thread)(stack, category)
    }

    /// Numbers the sites of a thread.
    pub(crate) fn of_thread(
        &mut self,
        image: ImageIndex,
        thread: ThreadNumber,
    ) -> impl FnMut(StackId, Category) -> SiteId {
        let SiteIds { ids, sites } = self;
        let ids = ids.entry((image, thread)).or_default();
        move |stack, category| {
            *ids[category as usize].entry(stack.number()).or_insert_with(|| {
                sites.push(Site { image, thread, stack, category });
                SiteId((sites.len() - 1) as u32)
            })
        }
    }

    /// By [`SiteId`].
    pub(crate) fn sites(&self) -> &[Site] {
        &self.sites
    }

    pub(crate) fn into_sites(self) -> Vec<Site> {
        self.sites
    }
}
