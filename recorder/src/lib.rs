//! The recorder: a library preloaded into the job that appends every allocation and free, with its
//! call stack, to the trace. It never analyses, never prints, and never fails the job.
//!
//! The way of an event, each step a module that takes the previous one's type:
//!
//! 1. `hooks/` stand in front of the malloc family, mmap, and Python's allocator; `guard.rs` lets
//!    only the outermost hook of a thread record, `record.rs` is what hooks say.
//! 2. `threads.rs` finds the calling thread's `thread_recorder.rs`, which asks `python/` for the
//!    call stack and `turn.rs` for the order, and encodes the event into a slot of `spool.rs`.
//! 3. `background.rs` takes full slots from the queue in `session.rs`, compresses them, and appends
//!    them to `trace_file.rs`.
//!
//! `definitions.rs` holds what events refer to. `process.rs` begins recording, at the start of a
//! process or, with `fork.rs`, in the child of a fork. There is no end: whatever ends the process,
//! the spool file outlives it, and `fil record` appends what it holds. Only the instant is noted, if there is one.
//!
//! A failure inside turns recording off with a reason in the trace. Nothing here panics, and
//! nothing here allocates through the hooks: Rust's allocations go to the real allocator.

#![cfg_attr(test, allow(dead_code))] // a test must not stand in front of its own malloc

mod atomic;
mod background;
mod cancellation;
mod clock;
mod configuration;
mod definitions;
mod doorbell;
mod errno;
mod fork;
mod guard;
mod header_page;
mod hooks;
mod intern_table;
mod jump_buffer;
mod kept_file;
mod last_free;
mod library;
mod lock;
mod operator_new;
mod process;
mod process_status;
mod python;
mod real;
mod record;
mod reserve;
mod session;
mod signal_stack;
mod spool;
mod start;
mod thread_count;
mod thread_entry;
mod thread_recorder;
mod thread_words;
mod threads;
mod trace_file;
mod turn;
mod turn_word;

// Miri has no dlsym, and an allocator of its own.
#[cfg_attr(not(miri), global_allocator)]
static ALLOCATOR: real::RealAllocator = real::RealAllocator;
