//! How far an answer is, for whoever shows it. Nothing depends on it.

use std::sync::atomic::{AtomicU64, Ordering};

/// How far an answer is. Some questions need several passes over the trace; each begins anew.
#[derive(Debug, Default)]
pub struct Progress {
    chunks_done: AtomicU64,
    chunks: AtomicU64,
    pass: AtomicU64,
}

impl Progress {
    /// Chunks of this pass that are done, and how many there are.
    pub fn chunks(&self) -> (u64, u64) {
        (self.chunks_done.load(Ordering::Relaxed), self.chunks.load(Ordering::Relaxed))
    }

    /// The number of this pass, from 1; 0 before the first.
    pub fn pass(&self) -> u64 {
        self.pass.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, chunks: usize) {
        self.chunks_done.store(0, Ordering::Relaxed);
        self.chunks.store(chunks as u64, Ordering::Relaxed);
        self.pass.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn advance(&self, chunks: usize) {
        self.chunks_done.fetch_add(chunks as u64, Ordering::Relaxed);
    }
}
