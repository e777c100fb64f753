//! Answers as polars data frames, and data frames as CSV and Parquet. The columns are contracts.

use std::io::Write;

use polars::prelude::{Column, CsvWriter, NamedFrom, ParquetWriter, SerWriter, Series};

pub use polars::prelude::DataFrame;

use crate::call_view::{CallView, Row, StackRow};
use crate::diff::Diff;
use crate::error::AnalyzerError;
use crate::groups::{Field, GroupName, Grouping};
use crate::held::CallSite;
use crate::measure::Measure;
use crate::moment::SiteMemory;
use crate::timeline::{Timeline, TimelineRow, TimelineTotal};
use crate::totals::Totals;
use crate::views::{Overhead, OverheadAt, Peaks, SeparatePeak, Sizes, WhatIf};

/// `function,file,line,live_bytes,live_blocks,share`: what each call site holds at an instant, and its share of
/// `total_bytes` from 0 to 1. In the order given, nothing cut off.
pub fn call_sites(rows: &[CallSite], total_bytes: u64) -> Result<DataFrame, AnalyzerError> {
    let share = |row: &CallSite| row.live_bytes as f64 / total_bytes.max(1) as f64;
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("function", rows.iter().map(|row| row.function.as_str())),
            column("file", rows.iter().map(|row| row.file.as_str())),
            column("line", rows.iter().map(|row| row.line)),
            column("live_bytes", rows.iter().map(|row| row.live_bytes)),
            column("live_blocks", rows.iter().map(|row| row.live_blocks)),
            column("share", rows.iter().map(share)),
        ],
    )?)
}

/// The rows of a view about calls: the fields of the group, then the numbers. Nothing is cut off.
pub fn call_view<M: Measure, A>(view: &CallView<M, A>) -> Result<DataFrame, AnalyzerError> {
    let rows: Vec<&Row<M>> = view.rows.iter().collect();
    let mut columns = group_columns(view.grouping, rows.iter().map(|row| &row.group));
    columns.extend(measure_columns(rows.iter().map(|row| &row.measure)));
    Ok(DataFrame::new(rows.len(), columns)?)
}

/// The stacks of a view about calls: `process,thread,frames`, then the numbers. The frames are those from the outermost on, as
/// `function (file:line)`, with `; ` between them.
pub fn stacks<M: Measure, A>(view: &CallView<M, A>) -> Result<DataFrame, AnalyzerError> {
    let stacks = &view.stacks;
    let frames = |stack: &StackRow<M>| {
        let frames = stack.frames.frames().into_iter();
        let frames = frames.map(|frame| format!("{} ({}:{})", frame.function, frame.file, frame.line));
        frames.collect::<Vec<_>>().join("; ")
    };
    let mut columns = vec![
        column("process", stacks.iter().map(|stack| stack.process)),
        column("thread", stacks.iter().map(|stack| stack.thread.as_str())),
        column("frames", stacks.iter().map(frames)),
    ];
    columns.extend(measure_columns(stacks.iter().map(|stack| &stack.measure)));
    Ok(DataFrame::new(stacks.len(), columns)?)
}

/// `peak,time_s`, the fields of the group, `live_bytes,live_blocks`: one row per peak and group.
pub fn peaks(peaks: &Peaks) -> Result<DataFrame, AnalyzerError> {
    let of_peak = |(at, peak): (usize, &SeparatePeak)| vec![(at as u32 + 1, seconds(peak.time_ns)); peak.rows.len()];
    let keys: Vec<(u32, f64)> = peaks.peaks.iter().enumerate().flat_map(of_peak).collect();
    let rows: Vec<&Row<SiteMemory>> = peaks.peaks.iter().flat_map(|peak| &peak.rows).collect();
    let mut columns = vec![
        column("peak", keys.iter().map(|(peak, _)| *peak)),
        column("time_s", keys.iter().map(|(_, time_s)| *time_s)),
    ];
    columns.extend(group_columns(peaks.grouping, rows.iter().map(|row| &row.group)));
    columns.extend(measure_columns(rows.iter().map(|row| &row.measure)));
    Ok(DataFrame::new(rows.len(), columns)?)
}

