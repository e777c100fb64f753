//! The table that `memray transform csv` writes, for scripts that read it: a row for each thread, call stack and kind
//! of memory.
//!
//! The columns are memray's: `allocator`, `num_allocations`, `size`, `tid`, `thread_name`, `stack_trace`. Of a kind of
//! memory memray would name the function that was called, which fil does not keep apart: the rows say `MALLOC`,
//! `PYMALLOC_MALLOC` and `MMAP`. `tid` counts threads from 1, the first is that which holds the most, as memray counts
//! them, too; `stack_trace` has the innermost frame first, `function;file;line`, with bars in between, and is empty
//! outside Python code. memray escapes nothing in names. Here `;` and `|` in names become look-alikes, so that what is
//! read is what was meant. Where several processes hold memory, `thread_name` has the process in it: memray's files are
//! of one process.

use std::io::{self, Write};

use csv::{QuoteStyle, Terminator, WriterBuilder};

use crate::error::AnalyzerError;
use crate::export::frame_table::FrameTable;
use crate::export::shown_path::shown;
use crate::export::threads::{ThreadMemory, Threads};
use crate::flamegraph::LEFT_OUT;
use crate::peak::Peak;

const COLUMNS: [&str; 6] = ["allocator", "num_allocations", "size", "tid", "thread_name", "stack_trace"];

/// Writes the peak.
pub fn write(peak: &Peak, out: impl Write) -> Result<(), AnalyzerError> {
    // As Python's csv module does it.
    let mut table =
        WriterBuilder::new().quote_style(QuoteStyle::Necessary).terminator(Terminator::CRLF).from_writer(out);
    table.write_record(COLUMNS).map_err(io_error)?;
    let threads = Threads::of(peak);
    let mut frames = FrameTable::default();
    let mut labels: Vec<String> = Vec::new();
    let mut stack_trace = String::new();
    for (at, thread) in threads.list.iter().enumerate() {
        let tid = at + 1;
        let thread_name = thread_name(tid, thread, &threads);
        let tid = tid.to_string();
        let tree = thread.tree();
        tree.try_for_each_stack(|path| {
            stack_trace.clear();
            for node in shown(path).rev() {
                if !stack_trace.is_empty() {
                    stack_trace.push('|');
                }
                match node {
                    Some(node) => {
                        let index = frames.index(tree.node(node));
                        labels.extend(frames.frames()[labels.len()..].iter().map(|frame| match frame {
                            Some(frame) => format!("{};{};{}", name(&frame.function), name(&frame.file), frame.line),
                            None => String::new(),
                        }));
                        stack_trace.push_str(&labels[index]);
                    }
                    None => stack_trace.extend([LEFT_OUT, ";;0"]),
                }
            }
            let own = path.last().map(|&node| tree.node(node).own).unwrap_or_default();
            for (allocator, kind) in [("PYMALLOC_MALLOC", own.python), ("MALLOC", own.heap), ("MMAP", own.mmap)] {
                if kind.live_blocks > 0 || kind.live_bytes > 0 {
                    let (blocks, bytes) = (kind.live_blocks.to_string(), kind.live_bytes.to_string());
                    table.write_record([allocator, &blocks, &bytes, &tid, &thread_name, &stack_trace])?;
                }
            }
            Ok(())
        })
        .map_err(io_error)?;
    }
    Ok(table.flush()?)
}

/// `0x1 (MainThread)`.
fn thread_name(tid: usize, thread: &ThreadMemory<'_>, threads: &Threads<'_>) -> String {
    format!("{tid:#x} ({})", threads.title(thread))
}

fn name(text: &str) -> String {
    text.replace(';', "\u{37e}").replace('|', "\u{2223}")
}

fn io_error(error: csv::Error) -> io::Error {
    error.into()
}
