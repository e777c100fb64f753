//! The peak as people read it: when and how much, then the call sites that hold it.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::{Apart, CallSite, Peak, Trace};
use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Row, Table, TableStyle};

use crate::analyze::Screen;
use crate::analyze::paths::location;
use crate::analyze::terminal_text::{keep_end, keep_start, printable};
use crate::quantities::{count, count_of, duration, share};

/// Two spaces between columns, one line under the header.
const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction(' '))
    .header_separator(LineStyle::none().fill('─').junction('─'))
    .content_lines(ContentLineStyle::none().junction(' '));

/// Shares, sizes and counts, and the space around all columns.
const WIDTH_OF_NUMBERS: u16 = 42;
/// With less room for all texts together, source would say nothing; then there is none.
const LEAST_ROOM_FOR_SOURCE: usize = 48;

/// Writes headline and table. Call sites beyond `rows` are summed up in one row.
pub(crate) fn write(peak: &Peak, trace: &Trace, rows: usize, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    write_headline(peak, trace, screen, out)?;
    if peak.call_sites.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let table = table(peak, trace, rows, screen).to_string();
    for (index, line) in table.lines().enumerate() {
        let line = line.trim_end();
        writeln!(out, "{}", if index == 0 { screen.bold(line) } else { line.to_owned() })?;
    }
    Ok(())
}

fn write_headline(peak: &Peak, trace: &Trace, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let headline = format!("Peak memory: {} ({} bytes)", human_bytes(peak.peak_bytes), count(peak.peak_bytes));
    let processes = peak.processes.iter().filter(|process| process.live_bytes > 0).count() as u64;
    writeln!(
        out,
        "{}, {} after the start of {}, in {}",
        screen.bold(&headline),
        duration(peak.peak_time_ns),
        duration(trace.duration_ns()),
        count_of(processes, "process", "processes"),
    )?;
    let kinds = [
        ("Python objects", peak.categories.python),
        ("heap", peak.categories.heap),
        ("mappings", peak.categories.mmap),
    ];
    let kinds = kinds.map(|(kind, bytes)| format!("{kind} {}", human_bytes(bytes)));
    writeln!(out, "Of these: {}", kinds.join(", "))?;
    write_apart(&peak.apart, out)?;
    writeln!(out, "Still alive at the end: {}", human_bytes(peak.end_bytes))
}

/// What was mapped beside the peak, if anything was.
fn write_apart(apart: &Apart, out: &mut impl Write) -> io::Result<()> {
    let kinds = [
        ("mapped files", apart.mapped_files),
        ("reserved addresses", apart.reserved),
        ("arenas that hold Python objects", apart.python_arenas),
    ];
    let there = kinds.iter().filter(|(_, bytes)| *bytes > 0);
    let there: Vec<String> = there.map(|(kind, bytes)| format!("{kind} {}", human_bytes(*bytes))).collect();
    if there.is_empty() { Ok(()) } else { writeln!(out, "Not in the peak: {}", there.join(", ")) }
}

fn table(peak: &Peak, trace: &Trace, rows: usize, screen: &Screen) -> Table {
    let (shown, rest) = peak.call_sites.split_at(rows.min(peak.call_sites.len()));
    let mut lines: Vec<TableLine> = shown.iter().map(|call_site| line_of(call_site, peak, trace)).collect();
    if !rest.is_empty() {
        lines.push(line_of_rest(rest, peak));
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

fn line_of(call_site: &CallSite, peak: &Peak, trace: &Trace) -> TableLine {
    TableLine {
        numbers: numbers(call_site.live_bytes, call_site.live_blocks, peak),
        function: printable(&call_site.function),
        location: printable(&location(call_site, trace)),
        source: printable(&trace.source_line(&call_site.file, call_site.line).unwrap_or_default()),
    }
}

fn line_of_rest(rest: &[CallSite], peak: &Peak) -> TableLine {
    let bytes = rest.iter().map(|call_site| call_site.live_bytes).sum();
    let blocks = rest.iter().map(|call_site| call_site.live_blocks).sum();
    TableLine {
        numbers: numbers(bytes, blocks, peak),
        function: "other".to_owned(),
        location: count_of(rest.len() as u64, "call site", "call sites"),
        source: String::new(),
    }
}

fn numbers(bytes: u64, blocks: u64, peak: &Peak) -> [String; 3] {
    [share(bytes, peak.peak_bytes), human_bytes(bytes), count(blocks)]
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

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;
    use analyzer::{Apart, Categories, ProcessMemory};
    use format::TraceHeader;

    fn call_site(function: &str, file: &str, line: u32, live_bytes: u64) -> CallSite {
        CallSite { function: function.to_owned(), file: file.to_owned(), line, live_bytes, live_blocks: 1 }
    }

    fn rendered(rows: usize, screen: Screen) -> Vec<String> {
        let header = TraceHeader {
            fil_version: "0".to_owned(),
            command: vec![b"python".to_vec()],
            working_directory: b"/home/me".to_vec(),
            host: "here".to_owned(),
            wall_clock_start_ns: 0,
            monotonic_start_ns: 0,
            spool_directory: b"/nowhere".to_vec(),
        };
        let trace = Trace::from_bytes("t".to_owned(), header.encode().expect("encodes")).expect("opens");
        let peak = Peak {
            schema: "fil.peak/1",
            trace: "t".to_owned(),
            command: vec!["python".to_owned()],
            peak_bytes: 4096,
            peak_time_ns: 1_500_000_000,
            end_bytes: 0,
            event_count: 4,
            complete: true,
            warnings: Vec::new(),
            categories: Categories { heap: 4096, python: 0, mmap: 0 },
            shared_mmap_bytes: 0,
            apart: Apart { mapped_files: 0, reserved: 0, python_arenas: 8192 },
            processes: vec![ProcessMemory { pid: 1, command: Vec::new(), live_bytes: 4096 }],
            call_sites: vec![
                call_site("load", "/home/me/load.py", 3, 2048),
                call_site("ones", "/venv/lib/python3.11/site-packages/numpy/core/numeric.py", 191, 1024),
                call_site("small", "/home/me/small.py", 7, 512),
                call_site("tiny", "/home/me/small.py", 9, 512),
            ],
            stacks: Vec::new(),
        };
        let mut text = Vec::new();
        write(&peak, &trace, rows, &screen, &mut text).expect("written");
        String::from_utf8(text).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn rows_that_are_not_shown_are_summed_up() {
        let lines = rendered(2, Screen::plain());
        assert!(lines[0].starts_with("Peak memory: 4.0 KiB (4,096 bytes), 1.50 s after the start of"), "{lines:#?}");
        assert_eq!(lines[2], "Not in the peak: arenas that hold Python objects 8.0 KiB");
        assert_eq!(lines.len(), 10, "{lines:#?}");
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(&lines[7]), "50.0% 2.0 KiB 1 load load.py:3");
        assert_eq!(words(&lines[8]), "25.0% 1.0 KiB 1 ones …/site-packages/numpy/core/numeric.py:191");
        assert_eq!(words(&lines[9]), "25.0% 1.0 KiB 2 other 2 call sites");
        assert!(!rendered(4, Screen::plain()).iter().any(|line| line.contains("other")));
    }

    #[test]
    fn a_table_fits_its_terminal() {
        for columns in [40, 60, 80, 120] {
            let lines = rendered(20, Screen::terminal(columns));
            let too_wide = lines[5..].iter().find(|line| line.chars().count() > columns.into());
            assert_eq!(too_wide, None, "{columns} columns: {lines:#?}");
            assert_eq!(lines.len(), 11, "one line per row: {lines:#?}");
        }
    }
}
