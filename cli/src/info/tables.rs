//! The processes, threads and chunks of a trace as tables.

use std::io::{self, Write};

use analyzer::info::{ChunkInfo, ChunkInfoKind, Info, ProcessInfo, ThreadInfo};

use crate::analyze::Screen;
use crate::analyze::table::{self, TableLine};
use crate::analyze::terminal_text::{keep_start, printable};
use crate::quantities::{count, duration};

/// Enough to recognize a command by.
const COMMAND_WIDTH: usize = 60;

/// Writes an empty line and the processes, if there are any.
pub(super) fn write_processes(info: &Info, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let line = |process: &ProcessInfo| TableLine {
        numbers: vec![
            process.pid.to_string(),
            process.parent_pid.map_or("-".to_owned(), |pid| pid.to_string()),
            count(process.event_count),
            count(process.threads.len() as u64),
            duration(process.first_ns),
            duration(process.last_ns),
        ],
        name: keep_start(&printable(&process.command.join(" ")), COMMAND_WIDTH),
        // "3.11.7 (main, Dec  8 2023, …) [GCC 12.2.0]"
        location: process
            .python_version
            .as_deref()
            .map_or(String::new(), |version| printable(version.split_whitespace().next().unwrap_or(version))),
        source: String::new(),
    };
    let header = header(&["process", "parent", "events", "threads", "start", "end"], "command", "Python");
    write_table(header, info.processes.iter().map(line).collect(), screen, out)
}

/// Writes an empty line and the threads of all processes, if there are any.
pub(super) fn write_threads(info: &Info, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let line = |process: &ProcessInfo, thread: &ThreadInfo| TableLine {
        numbers: vec![
            process.pid.to_string(),
            count(thread.event_count),
            count(thread.chunk_count),
            duration(thread.first_ns),
            duration(thread.last_ns),
        ],
        name: printable(&thread.name),
        location: String::new(),
        source: String::new(),
    };
    let mut lines = Vec::new();
    for process in &info.processes {
        lines.extend(process.threads.iter().map(|thread| line(process, thread)));
    }
    write_table(header(&["process", "events", "chunks", "first", "last"], "thread", ""), lines, screen, out)
}

/// Writes an empty line and the chunks, if there are any.
pub(super) fn write_chunks(chunks: &[ChunkInfo], screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let number = |number: Option<u64>| number.map_or("-".to_owned(), count);
    let seconds = |ns: Option<u64>| ns.map_or("-".to_owned(), |ns| format!("{:.6} s", ns as f64 / 1e9));
    let line = |chunk: &ChunkInfo| TableLine {
        numbers: vec![
            count(chunk.offset),
            count(chunk.bytes),
            number(chunk.raw_bytes),
            number(chunk.event_count),
            number(chunk.first_turn),
            seconds(chunk.first_ns),
            seconds(chunk.last_ns),
        ],
        name: what(chunk),
        location: whose(chunk),
        source: String::new(),
    };
    let numbers = ["offset", "bytes", "decompressed", "events", "turn", "first", "last"];
    write_table(header(&numbers, "chunk", "of"), chunks.iter().map(line).collect(), screen, out)
}

fn header(numbers: &[&str], name: &str, location: &str) -> TableLine {
    TableLine {
        numbers: numbers.iter().map(|&number| number.to_owned()).collect(),
        name: name.to_owned(),
        location: location.to_owned(),
        source: String::new(),
    }
}

fn write_table(header: TableLine, lines: Vec<TableLine>, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    if lines.is_empty() { Ok(()) } else { table::write(header, lines, screen, out) }
}

/// What a chunk is, and which one of its kind.
fn what(chunk: &ChunkInfo) -> String {
    let kind = match chunk.kind {
        ChunkInfoKind::Events => "events",
        ChunkInfoKind::Definitions => "definitions",
        ChunkInfoKind::Source => "source file",
        ChunkInfoKind::End => "end of the recording",
        ChunkInfoKind::Unknown => "of a kind that this fil does not know",
        ChunkInfoKind::Damaged => "DAMAGED",
        ChunkInfoKind::Torn => "torn, comes again",
        ChunkInfoKind::CutShort => "CUT SHORT",
    };
    let number = chunk.number.map_or(String::new(), |number| format!(" {}", count(number)));
    let repeated = if chunk.repeated { ", repeated" } else { "" };
    format!("{kind}{number}{repeated}")
}

fn whose(chunk: &ChunkInfo) -> String {
    match (chunk.process, chunk.thread) {
        (Some(process), Some(thread)) => format!("thread {thread} of process {process}"),
        (Some(process), None) => format!("process {process}"),
        (None, _) => String::new(),
    }
}
