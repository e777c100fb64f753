//! Finds, for each of several patterns, the instant at which the call sites that it is for held most together.
//!
//! Most sites belong to no pattern, and a change of theirs costs one look. Each pattern numbers its own sites, so that
//! what is kept for it grows with those and not with all.

use crate::change::Change;
use crate::groups::{GroupId, Grouping, Groups};
use crate::high_water_mark::HighWaterMark;
use crate::replay::Observer;
use crate::selection::Pattern;
use crate::site::{Site, SiteId};
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// See the module.
pub(crate) struct SiteMarks<'a> {
    trace: &'a Trace,
    resolver: StackResolver<'a>,
    call_sites: Groups,
    patterns: Vec<PatternMark<'a>>,
    /// By call site: the patterns that are for it, by index.
    patterns_of: Vec<Box<[usize]>>,
    /// By site. Empty if there are no patterns.
    places_of: Vec<Box<[Place]>>,
}

/// What the sites of one pattern hold.
struct PatternMark<'a> {
    pattern: &'a Pattern,
    mark: HighWaterMark,
    /// Its sites, in its own numbering.
    sites: Vec<Site>,
}

/// A site among those of a pattern.
#[derive(Clone, Copy)]
struct Place {
    /// Index of the pattern.
    pattern: usize,
    /// The site's number there.
    site: SiteId,
}

impl<'a> SiteMarks<'a> {
    pub(crate) fn new(trace: &'a Trace, patterns: Vec<&'a Pattern>) -> SiteMarks<'a> {
        let mark = |pattern| PatternMark { pattern, mark: HighWaterMark::default(), sites: Vec::new() };
        SiteMarks {
            trace,
            resolver: StackResolver::new(trace.images()),
            call_sites: Groups::new(Grouping::CallSite),
            patterns: patterns.into_iter().map(mark).collect(),
            patterns_of: Vec::new(),
            places_of: Vec::new(),
        }
    }

    /// What was found for each pattern, and the sites that it is about.
    pub(crate) fn into_marks(self) -> impl Iterator<Item = (HighWaterMark, Vec<Site>)> {
        self.patterns.into_iter().map(|pattern| (pattern.mark, pattern.sites))
    }

    fn patterns_of(&mut self, call_site: GroupId) -> &[usize] {
        while self.patterns_of.len() < self.call_sites.names().len() {
            let name = &self.call_sites.names()[self.patterns_of.len()];
            let patterns = self.patterns.iter().enumerate();
            let meant = patterns.filter(|(_, mark)| name.is_meant_by(mark.pattern)).map(|(at, _)| at);
            self.patterns_of.push(meant.collect());
        }
        &self.patterns_of[call_site.index()]
    }
}

impl Observer for SiteMarks<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        if self.patterns.is_empty() {
            return;
        }
        if !site.category.counts() {
            self.places_of.push(Box::default());
            return;
        }
        let stack = self.resolver.resolve(site.image, site.stack);
        let call_site = self.call_sites.of_site(site, stack, self.trace.images(), &self.resolver);
        let meant = self.patterns_of(call_site).to_vec();
        let place = |at: usize| {
            let PatternMark { mark, sites, .. } = &mut self.patterns[at];
            let id = SiteId(sites.len() as u32);
            sites.push(*site);
            mark.new_site(site);
            Place { pattern: at, site: id }
        };
        self.places_of.push(meant.into_iter().map(place).collect());
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        for place in self.places_of.get(change.site.index()).into_iter().flatten() {
            self.patterns[place.pattern].mark.change(&Change { site: place.site, ..*change }, ns);
        }
    }
}
