//! The order in which event chunks are decoded, known from their headers alone.
//!
//! Invariant: a chunk's turn is not less than that of the chunk before it of the same thread, and no
//! event of a chunk, or of one scheduled behind it, has a time less than the chunk's, whatever a
//! damaged trace says. `order.rs` relies on it.

use format::ThreadNumber;

use crate::chunk_index::ChunkPlace;
use crate::image::{Image, ImageIndex};

/// A chunk and its place in the order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScheduledChunk {
    pub(crate) image: ImageIndex,
    pub(crate) thread: ThreadNumber,
    /// Turn in force at its beginning.
    pub(crate) turn: u64,
    /// No event from here on is earlier: the least time at the beginning of this chunk or of one
    /// behind it in the same process.
    pub(crate) earliest_ns: u64,
    pub(crate) place: ChunkPlace,
}

/// All event chunks: within a process by turn, across processes by time.
pub(crate) fn schedule(images: &[Image]) -> Vec<ScheduledChunk> {
    let indexed = images.iter().enumerate();
    let mut chunks: Vec<ScheduledChunk> =
        indexed.flat_map(|(at, image)| schedule_image(ImageIndex(at as u32), image)).collect();
    // Stable: within an image these times only rise, so its chunks stay in the order of turns.
    chunks.sort_by_key(|chunk| (chunk.earliest_ns, chunk.image));
    chunks
}

fn schedule_image(image: ImageIndex, chunks: &Image) -> Vec<ScheduledChunk> {
    let mut scheduled = Vec::new();
    for thread in &chunks.threads {
        let mut turn = 0;
        for &place in &thread.chunks {
            turn = place.header.first_turn.max(turn);
            scheduled.push(ScheduledChunk { image, thread: thread.thread, turn, earliest_ns: 0, place });
        }
    }
    // Stable: chunks of one thread stay in their order.
    scheduled.sort_by_key(|chunk| (chunk.turn, chunk.thread));
    let mut earliest_ns = u64::MAX;
    for chunk in scheduled.iter_mut().rev() {
        earliest_ns = chunk.place.header.first_ns.min(earliest_ns);
        chunk.earliest_ns = earliest_ns;
    }
    scheduled
}
