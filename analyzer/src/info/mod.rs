//! The answer to "what is in this trace": what is known of it when it is opened, without a replay.

mod chunks;

use format::JobEnd;
use serde::Serialize;

use crate::image::{Image, ThreadChunks};
use crate::layout::Layout;
use crate::trace::{Process, Trace};

pub use chunks::{ChunkInfo, ChunkInfoKind, chunks};

/// What is in a trace: the contract `fil.info/1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Info {
    /// `fil.info/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// Whether bytes of the trace are damaged or missing.
    pub damaged: bool,
    /// What a reader of the trace must know, one sentence each.
    pub warnings: Vec<String>,
    /// Bytes of the trace.
    pub trace_bytes: u64,
    /// Version of the trace format.
    pub format_version: u32,
    /// Version of the fil that recorded.
    pub fil_version: String,
    /// The machine's name.
    pub host: String,
    /// The folder the job was started in, lossily decoded.
    pub working_directory: String,
    /// Start of the job: nanoseconds since the Unix epoch.
    pub wall_clock_start_ns: u64,
    /// Nanoseconds from the start of the job to its end, or to the last recorded instant.
    pub duration_ns: u64,
    /// How the job ended, if the recording ended in order.
    pub end: Option<EndInfo>,
    /// Events of all processes.
    pub event_count: u64,
    /// Processes. One that became another program by exec is one, though each of its programs is in `processes`.
    pub process_count: u64,
    /// How the bytes of the trace are divided.
    pub sizes: Layout,
    /// The program images that ran, in the order of their starts.
    pub processes: Vec<ProcessInfo>,
    /// Chunk by chunk, if that is asked for: see [`chunks()`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Vec<ChunkInfo>>,
}

/// How a job ended. Either it exited or a signal ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EndInfo {
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// Number of the signal.
    pub signal: Option<i32>,
    /// When: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// How many processes the kernel killed for want of memory while the job ran.
    pub oom_kills: u64,
}

/// A program image that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessInfo {
    /// Process id.
    pub pid: u32,
    /// Process id of its parent when the recording of it began; none if its definitions are lost.
    pub parent_pid: Option<u32>,
    /// Its command line, lossily decoded. Empty if its definitions are lost.
    pub command: Vec<String>,
    /// Python's version as it says itself, if it is a Python process.
    pub python_version: Option<String>,
    /// First recorded instant: nanoseconds from the start of the job.
    pub first_ns: u64,
    /// Last recorded instant: nanoseconds from the start of the job.
    pub last_ns: u64,
    /// Events recorded.
    pub event_count: u64,
    /// What a reader must know of it, one sentence each.
    pub notices: Vec<String>,
    /// Its threads that have events, by number.
    pub threads: Vec<ThreadInfo>,
}

/// A thread of a process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ThreadInfo {
    /// Its number in the process, from 1 in the order of their first events.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// The kernel's id of it; none if its definition is lost.
    pub kernel_id: Option<u32>,
    /// Chunks of events.
    pub chunk_count: u64,
    /// Events recorded.
    pub event_count: u64,
    /// The time of its first event: nanoseconds from the start of the job, as sharp as the trace's clock.
    pub first_ns: u64,
    /// The time of its last time stamp: nanoseconds from the start of the job.
    pub last_ns: u64,
}

/// Tells what is in a trace.
pub fn info(trace: &Trace) -> Info {
    let header = trace.header();
    let processes = trace.processes().iter().zip(trace.images());
    Info {
        schema: "fil.info/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete: trace.complete(),
        damaged: trace.damaged(),
        warnings: trace.warnings().to_vec(),
        trace_bytes: trace.bytes().length(),
        format_version: trace.format_version(),
        fil_version: header.fil_version.clone(),
        host: header.host.clone(),
        working_directory: String::from_utf8_lossy(&header.working_directory).into_owned(),
        wall_clock_start_ns: header.wall_clock_start_ns,
        duration_ns: trace.duration_ns(),
        end: end(trace),
        event_count: trace.event_count(),
        process_count: trace.process_count() as u64,
        sizes: *trace.layout(),
        processes: processes.map(|(process, image)| process_info(process, image, trace)).collect(),
        chunks: None,
    }
}

fn end(trace: &Trace) -> Option<EndInfo> {
    let end = trace.recording_end()?;
    let (exit_code, signal) = match end.job_end {
        JobEnd::Exited(code) => (Some(code), None),
        JobEnd::Killed(signal) => (None, Some(signal)),
    };
    Some(EndInfo { exit_code, signal, time_ns: trace.since_start(end.end_ns), oom_kills: end.oom_kills })
}

fn process_info(process: &Process, image: &Image, trace: &Trace) -> ProcessInfo {
    ProcessInfo {
        pid: process.pid,
        parent_pid: image.definitions.start.parent_pid,
        command: process.command.clone(),
        python_version: process.python_version.clone(),
        first_ns: process.first_ns,
        last_ns: process.last_ns,
        event_count: process.event_count,
        notices: process.notices.clone(),
        threads: image.threads.iter().map(|thread| thread_info(thread, image, trace)).collect(),
    }
}

fn thread_info(thread: &ThreadChunks, image: &Image, trace: &Trace) -> ThreadInfo {
    let headers = || thread.chunks.iter().map(|place| &place.header);
    let first_ns = headers().map(|header| header.first_ns).min().unwrap_or(0);
    let last_ns = headers().map(|header| header.last_ns.max(header.first_ns)).max().unwrap_or(0);
    ThreadInfo {
        number: thread.thread.0,
        name: image.thread_name(thread.thread),
        kernel_id: image.definitions.threads.get(&thread.thread).map(|known| known.kernel_id),
        chunk_count: thread.chunks.len() as u64,
        event_count: headers().map(|header| u64::from(header.event_count)).sum(),
        first_ns: trace.since_start(first_ns),
        last_ns: trace.since_start(last_ns),
    }
}
