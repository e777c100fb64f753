//! Numbers the sites of one chunk.

use format::StackId;
use hashbrown::HashMap;

use crate::site::Category;
use crate::spread::spread;

/// See the module.
#[derive(Default)]
pub(crate) struct LocalSites {
    sites: Vec<(StackId, Category)>,
    indexes: HashMap<(StackId, Category), u32>,
    /// By a hash of the site: its index, or anything. It is never cleared, as the site itself tells.
    likely: Vec<u32>,
}

/// Sites of which the index is most often found at once: more than a chunk has, nearly always.
const LIKELY_SITES: usize = 4096;

impl LocalSites {
    pub(crate) fn clear(&mut self) {
        self.sites.clear();
        self.indexes.clear();
        self.likely.resize(LIKELY_SITES, 0);
    }

    /// Each once, by their index.
    pub(crate) fn sites(&self) -> &[(StackId, Category)] {
        &self.sites
    }

    #[inline]
    pub(crate) fn index_of(&mut self, stack: StackId, category: Category) -> u32 {
        let number = stack.number() ^ (category as u64) << 31;
        let place = (spread(number) >> (u64::BITS - LIKELY_SITES.ilog2())) as usize;
        let likely = self.likely[place];
        if self.sites.get(likely as usize) == Some(&(stack, category)) {
            return likely;
        }
        let index = self.find(stack, category);
        self.likely[place] = index;
        index
    }

    fn find(&mut self, stack: StackId, category: Category) -> u32 {
        *self.indexes.entry((stack, category)).or_insert_with(|| {
            self.sites.push((stack, category));
            (self.sites.len() - 1) as u32
        })
    }
}
