//! Counted memory and what it takes beside, side by side over time, as people read it.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::tables;
use analyzer::views::{self, Overhead, OverheadAt};

use crate::analyze::output::Output;
use crate::analyze::table::{self, TableLine};
use crate::error::CliError;
use crate::quantities::duration;

/// Answers and writes: as many rows as are asked for, unless the steps of time are said.
pub(crate) fn overhead<W: Write>(
    buckets: Option<u32>,
    processes: &[u32],
    mut output: Output<W>,
) -> Result<(), CliError> {
    let buckets = buckets.map_or(output.rows, |buckets| buckets as usize);
    let overhead = views::overhead(output.trace, buckets, processes)?;
    output.write(&overhead, || tables::overhead(&overhead), |output| write(&overhead, output))
}

fn write(overhead: &Overhead, output: &mut Output<impl Write>) -> io::Result<()> {
    let Output { screen, ref mut out, .. } = *output;
    let known = overhead.times.iter().filter(|at| at.rss_bytes.is_some());
    let Some(most) = known.max_by_key(|at| at.rss_bytes) else {
        writeln!(out, "{}", screen.bold("Counted memory over time; resident memory is not known"))?;
        return write_table(overhead, output);
    };
    let headline = format!(
        "Resident memory: {} after {}; of these {} counted, {} slack of Python's allocator, {} others",
        human_bytes(most.rss_bytes.unwrap_or(0)),
        duration(most.time_ns),
        human_bytes(most.live_bytes),
        human_bytes(most.slack_bytes),
        signed_bytes(most.rest_bytes),
    );
    writeln!(out, "{}", screen.bold(&headline))?;
    write_table(overhead, output)
}

fn write_table(overhead: &Overhead, output: &mut Output<impl Write>) -> io::Result<()> {
    let headings = ["after", "resident", "counted", "slack", "rest", "heap", "objects", "mappings", "arenas", "files"];
    let header = line(headings.map(str::to_owned).to_vec());
    let lines = overhead.times.iter().map(|at| line(numbers(at))).collect();
    table::write(header, lines, output.screen, &mut output.out)
}

fn numbers(at: &OverheadAt) -> Vec<String> {
    vec![
        duration(at.time_ns),
        at.rss_bytes.map_or_else(|| "-".to_owned(), human_bytes),
        human_bytes(at.live_bytes),
        human_bytes(at.slack_bytes),
        signed_bytes(at.rest_bytes),
        human_bytes(at.categories.heap),
        human_bytes(at.categories.python),
        human_bytes(at.categories.mmap),
        human_bytes(at.apart.python_arenas),
        human_bytes(at.apart.mapped_files),
    ]
}

fn signed_bytes(bytes: Option<i64>) -> String {
    match bytes {
        None => "-".to_owned(),
        Some(bytes) if bytes < 0 => format!("-{}", human_bytes(bytes.unsigned_abs())),
        Some(bytes) => human_bytes(bytes.unsigned_abs()),
    }
}

fn line(numbers: Vec<String>) -> TableLine {
    TableLine { numbers, name: String::new(), location: String::new(), source: String::new() }
}
