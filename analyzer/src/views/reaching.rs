//! All call stacks that reach a call site: what each held at the job's peak and at its end, and allocated in total.

use serde::Serialize;

use crate::call_view::CallView;
use crate::error::AnalyzerError;
use crate::groups::{Grouping, name_of_frame};
use crate::selection::Pattern;
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::totals::{SiteTotals, Totals};
use crate::trace::Trace;
use crate::views::Query;

/// The peak that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PeakOfAll {
    /// The peak of all memory that the query selects.
    pub peak_bytes: u64,
    /// When it was: nanoseconds from the start of the job.
    pub peak_time_ns: u64,
}

/// The stacks whose innermost frame `call_site` is for, by function, by `file:line` or by file: the contract `fil.stacks/1`.
pub fn reaching(
    trace: &Trace,
    call_site: &Pattern,
    query: &Query,
) -> Result<CallView<Totals, PeakOfAll>, AnalyzerError> {
    let SiteTotals { sites, peak_bytes, peak_ns } = SiteTotals::of(trace, &query.selection);
    let mut resolver = StackResolver::new(trace.images());
    let mut is_for = |site: &Site| {
        let stack = resolver.resolve(site.image, site.stack);
        let frame = resolver.tree().innermost(stack).map(|frame| resolver.tree().frame(frame));
        name_of_frame(Grouping::CallSite, frame).is_meant_by(call_site)
    };
    let sites = sites.into_iter().filter(|(site, _)| site.category.counts() && is_for(site)).collect();
    let about = PeakOfAll { peak_bytes, peak_time_ns: trace.since_start(peak_ns) };
    Ok(CallView::new("fil.stacks/1", trace, about, query.grouping, sites))
}
