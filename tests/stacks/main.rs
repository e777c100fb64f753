//! Call stacks, frame by frame, of everything that Python has: what fil says is what Python itself said.
//!
//! Every program in `testdata/stacks/` allocates blocks of known size and notes the stack of each through
//! Python's own API. `recorded.rs` compares all of them with fil's; the tests spell out the most telling ones
//! once more, so that they do not rest on one source.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod callbacks;
mod code_objects;
mod coroutines;
mod exceptions;
mod generators;
mod greenlets;
mod imports;
mod recorded;
mod recursion;
#[path = "../support/mod.rs"]
mod support;
mod threads;
mod tracing;
