//! Views of the whole job that are not about calls alone: separate peaks, sizes, and the peak without a call site.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::views::{self, LeftOut, Peaks, Query, Sizes, WhatIf, Without};
use analyzer::{Pattern, Trace, tables};

use crate::analyze::output::{Output, least_bytes};
use crate::analyze::table::{self, TableLine};
use crate::analyze::view_table::{header, texts};
use crate::arguments::Forms;
use crate::error::CliError;
use crate::messages::warn;
use crate::quantities::{count, count_of, duration, share};

/// Rows told of each of several peaks, unless said.
const ROWS_OF_A_PEAK: usize = 3;
/// The longest bar of a histogram, in characters.
const BAR: usize = 40;

/// The highest peaks.
pub(crate) fn peaks<W: Write>(
    number: u32,
    forms: &Forms,
    query: &Query,
    mut output: Output<W>,
) -> Result<(), CliError> {
    let mut peaks = views::peaks(output.trace, number as usize, query)?;
    for peak in &mut peaks.peaks {
        peak.rows.retain(|row| row.measure.bytes >= least_bytes(forms));
    }
    output.rows = forms.rows.map_or(ROWS_OF_A_PEAK, |rows| rows as usize);
    output.write(&peaks, || tables::peaks(&peaks), |output| write_peaks(&peaks, output))
}

/// The peak without a call site, or without the best if none is named.
pub(crate) fn what_if<W: Write>(
    site: &str,
    least_bytes: u64,
    query: &Query,
    mut output: Output<W>,
) -> Result<(), CliError> {
    let left_out = if site.is_empty() { LeftOut::Best } else { LeftOut::Named(Pattern::new(site)?) };
    let mut answer = views::what_if(output.trace, &left_out, query)?;
    let was_empty = answer.without.is_empty();
    answer.without.retain(|without| without.live_bytes >= least_bytes);
    if answer.without.is_empty() && !was_empty {
        warn("nothing held as much as --min-bytes says");
    }
    output.write(&answer, || tables::what_if(&answer, query.grouping), |output| write_what_if(&answer, query, output))
}

/// The histogram of sizes.
pub(crate) fn sizes<W: Write>(query: &Query, mut output: Output<W>) -> Result<(), CliError> {
    let sizes = views::sizes(output.trace, &query.selection)?;
    output.write(&sizes, || tables::sizes(&sizes), |output| write_sizes(&sizes, output))
}

fn write_peaks(peaks: &Peaks, output: &mut Output<impl Write>) -> io::Result<()> {
    let Output { trace, screen, rows, ref mut out, .. } = *output;
    let number = count_of(peaks.peaks.len() as u64, "peak", "peaks");
    let fall = human_bytes(peaks.least_fall_bytes);
    writeln!(out, "{}", screen.bold(&format!("The highest {number}, with falls of {fall} or more between them")))?;
    let mut lines = Vec::new();
    for peak in &peaks.peaks {
        for (at, row) in peak.rows.iter().take(rows).enumerate() {
            let (time, total) = if at == 0 {
                (duration(peak.time_ns), human_bytes(peak.live_bytes))
            } else {
                (String::new(), String::new())
            };
            let numbers = vec![time, total, share(row.measure.bytes, peak.live_bytes), human_bytes(row.measure.bytes)];
            let [name, location, source] = texts(&row.group, trace);
            lines.push(TableLine { numbers, name, location, source });
        }
    }
    table::write(header(["time", "peak", "share", "bytes"].into_iter(), peaks.grouping), lines, screen, out)
}

fn write_what_if(answer: &WhatIf, query: &Query, output: &mut Output<impl Write>) -> io::Result<()> {
    let Output { trace, screen, rows, ref mut out, .. } = *output;
    let Some(best) = answer.without.first() else {
        return writeln!(out, "Nothing of the kind was alive at the peak of {}", human_bytes(answer.peak_bytes));
    };
    writeln!(out, "{}", screen.bold(&sentence(best, answer.peak_bytes, trace)))?;
    let line = |without: &Without| {
        let lower = answer.peak_bytes.saturating_sub(without.peak_bytes);
        let [name, location, source] = texts(&without.group, trace);
        let numbers = vec![
            share(lower, answer.peak_bytes),
            human_bytes(without.peak_bytes),
            duration(without.peak_time_ns),
            human_bytes(without.live_bytes),
        ];
        TableLine { numbers, name, location, source }
    };
    let lines = answer.without.iter().take(rows).map(line).collect();
    table::write(header(["lower by", "peak then", "at", "held"].into_iter(), query.grouping), lines, screen, out)
}

/// Without whom the peak would be how high.
pub(crate) fn sentence(without: &Without, peak_bytes: u64, trace: &Trace) -> String {
    let [name, location, _] = texts(&without.group, trace);
    let place = if location.is_empty() { String::new() } else { format!(" ({location})") };
    let (lower, whole) = (peak_bytes.saturating_sub(without.peak_bytes), peak_bytes);
    let (then, before) = (human_bytes(without.peak_bytes), human_bytes(peak_bytes));
    format!("Without {name}{place} the peak would be {then} instead of {before} ({} lower)", share(lower, whole))
}

fn write_sizes(sizes: &Sizes, output: &mut Output<impl Write>) -> io::Result<()> {
    let Output { screen, ref mut out, .. } = *output;
    let (blocks, bytes) = (count(sizes.allocated_blocks), human_bytes(sizes.allocated_bytes));
    writeln!(out, "{}", screen.bold(&format!("Sizes of {blocks} blocks, {bytes} in total")))?;
    let most = sizes.sizes.iter().map(|class| class.allocated_blocks).max().unwrap_or(0).max(1);
    let line = |class: &views::SizeClass| TableLine {
        numbers: vec![
            share(class.allocated_blocks, sizes.allocated_blocks),
            count(class.allocated_blocks),
            human_bytes(class.allocated_bytes),
            human_bytes(class.from_bytes),
        ],
        name: "█".repeat((class.allocated_blocks as u128 * BAR as u128).div_ceil(u128::from(most)) as usize),
        location: String::new(),
        source: String::new(),
    };
    if sizes.sizes.is_empty() {
        return Ok(());
    }
    let numbers = ["share", "blocks", "bytes", "from size"].map(str::to_owned).to_vec();
    let header = TableLine { numbers, name: "blocks".to_owned(), location: String::new(), source: String::new() };
    table::write(header, sizes.sizes.iter().map(line).collect(), screen, out)
}
