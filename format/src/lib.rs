//! The trace format of fil: what a trace is made of, how it is written and how it is read.
//!
//! A trace is one append-only file for one job, whatever number of processes and threads the job
//! had. It begins with a [`TraceHeader`] and goes on with chunks. A chunk is a fixed
//! [`ChunkHeader`] and a zstd frame; it decodes on its own, so chunks can be decoded in parallel
//! and a damaged one costs only itself. The bytes are described in `docs/FORMAT.md`.
//!
//! The way of a number through this crate:
//!
//! - **writing**: [`Event`] -> [`EventEncoder`] -> bytes of a spool slot -> [`ChunkWriter`] -> file
//! - **reading**: file -> [`ChunkHeader`] -> [`decompress`] -> [`EventDecoder`] -> [`Event`]
//!
//! Encoder and decoder share one model of what is likely to come next (`event_model.rs`), so the
//! two cannot drift apart. Rare facts (code objects, call stacks, processes, threads, resident
//! memory) are [`Definition`]s, written with bincode behind `record_block.rs`.
//!
//! What the caller owes: events of one thread in their order, and a turn number whenever another
//! thread's events came in between. What this crate does not do: it opens no file, knows no
//! process, and calls no clock. It never panics on input, however damaged.

#![forbid(unsafe_code)]

mod chunk;
pub mod constants;
mod definition;
mod distance;
mod error;
mod event;
mod event_decoder;
mod event_encoder;
mod event_model;
mod event_room;
mod field;
mod header;
mod ids;
mod record_block;
pub mod spool;
mod trailer;
mod varint;

pub use chunk::{ChunkCheck, ChunkHeader, ChunkKind, ChunkWriter, decompress, find_chunk, identity, verify};
pub use definition::{Definition, DefinitionReader, LineTableFormat, NoticeKind, encode_definition};
pub use error::FormatError;
pub use event::{Domain, Event, MappingKind};
pub use event_decoder::{EventDecoder, EventListener};
pub use event_encoder::EventEncoder;
pub use event_room::{EVENT_ROOM_BYTES, EventRoom, ShortEvent};
pub use header::TraceHeader;
pub use ids::{CodeId, PathId, ProcessKey, StackId, ThreadNumber};
pub use trailer::{
    JobEnd, RecordingEnd, SourceFile, decode_recording_end, decode_source_file, encode_recording_end,
    encode_source_file,
};
