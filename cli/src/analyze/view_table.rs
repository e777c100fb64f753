//! Views about calls as people read them: one sentence, then a table of the largest rows.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::{CallView, GroupName, Grouping, Measure, Row, Trace, Unit};

use crate::analyze::output::Output;
use crate::analyze::paths::place;
use crate::analyze::table::{self, TableLine};
use crate::analyze::terminal_text::printable;
use crate::quantities::{count, count_of, duration, share};

/// Writes the sentence and the table. Rows beyond those that are asked for are summed up in one.
pub(crate) fn write<M: Measure, A>(
    headline: &str,
    view: &CallView<M, A>,
    output: &mut Output<impl Write>,
) -> io::Result<()> {
    let Output { trace, screen, rows, ref mut out, .. } = *output;
    writeln!(out, "{}", screen.bold(headline))?;
    if view.rows.is_empty() {
        return Ok(());
    }
    let (shown, rest) = view.rows.split_at(rows.min(view.rows.len()));
    let mut lines: Vec<TableLine> = shown.iter().map(|row| line_of(row, &view.total, trace)).collect();
    if !rest.is_empty() {
        lines.push(line_of_rest(rest, &view.total, view.grouping));
    }
    table::write(
        header(["share"].into_iter().chain(M::COLUMNS.iter().map(|column| column.heading)), view.grouping),
        lines,
        screen,
        out,
    )
}

pub(crate) fn header<'a>(headings: impl Iterator<Item = &'a str>, grouping: Grouping) -> TableLine {
    let [name, location, source] = match grouping {
        Grouping::CallSite => ["function", "location", "source"],
        Grouping::Function => ["function", "file", ""],
        Grouping::File => ["file", "", ""],
        Grouping::Package => ["package", "", ""],
        Grouping::Thread => ["thread", "process", ""],
        Grouping::Process => ["process", "command", ""],
        Grouping::Category => ["kind of memory", "", ""],
    };
    let numbers = headings.map(str::to_owned).collect();
    TableLine { numbers, name: name.to_owned(), location: location.to_owned(), source: source.to_owned() }
}

fn line_of<M: Measure>(row: &Row<M>, total: &M, trace: &Trace) -> TableLine {
    let [name, location, source] = texts(&row.group, trace);
    TableLine { numbers: numbers(&row.measure, total), name, location, source }
}

/// What a row is about: a name, where that is, and the line of source there.
pub(crate) fn texts(group: &GroupName, trace: &Trace) -> [String; 3] {
    let texts = match group {
        GroupName::CallSite { file, line, function } => {
            [function.clone(), place(file, *line, trace), trace.source_line(file, *line).unwrap_or_default()]
        }
        GroupName::Function { file, function } => [function.clone(), place(file, 0, trace), String::new()],
        GroupName::File { file } => [place(file, 0, trace), String::new(), String::new()],
        GroupName::Thread { process, thread } => [thread.clone(), process.to_string(), String::new()],
        GroupName::Package { package: name } | GroupName::Category { category: name } => {
            [name.clone(), String::new(), String::new()]
        }
        GroupName::Process { process, command } => [process.to_string(), command.clone(), String::new()],
    };
    texts.map(|text| printable(&text))
}

fn line_of_rest<M: Measure>(rest: &[Row<M>], total: &M, grouping: Grouping) -> TableLine {
    let mut sum = M::default();
    rest.iter().for_each(|row| sum.add(&row.measure));
    let (one, many) = match grouping {
        Grouping::CallSite => ("call site", "call sites"),
        Grouping::Function => ("function", "functions"),
        Grouping::File => ("file", "files"),
        Grouping::Package => ("package", "packages"),
        Grouping::Thread => ("thread", "threads"),
        Grouping::Process => ("process", "processes"),
        Grouping::Category => ("kind", "kinds"),
    };
    let others = count_of(rest.len() as u64, one, many);
    let has_location = !matches!(grouping, Grouping::File | Grouping::Package | Grouping::Category);
    let (name, location) =
        if has_location { ("other".to_owned(), others) } else { (format!("other: {others}"), String::new()) };
    TableLine { numbers: numbers(&sum, total), name, location, source: String::new() }
}

/// The share of the first number, then all of them.
fn numbers<M: Measure>(measure: &M, total: &M) -> Vec<String> {
    let values = M::COLUMNS.iter().zip(measure.values()).map(|(column, value)| match (column.unit, value) {
        (_, None) => "-".to_owned(),
        (Unit::Bytes, Some(bytes)) => human_bytes(bytes),
        (Unit::Blocks, Some(blocks)) => count(blocks),
        (Unit::Nanoseconds, Some(ns)) => duration(ns),
    });
    [share(measure.weight(), total.weight())].into_iter().chain(values).collect()
}
