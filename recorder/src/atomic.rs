//! The atomic words of modules that `tests/loom` compiles with its own, to try all orders in which threads can meet there.

pub(crate) use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
