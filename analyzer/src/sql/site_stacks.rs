//! The numbers of the stacks of sites.

use crate::call_stack::{CallTree, NodeId};
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// Gives the stacks of sites their numbers. Whoever asks of all sites in their order gets the same for each trace: equal
/// stacks have equal numbers.
pub(super) struct SiteStacks<'a> {
    resolver: StackResolver<'a>,
}

impl<'a> SiteStacks<'a> {
    pub(super) fn new(trace: &'a Trace) -> SiteStacks<'a> {
        SiteStacks { resolver: StackResolver::new(trace.images()) }
    }

    pub(super) fn of(&mut self, site: &Site) -> NodeId {
        self.resolver.resolve(site.image, site.stack)
    }

    /// The tree that they are in.
    pub(super) fn finish(self) -> CallTree {
        self.resolver.finish()
    }
}
