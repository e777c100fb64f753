//! Tables for people: numbers, then who they are of, then the line of source, cut to the width of the terminal.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Row, Table, TableStyle};

use crate::analyze::Screen;
use crate::analyze::terminal_text::{keep_end, keep_start};

/// Two spaces between columns, one line under the header.
pub(crate) const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// Spaces around the text of a column, and between it and the next.
const AROUND_A_COLUMN: usize = 3;
/// With less room for all texts together, source would say nothing; then there is none.
const LEAST_ROOM_FOR_SOURCE: usize = 48;
/// With less room for names and locations nobody could tell whose the numbers are.
const LEAST_ROOM_FOR_NAMES: usize = 30;

/// A line of a table, in full.
pub(crate) struct TableLine {
    pub(crate) numbers: Vec<String>,
    /// What the numbers are of, such as a function.
    pub(crate) name: String,
    /// Where that is.
    pub(crate) location: String,
    /// The line of source there.
    pub(crate) source: String,
}

/// Writes an empty line and the table.
pub(crate) fn write(header: TableLine, lines: Vec<TableLine>, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    writeln!(out)?;
    let table = table(header, lines, screen).to_string();
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        writeln!(out, "{}", if index == 0 { screen.bold(line) } else { line.to_owned() })?;
    }
    Ok(())
}

fn table(mut header: TableLine, mut lines: Vec<TableLine>, screen: &Screen) -> Table {
    leave_room_for_names(&mut header, &mut lines, screen);
    let widths = Widths::fitting(&header, &lines, screen);
    let mut table = Table::new();
    table.load_style(STYLE).set_truncation_indicator("…");
    if let Some(columns) = screen.width_limit() {
        // The widths fit already, but for characters that are two columns wide.
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    table.set_header(header.cut(&widths));
    for line in lines {
        table.add_row(line.cut(&widths));
    }
    table
}

/// Leaves the last numbers out where there would be no room to say whose they are; the first two stay.
fn leave_room_for_names(header: &mut TableLine, lines: &mut [TableLine], screen: &Screen) {
    let Some(columns) = screen.width_limit() else { return };
    while header.numbers.len() > 2 && room_for_texts(columns, header, lines) < LEAST_ROOM_FOR_NAMES {
        header.numbers.pop();
        for line in &mut *lines {
            line.numbers.pop();
        }
    }
}

/// Columns that the numbers leave to the texts.
fn room_for_texts(columns: u16, header: &TableLine, lines: &[TableLine]) -> usize {
    let all = || lines.iter().chain([header]);
    let width_of = |at: usize| all().filter_map(|line| line.numbers.get(at)).map(|number| number.chars().count()).max();
    let numbers: usize = (0..header.numbers.len()).filter_map(width_of).map(|width| width + AROUND_A_COLUMN).sum();
    usize::from(columns).saturating_sub(numbers + 3 * AROUND_A_COLUMN)
}

impl TableLine {
    fn cut(self, widths: &Widths) -> Row {
        let right = |number| Cell::new(number).set_alignment(CellAlignment::Right);
        let mut row = Row::from(self.numbers.into_iter().map(right).collect::<Vec<Cell>>());
        row.add_cell(Cell::new(keep_end(&self.name, widths.name)));
        if let Some(location) = widths.location {
            row.add_cell(Cell::new(keep_end(&self.location, location)));
        }
        if let Some(source) = widths.source {
            row.add_cell(Cell::new(keep_start(&self.source, source)));
        }
        row.max_height(1);
        row
    }
}

/// How wide the columns of text may be.
struct Widths {
    name: usize,
    /// None where nothing has one.
    location: Option<usize>,
    /// None where nothing has one, or there is no room for it.
    source: Option<usize>,
}

impl Widths {
    /// Where not all fits, source is cut first, then locations, then names.
    fn fitting(header: &TableLine, lines: &[TableLine], screen: &Screen) -> Widths {
        let all = || lines.iter().chain([header]);
        let widest = |text: fn(&TableLine) -> &str| all().map(|line| text(line).chars().count()).max().unwrap_or(0);
        let [name, location, source] =
            [widest(|line| &line.name), widest(|line| &line.location), widest(|line| &line.source)];
        let some = |width: usize| (width > 0).then_some(width);
        let Some(columns) = screen.width_limit() else {
            return Widths { name, location: some(location), source: some(source) };
        };
        let room = room_for_texts(columns, header, lines);
        if room < LEAST_ROOM_FOR_SOURCE || source == 0 {
            let location = location.min(room.saturating_sub(name).max(room / 2));
            return Widths { name: name.min(room - location), location: some(location), source: None };
        }
        let least = room / 3;
        let source = source.min(room.saturating_sub(name + location).max(least));
        let location = location.min((room - source).saturating_sub(name).max(least));
        Widths { name: name.min(room - source - location), location: some(location), source: Some(source) }
    }
}
