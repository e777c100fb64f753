//! The answer to "how much memory did each call site hold over time".
//!
//! The job's time is cut into buckets of equal length. A bucket goes from behind the end of the one
//! before it up to and including its own end, so what is said of its end is true at that instant.
//! Two replays: the first finds the call sites that deserve rows of their own, the second follows
//! those and, as one row, the sum of all others.

use serde::Serialize;

use crate::bucket_levels::{Bucket, BucketLevels, Level};
use crate::call_site::CallSiteName;
use crate::error::AnalyzerError;
use crate::largest_call_sites::LargestCallSites;
use crate::replay::replay;
use crate::resident_memory::resident_bytes_at;
use crate::soundness::unreadable_events;
use crate::trace::Trace;

/// What the row of all smaller call sites is called.
const OTHER: &str = "(other)";

/// How fine the timeline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimelineOptions {
    /// Into how many equal pieces the job's time is cut; at least one.
    pub buckets: usize,
    /// How many call sites have rows of their own; the rest is one row `(other)`.
    pub call_sites: usize,
}

impl Default for TimelineOptions {
    fn default() -> TimelineOptions {
        TimelineOptions { buckets: 200, call_sites: 20 }
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
    /// One per bucket and call site: in the order of time, then the same call sites in the same
    /// order in every bucket, largest first, `(other)` last if there are others.
    pub rows: Vec<TimelineRow>,
}

/// The whole job in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineTotal {
    /// End of the bucket: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Live bytes at the end of the bucket.
    pub live_bytes: u64,
    /// Most bytes alive at one instant of the bucket.
    pub max_live_bytes: u64,
    /// Resident memory at the end of the bucket: the last sample of each process then running. None
    /// before the first sample.
    pub rss_bytes: Option<u64>,
}

/// One call site in one bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TimelineRow {
    /// End of the bucket: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Qualified name of the function.
    pub function: String,
    /// File name.
    pub file: String,
    /// Line.
    pub line: u32,
    /// Live bytes at the end of the bucket.
    pub live_bytes: u64,
    /// Most bytes alive at one instant of the bucket. For `(other)` that of their sum.
    pub max_live_bytes: u64,
}

/// Follows memory over time.
pub fn timeline(trace: &Trace, options: &TimelineOptions) -> Result<Timeline, AnalyzerError> {
    let mut largest = LargestCallSites::new(trace);
    let replayed = replay(trace, &mut largest);
    let (mut names, row_of_site) = largest.choose(options.call_sites);
    if names.len() < largest.count() {
        names.push(CallSiteName { function: OTHER.to_owned(), file: String::new(), line: 0 });
    }
    let ends_ns = bucket_ends(trace, options.buckets);
    let mut levels = BucketLevels::new(&ends_ns, &row_of_site, names.len());
    let again = replay(trace, &mut levels);
    if again.sites != replayed.sites {
        // Rows belong to sites by their number.
        return Err(AnalyzerError::Changed { path: trace.name().into() });
    }
    let buckets = levels.finish();
    let losses = unreadable_events(replayed.unreadable_chunks.max(again.unreadable_chunks));
    Ok(Timeline {
        schema: "fil.timeline/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        duration_ns: trace.duration_ns(),
        complete: trace.complete() && losses.is_none(),
        warnings: trace.warnings().iter().cloned().chain(losses).collect(),
        totals: totals(trace, &ends_ns, &buckets),
        rows: rows(trace, &names, &ends_ns, &buckets),
    })
}

/// Ends of the buckets, nanoseconds of the monotonic clock. The last is the end of the job.
fn bucket_ends(trace: &Trace, buckets: usize) -> Vec<u64> {
    let buckets = buckets.max(1) as u128;
    let duration_ns = u128::from(trace.duration_ns());
    let start_ns = trace.header().monotonic_start_ns;
    let end = |bucket: u128| start_ns.saturating_add((duration_ns * bucket / buckets) as u64);
    (1..=buckets).map(end).collect()
}

fn totals(trace: &Trace, ends_ns: &[u64], buckets: &[Bucket]) -> Vec<TimelineTotal> {
    let total = |(&end_ns, bucket): (&u64, &Bucket)| TimelineTotal {
        time_ns: trace.since_start(end_ns),
        live_bytes: bucket.total.live_bytes,
        max_live_bytes: bucket.total.max_live_bytes,
        rss_bytes: resident_bytes_at(trace.images(), end_ns),
    };
    ends_ns.iter().zip(buckets).map(total).collect()
}

fn rows(trace: &Trace, names: &[CallSiteName], ends_ns: &[u64], buckets: &[Bucket]) -> Vec<TimelineRow> {
    let row = |end_ns: u64, name: &CallSiteName, level: &Level| TimelineRow {
        time_ns: trace.since_start(end_ns),
        function: name.function.clone(),
        file: name.file.clone(),
        line: name.line,
        live_bytes: level.live_bytes,
        max_live_bytes: level.max_live_bytes,
    };
    let of_bucket = |(&end_ns, bucket): (&u64, &Bucket)| -> Vec<TimelineRow> {
        names.iter().zip(&bucket.rows).map(|(name, level)| row(end_ns, name, level)).collect()
    };
    ends_ns.iter().zip(buckets).flat_map(of_bucket).collect()
}
