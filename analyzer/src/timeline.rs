//! The answer to "how much memory did each call site, or thread, or package, hold over time".
//!
//! The job's time is cut into buckets of equal length. A bucket goes from behind the end of the one
//! before it up to and including its own end, so what is said of its end is true at that instant.
//! Two replays: the first finds the call sites, or other groups, that deserve rows of their own, the second follows
//! those and, as one row, the sum of all others.

use serde::Serialize;

use crate::bucket_levels::{Bucket, BucketLevels, Level};
use crate::error::AnalyzerError;
use crate::groups::{GroupName, Grouping};
use crate::largest_groups::LargestGroups;
use crate::resident_memory::resident_bytes_at;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::trace::Trace;
use crate::views::Query;

/// How fine the timeline is, and of which memory.
#[derive(Clone, Debug)]
pub struct TimelineOptions {
    /// Into how many equal pieces the job's time is cut; at least one.
    pub buckets: usize,
    /// How many groups have rows of their own; the rest is one row `(other)`.
    pub rows: usize,
    /// Groups that never held as much as this have no rows of their own.
    pub least_bytes: u64,
    /// Which memory, and what the rows are.
    pub query: Query,
}

impl Default for TimelineOptions {
    fn default() -> TimelineOptions {
        TimelineOptions { buckets: 200, rows: 20, least_bytes: 0, query: Query::default() }
    }
}

/// Memory over time: the contract `fil.timeline/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timeline {
    /// `fil.timeline/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Nanoseconds from the start of the job to its end.
    pub duration_ns: u64,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// One per bucket, in the order of time.
    pub totals: Vec<TimelineTotal>,
    /// What the rows are.
    #[serde(skip)]
    pub grouping: Grouping,
    /// One per bucket and group: in the order of time, then the same groups in the same
    /// order in every bucket, largest first, `(other)` last if there are others.
    pub rows: Vec<TimelineRow>,
}

/// All memory of the timeline in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineTotal {
    /// End of the bucket: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Live bytes at the end of the bucket.
    pub live_bytes: u64,
    /// Most bytes alive at one instant of the bucket.
    pub max_live_bytes: u64,
    /// Resident memory at the end of the bucket: the last sample of each process then running, of those that the timeline is
    /// of. None before the first sample, and where only a part of a process's memory is selected.
    pub rss_bytes: Option<u64>,
}

/// One group in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineRow {
    /// End of the bucket: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Which group.
    #[serde(flatten)]
    pub group: GroupName,
    /// Live bytes at the end of the bucket.
    pub live_bytes: u64,
    /// Most bytes alive at one instant of the bucket. For `(other)` that of their sum.
    pub max_live_bytes: u64,
}

/// Follows memory over time.
pub fn timeline(trace: &Trace, options: &TimelineOptions) -> Result<Timeline, AnalyzerError> {
    let Query { selection, grouping } = &options.query;
    let (largest, replayed) = replay_selected(trace, selection, LargestGroups::new(trace, *grouping));
    let (mut names, row_of_site) = largest.choose(options.rows, options.least_bytes);
    if names.len() < largest.count() {
        names.push(GroupName::other(*grouping));
    }
    let ends_ns = bucket_ends(trace, options.buckets);
    let (levels, again) = replay_selected(trace, selection, BucketLevels::new(&ends_ns, &row_of_site, names.len()));
    if again.sites != replayed.sites {
        // Rows belong to sites by their number.
        return Err(AnalyzerError::Changed { path: trace.name().into() });
    }
    let buckets = levels.finish();
    let (complete, warnings) = trace.judged();
    Ok(Timeline {
        schema: "fil.timeline/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        duration_ns: trace.duration_ns(),
        complete,
        warnings,
        totals: totals(trace, selection, &ends_ns, &buckets),
        grouping: *grouping,
        rows: rows(trace, &names, &ends_ns, &buckets),
    })
}

/// Ends of the buckets, nanoseconds of the monotonic clock. The last is the end of the job.
pub(crate) fn bucket_ends(trace: &Trace, buckets: usize) -> Vec<u64> {
    let buckets = buckets.max(1) as u128;
    let duration_ns = u128::from(trace.duration_ns());
    let start_ns = trace.header().monotonic_start_ns;
    let end = |bucket: u128| start_ns.saturating_add((duration_ns * bucket / buckets) as u64);
    (1..=buckets).map(end).collect()
}

fn totals(trace: &Trace, selection: &Selection, ends_ns: &[u64], buckets: &[Bucket]) -> Vec<TimelineTotal> {
    let resident = |end_ns| match selection.is_of_whole_processes() {
        true => resident_bytes_at(trace.images(), end_ns, &selection.processes),
        false => None,
    };
    let total = |(&end_ns, bucket): (&u64, &Bucket)| TimelineTotal {
        time_ns: trace.since_start(end_ns),
        live_bytes: bucket.total.live_bytes,
        max_live_bytes: bucket.total.max_live_bytes,
        rss_bytes: resident(end_ns),
    };
    ends_ns.iter().zip(buckets).map(total).collect()
}

fn rows(trace: &Trace, names: &[GroupName], ends_ns: &[u64], buckets: &[Bucket]) -> Vec<TimelineRow> {
    let row = |end_ns: u64, name: &GroupName, level: &Level| TimelineRow {
        time_ns: trace.since_start(end_ns),
        group: name.clone(),
        live_bytes: level.live_bytes,
        max_live_bytes: level.max_live_bytes,
    };
    let of_bucket = |(&end_ns, bucket): (&u64, &Bucket)| -> Vec<TimelineRow> {
        names.iter().zip(&bucket.rows).map(|(name, level)| row(end_ns, name, level)).collect()
    };
    ends_ns.iter().zip(buckets).flat_map(of_bucket).collect()
}
