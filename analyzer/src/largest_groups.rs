//! Finds the groups, such as call sites, that ever held the most memory: those that get rows of their own.

use std::cmp::Reverse;

use crate::change::Change;
use crate::groups::{GroupId, GroupName, Grouping, Groups};
use crate::replay::Observer;
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// Observes a replay and keeps the most that each group held.
pub(crate) struct LargestGroups<'a> {
    trace: &'a Trace,
    resolver: StackResolver<'a>,
    groups: Groups,
    /// By [`crate::site::SiteId`]; none for memory that does not count.
    group_of_site: Vec<Option<GroupId>>,
    /// By [`GroupId`].
    levels: Vec<Level>,
}

#[derive(Clone, Copy, Default)]
struct Level {
    live_bytes: u64,
    max_live_bytes: u64,
}

impl<'a> LargestGroups<'a> {
    pub(crate) fn new(trace: &'a Trace, grouping: Grouping) -> LargestGroups<'a> {
        LargestGroups {
            trace,
            resolver: StackResolver::new(trace.images()),
            groups: Groups::new(grouping),
            group_of_site: Vec::new(),
            levels: Vec::new(),
        }
    }

    /// The names of the `count` largest that held `least_bytes`, and the place in them of each site: the place behind the
    /// last stands for all others, none for memory that does not count and for groups that never held anything.
    pub(crate) fn choose(&self, count: usize, least_bytes: u64) -> (Vec<GroupName>, Vec<Option<usize>>) {
        let names = self.groups.names();
        let is_large = |&at: &usize| self.levels[at].max_live_bytes >= least_bytes.max(1);
        let mut order: Vec<usize> = (0..self.levels.len()).filter(is_large).collect();
        order.sort_by_key(|&at| (Reverse(self.levels[at].max_live_bytes), &names[at]));
        order.truncate(count);
        let mut places = vec![order.len(); self.levels.len()];
        for (place, &at) in order.iter().enumerate() {
            places[at] = place;
        }
        let place_of = |id: GroupId| (self.levels[id.index()].max_live_bytes > 0).then_some(places[id.index()]);
        let place_of_site = self.group_of_site.iter().map(|group| group.and_then(place_of));
        (order.iter().map(|&at| names[at].clone()).collect(), place_of_site.collect())
    }

    /// How many groups ever held anything.
    pub(crate) fn count(&self) -> usize {
        self.levels.iter().filter(|level| level.max_live_bytes > 0).count()
    }
}

impl Observer for LargestGroups<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        let group = site.category.counts().then(|| {
            let stack = self.resolver.resolve(site.image, site.stack);
            self.groups.of_site(site, stack, self.trace.images(), &self.resolver)
        });
        self.group_of_site.push(group);
        self.levels.resize(self.groups.names().len(), Level::default());
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, _ns: u64) {
        if let Some(group) = self.group_of_site[change.site.index()] {
            let level = &mut self.levels[group.index()];
            level.live_bytes = level.live_bytes.wrapping_add_signed(change.bytes);
            level.max_live_bytes = level.max_live_bytes.max(level.live_bytes);
        }
    }
}
