//! What `fil analyze` accepts. Which options go with which question is `analyze/view.rs`'s to say.

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, ValueEnum, value_parser};

use crate::times::{Time, TimeRange};

/// Rows of a table unless said.
pub(crate) const PEAK_ROWS: u32 = 20;

/// What to answer, and in which form.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArguments {
    /// Trace to read
    #[arg(value_name = "FILE", default_value = crate::DEFAULT_TRACE)]
    pub(crate) trace: PathBuf,
    #[command(flatten)]
    pub(crate) questions: Questions,
    #[command(flatten)]
    pub(crate) form: Forms,
    #[command(flatten)]
    pub(crate) shapes: Shapes,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// One of these, or none.
#[derive(Debug, Args)]
#[command(next_help_heading = "Questions, one at a time")]
pub(crate) struct Questions {
    /// Show what was alive at the moment of peak memory, and who allocated it
    #[arg(long)]
    pub(crate) peak: bool,
    /// Show how long memory lived; with --peak, how old it was at the peak, and how long behind the peak it was freed
    #[arg(long)]
    pub(crate) lifetimes: bool,
    /// Show the N highest peaks between which memory fell
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1000))]
    pub(crate) peaks: Option<u32>,
    /// Show memory over time
    #[arg(long)]
    pub(crate) timeline: bool,
    /// Show what was alive at a time: seconds from the start of the job as in 1.5, a part of its time as in 40%, or end
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    pub(crate) at: Option<Time>,
    /// Show what was allocated and freed from one time to another, and what of it was still there at the end: 1.5..2, 40%..,
    /// ..end
    #[arg(long, value_name = "TIME..TIME", value_parser = TimeRange::parse)]
    pub(crate) range: Option<TimeRange>,
    /// Show what was alive when the job ended
    #[arg(long)]
    pub(crate) leaks: bool,
    /// Show what was allocated in total, however long it lived
    #[arg(long)]
    pub(crate) churn: bool,
    /// Show what was freed while it was among the last N allocations of its thread [default: 1]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = value_parser!(u32).range(1..=1_000_000))]
    pub(crate) temporary: Option<u32>,
    /// Show how large the blocks were that were allocated
    #[arg(long)]
    pub(crate) sizes: bool,
    /// Show counted memory, the slack of Python's allocator, mappings and resident memory side by side over time
    #[arg(long)]
    pub(crate) overhead: bool,
    /// Show what the peak would be without the memory of a call site (a function, a file, file:line or a pattern), or whose absence
    /// would lower it most
    #[arg(long, value_name = "SITE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) what_if_freed: Option<String>,
    /// Show all call stacks that reach a call site: a function, a file, file:line or a pattern
    #[arg(long, value_name = "SITE")]
    pub(crate) stack: Option<String>,
    /// Show what was alive when there was no more memory, and who asked for more
    #[arg(long)]
    pub(crate) out_of_memory: bool,
    /// Answer a question in SQL over the tables call_sites, stacks, timeline, allocations, processes, threads and rss
    #[arg(long, value_name = "QUERY")]
    pub(crate) sql: Option<String>,
}

/// How an answer looks.
#[derive(Debug, Args)]
#[command(next_help_heading = "Form of the answer")]
pub(crate) struct Forms {
    /// Print the whole answer as JSON
    #[arg(long, conflicts_with_all = ["csv", "parquet"])]
    pub(crate) json: bool,
    /// Print the whole answer as CSV
    #[arg(long, conflicts_with = "parquet")]
    pub(crate) csv: bool,
    /// Write the whole answer into a Parquet file, as the same table as in CSV
    #[arg(long, value_name = "OUT.parquet")]
    pub(crate) parquet: Option<PathBuf>,
    /// Draw the call stacks of the answer, or without a question those at the peak, into this SVG file
    #[arg(long, value_name = "OUT.svg")]
    pub(crate) flamegraph: Option<PathBuf>,
    /// Rows of the table [default: 20, below the timeline 8, of each of several peaks 3]; of the timeline in CSV, JSON and
    /// Parquet, how many have rows of their own [default: 20]; of --overhead, how many instants [default: 20]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..))]
    pub(crate) rows: Option<u32>,
    /// What the rows are: call-site, function, file, package, thread, process or category; of the timeline also total
    #[arg(long, value_enum, hide_possible_values = true, value_name = "ROWS")]
    pub(crate) by: Option<Rows>,
    /// Leave out rows and call stacks with less than this, as in 500KB or 1MiB; what never held as much has no row of its own in
    /// the timeline
    #[arg(long, value_name = "SIZE")]
    pub(crate) min_bytes: Option<ByteSize>,
    /// Steps of time [default: 200, or as many as the plot has room for; of --overhead the rows]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) buckets: Option<u32>,
}

/// How call stacks are shown.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Call stacks of --flamegraph and --stack")]
pub(crate) struct Shapes {
    /// Take the lines of a function for one
    #[arg(long)]
    pub(crate) merge_functions: bool,
    /// Leave out the frames of Python's import machinery
    #[arg(long)]
    pub(crate) hide_imports: bool,
    /// Show only one round of a recursion
    #[arg(long)]
    pub(crate) collapse_recursion: bool,
    /// Begin with the calls that allocate, and show their callers below them
    #[arg(long)]
    pub(crate) invert: bool,
}

/// Which memory an answer is about.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters, each may be given several times")]
pub(crate) struct Filters {
    /// Only memory of the process of this id
    #[arg(long, value_name = "PID")]
    pub(crate) process: Vec<u32>,
    /// Only memory of threads of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) thread: Vec<String>,
    /// Only memory of this kind: heap, python or mmap
    #[arg(long, value_name = "KIND", value_parser = ["heap", "python", "mmap"], hide_possible_values = true)]
    pub(crate) category: Vec<String>,
    /// Only memory below calls of a function: a name, or a pattern as in DataFrame.*
    #[arg(long, value_name = "PATTERN")]
    pub(crate) function: Vec<String>,
    /// Only memory that was allocated from this time on: seconds, a part as in 40%, or end; once
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    pub(crate) from: Option<Time>,
    /// Only memory that was allocated until this time; once
    #[arg(long, value_name = "TIME", value_parser = Time::parse)]
    pub(crate) until: Option<Time>,
    /// Only memory below calls of a file's functions: a name, or a pattern as in */pandas/*
    #[arg(long, value_name = "PATTERN")]
    pub(crate) file: Vec<String>,
}

/// What the rows of an answer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rows {
    /// Innermost Python frames
    CallSite,
    /// Functions
    Function,
    /// Files
    File,
    /// Installed packages
    Package,
    /// Threads
    Thread,
    /// Processes
    Process,
    /// Kinds of memory
    Category,
    /// Only totals
    Total,
}
