//! A trace as a whole, as people read it: one field a line.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::info::Info;
use analyzer::{ChunkSum, Layout, Trace};
use chrono::{DateTime, SecondsFormat};

use crate::analyze::summary;
use crate::analyze::terminal_text::printable;
use crate::quantities::{count, count_of, duration, share};

/// Writes the fields.
pub(super) fn write(info: &Info, trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let mut field = |name: &str, value: &str| writeln!(out, "{}", format!("{name:<11} {value}").trim_end());
    field("Trace", &printable(&info.trace))?;
    field("Size", &size(info))?;
    field("Format", &format!("version {}, recorded by fil {}", info.format_version, printable(&info.fil_version)))?;
    field("Host", &printable(&info.host))?;
    field("Started", &utc(info.wall_clock_start_ns))?;
    field("Command", &printable(&info.command.join(" ")))?;
    field("Folder", &printable(&info.working_directory))?;
    field("Ended", &summary::end(trace))?;
    field("Duration", &duration(info.duration_ns))?;
    field("Processes", &count(info.process_count))?;
    field("Events", &count(info.event_count))?;
    field("Complete", if info.complete { "yes" } else { "no" })?;
    for (at, warning) in info.warnings.iter().enumerate() {
        field(if at == 0 { "Warnings" } else { "" }, &printable(warning))?;
    }
    for (at, part) in parts(&info.sizes, info.trace_bytes).iter().enumerate() {
        field(if at == 0 { "Made of" } else { "" }, part)?;
    }
    Ok(())
}

fn size(info: &Info) -> String {
    let (human, bytes) = (human_bytes(info.trace_bytes), count(info.trace_bytes));
    let per_event = info.trace_bytes as f64 / info.event_count.max(1) as f64;
    let per_event = if info.event_count > 0 { format!(", {per_event:.2} bytes per event") } else { String::new() };
    format!("{human} ({bytes} bytes){per_event}")
}

/// Nanoseconds since the Unix epoch as a time of Greenwich, `2026-01-31T12:00:00Z`.
fn utc(unix_ns: u64) -> String {
    match i64::try_from(unix_ns) {
        Ok(ns) => DateTime::from_timestamp_nanos(ns).to_rfc3339_opts(SecondsFormat::Secs, true),
        // Behind the year 2262: a clock that was set wrong.
        Err(_) => format!("{unix_ns} nanoseconds after 1970"),
    }
}

/// ` 78.2%     1.5 MiB  events in 60 chunks, 5.1 MiB decompressed`, of what there is.
fn parts(sizes: &Layout, trace_bytes: u64) -> Vec<String> {
    let part = |bytes: u64, what: &str| {
        let line = format!("{:>6}  {:>10}  {what}", share(bytes, trace_bytes), human_bytes(bytes));
        (bytes > 0).then_some(line)
    };
    let of_chunks = |sum: ChunkSum, what: &str| {
        let (chunks, raw) = (count_of(sum.chunks, "chunk", "chunks"), human_bytes(sum.raw_bytes));
        part(sum.bytes, &format!("{what} in {chunks}, {raw} decompressed"))
    };
    let lines = [
        of_chunks(sizes.events, "events"),
        of_chunks(sizes.definitions, "definitions"),
        of_chunks(sizes.sources, "source files"),
        of_chunks(sizes.unknown, "of kinds that this fil does not know"),
        part(sizes.header_bytes + sizes.ends.bytes, "header and end"),
        part(sizes.damaged_bytes, "damaged, or cut short"),
        part(sizes.torn_bytes, "torn chunks, which are there again"),
    ];
    lines.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_greenwich() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(1_769_860_799_999_999_999), "2026-01-31T11:59:59Z");
        assert_eq!(utc(u64::MAX), "18446744073709551615 nanoseconds after 1970");
    }

    #[test]
    fn only_what_is_there_is_told() {
        let events = ChunkSum { chunks: 1, bytes: 900, raw_bytes: 2048 };
        let sizes = Layout { header_bytes: 60, events, damaged_bytes: 40, ..Layout::default() };
        assert_eq!(
            parts(&sizes, 1000),
            [
                " 90.0%       900 B  events in 1 chunk, 2.0 KiB decompressed",
                "  6.0%        60 B  header and end",
                "  4.0%        40 B  damaged, or cut short",
            ]
        );
    }
}
