//! What a trace is about, in a few lines: the answer to `fil analyze` without a question.

use std::io::{self, Write};
use std::path::Path;

use analyzer::bytes::human_bytes;
use analyzer::views::{self, Without};
use analyzer::{Peak, Trace};

use crate::analyze::paths::location;
use crate::analyze::progress_bar::ProgressBar;
use crate::analyze::terminal_text::{keep_start, printable};
use crate::analyze::{Screen, other_views, out_of_memory_text};
use crate::error::CliError;
use crate::quantities::{count, duration, share};
use crate::record::{analyze_command, how_it_ended};

/// Call sites named in the summary.
const CALL_SITES: usize = 5;

/// Enough to recognize a command by.
const COMMAND_WIDTH: usize = 100;

/// Writes the summary.
pub(crate) fn write(
    path: &Path,
    trace: &Trace,
    mut bar: ProgressBar,
    screen: &Screen,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let want = analyzer::out_of_memory(trace)?;
    let peak = analyzer::peak(trace)?;
    let without = views::best_without(trace, &peak);
    bar.clear();
    if let Some(want) = want {
        out_of_memory_text::write(&want, trace, CALL_SITES, screen, out)?;
        writeln!(out)?;
    }
    Ok(write_lines(path, trace, &peak, without, screen, out)?)
}

fn write_lines(
    path: &Path,
    trace: &Trace,
    peak: &Peak,
    without: Option<Without>,
    screen: &Screen,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut field = |name: &str, value: &str| writeln!(out, "{name:<11} {value}");
    field("Command", &keep_start(&printable(&trace.command().join(" ")), COMMAND_WIDTH))?;
    field("Python", &pythons(trace))?;
    field("Ended", &end(trace))?;
    field("Duration", &duration(trace.duration_ns()))?;
    field("Processes", &count(trace.process_count() as u64))?;
    field("Events", &count(trace.event_count()))?;
    let peak_line = format!("{} after {}", human_bytes(peak.peak_bytes), duration(peak.peak_time_ns));
    field("Peak", &screen.bold(&peak_line))?;

    for (index, call_site) in peak.call_sites.iter().take(CALL_SITES).enumerate() {
        let name = if index == 0 { "Held by" } else { "" };
        let location = location(call_site, trace);
        let share = share(call_site.live_bytes, peak.peak_bytes);
        let bytes = human_bytes(call_site.live_bytes);
        let line =
            format!("{name:<11} {share:>6}  {bytes:>10}  {}  {}", printable(&call_site.function), printable(&location));
        writeln!(out, "{}", line.trim_end())?;
    }

    let is_worth_it = |without: &Without| peak.peak_bytes.saturating_sub(without.peak_bytes) >= peak.peak_bytes / 100;
    if let Some(without) = without.filter(is_worth_it) {
        writeln!(out)?;
        writeln!(out, "{}", other_views::sentence(&without, peak.peak_bytes, trace))?;
    }

    let command = analyze_command(path);
    writeln!(out)?;
    writeln!(out, "Go on with:")?;
    writeln!(out, "  {command} --peak                   who holds the memory at its peak")?;
    writeln!(out, "  {command} --peak --lifetimes       how long that memory had been there, and when it went")?;
    writeln!(out, "  {command} --timeline               memory over time")?;
    writeln!(out, "  {command} --flamegraph peak.svg    the call stacks at the peak, to look at")
}

/// Each version once, in the order of their starts.
fn pythons(trace: &Trace) -> String {
    let mut versions: Vec<&str> = Vec::new();
    for version in trace.processes().iter().filter_map(|process| process.python_version.as_deref()) {
        // "3.11.7 (main, Dec  8 2023, …) [GCC 12.2.0]"
        let number = version.split_whitespace().next().unwrap_or(version);
        if !versions.contains(&number) {
            versions.push(number);
        }
    }
    if versions.is_empty() { "none was recorded".to_owned() } else { versions.join(", ") }
}

/// How the job ended, if that is known.
pub(crate) fn end(trace: &Trace) -> String {
    match trace.recording_end() {
        Some(end) => how_it_ended(end.job_end),
        None => "not known: the recording did not end in order".to_owned(),
    }
}
