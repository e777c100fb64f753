//! The command line: what `fil` accepts and how it explains itself.

use std::ffi::OsString;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::times::{Time, TimeRange};

/// Rows of the peak table unless said.
pub(crate) const PEAK_ROWS: u32 = 20;

/// Finds where a Python job's memory goes.
///
/// fil records every allocation of a job into one trace file, then answers questions about it:
/// what was alive at the moment of peak memory, and which lines of code hold it.
#[derive(Debug, Parser)]
#[command(name = "fil", version, after_help = "Example:\n  fil run -- python job.py")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) action: Action,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Record a job into a trace file
    #[command(
        after_help = "Examples:\n  fil record -- python job.py\n  fil record -o night.fil -- ./pipeline.sh --all"
    )]
    Record(RecordArguments),
    /// Answer a question about a recorded job
    #[command(after_help = "Examples:\n  \
        fil analyze --peak                          who holds the memory at its peak\n  \
        fil analyze --timeline                      memory over time\n  \
        fil analyze night.fil --peak --json         the whole answer for programs\n  \
        fil analyze --flamegraph peak.svg           the call stacks at the peak, to look at")]
    Analyze(Box<AnalyzeArguments>),
    /// Write the memory at a recorded job's peak in another tool's format
    #[command(after_help = "Examples:\n  \
        fil export --to speedscope -o peak.speedscope.json\n  \
        fil export night.fil --to pprof             into ./night.pb.gz\n  \
        fil export --to collapsed | flamegraph.pl > peak.svg")]
    Export(ExportArguments),
    /// Record a job, then show its peak and write the flamegraph
    #[command(
        override_usage = "fil run [OPTIONS] -- COMMAND [ARG…]",
        after_help = "Example:\n  fil run -- python job.py"
    )]
    Run(RecordArguments),
}

/// What to record, and where to.
#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// Trace to write; one that is there already is kept as FILE.old
    #[arg(short, long, value_name = "FILE", default_value = crate::DEFAULT_TRACE)]
    pub(crate) output: PathBuf,
    #[command(flatten)]
    pub(crate) options: RecordOptions,
    /// The job: a command and its arguments
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

/// How to record.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RecordOptions {
    /// Stop recording when the trace has this size, as in 500MB or 2GiB; the job goes on
    #[arg(long, value_name = "SIZE", value_parser = trace_size)]
    pub(crate) max_trace_size: Option<ByteSize>,
    /// Leave the arguments of the job's commands out of the trace: they may hold secrets
    #[arg(long)]
    pub(crate) no_command_line: bool,
}

/// The least trace that says anything.
const LEAST_TRACE: ByteSize = ByteSize::mb(1);

fn trace_size(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size < LEAST_TRACE { Err(format!("a trace has at least {LEAST_TRACE}")) } else { Ok(size) }
}

