//! Answers as polars data frames, and data frames as CSV. The columns are contracts.

use std::io::Write;

use polars::prelude::{Column, CsvWriter, DataFrame, NamedFrom, SerWriter, Series};

use crate::call_view::CallView;
use crate::error::AnalyzerError;
use crate::groups::Field;
use crate::held::CallSite;
use crate::measure::Measure;
use crate::timeline::{Timeline, TimelineRow, TimelineTotal};

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
    let fields: Vec<Vec<Field>> = view.rows.iter().map(|row| row.group.fields()).collect();
    let values: Vec<Vec<Option<u64>>> = view.rows.iter().map(|row| row.measure.values()).collect();
    let mut columns = Vec::new();
    for (at, &name) in view.grouping.fields().iter().enumerate() {
        let texts = fields.iter().map(|row| match &row[at] {
            Field::Text(text) => Some(text.as_str()),
            Field::Number(_) => None,
        });
        let numbers = fields.iter().map(|row| match &row[at] {
            Field::Number(number) => Some(*number),
            Field::Text(_) => None,
        });
        let is_number = NUMBER_FIELDS.contains(&name);
        columns.push(if is_number { column(name, numbers) } else { column(name, texts) });
    }
    for (at, number) in M::COLUMNS.iter().enumerate() {
        columns.push(column(number.name, values.iter().map(|row| row[at])));
    }
    Ok(DataFrame::new(view.rows.len(), columns)?)
}

/// Fields of groups that are numbers.
const NUMBER_FIELDS: [&str; 2] = ["line", "process"];

/// `time_s,function,file,line,live_bytes,max_live_bytes`: one row per bucket and call site.
pub fn timeline(timeline: &Timeline) -> Result<DataFrame, AnalyzerError> {
    let rows: &[TimelineRow] = &timeline.rows;
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("time_s", rows.iter().map(|row| seconds(row.time_ns))),
            column("function", rows.iter().map(|row| row.function.as_str())),
            column("file", rows.iter().map(|row| row.file.as_str())),
            column("line", rows.iter().map(|row| row.line)),
            column("live_bytes", rows.iter().map(|row| row.live_bytes)),
            column("max_live_bytes", rows.iter().map(|row| row.max_live_bytes)),
        ],
    )?)
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
    CsvWriter::new(out).include_header(true).with_float_precision(Some(CSV_DECIMALS)).finish(table)?;
    Ok(())
}

fn column<T>(name: &'static str, values: impl Iterator<Item = T>) -> Column
where
    Series: NamedFrom<Vec<T>, [T]>,
{
    Series::new(name.into(), values.collect::<Vec<T>>()).into()
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
