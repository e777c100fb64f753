//! The peak as people read it: when and how much, then the call sites that hold it.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::{Apart, Categories, Peak, Trace};

use crate::analyze::{Screen, call_site_table};
use crate::quantities::{count, count_of, duration};

/// Writes headline and table. Call sites beyond `rows` are summed up in one row.
pub(crate) fn write(peak: &Peak, trace: &Trace, rows: usize, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    write_headline(peak, trace, screen, out)?;
    call_site_table::write(&peak.call_sites, peak.peak_bytes, trace, rows, screen, out)
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
    write_kinds(&peak.categories, out)?;
    write_apart(&peak.apart, out)?;
    writeln!(out, "Still alive at the end: {}", human_bytes(peak.end_bytes))
}

/// Live bytes by kind of memory.
pub(crate) fn write_kinds(categories: &Categories, out: &mut impl Write) -> io::Result<()> {
    let kinds = [("Python objects", categories.python), ("heap", categories.heap), ("mappings", categories.mmap)];
    let kinds = kinds.map(|(kind, bytes)| format!("{kind} {}", human_bytes(bytes)));
    writeln!(out, "Of these: {}", kinds.join(", "))
}

/// What was mapped beside what counts, if anything was.
pub(crate) fn write_apart(apart: &Apart, out: &mut impl Write) -> io::Result<()> {
    let kinds = [
        ("mapped files", apart.mapped_files),
        ("reserved addresses", apart.reserved),
        ("arenas that hold Python objects", apart.python_arenas),
    ];
    let there = kinds.iter().filter(|(_, bytes)| *bytes > 0);
    let there: Vec<String> = there.map(|(kind, bytes)| format!("{kind} {}", human_bytes(*bytes))).collect();
    if there.is_empty() { Ok(()) } else { writeln!(out, "Not counted: {}", there.join(", ")) }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;
    use analyzer::{Apart, CallSite, Categories, ProcessMemory};
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
        assert_eq!(lines[2], "Not counted: arenas that hold Python objects 8.0 KiB");
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
