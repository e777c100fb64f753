//! Applies events of mapped memory to the mappings of one process.

use format::{Event, StackId, ThreadNumber};
use hashbrown::HashMap;

use crate::birth::Instant;
use crate::image::ImageIndex;
use crate::mappings::{Mapped, MappingChange, Mappings, Unmapped};
use crate::site::{Category, Site, SiteIds};

/// The mappings of one process.
pub(crate) struct MappedMemory {
    image: ImageIndex,
    mappings: Mappings,
    /// What the last unmapping of each thread took away.
    last_unmapped: HashMap<ThreadNumber, Unmapped>,
}

impl MappedMemory {
    pub(crate) fn new(image: ImageIndex) -> MappedMemory {
        MappedMemory { image, mappings: Mappings::default(), last_unmapped: HashMap::new() }
    }

    /// Applies one event of a thread, which happens now; those of other kinds change nothing.
    pub(crate) fn apply(
        &mut self,
        thread: ThreadNumber,
        event: Event,
        now: Instant,
        sites: &mut SiteIds,
    ) -> Vec<MappingChange> {
        let MappedMemory { image, mappings, last_unmapped } = self;
        let mut site_of = |stack: StackId, category| sites.id_of(Site { image: *image, thread, stack, category });
        let range = |address: u64, length: u64| address..address.saturating_add(length);
        let mut changes = Vec::new();
        match event {
            Event::Map { kind, accessible, address, length, stack } => {
                let site = site_of(stack, Category::of_mapping(kind, accessible));
                mappings.map(range(address, length), Mapped { kind, accessible, site, birth: now }, &mut changes);
            }
            Event::Unmap { address, length } => {
                let unmapped = mappings.unmap(range(address, length), &mut changes);
                last_unmapped.insert(thread, unmapped);
            }
            Event::Protect { accessible, address, length, stack } => {
                let site_of = |kind, accessible| site_of(stack, Category::of_mapping(kind, accessible));
                mappings.protect(range(address, length), accessible, now, site_of, &mut changes);
            }
            Event::Remap { address, length, stack } => {
                let site_of = |kind, accessible| site_of(stack, Category::of_mapping(kind, accessible));
                let unmapped = last_unmapped.entry(thread).or_default();
                mappings.remap(range(address, length), unmapped, now, site_of, &mut changes);
            }
            Event::Alloc { .. } | Event::Free { .. } | Event::UndoFree => {}
            Event::Failed { .. } | Event::Time { .. } | Event::Turn { .. } => {}
        }
        changes
    }

    /// The process is gone: nothing of it lives on.
    pub(crate) fn clear(&mut self) -> Vec<MappingChange> {
        let mut changes = Vec::new();
        self.mappings.unmap_all(&mut changes);
        changes
    }
}
