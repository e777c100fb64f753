//! Call sites that hold memory, as people read them.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::{CallSite, Trace};

use crate::analyze::Screen;
use crate::analyze::paths::location;
use crate::analyze::table::{self, TableLine};
use crate::analyze::terminal_text::printable;
use crate::quantities::{count, count_of, share};

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
    let (shown, rest) = call_sites.split_at(rows.min(call_sites.len()));
    let mut lines: Vec<TableLine> = shown.iter().map(|call_site| line_of(call_site, total_bytes, trace)).collect();
    if !rest.is_empty() {
        lines.push(line_of_rest(rest, total_bytes));
    }
    let numbers = ["share", "bytes", "blocks"].map(str::to_owned).to_vec();
    let [name, location, source] = ["function", "location", "source"].map(str::to_owned);
    table::write(TableLine { numbers, name, location, source }, lines, screen, out)
}

fn line_of(call_site: &CallSite, total_bytes: u64, trace: &Trace) -> TableLine {
    TableLine {
        numbers: numbers(call_site.live_bytes, call_site.live_blocks, total_bytes),
        name: printable(&call_site.function),
        location: printable(&location(call_site, trace)),
        source: printable(&trace.source_line(&call_site.file, call_site.line).unwrap_or_default()),
    }
}

fn line_of_rest(rest: &[CallSite], total_bytes: u64) -> TableLine {
    let bytes = rest.iter().map(|call_site| call_site.live_bytes).sum();
    let blocks = rest.iter().map(|call_site| call_site.live_blocks).sum();
    TableLine {
        numbers: numbers(bytes, blocks, total_bytes),
        name: "other".to_owned(),
        location: count_of(rest.len() as u64, "call site", "call sites"),
        source: String::new(),
    }
}

fn numbers(bytes: u64, blocks: u64, total_bytes: u64) -> Vec<String> {
    vec![share(bytes, total_bytes), human_bytes(bytes), count(blocks)]
}