/// `time_s,live_bytes,heap_bytes,python_bytes,mmap_bytes,python_arena_bytes,slack_bytes,mapped_file_bytes,reserved_bytes,
/// rss_bytes,rest_bytes`: one row per instant.
pub fn overhead(overhead: &Overhead) -> Result<DataFrame, AnalyzerError> {
    let times = &overhead.times;
    let bytes = |name, bytes: fn(&OverheadAt) -> u64| column(name, times.iter().map(bytes));
    Ok(DataFrame::new(
        times.len(),
        vec![
            column("time_s", times.iter().map(|at| seconds(at.time_ns))),
            bytes("live_bytes", |at| at.live_bytes),
            bytes("heap_bytes", |at| at.categories.heap),
            bytes("python_bytes", |at| at.categories.python),
            bytes("mmap_bytes", |at| at.categories.mmap),
            bytes("python_arena_bytes", |at| at.apart.python_arenas),
            bytes("slack_bytes", |at| at.slack_bytes),
            bytes("mapped_file_bytes", |at| at.apart.mapped_files),
            bytes("reserved_bytes", |at| at.apart.reserved),
            column("rss_bytes", times.iter().map(|at| at.rss_bytes)),
            column("rest_bytes", times.iter().map(|at| at.rest_bytes)),
        ],
    )?)
}

/// `from_bytes,to_bytes,allocated_blocks,allocated_bytes`: one row per class of sizes.
pub fn sizes(sizes: &Sizes) -> Result<DataFrame, AnalyzerError> {
    let rows = &sizes.sizes;
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("from_bytes", rows.iter().map(|row| row.from_bytes)),
            column("to_bytes", rows.iter().map(|row| row.to_bytes)),
            column("allocated_blocks", rows.iter().map(|row| row.allocated_blocks)),
            column("allocated_bytes", rows.iter().map(|row| row.allocated_bytes)),
        ],
    )?)
}

/// The fields of the group, `live_bytes,peak_bytes,peak_time_s`: one row per group that is left out.
pub fn what_if(answer: &WhatIf, grouping: Grouping) -> Result<DataFrame, AnalyzerError> {
    let rows = &answer.without;
    let mut columns = group_columns(grouping, rows.iter().map(|row| &row.group));
    columns.push(column("live_bytes", rows.iter().map(|row| row.live_bytes)));
    columns.push(column("peak_bytes", rows.iter().map(|row| row.peak_bytes)));
    columns.push(column("peak_time_s", rows.iter().map(|row| seconds(row.peak_time_ns))));
    Ok(DataFrame::new(rows.len(), columns)?)
}

/// A number of a function, and what it is called of the run before and of the run after.
type NumberOfBoth = (&'static str, &'static str, fn(&Totals) -> u64);

const NUMBERS_OF_BOTH: [NumberOfBoth; 5] = [
    ("before_live_bytes", "after_live_bytes", |memory| memory.live_bytes),
    ("before_live_blocks", "after_live_blocks", |memory| memory.live_blocks),
    ("before_allocated_bytes", "after_allocated_bytes", |memory| memory.allocated_bytes),
    ("before_allocated_blocks", "after_allocated_blocks", |memory| memory.allocated_blocks),
    ("before_end_bytes", "after_end_bytes", |memory| memory.end_bytes),
];

/// `function,file,before_file`, then each number of the run before and of the run after: one row per function.
pub fn diff(diff: &Diff) -> Result<DataFrame, AnalyzerError> {
    let rows = &diff.functions;
    let mut columns = vec![
        column("function", rows.iter().map(|row| row.function.as_str())),
        column("file", rows.iter().map(|row| row.file.as_str())),
        column("before_file", rows.iter().map(|row| row.before_file.clone())),
    ];
    for (before, after, number) in NUMBERS_OF_BOTH {
        columns.push(column(before, rows.iter().map(|row| number(&row.before))));
        columns.push(column(after, rows.iter().map(|row| number(&row.after))));
    }
    Ok(DataFrame::new(rows.len(), columns)?)
}

