//! The tables `processes`, `threads` and `rss`.

use polars::prelude::DataFrame;

use crate::error::AnalyzerError;
use crate::image::Image;
use crate::tables::{column, seconds};
use crate::trace::Trace;

/// `process,command,python,start_s,end_s,event_count`: one row per program that ran.
pub(super) fn processes(trace: &Trace) -> Result<DataFrame, AnalyzerError> {
    let rows = trace.processes();
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("process", rows.iter().map(|row| row.pid)),
            column("command", rows.iter().map(|row| row.command.join(" "))),
            column("python", rows.iter().map(|row| row.python_version.clone())),
            column("start_s", rows.iter().map(|row| seconds(row.first_ns))),
            column("end_s", rows.iter().map(|row| seconds(row.last_ns))),
            column("event_count", rows.iter().map(|row| row.event_count)),
        ],
    )?)
}

/// `process,thread,number,event_count`: one row per thread that recorded anything.
pub(super) fn threads(trace: &Trace) -> Result<DataFrame, AnalyzerError> {
    let threads = |image: &Image| -> Vec<(u32, String, u32, u64)> {
        let thread = |thread: &crate::image::ThreadChunks| {
            let events = thread.chunks.iter().map(|place| u64::from(place.header.event_count)).sum();
            (image.key.pid, image.thread_name(thread.thread), thread.thread.0, events)
        };
        image.threads.iter().map(thread).collect()
    };
    let rows: Vec<_> = trace.images().iter().flat_map(threads).collect();
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("process", rows.iter().map(|row| row.0)),
            column("thread", rows.iter().map(|row| row.1.clone())),
            column("number", rows.iter().map(|row| row.2)),
            column("event_count", rows.iter().map(|row| row.3)),
        ],
    )?)
}

/// `time_s,process,rss_bytes`: one row per sample.
pub(super) fn rss(trace: &Trace) -> Result<DataFrame, AnalyzerError> {
    let samples = |image: &Image| {
        let of_process = image.definitions.resident_samples.iter();
        of_process.map(|sample| (trace.since_start(sample.time_ns), image.key.pid, sample.bytes)).collect::<Vec<_>>()
    };
    let mut rows: Vec<(u64, u32, u64)> = trace.images().iter().flat_map(samples).collect();
    rows.sort_unstable();
    Ok(DataFrame::new(
        rows.len(),
        vec![
            column("time_s", rows.iter().map(|row| seconds(row.0))),
            column("process", rows.iter().map(|row| row.1)),
            column("rss_bytes", rows.iter().map(|row| row.2)),
        ],
    )?)
}
