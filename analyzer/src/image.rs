//! A process image: one program that ran in one process, from exec or fork to exec or end.

use format::{NoticeKind, ProcessKey, ThreadNumber};

use crate::catalogue::{ImageChunks, ImageOrder};
use crate::chunk_index::ChunkPlace;
use crate::chunk_reader::ChunkReader;
use crate::definitions::{Definitions, ProcessStart};
use crate::notices::{Sentence, sentences};
use crate::trace_bytes::TraceBytes;

/// What Python calls the thread that it begins with.
pub(crate) const MAIN_THREAD: &str = "MainThread";

/// Index of an image in the order of starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ImageIndex(pub(crate) u32);

impl ImageIndex {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A process as the kernel tells it from all others, whatever programs it runs: process ids are used again,
/// and each namespace has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct KernelProcess {
    pid: u32,
    pid_namespace: u64,
    start_ticks: u64,
}

/// Everything the trace holds of one process image.
pub(crate) struct Image {
    pub(crate) key: ProcessKey,
    /// The image it is a copy of, if that is in the trace. Always one that started earlier.
    pub(crate) forked_from: Option<ImageIndex>,
    pub(crate) definitions: Definitions,
    pub(crate) threads: Vec<ThreadChunks>,
    /// First recorded instant, nanoseconds of the monotonic clock.
    pub(crate) first_ns: u64,
    /// Last recorded instant, nanoseconds of the monotonic clock.
    pub(crate) last_ns: u64,
    /// First instant at which its memory no longer counts, nanoseconds of the monotonic clock.
    pub(crate) departure_ns: u64,
    /// First instant at which its process was found to be gone, nanoseconds of the monotonic clock.
    pub(crate) gone_ns: u64,
    /// Whether it is the last program of the job's own process: with it the job ends.
    pub(crate) ends_job: bool,
    /// Whether its process became another program.
    is_replaced: bool,
    /// Definition chunks that could not be read.
    pub(crate) unreadable_chunks: u64,
}

/// The event chunks of one thread in their order.
pub(crate) struct ThreadChunks {
    pub(crate) thread: ThreadNumber,
    pub(crate) chunks: Vec<ChunkPlace>,
}

impl Image {
    /// Reads the definitions of an image. Forks and departures need all images: see [`relate`].
    pub(crate) fn read(trace: &TraceBytes, order: ImageOrder, chunks: &ImageChunks) -> Image {
        let mut definitions = Definitions::default();
        let mut unreadable_chunks = 0;
        let mut reader = ChunkReader::default();
        for place in chunks.definitions.chunks() {
            match reader.read(trace, place) {
                Ok(raw) => definitions.read(raw),
                Err(_) => unreadable_chunks += 1,
            }
        }
        definitions.resident_samples.sort_by_key(|sample| sample.time_ns);
        let threads = chunks.events.iter();
        let threads =
            threads.map(|(&thread, stream)| ThreadChunks { thread, chunks: stream.chunks().copied().collect() });
        let threads: Vec<ThreadChunks> = threads.collect();
        let headers = || threads.iter().flat_map(|thread| &thread.chunks).map(|place| place.header);
        let key = order.key();
        let last_sample_ns = definitions.resident_samples.last().map_or(0, |sample| sample.time_ns);
        let definition_headers = chunks.definitions.chunks().map(|place| place.header);
        let all_headers = headers().chain(definition_headers);
        let last_ns = all_headers.map(|header| header.last_ns.max(header.first_ns)).max().unwrap_or(0);
        Image {
            key,
            forked_from: None,
            first_ns: headers().map(|header| header.first_ns).fold(key.start_ns, u64::min),
            last_ns: last_ns.max(last_sample_ns).max(key.start_ns),
            definitions,
            threads,
            departure_ns: u64::MAX,
            gone_ns: u64::MAX,
            ends_job: false,
            is_replaced: false,
            unreadable_chunks,
        }
    }

    /// The process that it runs in.
    pub(crate) fn process(&self) -> KernelProcess {
        KernelProcess::of(self.key, &self.definitions.start)
    }

    /// Events of all its threads, as the chunk headers say.
    pub(crate) fn event_count(&self) -> u64 {
        let chunks = self.threads.iter().flat_map(|thread| &thread.chunks);
        chunks.map(|place| u64::from(place.header.event_count)).sum()
    }

    /// What readers call a thread. Python's main thread is the one whose kernel id is the pid.
    pub(crate) fn thread_name(&self, thread: ThreadNumber) -> String {
        match self.definitions.threads.get(&thread) {
            Some(known) if known.kernel_id == self.key.pid => MAIN_THREAD.to_owned(),
            Some(known) if !known.name.is_empty() => known.name.clone(),
            _ => format!("thread {}", thread.0),
        }
    }

    /// Whether it is known that not all was recorded.
    pub(crate) fn is_partial(&self) -> bool {
        let lost = [NoticeKind::RecordingStopped, NoticeKind::NotAllRecorded];
        self.definitions.notices.iter().any(|notice| lost.contains(&notice.kind))
    }

    /// Whether somebody may have killed the process while it ran this program, of a job whose own process was not killed: it
    /// did not end itself, nor become another program.
    pub(crate) fn may_be_killed(&self) -> bool {
        !self.ends_job && !self.definitions.ended_itself && !self.is_replaced
    }

    /// What it has to say of its recording.
    pub(crate) fn notices(&self) -> Vec<Sentence> {
        sentences(&self.definitions.notices)
    }
}

impl KernelProcess {
    /// The process of an image.
    pub(crate) fn of(key: ProcessKey, start: &ProcessStart) -> KernelProcess {
        KernelProcess { pid: key.pid, pid_namespace: start.pid_namespace, start_ticks: start.start_ticks }
    }
}

/// Tells the images of each other: who is a copy of whom, and when the memory of each stops to count.
///
/// The rule: memory of an image counts from its start to its last recorded instant (the last time stamp, sample
/// of resident memory, or sign of life). An image that another one replaces in the same process (exec) counts
/// until that one starts, if it is the job's own process, the one that started first. `end_ns` is when `fil
/// record` found that one gone: to take memory apart, which is done by then, can take a while.
pub(crate) fn relate(images: &mut [Image], end_ns: Option<u64>) {
    let job = images.first().map(Image::process);
    let mut earlier = hashbrown::HashMap::new();
    let mut last_of_process = hashbrown::HashMap::new();
    for at in 0..images.len() {
        let (key, process) = (images[at].key, images[at].process());
        let forked_from = images[at].definitions.start.forked_from;
        images[at].forked_from = forked_from.and_then(|parent| earlier.get(&parent).copied());
        if let Some(parent) = images[at].forked_from
            && images[at].definitions.start.command.is_empty()
        {
            // A copy runs its parent's command, until it becomes another program.
            images[at].definitions.start.command = images[parent.index()].definitions.start.command.clone();
        }
        earlier.insert(key, ImageIndex(at as u32));
        if let Some(replaced) = last_of_process.insert(process, at) {
            images[replaced].departure_ns = images[replaced].departure_ns.min(key.start_ns);
            images[replaced].is_replaced = true;
        }
        if Some(process) != job {
            images[at].departure_ns = images[at].last_ns.saturating_add(1);
        }
    }
    if let Some(&last) = job.and_then(|job| last_of_process.get(&job)) {
        images[last].ends_job = true;
        images[last].departure_ns = images[last].last_ns.saturating_add(1);
    }
    for image in images {
        let found_ns = end_ns.filter(|_| image.ends_job).unwrap_or(0).saturating_add(1);
        image.gone_ns = image.departure_ns.max(found_ns);
    }
}
