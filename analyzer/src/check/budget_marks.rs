//! Follows what all budgets of a trace are about, in one replay: only what is asked for.

use crate::change::Change;
use crate::check::Budget;
use crate::check::site_marks::SiteMarks;
use crate::high_water_mark::HighWaterMark;
use crate::replay::Observer;
use crate::site::Site;
use crate::trace::Trace;
use crate::views::Keeper;

/// Observes a replay and keeps what budgets need.
pub(crate) struct BudgetMarks<'a> {
    /// The peak.
    pub(crate) peak: Option<HighWaterMark>,
    /// The end of the job.
    pub(crate) end: Option<Keeper>,
    /// The most of each pattern, in the order of the budgets.
    pub(crate) sites: SiteMarks<'a>,
}

impl<'a> BudgetMarks<'a> {
    pub(crate) fn new(trace: &'a Trace, budgets: &'a [Budget<'a>]) -> BudgetMarks<'a> {
        let needs_peak = |budget: &Budget| matches!(budget, Budget::Peak { .. } | Budget::Baseline { .. });
        let needs_end = |budget: &Budget| matches!(budget, Budget::Leaks { .. });
        BudgetMarks {
            peak: budgets.iter().any(needs_peak).then(HighWaterMark::default),
            end: budgets.iter().any(needs_end).then(Keeper::of_end),
            sites: SiteMarks::new(trace, budgets.iter().filter_map(Budget::pattern).collect()),
        }
    }
}

impl Observer for BudgetMarks<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        if let Some(peak) = &mut self.peak {
            peak.new_site(site);
        }
        if let Some(end) = &mut self.end {
            end.new_site(site);
        }
        self.sites.new_site(site);
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        if let Some(peak) = &mut self.peak {
            peak.change(change, ns);
        }
        if let Some(end) = &mut self.end {
            end.change(change, ns);
        }
        self.sites.change(change, ns);
    }

    fn job_ends(&mut self, ns: u64) {
        if let Some(end) = &mut self.end {
            end.job_ends(ns);
        }
    }
}
