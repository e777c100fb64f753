//! What the recorder's threads do with each other without a lock, in every order in which it can happen.
//!
//! The modules are the recorder's own files, compiled with loom's atomic words in place of the processor's. loom runs a test
//! once for each order of its threads' steps, and for each value that a load may see by the rules of the language, also those
//! that no x86-64 ever shows; ThreadSanitizer would look only at what happens to happen on this processor, whose memory is
//! well-behaved, and needs a compiler that is not stable.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test --release --manifest-path tests/loom/Cargo.toml
//! ```

#![cfg(loom)]
// Each file is used in a part here.
#![allow(dead_code)]

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
}

#[path = "../../../recorder/src/last_free.rs"]
mod last_free;
#[path = "../../../recorder/src/turn_word.rs"]
mod turn_word;

#[cfg(test)]
mod hand_over;
#[cfg(test)]
mod turns;
