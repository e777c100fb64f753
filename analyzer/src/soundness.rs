//! Judges how far a trace can be believed, in plain sentences. Each kind of trouble is one warning,
//! however often it occurs.

use format::{ChunkHeader, ChunkKind, RecordingEnd};

use crate::bytes::human_bytes;
use crate::catalogue::{Catalogue, has_sound_numbers};
use crate::chunk_index::ChunkIndex;
use crate::chunk_reader::UnreadableChunk;
use crate::image::Image;
use crate::notices::each_once;
use crate::sources::Sources;

/// Whether all that was recorded is there, and what a reader must know.
pub(crate) struct Soundness {
    /// The recording ended in order, of every process, and nothing is damaged or lost.
    pub(crate) complete: bool,
    /// Bytes of the trace are damaged or missing.
    pub(crate) damaged: bool,
    pub(crate) warnings: Vec<String>,
}

impl Soundness {
    pub(crate) fn judge(
        index: &ChunkIndex,
        catalogue: &Catalogue,
        images: &[Image],
        sources: &Sources,
        end: Option<&RecordingEnd>,
        start_ns: u64,
    ) -> Soundness {
        let mut losses = Vec::new();
        losses.extend(damaged(index));
        losses.extend(damaged_chunks(index, catalogue, images, start_ns));
        losses.extend(index.cut_short_at.map(|offset| {
            format!("the trace is cut short at byte {offset}: what was recorded after that is not in the results")
        }));
        losses.extend(missing(catalogue));
        losses.extend(unreadable(images, sources));
        losses.extend(end.and_then(|end| lost_events(images, end)));
        let damaged = !losses.is_empty();
        losses.extend(end.is_none().then(|| NO_END.to_owned()));
        let complete = losses.is_empty() && !images.iter().any(Image::is_partial);
        let mut warnings = losses;
        if images.is_empty() && !damaged {
            warnings.push(NOTHING_RECORDED.to_owned());
        }
        warnings.extend(notices(images, start_ns));
        Soundness { complete, damaged, warnings }
    }
}

/// So many damaged chunks are named; of a trace that is full of them, that says enough.
const MOST_DAMAGED_CHUNKS: usize = 5;

const NO_END: &str = "the recording did not end in order: the results are what had been recorded up to then";

const NOTHING_RECORDED: &str = "nothing was recorded: the command never loaded fil's recorder, as statically linked \
                                and setuid programs do not, or ended before it could start; give the program itself, \
                                not a wrapper, to `fil record`";

/// How many chunks of events a replay could not read, or not to their end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UnreadableChunks {
    undecodable: u64,
    gone: u64,
}

impl UnreadableChunks {
    /// One more.
    pub(crate) fn note(&mut self, why: UnreadableChunk) {
        match why {
            UnreadableChunk::Undecodable => self.undecodable += 1,
            UnreadableChunk::Gone => self.gone += 1,
        }
    }

    /// What two replays of the same chunks could not read.
    pub(crate) fn max(self, other: UnreadableChunks) -> UnreadableChunks {
        UnreadableChunks { undecodable: self.undecodable.max(other.undecodable), gone: self.gone.max(other.gone) }
    }
}

/// The warning for events that turn out to be unreadable when they are replayed.
pub(crate) fn unreadable_events(chunks: UnreadableChunks) -> Option<String> {
    let undecodable = (chunks.undecodable > 0).then(|| {
        format!(
            "{} of events could not be read to the end: the results are without those events",
            count(chunks.undecodable, "chunk")
        )
    });
    let gone = (chunks.gone > 0).then(|| {
        format!(
            "{} of events could no longer be read: something changed the trace while it was analyzed, or its disk has an \
             error; the results are without those events",
            count(chunks.gone, "chunk")
        )
    });
    let sentences: Vec<String> = undecodable.into_iter().chain(gone).collect();
    (!sentences.is_empty()).then(|| sentences.join("; "))
}

fn damaged(index: &ChunkIndex) -> Option<String> {
    let stretches = index.damaged.len() as u64;
    (stretches > 0).then(|| {
        let stretches = count(stretches, "damaged part");
        let bytes = human_bytes(index.damaged_bytes());
        format!("{stretches} of the trace (about {bytes}) had to be passed over: what was recorded there is not in the results")
    })
}