/// What to answer, and in which form.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("view").args(["peak", "timeline", "out_of_memory", "at", "range", "leaks", "temporary", "churn", "peaks", "what_if_freed", "sizes"]),
    group = ArgGroup::new("calls").args(["at", "range", "leaks", "temporary", "churn", "lifetimes", "peaks", "what_if_freed", "sizes"]).multiple(true),
    group = ArgGroup::new("with_rows").args(["peak", "out_of_memory", "at", "range", "leaks", "temporary", "churn", "lifetimes", "peaks", "what_if_freed", "sizes"])
        .multiple(true),
    group = ArgGroup::new("with_filters").args(["peak", "flamegraph", "at", "range", "leaks", "temporary", "churn", "lifetimes", "peaks", "what_if_freed", "sizes"])
        .multiple(true),
)]
pub(crate) struct AnalyzeArguments {
    /// Trace to read
    #[arg(value_name = "FILE", default_value = crate::DEFAULT_TRACE)]
    pub(crate) trace: PathBuf,
    /// Show what was alive at the moment of peak memory, and who allocated it
    #[arg(long)]
    pub(crate) peak: bool,
    /// Show memory over time
    #[arg(long)]
    pub(crate) timeline: bool,
    /// Show what was alive when there was no more memory, and who asked for more
    #[arg(long, conflicts_with_all = ["flamegraph", "by", "buckets"])]
    pub(crate) out_of_memory: bool,
    /// Show the N highest peaks between which memory fell
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1000), conflicts_with = "flamegraph")]
    pub(crate) peaks: Option<u32>,
    /// Show what the peak would be without the memory of a call site (a function, file:line or pattern), or whose absence
    /// would lower it most
    #[arg(long, value_name = "SITE", num_args = 0..=1, require_equals = true, default_missing_value = "", conflicts_with = "flamegraph")]
    pub(crate) what_if_freed: Option<String>,
    /// Show how large the blocks were that were allocated
    #[arg(long, conflicts_with_all = ["flamegraph", "by"])]
    pub(crate) sizes: bool,
    /// Show what was alive at a time: seconds from the start of the job as in 1.5, a part of its time as in 40%, or end
    #[arg(long, value_name = "TIME", value_parser = Time::parse, conflicts_with = "flamegraph")]
    pub(crate) at: Option<Time>,
    /// Show what was allocated and freed from one time to another, and what of it was still there at the end: 1.5..2, 40%..,
    /// ..end
    #[arg(long, value_name = "TIME..TIME", value_parser = TimeRange::parse, conflicts_with = "flamegraph")]
    pub(crate) range: Option<TimeRange>,
    /// Show what was alive when the job ended
    #[arg(long, conflicts_with = "flamegraph")]
    pub(crate) leaks: bool,
    /// Show what was freed while it was among the last N allocations of its thread [default: 1]
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1", value_parser = value_parser!(u32).range(1..=1_000_000), conflicts_with = "flamegraph")]
    pub(crate) temporary: Option<u32>,
    /// Show what was allocated in total, however long it lived
    #[arg(long, conflicts_with = "flamegraph")]
    pub(crate) churn: bool,
    /// Show how long memory lived; with --peak, how old it was at the peak, and how long behind the peak it was freed
    #[arg(long, conflicts_with_all = ["timeline", "out_of_memory", "at", "range", "leaks", "temporary", "churn", "peaks", "what_if_freed", "sizes", "flamegraph"])]
    pub(crate) lifetimes: bool,
    /// Print the whole answer as JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print the whole answer as CSV
    #[arg(long)]
    pub(crate) csv: bool,
    /// Draw the call stacks at the peak into this SVG file
    #[arg(long, value_name = "OUT.svg", conflicts_with = "timeline")]
    pub(crate) flamegraph: Option<PathBuf>,
    /// Rows of the table
    #[arg(long, value_name = "N", default_value_t = PEAK_ROWS, requires = "with_rows", value_parser = value_parser!(u32).range(1..))]
    pub(crate) rows: u32,
    /// What the rows are: call-site, function, file, package, thread, process or category; in the CSV or JSON of the timeline
    /// call-site or total
    #[arg(long, value_enum, hide_possible_values = true, default_value_t = Rows::CallSite, value_name = "ROWS")]
    pub(crate) by: Rows,
    /// Steps of time in the timeline
    #[arg(long, value_name = "N", requires = "timeline", value_parser = value_parser!(u32).range(1..=100_000))]
    pub(crate) buckets: Option<u32>,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// What to export, and where to.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Trace to read
    #[arg(value_name = "TRACE", default_value = crate::DEFAULT_TRACE)]
    pub(crate) trace: PathBuf,
    /// The format
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) to: ExportFormat,
    /// File to write; - is the standard output [default: -, but for pprof, which is no text, the trace's name with .pb.gz,
    /// in this folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Formats of other tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Lines of stacks for flamegraph.pl, inferno and their like
    Collapsed,
    /// A file for speedscope
    Speedscope,
    /// A heap profile for `go tool pprof`
    Pprof,
    /// A profile for the Firefox Profiler
    Firefox,
    /// A .heapprofile for the Memory panel of Chrome's DevTools
    Chrome,
    /// The table of `memray transform csv`
    MemrayCsv,
}

/// Which memory an answer is about.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Filters, each may be given several times")]
pub(crate) struct Filters {
    /// Only memory of the process of this id
    #[arg(long, value_name = "PID", requires = "with_filters")]
    pub(crate) process: Vec<u32>,
    /// Only memory of threads of this name
    #[arg(long, value_name = "NAME", requires = "with_filters")]
    pub(crate) thread: Vec<String>,
    /// Only memory of this kind: heap, python or mmap
    #[arg(long, value_name = "KIND", requires = "with_filters", value_parser = ["heap", "python", "mmap"], hide_possible_values = true)]
    pub(crate) category: Vec<String>,
    /// Only memory below calls of a function: a name, or a pattern as in DataFrame.*
    #[arg(long, value_name = "PATTERN", requires = "with_filters")]
    pub(crate) function: Vec<String>,
    /// Only memory below calls of a file's functions: a name, or a pattern as in */pandas/*
    #[arg(long, value_name = "PATTERN", requires = "with_filters")]
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

/// Why there is nothing to do: help or version was asked for, or the command line is wrong.
#[derive(Debug)]
pub(crate) enum NoArguments {
    /// Text that was asked for.
    Text(clap::Error),
    /// One sentence that says what is wrong.
    Mistake(String),
}

impl Arguments {
    /// Reads the command line of this process.
    pub(crate) fn read() -> Result<Arguments, NoArguments> {
        Arguments::try_parse().map_err(|error| match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => NoArguments::Text(error),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => NoArguments::Text(error),
            _ => NoArguments::Mistake(one_line(&error.to_string())),
        })
    }
}

