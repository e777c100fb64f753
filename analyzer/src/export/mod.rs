//! The peak in the formats of other tools: what was alive at the moment of peak memory, by process, thread and call
//! stack.
//!
//! Each format has a file, which says what of its specification is used and why, and a function `write`. What they
//! share: `threads` sorts the stacks by thread, `memory_tree` makes a tree of those of one thread, and `texts`
//! names frames, threads and processes.
//!
//! Invariant: the sizes that a file holds add up to the peak, and depend on nothing but the trace. (Sums of damaged
//! traces may overflow; then they end at the largest number.) What a tool cannot show is left out only where its file
//! says so.
//!
//! Formats with a tree of their own (speedscope, Firefox, Chrome) are as large as the tree of call stacks. The others
//! repeat each stack's frames, so `shown_path` leaves out the middle of stacks too deep for that.

pub mod chrome;
pub mod collapsed;
pub mod firefox;
mod frame_table;
mod memory_tree;
pub mod memray_csv;
pub mod pprof;
mod shown_path;
pub mod speedscope;
mod texts;
mod threads;
