//! Replays traces of `fil` and answers questions about the memory of the job.
//!
//! [`Trace::open`] reads a trace, damaged or not; [`peak()`] and [`timeline()`] answer from it, and
//! [`tables`] and [`flamegraph`] show answers, [`sql`] asks them, [`export`] hands them to other tools; [`info`] tells what is
//! in a trace, [`check`] whether budgets were kept, and [`diff`] compares two. The way of an event through this crate:
//!
//! - **opening**: `trace_bytes` (a file) -> `window` (a part of it) -> `chunk_index` (which chunks are sound) ->
//!   `catalogue` (whose they are) and `layout` (how the bytes are divided) -> `image` (process images with their
//!   `definitions`, call paths in an `id_map`) -> `soundness` and `notices` (warnings) -> [`Trace`]
//! - **replaying**: `schedule` (the order of chunks) -> `chunk_reader` (their bytes) -> `event_chunk` (decoded, and
//!   paired within its `touches`; `local_sites`) -> `order` (the order of events) ->
//!   `segmenter` (cut into a `segment` each; `mapped_memory` and its `mappings`) -> `pairing` (frees with allocations) ->
//!   `live_blocks` (what is alive) -> `replay`, which drives all these -> an observer
//! - **observers**: [`views`], [`check`], `high_water_mark`, `memory_want` and their `moment`, `largest_groups`, `bucket_levels`; through
//!   `selected_replay` they see a part of the memory only
//! - **naming**: `stack_resolver` and `line_table` (from ids to lines) -> `call_stack` (`stack_order` sorts them), `call_site`
//!   (an `interner` keeps each once), `thread_names`
//!
//! Invariants: an answer is the same whatever number of threads worked at it. No input makes this
//! crate panic; what is damaged or lost becomes a warning. Memory grows with what is alive in the
//! job and with its call stacks, not with the number of events: a chunk is read when it is needed.
//!
//! What this crate does not do: it prints nothing, reads no clock, and never touches the job.

#![forbid(unsafe_code)]

mod birth;
mod block_map;
mod bucket_levels;
pub mod bytes;
mod call_site;
mod call_stack;
mod call_view;
mod catalogue;
mod change;
pub mod check;
mod chunk_index;
mod chunk_reader;
mod definitions;
pub mod diff;
mod error;
mod event_chunk;
pub mod export;
pub mod flamegraph;
mod groups;
mod held;
mod high_water_mark;
mod id_map;
mod image;
pub mod info;
mod interner;
mod largest_groups;
mod layout;
mod line_table;
mod live_blocks;
mod local_sites;
mod mapped_memory;
mod mappings;
mod measure;
mod memory_want;
mod moment;
mod notices;
mod order;
mod out_of_memory;
mod outline;
mod package;
mod pairing;
mod peak;
mod progress;
mod replay;
mod resident_memory;
mod rise;
mod schedule;
mod segment;
mod segmenter;
mod selected_replay;
mod selection;
mod site;
mod soundness;
mod sources;
mod spread;
#[cfg(feature = "tables")]
pub mod sql;
mod stack_order;
mod stack_resolver;
#[cfg(feature = "tables")]
pub mod tables;
mod thread_names;
mod timeline;
mod totals;
mod touches;
mod trace;
mod trace_bytes;
pub mod views;
mod window;

pub use call_stack::{CallStack, Frame};
pub use call_view::{CallView, Row, StackRow};
pub use error::AnalyzerError;
pub use groups::{Field, GroupName, Grouping};
pub use held::{Apart, CallSite, Categories, KindMemory, Kinds, ProcessMemory, StackMemory};
pub use layout::{ChunkSum, Layout};
pub use measure::{Column, Measure, Unit};
pub use moment::SiteMemory;
pub use out_of_memory::{FailedAllocation, OutOfMemory, OutOfMemoryCause, out_of_memory, out_of_memory_of};
pub use outline::{Outline, Summary};
pub use peak::{Peak, peak, peak_of};
pub use progress::Progress;
pub use replay::Granularity;
pub use selection::{Pattern, Selection};
pub use timeline::{Timeline, TimelineOptions, TimelineRow, TimelineTotal, timeline};
pub use totals::Totals;
pub use trace::{Process, Trace};