/// The first paragraph of clap's message in one line, and where to read more.
fn one_line(message: &str) -> String {
    let paragraph: Vec<&str> = message.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let sentence = paragraph.join(" ");
    let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
    format!("{sentence} (see `fil --help`)")
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Arguments, clap::Error> {
        Arguments::try_parse_from(line.split(' '))
    }

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_jobs_own_options_are_left_to_it() {
        let arguments = parse("fil record -- python job.py -o out --peak").expect("valid");
        let Action::Record(record) = arguments.action else { panic!("not record") };
        assert_eq!(record.command, ["python", "job.py", "-o", "out", "--peak"]);
        assert_eq!(record.output, PathBuf::from("trace.fil"));
    }

    #[test]
    fn options_of_fil_come_before_the_job() {
        let arguments = parse("fil record -o a.fil -- python job.py").expect("valid");
        let Action::Record(record) = arguments.action else { panic!("not record") };
        assert_eq!(record.output, PathBuf::from("a.fil"));
    }

    #[test]
    fn a_size_is_read_as_people_write_it() {
        let bytes = |size: &str| {
            let arguments = parse(&format!("fil record --max-trace-size {size} -- python")).expect("valid");
            let Action::Record(record) = arguments.action else { panic!("not record") };
            record.options.max_trace_size.map(|size| size.as_u64())
        };
        assert_eq!(bytes("500MB"), Some(500_000_000));
        assert_eq!(bytes("2GiB"), Some(2 << 30));
        assert_eq!(bytes("4096000"), Some(4_096_000));
        parse("fil record --max-trace-size 0 -- python").expect_err("too little");
        parse("fil record --max-trace-size much -- python").expect_err("no size");
    }

    #[test]
    fn a_mistake_is_told_in_one_line() {
        let error = parse("fil record --typo -- python job.py").expect_err("unknown option");
        assert_eq!(one_line(&error.to_string()), "unexpected argument '--typo' found (see `fil --help`)");
    }

    #[test]
    fn an_export_needs_a_format() {
        parse("fil export").expect_err("which one");
        parse("fil export --to xml").expect_err("no such format");
        let arguments = parse("fil export --to memray-csv").expect("valid");
        let Action::Export(export) = arguments.action else { panic!("not export") };
        assert_eq!((export.trace, export.to), (PathBuf::from("trace.fil"), ExportFormat::MemrayCsv));
    }

    #[test]
    fn one_view_and_one_form_at_a_time() {
        for line in [
            "--peak --timeline",
            "--out-of-memory --by total",
            "--out-of-memory --buckets 3",
            "--peak --out-of-memory",
            "--peak --json --csv",
            "--timeline --rows 5",
            "--rows 5",
            "--churn --leaks",
            "--peaks 0",
            "--sizes --by function",
            "--sizes --peaks 3",
            "--lifetimes --churn",
            "--temporary=0",
            "--at noon",
            "--range 3..1",
            "--function f",
            "--category disk --churn",
        ] {
            parse(&format!("fil analyze {line}")).expect_err(line);
        }
        for line in [
            "a.fil",
            "--flamegraph a.svg",
            "a.fil --peak --rows 5",
            "--out-of-memory --rows 5 --json",
            "--timeline --by total --csv",
            "--peaks 3 --by function --csv",
            "--what-if-freed",
            "--what-if-freed=job.py:3 --json",
            "--flamegraph a.svg --function f",
            "--peak --lifetimes --by function",
            "--sizes --thread worker",
            "--peak --lifetimes --json",
            "--temporary --by function --rows 3",
            "--temporary=5",
            "a.fil --at 40% --process 3 --process 4",
            "--range ..end --file */pandas/* --csv",
            "--peak --function read_csv",
        ] {
            parse(&format!("fil analyze {line}")).expect(line);
        }
    }
}
