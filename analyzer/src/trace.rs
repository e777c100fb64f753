//! An opened trace: everything but the events, which are decoded when a question is asked.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use format::{FormatError, ProcessKey, RecordingEnd, TraceHeader};
use rayon::prelude::*;

use crate::catalogue::Catalogue;
use crate::chunk_index::{self, ChunkIndex, ChunkPlace};
use crate::chunk_reader::ChunkReader;
use crate::error::AnalyzerError;
use crate::image::{self, Image, KernelProcess};
use crate::layout::Layout;
use crate::progress::Progress;
use crate::replay::Granularity;
use crate::soundness::{Soundness, UnreadableChunks, unreadable_events};
use crate::sources::Sources;
use crate::trace_bytes::TraceBytes;

/// So many bytes of a trace are read at once to find its header. Most are shorter.
const USUAL_HEADER_BYTES: u64 = 64 << 10;

/// An opened trace.
///
/// Its chunks are verified and sorted, and its definitions are read. Its events stay in the file, which is open as long as
/// the trace is. What is damaged or lost has become warnings; nothing of it keeps a trace from being opened as long as
/// its header can be read.
pub struct Trace {
    name: String,
    bytes: TraceBytes,
    header: TraceHeader,
    format_version: u32,
    layout: Layout,
    images: Vec<Image>,
    processes: Vec<Process>,
    sources: Sources,
    recording_end: Option<RecordingEnd>,
    soundness: Soundness,
    granularity: Granularity,
    progress: Arc<Progress>,
    /// By all replays so far.
    unreadable_chunks: Mutex<UnreadableChunks>,
}

/// A program image that ran in the job. A process that calls exec is two of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its identity.
    pub key: ProcessKey,
    /// Process id.
    pub pid: u32,
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
    /// What a reader must know, one sentence each.
    pub notices: Vec<String>,
}

