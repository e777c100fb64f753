//! The numbers of the stacks of sites.

use crate::call_stack::{CallTree, NodeId};
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// Gives the stack of each site its number: equal stacks have equal numbers, in every replay of a trace.
pub(super) struct SiteStacks<'a> {
    resolver: StackResolver<'a>,
    /// By site.
    of_site: Vec<NodeId>,
}

impl<'a> SiteStacks<'a> {
    pub(super) fn new(trace: &'a Trace) -> SiteStacks<'a> {
        SiteStacks { resolver: StackResolver::new(trace.images()), of_site: Vec::new() }
    }

    pub(super) fn push(&mut self, site: &Site) -> NodeId {
        let stack = self.resolver.resolve(site.image, site.stack);
        self.of_site.push(stack);
        stack
    }

    /// By site, and the tree that they are in.
    pub(super) fn finish(self) -> (Vec<NodeId>, CallTree) {
        (self.of_site, self.resolver.finish())
    }
}
