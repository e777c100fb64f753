//! Finds the call sites that ever held the most memory: those that get rows of their own.

use std::cmp::Reverse;

use crate::call_site::{CallSiteId, CallSiteName, CallSiteNames};
use crate::change::Change;
use crate::replay::Observer;
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// Observes a replay and keeps the most that each call site held.
pub(crate) struct LargestCallSites<'a> {
    resolver: StackResolver<'a>,
    names: CallSiteNames,
    /// By [`crate::site::SiteId`]; none for memory that does not count.
    call_sites: Vec<Option<CallSiteId>>,
    /// By [`CallSiteId`].
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Default)]
struct Level {
    live_bytes: u64,
    max_live_bytes: u64,
}

impl<'a> LargestCallSites<'a> {
    pub(crate) fn new(trace: &'a Trace) -> LargestCallSites<'a> {
        LargestCallSites {
            resolver: StackResolver::new(trace.images()),
            names: CallSiteNames::default(),
            call_sites: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// The names of the `count` largest, and the place in them of each site: the place behind the
    /// last stands for all others, none for memory that does not count.
    pub(crate) fn choose(&self, count: usize) -> (Vec<CallSiteName>, Vec<Option<usize>>) {
        let mut order: Vec<usize> = (0..self.levels.len()).collect();
        let names = self.names.names();
        order.sort_by_key(|&at| (Reverse(self.levels[at].max_live_bytes), &names[at]));
        order.truncate(count);
        let mut places = vec![order.len(); self.levels.len()];
        for (place, &at) in order.iter().enumerate() {
            places[at] = place;
        }
        let place_of_site = self.call_sites.iter().map(|call_site| call_site.map(|id| places[id.index()]));
        (order.iter().map(|&at| names[at].clone()).collect(), place_of_site.collect())
    }

    /// How many call sites there are.
    pub(crate) fn count(&self) -> usize {
        self.levels.len()
    }
}

impl Observer for LargestCallSites<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        let call_site = site.category.counts().then(|| {
            let stack = self.resolver.resolve(site.image, site.stack);
            self.names.of_stack(self.resolver.tree(), stack)
        });
        self.call_sites.push(call_site);
        self.levels.resize(self.names.names().len(), Level::default());
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, _ns: u64) {
        if let Some(call_site) = self.call_sites[change.site.index()] {
            let level = &mut self.levels[call_site.index()];
            level.live_bytes = level.live_bytes.wrapping_add_signed(change.bytes);
            level.max_live_bytes = level.max_live_bytes.max(level.live_bytes);
        }
    }
}
