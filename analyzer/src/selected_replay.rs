//! Replays of a part of the memory: an observer sees only what a selection lets through.

use std::ops::RangeInclusive;

use crate::birth::{Birth, Instant};
use crate::change::Change;
use crate::image::ImageIndex;
use crate::replay::{Failure, Observer, Replayed, replay};
use crate::selection::{Selection, SiteFilter};
use crate::site::Site;
use crate::trace::Trace;

/// Replays the whole trace, and gives back the observer, which has seen what is selected.
pub(crate) fn replay_selected<O: Observer + Send>(trace: &Trace, selection: &Selection, observer: O) -> (O, Replayed) {
    match selection.born_on_clock(trace) {
        None => {
            let mut selected = Selected::new(trace, selection, observer);
            let replayed = replay(trace, &mut selected);
            (selected.observer, replayed)
        }
        Some(born) => {
            let mut selected = Selected::new(trace, selection, BornIn { born, observer });
            let replayed = replay(trace, &mut selected);
            (selected.observer.observer, replayed)
        }
    }
}

/// Passes on to an observer what is selected.
struct Selected<'a, O> {
    observer: O,
    filter: SiteFilter<'a>,
    selects_all: bool,
    /// By site.
    included: Vec<bool>,
}

impl<'a, O: Observer> Selected<'a, O> {
    fn new(trace: &'a Trace, selection: &'a Selection, observer: O) -> Selected<'a, O> {
        let filter = SiteFilter::new(trace, selection);
        Selected { observer, filter, selects_all: selection.is_all(), included: Vec::new() }
    }
}

impl<O: Observer> Observer for Selected<'_, O> {
    type Birth = O::Birth;
    const SEES_WHAT_IS_LEFT: bool = O::SEES_WHAT_IS_LEFT;

    fn new_site(&mut self, site: &Site) {
        let included = self.filter.includes(site);
        self.included.push(included);
        self.observer.new_site(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<O::Birth>, ns: u64) {
        if self.included[change.site.index()] {
            self.observer.change(change, ns);
        }
    }

    fn gone(&mut self, change: &Change<O::Birth>, ns: u64) {
        if self.included[change.site.index()] {
            self.observer.gone(change, ns);
        }
    }

    fn needs_only_what_remains(&mut self, rise_bytes: u64) -> bool {
        self.selects_all && self.observer.needs_only_what_remains(rise_bytes)
    }

    #[inline]
    fn remains(&mut self, change: &Change<O::Birth>) {
        self.observer.remains(change);
    }

    fn failed(&mut self, failure: &Failure) {
        self.observer.failed(failure);
    }

    fn departs(&mut self, image: ImageIndex, ns: u64) {
        self.observer.departs(image, ns);
    }

    fn job_ends(&mut self, ns: u64) {
        self.observer.job_ends(ns);
    }
}

/// Passes on to an observer what came to life in a stretch of time, nanoseconds of the monotonic clock.
struct BornIn<O> {
    born: RangeInclusive<u64>,
    observer: O,
}

impl<O: Observer> BornIn<O> {
    #[inline]
    fn is_in(&self, birth: Instant) -> bool {
        self.born.contains(&birth.ns)
    }
}

fn with_birth_for<B: Birth>(change: &Change<Instant>) -> Change<B> {
    let Change { bytes, site, blocks, kind, birth } = *change;
    Change { bytes, site, blocks, kind, birth: B::at(birth.order, birth.ns) }
}

impl<O: Observer> Observer for BornIn<O> {
    type Birth = Instant;
    const SEES_WHAT_IS_LEFT: bool = O::SEES_WHAT_IS_LEFT;

    fn new_site(&mut self, site: &Site) {
        self.observer.new_site(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<Instant>, ns: u64) {
        if self.is_in(change.birth) {
            self.observer.change(&with_birth_for(change), ns);
        }
    }

    fn gone(&mut self, change: &Change<Instant>, ns: u64) {
        if self.is_in(change.birth) {
            self.observer.gone(&with_birth_for(change), ns);
        }
    }

    fn failed(&mut self, failure: &Failure) {
        self.observer.failed(failure);
    }

    fn departs(&mut self, image: ImageIndex, ns: u64) {
        self.observer.departs(image, ns);
    }

    fn job_ends(&mut self, ns: u64) {
        self.observer.job_ends(ns);
    }
}