impl Trace {
    /// Opens a trace file. What comes to it later is not seen, and what is changed in it is no longer read.
    pub fn open(path: &Path) -> Result<Trace, AnalyzerError> {
        let bytes = TraceBytes::open(path).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => AnalyzerError::NotFound { path: path.to_owned() },
            _ => AnalyzerError::Unreadable { path: path.to_owned(), source },
        })?;
        Trace::of(path.display().to_string(), bytes)
    }

    /// Opens a trace whose bytes are at hand; `name` is what answers call it.
    pub fn from_bytes(name: String, bytes: Vec<u8>) -> Result<Trace, AnalyzerError> {
        Trace::of(name, TraceBytes::in_memory(bytes))
    }

    fn of(name: String, bytes: TraceBytes) -> Result<Trace, AnalyzerError> {
        let unreadable = |source| AnalyzerError::Unreadable { path: PathBuf::from(&name), source };
        let Header { header, format_version, length } =
            read_header(&bytes).map_err(unreadable)?.map_err(|reason| header_error(&name, reason))?;
        let index = ChunkIndex::scan(&bytes, length, chunk_index::WINDOW_BYTES).map_err(unreadable)?;
        let catalogue = Catalogue::new(&index.chunks);
        let read_images =
            || catalogue.images.par_iter().map(|(&order, chunks)| Image::read(&bytes, order, chunks)).collect();
        let (mut images, sources): (Vec<Image>, _) =
            rayon::join(read_images, || Sources::read(&bytes, &catalogue.sources));
        let recording_end = catalogue.ends.iter().rev().find_map(|place| read_end(&bytes, place));
        image::relate(&mut images, recording_end.as_ref().map(|end| end.end_ns));
        let soundness =
            Soundness::judge(&index, &catalogue, &images, &sources, recording_end.as_ref(), header.monotonic_start_ns);
        let processes = images.iter().map(|image| Process::of_image(image, header.monotonic_start_ns)).collect();
        Ok(Trace {
            name,
            layout: Layout::of(&index, length, bytes.length()),
            bytes,
            header,
            format_version,
            images,
            processes,
            sources,
            recording_end,
            soundness,
            granularity: Granularity::default(),
            progress: Arc::default(),
            unreadable_chunks: Mutex::default(),
        })
    }

    /// Cuts the work of replays up in another way, for tests.
    pub fn set_granularity(&mut self, granularity: Granularity) {
        self.granularity = granularity;
    }

    pub(crate) fn granularity(&self) -> Granularity {
        self.granularity
    }

    /// How far the answer is that is being worked at.
    pub fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// What answers call the trace: the path it was opened with.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was recorded, where and when.
    pub fn header(&self) -> &TraceHeader {
        &self.header
    }

    /// Version of the trace format that it is written in.
    pub fn format_version(&self) -> u32 {
        self.format_version
    }

    /// How its bytes are divided.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The job's command line, lossily decoded.
    pub fn command(&self) -> Vec<String> {
        self.header.command.iter().map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
    }

    /// How the recording ended, if it ended in order.
    pub fn recording_end(&self) -> Option<&RecordingEnd> {
        self.recording_end.as_ref()
    }

    /// Whether the recording ended in order, of every process, and nothing is damaged or lost.
    pub fn complete(&self) -> bool {
        self.soundness.complete
    }

    /// Whether bytes of the trace are damaged or missing, so that answers are without what stood
    /// there. A recording that was cut off is not damaged, only not complete.
    pub fn damaged(&self) -> bool {
        self.soundness.damaged
    }

    /// What a reader of the answers must know, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.soundness.warnings
    }

    /// What answers could not read of it: it looked sound when it was opened. None if they read everything.
    pub fn losses(&self) -> Option<String> {
        unreadable_events(*self.unreadable_chunks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A replay could not read so much.
    pub(crate) fn note_unreadable(&self, unreadable_chunks: UnreadableChunks) {
        let mut most = self.unreadable_chunks.lock().unwrap_or_else(PoisonError::into_inner);
        *most = most.max(unreadable_chunks);
    }

    /// Whether the answers so far are about a whole recording, and what their readers must know.
    pub(crate) fn judged(&self) -> (bool, Vec<String>) {
        let losses = self.losses();
        (self.complete() && losses.is_none(), self.warnings().iter().cloned().chain(losses).collect())
    }

    /// Events of all processes.
    pub fn event_count(&self) -> u64 {
        self.processes.iter().map(|process| process.event_count).sum()
    }

    /// Nanoseconds from the start of the job to its end, or to the last recorded instant if the
    /// recording did not end in order.
    pub fn duration_ns(&self) -> u64 {
        let end_ns = self.recording_end.as_ref().map_or(0, |end| end.end_ns);
        let last_ns = self.images.iter().map(|image| image.last_ns).max().unwrap_or(0);
        self.since_start(end_ns.max(last_ns))
    }

    /// Nanoseconds from the start of the job to the last recorded instant of its own process. Others may have gone on.
    pub fn job_end_ns(&self) -> u64 {
        let job = self.images.iter().find(|image| image.ends_job);
        job.map_or(self.duration_ns(), |image| self.since_start(image.last_ns))
    }

    /// How many processes there were. One that became another program by exec is still one, though each of its
    /// programs has an entry of its own in [`Trace::processes`].
    pub fn process_count(&self) -> usize {
        let processes: BTreeSet<KernelProcess> = self.images.iter().map(Image::process).collect();
        processes.len()
    }

    /// The program images that ran, in the order of their starts.
    pub fn processes(&self) -> &[Process] {
        &self.processes
    }

    /// Names of the files whose source is stored in the trace.
    pub fn source_files(&self) -> BTreeSet<String> {
        self.sources.names()
    }

    /// A line (from 1) of a source file stored in the trace, lossily decoded, without its end.
    pub fn source_line(&self, file: &str, line: u32) -> Option<String> {
        self.sources.line(&self.bytes, file, line).map(str::to_owned)
    }

    /// Every file name in code definitions, whether its source is stored or not.
    pub fn code_files(&self) -> BTreeSet<String> {
        let codes = self.images.iter().flat_map(|image| image.definitions.codes.values());
        codes.map(|code| code.file.clone()).collect()
    }

    pub(crate) fn bytes(&self) -> &TraceBytes {
        &self.bytes
    }

    pub(crate) fn images(&self) -> &[Image] {
        &self.images
    }

    /// An instant of the monotonic clock as nanoseconds from the start of the job.
    pub(crate) fn since_start(&self, ns: u64) -> u64 {
        ns.saturating_sub(self.header.monotonic_start_ns)
    }
}

impl Process {
    fn of_image(image: &Image, job_start_ns: u64) -> Process {
        Process {
            key: image.key,
            pid: image.key.pid,
            command: image.definitions.start.command.clone(),
            python_version: image.definitions.start.python_version.clone(),
            first_ns: image.first_ns.saturating_sub(job_start_ns),
            last_ns: image.last_ns.saturating_sub(job_start_ns),
            event_count: image.event_count(),
            notices: image.notices().iter().map(|notice| notice.tell(job_start_ns)).collect(),
        }
    }
}

fn header_error(name: &str, reason: FormatError) -> AnalyzerError {
    let path = PathBuf::from(name);
    match reason {
        FormatError::NotATrace => AnalyzerError::NotATrace { path },
        FormatError::NewerVersion { found, supported } => AnalyzerError::NewerVersion { path, found, supported },
        reason => AnalyzerError::DamagedHeader { path, reason },
    }
}

/// The header of a trace.
struct Header {
    header: TraceHeader,
    format_version: u32,
    /// Its bytes: the offset of what comes behind it.
    length: u64,
}

fn read_header(trace: &TraceBytes) -> io::Result<Result<Header, FormatError>> {
    let mut buffer = Vec::new();
    let mut length = USUAL_HEADER_BYTES.min(trace.length());
    loop {
        let bytes = trace.read(0..length, &mut buffer)?;
        match TraceHeader::decode(bytes) {
            Err(FormatError::Truncated { needed, .. }) if length < trace.length() => {
                length = (needed as u64).min(trace.length());
            }
            decoded => {
                let format_version = TraceHeader::format_version(bytes).unwrap_or(0);
                let header = decoded.map(|(header, length)| Header { header, format_version, length: length as u64 });
                return Ok(header);
            }
        }
    }
}

fn read_end(trace: &TraceBytes, place: &ChunkPlace) -> Option<RecordingEnd> {
    format::decode_recording_end(ChunkReader::default().read(trace, place).ok()?).ok()
}
