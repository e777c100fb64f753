//! The live memory of one process: which blocks and mappings there are and which site each belongs to.
//!
//! A trace may be incomplete, so nothing is taken for granted. A block that comes to life where one
//! is still alive replaces it: its free was lost. A free of an unknown address is ignored: the block
//! is older than the recording or inherited from the parent.

use format::{Event, StackId, ThreadNumber};
use hashbrown::HashMap;

use crate::image::ImageIndex;
use crate::mappings::{Mapped, MappingChange, Mappings, Unmapped};
use crate::site::{Category, Site, SiteId};

/// Who is told what changes.
pub(crate) trait Ledger {
    /// A site appears for the first time. Returns the id by which it will be called.
    fn open_site(&mut self, site: Site) -> SiteId;
    /// Live bytes and blocks of a site change.
    fn change(&mut self, site: SiteId, bytes: i64, blocks: i64);
    /// A call of this thread asked for `size` bytes and got none.
    fn failed(&mut self, image: ImageIndex, thread: ThreadNumber, stack: StackId, size: u64);
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

/// The sites of one thread, its last free and its last unmapping.
#[derive(Default)]
struct ThreadSites {
    sites: HashMap<(StackId, Category), SiteId>,
    /// The site used last: most allocations come from where the one before came from.
    last: Option<(StackId, Category, SiteId)>,
    /// The block that the thread's last free removed.
    last_freed: Option<(u64, Block)>,
    /// What the thread's last unmapping took away.
    last_unmapped: Unmapped,
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
                    let site = site(stack, Category::of_block(domain));
                    let block = Block { size, site: sites.id_of(site, ledger) };
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
                Event::Map { .. } | Event::Unmap { .. } | Event::Protect { .. } | Event::Remap { .. } => {
                    apply_to_mappings(event, mappings, sites, site, ledger);
                }
                Event::Failed { size, stack } => ledger.failed(*image, thread, stack, size),
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
        let mut changes = Vec::new();
        self.mappings.unmap_all(&mut changes);
        tell(&changes, ledger);
    }
}

/// Applies one event of mapped memory.
fn apply_to_mappings(
    event: Event,
    mappings: &mut Mappings,
    sites: &mut ThreadSites,
    site: impl Fn(StackId, Category) -> Site,
    ledger: &mut impl Ledger,
) {
    let range = |address: u64, length: u64| address..address.saturating_add(length);
    let mut changes = Vec::new();
    match event {
        Event::Map { kind, accessible, address, length, stack } => {
            let site = sites.id_of(site(stack, Category::of_mapping(kind, accessible)), ledger);
            mappings.map(range(address, length), Mapped { kind, accessible, site }, &mut changes);
        }
        Event::Unmap { address, length } => {
            sites.last_unmapped = mappings.unmap(range(address, length), &mut changes);
        }
        Event::Protect { accessible, address, length, stack } => {
            let site_of = |kind, accessible| sites.id_of(site(stack, Category::of_mapping(kind, accessible)), ledger);
            mappings.protect(range(address, length), accessible, site_of, &mut changes);
        }
        Event::Remap { address, length, stack } => {
            let unmapped = std::mem::take(&mut sites.last_unmapped);
            let site_of = |kind, accessible| sites.id_of(site(stack, Category::of_mapping(kind, accessible)), ledger);
            mappings.remap(range(address, length), &unmapped, site_of, &mut changes);
            sites.last_unmapped = unmapped;
        }
        Event::Alloc { .. } | Event::Free { .. } | Event::UndoFree => {}
        Event::Failed { .. } | Event::Time { .. } | Event::Turn { .. } => {}
    }
    tell(&changes, ledger);
}

fn tell(changes: &[MappingChange], ledger: &mut impl Ledger) {
    for change in changes {
        ledger.change(change.site, change.bytes, change.blocks);
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
