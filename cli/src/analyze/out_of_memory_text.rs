//! That a job wanted memory that it did not get, as people read it.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::{FailedAllocation, OutOfMemory, OutOfMemoryCause, Trace};

use crate::analyze::paths::place;
use crate::analyze::peak_table::{write_apart, write_kinds};
use crate::analyze::terminal_text::printable;
use crate::analyze::{Screen, call_site_table};
use crate::quantities::{count, duration};

/// Writes what happened, who asked for more, and then who held what there was: `rows` of them.
pub(crate) fn write(
    want: &OutOfMemory,
    trace: &Trace,
    rows: usize,
    screen: &Screen,
    out: &mut impl Write,
) -> io::Result<()> {
    let when = duration(want.time_ns);
    let headline = match (want.cause, &want.failed_allocation) {
        (OutOfMemoryCause::AllocationFailed, Some(failed)) => {
            format!("Out of memory after {when}: an allocation of {} failed", human_bytes(failed.bytes))
        }
        _ => match want.killed_process {
            None if want.cause == OutOfMemoryCause::ProcessKilled => {
                return writeln!(
                    out,
                    "{}",
                    screen.bold("Out of memory: the kernel killed a process that is not recorded")
                );
            }
            None => format!("Out of memory after {when}: the kernel killed the job for it"),
            Some(pid) => format!(
                "Out of memory after {when}: the kernel killed a process of the job for it, by all appearances {pid}"
            ),
        },
    };
    writeln!(out, "{}", screen.bold(&headline))?;
    if let Some(failed) = &want.failed_allocation {
        write_failed(failed, want, trace, out)?;
    }
    writeln!(out, "Alive then: {} ({} bytes)", human_bytes(want.live_bytes), count(want.live_bytes))?;
    write_kinds(&want.categories, out)?;
    write_apart(&want.apart, out)?;
    call_site_table::write(&want.call_sites, want.live_bytes, trace, rows, screen, out)
}

fn write_failed(failed: &FailedAllocation, want: &OutOfMemory, trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let bytes = match want.cause {
        OutOfMemoryCause::AllocationFailed => String::new(),
        // The headline is about something else.
        OutOfMemoryCause::Killed | OutOfMemoryCause::ProcessKilled => {
            format!("{} in vain after {}, ", human_bytes(failed.bytes), duration(failed.time_ns))
        }
    };
    let place = place(&failed.file, failed.line, trace);
    let caller = format!("{bytes}{} {}", printable(&failed.function), printable(&place));
    writeln!(out, "Asked for by: {}", caller.trim_end())?;
    if let Some(source) = trace.source_line(&failed.file, failed.line) {
        writeln!(out, "              {}", printable(&source))?;
    }
    match want.failed_allocations {
        0 | 1 => Ok(()),
        failed => writeln!(out, "It was one of {} that failed: the one at which most was alive", count(failed)),
    }
}
