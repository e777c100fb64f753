//! Who holds more or less than before, as people read it.

use std::io::{self, Write};

use analyzer::Totals;
use analyzer::bytes::{human_bytes, human_change};
use analyzer::diff::FunctionChange;
use analyzer::{Measure, Trace};

use crate::analyze::Screen;
use crate::analyze::paths::place;
use crate::analyze::table::{self, TableLine};
use crate::analyze::terminal_text::printable;
use crate::quantities::count_of;

/// Writes an empty line and the table of the functions of which something changed. Those beyond `rows` are summed up in
/// one row.
pub(crate) fn write(
    functions: &[FunctionChange],
    traces: [&Trace; 2],
    rows: usize,
    screen: &Screen,
    out: &mut impl Write,
) -> io::Result<()> {
    let changed: Vec<&FunctionChange> = functions.iter().filter(|row| row.before != row.after).collect();
    if changed.is_empty() {
        return writeln!(out, "No function holds, allocates or leaves more or less than before");
    }
    let (shown, rest) = changed.split_at(rows.min(changed.len()));
    let mut lines: Vec<TableLine> = shown.iter().map(|row| line_of(row, traces)).collect();
    if !rest.is_empty() {
        lines.push(line_of_rest(rest));
    }
    let numbers = ["at the peak", "before", "after", "allocated", "at the end"].map(str::to_owned).to_vec();
    let [name, location, source] = ["function", "file", ""].map(str::to_owned);
    table::write(TableLine { numbers, name, location, source }, lines, screen, out)
}

fn line_of(row: &FunctionChange, [before, after]: [&Trace; 2]) -> TableLine {
    // A file that is only in the run before is relative to the folder of that.
    let mut file = place(&row.file, 0, after);
    if file == row.file {
        file = place(&row.file, 0, before);
    }
    TableLine {
        numbers: numbers(&row.before, &row.after),
        name: printable(&row.function),
        location: printable(&file),
        source: String::new(),
    }
}

fn line_of_rest(rest: &[&FunctionChange]) -> TableLine {
    let (mut before, mut after) = (Totals::default(), Totals::default());
    for row in rest {
        before.add(&row.before);
        after.add(&row.after);
    }
    TableLine {
        numbers: numbers(&before, &after),
        name: "other".to_owned(),
        location: count_of(rest.len() as u64, "function", "functions"),
        source: String::new(),
    }
}

/// The change at the peak and what it was and is there, then the changes of what was allocated in total and left at the end.
fn numbers(before: &Totals, after: &Totals) -> Vec<String> {
    vec![
        human_change(before.live_bytes, after.live_bytes),
        human_bytes(before.live_bytes),
        human_bytes(after.live_bytes),
        human_change(before.allocated_bytes, after.allocated_bytes),
        human_change(before.end_bytes, after.end_bytes),
    ]
}
