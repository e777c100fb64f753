//! The live memory of one process: which blocks and mappings there are and which site each belongs to.
//!
//! A trace may be incomplete, so nothing is taken for granted. A block that comes to life where one
//! is still alive replaces it: its free was lost. A free of an unknown address is ignored: the block
//! is older than the recording or inherited from the parent.

use format::{Event, MappingKind, StackId, ThreadNumber};
use hashbrown::HashMap;

use crate::image::ImageIndex;
use crate::mappings::Mappings;
use crate::site::{Category, Site, SiteId};

/// Who is told what changes.
pub(crate) trait Ledger {
    /// A site appears for the first time. Returns the id by which it will be called.
    fn open_site(&mut self, site: Site) -> SiteId;
    /// Live bytes and blocks of a site change.
    fn change(&mut self, site: SiteId, bytes: i64, blocks: i64);
}

/// Blocks and mappings of one process.
pub(crate) struct LiveMemory {
    image: ImageIndex,
    blocks: HashMap<u64, Block>,
    mappings: Mappings,
    threads: HashMap<ThreadNumber, ThreadSites>,
}

#[derive(Clone, Copy)]
struct Block {
    size: u64,
    site: SiteId,
}

/// The sites of one thread and its last free.
#[derive(Default)]
struct ThreadSites {
    sites: HashMap<(StackId, Category), SiteId>,
    /// The site used last: most allocations come from where the one before came from.
    last: Option<(StackId, Category, SiteId)>,
    /// The block that the thread's last free removed.
    last_freed: Option<(u64, Block)>,
}

impl LiveMemory {
    pub(crate) fn new(image: ImageIndex) -> LiveMemory {
        LiveMemory { image, blocks: HashMap::new(), mappings: Mappings::default(), threads: HashMap::new() }
    }

    /// Applies events of one thread.
    pub(crate) fn apply(&mut self, thread: ThreadNumber, events: &[Event], ledger: &mut impl Ledger) {
        let LiveMemory { image, blocks, mappings, threads } = self;
        let sites = threads.entry(thread).or_default();
        let site = |stack, category| Site { image: *image, thread, stack, category };
        for &event in events {
            match event {
                Event::Alloc { domain, address, size, stack } => {
                    let category = match domain {
                        format::Domain::Python => Category::Python,
                        format::Domain::Heap => Category::Heap,
                    };
                    let block = Block { size, site: sites.id_of(site(stack, category), ledger) };
                    insert(blocks, address, block, ledger);
                }
                Event::Free { address } => {
                    let freed = blocks.remove(&address);
                    if let Some(block) = freed {
                        ledger.change(block.site, (block.size as i64).wrapping_neg(), -1);
                    }
                    sites.last_freed = freed.map(|block| (address, block));
                }
                Event::UndoFree => {
                    if let Some((address, block)) = sites.last_freed.take() {
                        insert(blocks, address, block, ledger);
                    }
                }
                Event::Map { kind, address, length, stack } => {
                    let category = match kind {
                        MappingKind::Anonymous => Category::Mmap,
                        MappingKind::PythonArena => Category::PythonArena,
                    };
                    let range = address..address.saturating_add(length);
                    let replaced = mappings.unmap(range.clone());
                    let mapped = mappings.map(range, sites.id_of(site(stack, category), ledger));
                    for change in replaced.into_iter().chain(mapped) {
                        ledger.change(change.site, change.bytes, change.blocks);
                    }
                }
                Event::Unmap { address, length } => {
                    for change in mappings.unmap(address..address.saturating_add(length)) {
                        ledger.change(change.site, change.bytes, change.blocks);
                    }
                }
                // Marks have become runs.
                Event::Time { .. } | Event::Turn { .. } => {}
            }
        }
    }

    /// The process is gone: nothing of it lives on.
    pub(crate) fn clear(&mut self, ledger: &mut impl Ledger) {
        for (_, block) in self.blocks.drain() {
            ledger.change(block.site, (block.size as i64).wrapping_neg(), -1);
        }
        for change in self.mappings.unmap_all() {
            ledger.change(change.site, change.bytes, change.blocks);
        }
    }
}

#[inline]
fn insert(blocks: &mut HashMap<u64, Block>, address: u64, block: Block, ledger: &mut impl Ledger) {
    if let Some(replaced) = blocks.insert(address, block) {
        ledger.change(replaced.site, (replaced.size as i64).wrapping_neg(), -1);
    }
    ledger.change(block.site, block.size as i64, 1);
}

impl ThreadSites {
    #[inline]
    fn id_of(&mut self, site: Site, ledger: &mut impl Ledger) -> SiteId {
        if let Some((stack, category, id)) = self.last
            && stack == site.stack
            && category == site.category
        {
            return id;
        }
        let id = *self.sites.entry((site.stack, site.category)).or_insert_with(|| ledger.open_site(site));
        self.last = Some((site.stack, site.category, id));
        id
    }
}
