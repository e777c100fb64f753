//! The command line: what `fil` accepts and how it explains itself.

use std::ffi::OsString;
use std::path::PathBuf;

use bytesize::ByteSize;
use clap::error::ErrorKind;
use clap::{ArgGroup, Args, CommandFactory, Parser, Subcommand, ValueEnum, value_parser};

use crate::check::sizes::{SiteBudget, Size, Tolerated};

mod analyze;

pub(crate) use analyze::{AnalyzeArguments, Filters, Forms, PEAK_ROWS, Rows, Shapes};

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
    /// Compare two recorded jobs: did the change help?
    #[command(after_help = "Examples:\n  \
        fil diff before.fil after.fil\n  \
        fil diff trace.fil.old trace.fil            the last recording and the one before it\n  \
        fil diff before.fil after.fil --flamegraph change.svg")]
    Diff(DiffArguments),
    /// Write the memory at a recorded job's peak in another tool's format
    #[command(after_help = "Examples:\n  \
        fil export --to speedscope -o peak.speedscope.json\n  \
        fil export night.fil --to pprof             into ./night.pb.gz\n  \
        fil export --to collapsed | flamegraph.pl > peak.svg")]
    Export(ExportArguments),
    /// Tell what is in a trace: processes, threads, times, sizes, and whether it is whole
    #[command(after_help = "Examples:\n  \
        fil info                                    the trace, its processes and its threads\n  \
        fil info night.fil --chunks --json          chunk by chunk, for programs")]
    Info(InfoArguments),
    /// Check that a recorded job kept to its memory: exits with 0 if it did, with 1 if it did not, with 2 if that is not known
    #[command(after_help = "Examples:\n  \
        fil check --max-peak 2GB                    the most that may be alive at one instant\n  \
        fil check --max-site 'DataFrame.*=500MB'    the most that some call sites may hold together\n  \
        fil check --baseline main.fil               no higher than an earlier run, but for 5%")]
    Check(Box<CheckArguments>),
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

/// What to compare, and how to answer.
#[derive(Debug, Args)]
pub(crate) struct DiffArguments {
    /// Trace of the job as it was; without names those of the last two recordings in this folder are compared,
    /// trace.fil.old and trace.fil
    #[arg(value_name = "BEFORE", requires = "after")]
    pub(crate) before: Option<PathBuf>,
    /// Trace of the job as it is now
    #[arg(value_name = "AFTER")]
    pub(crate) after: Option<PathBuf>,
    /// Print the whole answer as JSON
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print the whole answer as CSV
    #[arg(long)]
    pub(crate) csv: bool,
    /// Draw the call stacks at both peaks into this SVG file: red where there is more than before, blue where less
    #[arg(long, value_name = "OUT.svg")]
    pub(crate) flamegraph: Option<PathBuf>,
    /// Rows of the table
    #[arg(long, value_name = "N", default_value_t = PEAK_ROWS, value_parser = value_parser!(u32).range(1..))]
    pub(crate) rows: u32,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// Which trace to tell of.
#[derive(Debug, Args)]
pub(crate) struct InfoArguments {
    /// Trace to read
    #[arg(value_name = "TRACE", default_value = crate::DEFAULT_TRACE)]
    pub(crate) trace: PathBuf,
    /// Tell its chunks one by one, and what is damaged between them
    #[arg(long)]
    pub(crate) chunks: bool,
    /// Print the whole answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How much memory a job may use.
#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("budgets").args(["max_peak", "max_leaks", "max_site", "baseline"]).multiple(true).required(true),
)]
pub(crate) struct CheckArguments {
    /// Trace to read
    #[arg(value_name = "TRACE", default_value = crate::DEFAULT_TRACE)]
    pub(crate) trace: PathBuf,
    /// The most that may be alive at one instant, as in 500MB or 2GiB
    #[arg(long, value_name = "SIZE", value_parser = Size::parse)]
    pub(crate) max_peak: Option<Size>,
    /// The most that may be alive when the job ends
    #[arg(long, value_name = "SIZE", value_parser = Size::parse)]
    pub(crate) max_leaks: Option<Size>,
    /// The most that call sites may hold together at one instant: a function, file:line or pattern, and a size, as in
    /// 'DataFrame.*=500MB'; may be given several times
    #[arg(long, value_name = "PATTERN=SIZE", value_parser = SiteBudget::parse)]
    pub(crate) max_site: Vec<SiteBudget>,
    /// The trace of an earlier run, whose peak this one's may exceed by the tolerance
    #[arg(long, value_name = "OTHER")]
    pub(crate) baseline: Option<PathBuf>,
    /// By how much the peak may be higher than the baseline's: a part of that as in 2.5%, or a size
    #[arg(long, value_name = "TOLERANCE", default_value = "5%", requires = "baseline", value_parser = Tolerated::parse)]
    pub(crate) tolerance: Tolerated,
    /// Print the whole answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) filters: Filters,
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
            _ => NoArguments::Mistake(one_line(&error.to_string(), &help_command())),
        })
    }
}

/// What tells more of what was meant.
fn help_command() -> String {
    let action = std::env::args_os().nth(1).filter(|word| Arguments::command().find_subcommand(word).is_some());
    action.map_or_else(|| "fil --help".to_owned(), |action| format!("fil {} --help", action.display()))
}

/// The first paragraph of clap's message in one line, and where to read more.
fn one_line(message: &str, help: &str) -> String {
    let paragraph: Vec<&str> = message.lines().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let sentence = paragraph.join(" ");
    let sentence = sentence.strip_prefix("error: ").unwrap_or(&sentence);
    format!("{sentence} (see `{help}`)")
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

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
        let line = one_line(&error.to_string(), "fil record --help");
        assert_eq!(line, "unexpected argument '--typo' found (see `fil record --help`)");
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
    fn two_traces_are_compared() {
        for line in ["a.fil", "a.fil b.fil c.fil", "a.fil b.fil --json --csv", "a.fil b.fil --rows 0"] {
            parse(format!("fil diff {line}").trim_end()).expect_err(line);
        }
        for line in ["", "--rows 3", "--json --flamegraph a.svg", "--csv --function f --category heap", "--thread a"] {
            let arguments = parse(format!("fil diff a.fil b.fil {line}").trim_end()).expect(line);
            let Action::Diff(diff) = arguments.action else { panic!("not diff") };
            assert_eq!((diff.before, diff.after), (Some(PathBuf::from("a.fil")), Some(PathBuf::from("b.fil"))));
        }
        let Action::Diff(diff) = parse("fil diff").expect("what record leaves").action else { panic!("not diff") };
        assert_eq!((diff.before, diff.after), (None, None));
    }

    #[test]
    fn a_check_needs_a_budget() {
        for line in [
            "",
            "--json",
            "--tolerance 5%",
            "--max-peak 1GB --tolerance 5%",
            "--max-peak much",
            "--max-peak -1",
            "--max-site f",
            "--max-site =1GB",
            "--baseline b.fil --tolerance much",
            "--thread worker",
        ] {
            parse(format!("fil check {line}").trim_end()).expect_err(line);
        }
        for line in [
            "--max-peak 2GB",
            "a.fil --max-leaks 0 --json",
            "--max-site f=1MB --max-site job.py:3=2MiB",
            "--baseline b.fil",
            "--baseline b.fil --tolerance 20MB --function f",
        ] {
            parse(&format!("fil check {line}")).expect(line);
        }
    }
}