/// Which chunks are damaged, as far as they still say that and it fits to what is in front of them and behind.
fn damaged_chunks(index: &ChunkIndex, catalogue: &Catalogue, images: &[Image], start_ns: u64) -> Vec<String> {
    let is_believable = |header: &&ChunkHeader| catalogue.lacks(header) || is_first_of_its_thread(header, images);
    let believable: Vec<&ChunkHeader> = index.damaged_headers.iter().filter(is_believable).collect();
    let seconds = |ns: u64| ns.saturating_sub(start_ns) as f64 / 1e9;
    let sentence = |header: &&ChunkHeader| {
        let ChunkHeader { process, thread, chunk_number, first_ns, last_ns, .. } = header;
        match header.kind {
            ChunkKind::Events => format!(
                "chunk {chunk_number} of thread {} of process {} is damaged: its {}, from {:.6} s to {:.6} s, {} not in \
                 the results; what they say of the time before is not touched by that",
                thread.0,
                process.pid,
                count(header.event_count.into(), "event"),
                seconds(*first_ns),
                seconds(*last_ns),
                are(header.event_count.into()),
            ),
            _ => format!(
                "chunk {chunk_number} of the definitions of process {} is damaged: some of its functions, lines or \
                 threads are unknown",
                process.pid
            ),
        }
    };
    let mut sentences: Vec<String> = believable.iter().take(MOST_DAMAGED_CHUNKS).map(sentence).collect();
    let more = believable.len().saturating_sub(MOST_DAMAGED_CHUNKS) as u64;
    sentences.extend((more > 0).then(|| format!("{} more {} damaged", count(more, "chunk"), are(more))));
    sentences
}

/// Whether it may be that of the first chunk of a thread of which no other is there.
fn is_first_of_its_thread(header: &ChunkHeader, images: &[Image]) -> bool {
    let is_its = |image: &&Image| image.key == header.process && image.definitions.threads.contains_key(&header.thread);
    let is_alone = |image: &Image| image.threads.iter().all(|thread| thread.thread != header.thread);
    let fits = header.kind == ChunkKind::Events && header.chunk_number == 0 && has_sound_numbers(header);
    fits && images.iter().find(is_its).is_some_and(|image| is_alone(image) && image.key.start_ns <= header.first_ns)
}

fn missing(catalogue: &Catalogue) -> Option<String> {
    let chunks = catalogue.missing_chunks;
    (chunks > 0).then(|| {
        format!("{} missing from the trace: what was recorded there is not in the results", count_is(chunks, "chunk"))
    })
}

fn unreadable(images: &[Image], sources: &Sources) -> Option<String> {
    let records: u64 = images.iter().map(|image| image.definitions.unreadable).sum();
    let chunks: u64 = images.iter().map(|image| image.unreadable_chunks).sum();
    let unreadable = records + chunks + sources.unreadable_chunks;
    (unreadable > 0).then(|| {
        format!(
            "{} could not be read: some functions, lines or source texts are unknown",
            count(unreadable, "definition")
        )
    })
}

fn lost_events(images: &[Image], end: &RecordingEnd) -> Option<String> {
    let found: u64 = images.iter().map(Image::event_count).sum();
    let lost = end.event_count.saturating_sub(found);
    let (were, are) = if lost == 1 { ("was", "is") } else { ("were", "are") };
    (lost > 0).then(|| format!("{} that {were} recorded {are} not in the trace", count(lost, "event")))
}

/// One sentence per different notice, with the processes it is about.
fn notices(images: &[Image], start_ns: u64) -> Vec<String> {
    let all = images.iter().flat_map(|image| image.notices().into_iter().map(|notice| (image.key.pid, notice)));
    let sentence = |(pids, notice): (Vec<u32>, String)| match pids[..] {
        [pid] => format!("process {pid}: {notice}"),
        _ => format!("{} processes: {notice}", pids.len()),
    };
    each_once(all, start_ns).map(sentence).collect()
}

fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

fn count_is(number: u64, what: &str) -> String {
    format!("{} {}", count(number, what), are(number))
}

fn are(number: u64) -> &'static str {
    if number == 1 { "is" } else { "are" }
}
