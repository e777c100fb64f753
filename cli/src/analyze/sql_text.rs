//! Answers to questions in SQL.

use std::io::{self, Write};

use analyzer::Selection;
use analyzer::sql::{Cell, Question, SqlAnswer};
use comfy_table::{Cell as TableCell, CellAlignment, Table};

use crate::analyze::output::Output;
use crate::analyze::table;
use crate::analyze::terminal_text::printable;
use crate::error::CliError;
use crate::quantities::count_of;

/// Answers and writes.
pub(crate) fn sql<W: Write>(text: &str, selection: &Selection, mut output: Output<W>) -> Result<(), CliError> {
    let question = Question::new(output.trace, selection, text)?;
    // Where polars panics, what it has to say of that is nothing for users: the answer is an error like others.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| ()));
    let answer = question.answer();
    std::panic::set_hook(hook);
    let answer = answer?;
    output.write(&answer, || Ok(answer.table.clone()), |output| write(&answer, output))
}

fn write(answer: &SqlAnswer, output: &mut Output<impl Write>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(table::STYLE).set_header(answer.columns.iter().map(|name| printable(name)));
    for at in 0..answer.height().min(output.rows) {
        table.add_row(answer.row(at).iter().map(cell));
    }
    for line in table.lines() {
        writeln!(output.out, "{}", line.trim_end())?;
    }
    let rest = answer.height().saturating_sub(output.rows);
    if rest > 0 {
        writeln!(output.out, "and {} more (--rows says how many are shown)", count_of(rest as u64, "row", "rows"))?;
    }
    Ok(())
}

fn cell(cell: &Cell) -> TableCell {
    let right = |text: String| TableCell::new(text).set_alignment(CellAlignment::Right);
    match cell {
        Cell::Missing => right("-".to_owned()),
        Cell::Flag(flag) => TableCell::new(flag),
        Cell::Whole(number) => right(number.to_string()),
        Cell::Number(number) => right(number.to_string()),
        Cell::Text(text) => TableCell::new(printable(text)),
    }
}
