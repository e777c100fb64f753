//! Call sites that hold memory, as people read them.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::{CallSite, Trace};
use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Row, Table, TableStyle};

use crate::analyze::Screen;
use crate::analyze::paths::location;
use crate::analyze::terminal_text::{keep_end, keep_start, printable};
use crate::quantities::{count, count_of, share};

/// Two spaces between columns, one line under the header.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// Shares, sizes and counts, and the space around all columns.
const WIDTH_OF_NUMBERS: u16 = 42;
/// With less room for all texts together, source would say nothing; then there is none.
const LEAST_ROOM_FOR_SOURCE: usize = 48;

/// Writes an empty line and the table, if there are any. Call sites beyond `rows` are summed up in one row; shares are of
/// `total_bytes`.
pub(crate) fn write(
    call_sites: &[CallSite],
    total_bytes: u64,
    trace: &Trace,
    rows: usize,
    screen: &Screen,
    out: &mut impl Write,
) -> io::Result<()> {
    if call_sites.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let table = table(call_sites, total_bytes, trace, rows, screen).to_string();
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        writeln!(out, "{}", if index == 0 { screen.bold(line) } else { line.to_owned() })?;
    }
    Ok(())
}

fn table(call_sites: &[CallSite], total_bytes: u64, trace: &Trace, rows: usize, screen: &Screen) -> Table {
    let (shown, rest) = call_sites.split_at(rows.min(call_sites.len()));
    let mut lines: Vec<TableLine> = shown.iter().map(|call_site| line_of(call_site, total_bytes, trace)).collect();
    if !rest.is_empty() {
        lines.push(line_of_rest(rest, total_bytes));
    }
    let widths = Widths::fitting(&lines, screen);

    let mut table = Table::new();
    table.load_style(STYLE).set_truncation_indicator("…");
    if let Some(columns) = screen.width_limit() {
        // The widths fit already, but for characters that are two columns wide.
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(columns);
    }
    let header = ["share", "bytes", "blocks"].map(str::to_owned);
    let [function, location, source] = ["function", "location", "source"].map(str::to_owned);
    table.set_header(TableLine { numbers: header, function, location, source }.cut(&widths));
    for line in lines {
        table.add_row(line.cut(&widths));
    }
    table
}

fn line_of(call_site: &CallSite, total_bytes: u64, trace: &Trace) -> TableLine {
    TableLine {
        numbers: numbers(call_site.live_bytes, call_site.live_blocks, total_bytes),
        function: printable(&call_site.function),
        location: printable(&location(call_site, trace)),
        source: printable(&trace.source_line(&call_site.file, call_site.line).unwrap_or_default()),
    }
}

fn line_of_rest(rest: &[CallSite], total_bytes: u64) -> TableLine {
    let bytes = rest.iter().map(|call_site| call_site.live_bytes).sum();
    let blocks = rest.iter().map(|call_site| call_site.live_blocks).sum();
    TableLine {
        numbers: numbers(bytes, blocks, total_bytes),
        function: "other".to_owned(),
        location: count_of(rest.len() as u64, "call site", "call sites"),
        source: String::new(),
    }
}

fn numbers(bytes: u64, blocks: u64, total_bytes: u64) -> [String; 3] {
    [share(bytes, total_bytes), human_bytes(bytes), count(blocks)]
}

/// What is in one line of the table, in full.
struct TableLine {
    numbers: [String; 3],
    function: String,
    location: String,
    source: String,
}

impl TableLine {
    fn cut(self, widths: &Widths) -> Row {
        let right = |number| Cell::new(number).set_alignment(CellAlignment::Right);
        let mut row = Row::from(self.numbers.map(right).to_vec());
        row.add_cell(Cell::new(keep_end(&self.function, widths.function)));
        row.add_cell(Cell::new(keep_end(&self.location, widths.location)));
        if let Some(source) = widths.source {
            row.add_cell(Cell::new(keep_start(&self.source, source)));
        }
        row.max_height(1);
        row
    }
}

/// How wide the columns of text may be.
struct Widths {
    function: usize,
    location: usize,
    /// None where there is no room for it.
    source: Option<usize>,
}

impl Widths {
    /// Where not all fits, source is cut first, then locations, then functions.
    fn fitting(lines: &[TableLine], screen: &Screen) -> Widths {
        let widest = |text: fn(&TableLine) -> &str| lines.iter().map(|line| text(line).chars().count()).max();
        let [function, location, source] =
            [widest(|line| &line.function), widest(|line| &line.location), widest(|line| &line.source)]
                .map(|width| width.unwrap_or(0).max("location".len()));
        let Some(columns) = screen.width_limit() else {
            return Widths { function, location, source: Some(source) };
        };
        let room = usize::from(columns.saturating_sub(WIDTH_OF_NUMBERS));
        if room < LEAST_ROOM_FOR_SOURCE {
            let location = location.min(room.saturating_sub(function).max(room / 2));
            return Widths { function: function.min(room - location), location, source: None };
        }
        let least = room / 3;
        let source = source.min(room.saturating_sub(function + location).max(least));
        let location = location.min((room - source).saturating_sub(function).max(least));
        Widths { function: function.min(room - source - location), location, source: Some(source) }
    }
}