/// A column for each field of these groups.
fn group_columns<'a>(grouping: Grouping, groups: impl Iterator<Item = &'a GroupName>) -> Vec<Column> {
    let fields: Vec<Vec<Field>> = groups.map(GroupName::fields).collect();
    let text = |field: &Field| match field {
        Field::Text(text) => text.clone(),
        Field::Number(number) => number.to_string(),
    };
    let number = |field: &Field| match field {
        Field::Number(number) => Some(*number),
        Field::Text(_) => None,
    };
    let names = grouping.fields().iter().enumerate();
    let field = |(at, &name): (usize, &&'static str)| match name {
        "line" | "process" => column(name, fields.iter().map(|row| number(&row[at]))),
        name => column(name, fields.iter().map(|row| text(&row[at]))),
    };
    names.map(field).collect()
}

/// A column for each number of these rows.
fn measure_columns<'a, M: Measure + 'a>(measures: impl Iterator<Item = &'a M>) -> Vec<Column> {
    let values: Vec<Vec<Option<u64>>> = measures.map(Measure::values).collect();
    let numbers = M::COLUMNS.iter().enumerate();
    numbers.map(|(at, number)| column(number.name, values.iter().map(|row| row[at]))).collect()
}

/// `time_s`, the fields of the group, `live_bytes,max_live_bytes`: one row per bucket and group.
pub fn timeline(timeline: &Timeline) -> Result<DataFrame, AnalyzerError> {
    let rows: &[TimelineRow] = &timeline.rows;
    let mut columns = vec![column("time_s", rows.iter().map(|row| seconds(row.time_ns)))];
    columns.extend(group_columns(timeline.grouping, rows.iter().map(|row| &row.group)));
    columns.push(column("live_bytes", rows.iter().map(|row| row.live_bytes)));
    columns.push(column("max_live_bytes", rows.iter().map(|row| row.max_live_bytes)));
    Ok(DataFrame::new(rows.len(), columns)?)
}

/// `time_s,live_bytes,max_live_bytes,rss_bytes`: one row per bucket.
pub fn timeline_totals(timeline: &Timeline) -> Result<DataFrame, AnalyzerError> {
    let rows: &[TimelineTotal] = &timeline.totals;
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("time_s", rows.iter().map(|row| seconds(row.time_ns))),
            column("live_bytes", rows.iter().map(|row| row.live_bytes)),
            column("max_live_bytes", rows.iter().map(|row| row.max_live_bytes)),
            column("rss_bytes", rows.iter().map(|row| row.rss_bytes)),
        ],
    )?)
}

/// Digits behind the point of times and shares in CSV: a time in seconds is exact to the nanosecond.
const CSV_DECIMALS: usize = 9;

/// Writes a table with its header line as CSV. A missing value is empty, an empty text is `""`.
pub fn write_csv(table: &mut DataFrame, out: impl Write) -> Result<(), AnalyzerError> {
    write_csv_part(table, true, out)
}

/// The same of some rows of a table, with the header line if they are the first.
pub fn write_csv_part(rows: &mut DataFrame, with_header: bool, out: impl Write) -> Result<(), AnalyzerError> {
    CsvWriter::new(out).include_header(with_header).with_float_precision(Some(CSV_DECIMALS)).finish(rows)?;
    Ok(())
}

/// Writes a table as Parquet, compressed with zstd.
pub fn write_parquet(table: &mut DataFrame, out: impl Write) -> Result<(), AnalyzerError> {
    ParquetWriter::new(out).finish(table)?;
    Ok(())
}

pub(crate) fn column<T>(name: &'static str, values: impl Iterator<Item = T>) -> Column
where
    Series: NamedFrom<Vec<T>, [T]>,
{
    Series::new(name.into(), values.collect::<Vec<T>>()).into()
}

pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
