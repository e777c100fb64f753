//! `fil export`: the peak as a file of another tool.
//!
//! The formats are the analyzer's; here is where they go. As in `fil analyze`, a damaged trace gives the answer that is
//! left and the exit code of a failure, and stdout carries only the answer.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use analyzer::{AnalyzerError, Peak, Trace, export};

use crate::DEFAULT_TRACE;
use crate::analyze::progress_bar::ProgressBar;
use crate::analyze::{exit_code, not_the_trace, open, write_file};
use crate::arguments::{ExportArguments, ExportFormat};
use crate::error::CliError;
use crate::messages::say;

/// The name of a file that stands for stdout.
const STDOUT: &str = "-";

/// Extension of pprof's files, by which they are known.
const PPROF_EXTENSION: &str = "pb.gz";

/// Exports one trace. Returns the exit code.
pub(crate) fn export(arguments: &ExportArguments) -> Result<u8, CliError> {
    let format = arguments.to;
    let output = output(arguments)?;
    let trace = open(&arguments.trace)?;
    let mut bar = ProgressBar::of(trace.progress());
    let peak = analyzer::peak(&trace)?;
    bar.clear();
    match output {
        Some(file) => {
            // An older file of that name is replaced only when the new one is ready.
            let mut content = Vec::new();
            write(format, &peak, &trace, &mut content)?;
            write_file(&file, &content)?;
            say(&format!("the peak for {}: {}", tool(format), file.display()));
        }
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            write(format, &peak, &trace, &mut out)?;
            out.flush()?;
        }
    }
    Ok(exit_code(&trace))
}

/// The file to write, or None for stdout.
fn output(arguments: &ExportArguments) -> Result<Option<PathBuf>, CliError> {
    let is_binary = arguments.to == ExportFormat::Pprof;
    match &arguments.output {
        None if is_binary => {
            let name = arguments.trace.file_name().unwrap_or(DEFAULT_TRACE.as_ref());
            Ok(Some(Path::new(name).with_extension(PPROF_EXTENSION)))
        }
        None => Ok(None),
        Some(file) if file.as_os_str() != STDOUT => {
            not_the_trace(file, &arguments.trace)?;
            Ok(Some(file.clone()))
        }
        Some(_) if is_binary && io::stdout().is_terminal() => Err(CliError::Usage(
            "pprof's format is not for a terminal: name a file with -o, or redirect the output".to_owned(),
        )),
        Some(_) => Ok(None),
    }
}

fn write(format: ExportFormat, peak: &Peak, trace: &Trace, out: impl Write) -> Result<(), CliError> {
    let written = match format {
        ExportFormat::Collapsed => export::collapsed::write(peak, out),
        ExportFormat::Speedscope => export::speedscope::write(peak, out),
        ExportFormat::Pprof => export::pprof::write(peak, trace, out),
        ExportFormat::Firefox => export::firefox::write(peak, trace, out),
        ExportFormat::Chrome => export::chrome::write(peak, out),
        ExportFormat::MemrayCsv => export::memray_csv::write(peak, out),
    };
    written.map_err(|error| match error {
        // Whoever closed a pipe has what it wanted.
        AnalyzerError::Write(error) => CliError::Answer(error),
        other => CliError::Analyzer(other),
    })
}

/// Who reads it.
fn tool(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Collapsed => "flamegraph.pl and its like",
        ExportFormat::Speedscope => "speedscope",
        ExportFormat::Pprof => "pprof",
        ExportFormat::Firefox => "the Firefox Profiler",
        ExportFormat::Chrome => "Chrome's DevTools",
        ExportFormat::MemrayCsv => "readers of memray's tables",
    }
}
