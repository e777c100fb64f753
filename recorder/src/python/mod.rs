//! Python as the recorder sees it: which version runs, where its structures keep what is needed,
//! and the call stack of the calling thread, read without any help of the interpreter's.
//!
//! `layout.rs` and `debug_offsets.rs` know the versions, `thread_states.rs`, `attached_place.rs`, `frames.rs` and
//! `code_object.rs` read, `stack_cache.rs` turns frames into stack ids with the help of `last_frame.rs`, `marker.rs`
//! and `path_memo.rs`, `interning.rs` gives these ids, `thread_name.rs` finds the name of a thread that is being
//! started, and `self_check.rs` compares with what `public_api.rs` says and turns stacks off rather than record wrong
//! ones.

mod attached_place;
mod code_death;
mod code_object;
mod collection;
mod debug_offsets;
mod frames;
mod innermost_walk;
mod interning;
mod last_frame;
mod layout;
mod marker;
mod path_memo;
mod position;
mod public_api;
mod self_check;
mod stack_cache;
mod text;
mod thread_name;
mod thread_states;
mod version;
mod whole_walk;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use format::NoticeKind;

use crate::definitions::DefinitionLog;
use crate::real;
use layout::Layout;
use thread_states::ThreadStates;

pub(crate) use interning::next_ids;
pub(crate) use layout::KnownLayout;
pub(crate) use self_check::Check;
pub(crate) use stack_cache::StackCache;
pub(crate) use thread_name::name_of_started_thread;
pub(crate) use thread_states::restart_in_child;
pub(crate) use version::version_text;

/// What is needed to walk stacks.
struct Python {
    layout: Layout,
    known_layout: KnownLayout,
    thread_states: ThreadStates,
    /// Whether Python's allocations come to the hooks first, with nobody in front.
    is_allocator_ours: fn() -> bool,
}

static PYTHON: OnceLock<Python> = OnceLock::new();
static STACKS_ON: AtomicBool = AtomicBool::new(false);
/// [`prepare`] was called.
static PREPARED: AtomicBool = AtomicBool::new(false);

/// Makes ready to read the Python of this version, which runs in this process. For one that fil
/// does not know there are no stacks, and the trace says why. `is_allocator_ours` tells whether
/// Python's allocations come to the hooks first.
pub(crate) fn prepare(version: &str, is_allocator_ours: fn() -> bool) {
    PREPARED.store(true, Ordering::Release);
    self_check::prepare();
    match find(version, is_allocator_ours) {
        Ok(python) => {
            code_death::watch(&python.layout);
            if PYTHON.set(python).is_ok() {
                STACKS_ON.store(true, Ordering::Release);
                interning::next_epoch();
            }
        }
        Err(reason) => DefinitionLog::write_notice(NoticeKind::NoStacks, &reason),
    }
}

/// The layout of this process's Python, if [`prepare`] has found one.
pub(crate) fn known_layout() -> KnownLayout {
    PYTHON.get().map_or(KnownLayout::Other, |python| python.known_layout)
}

/// Whether a Python has come into this process by dlopen. What it does is recorded as that of any C library.
pub(crate) fn came_late() -> bool {
    !PREPARED.load(Ordering::Acquire) && !real::symbol(c"Py_GetVersion").is_null()
}

fn find(version: &str, is_allocator_ours: fn() -> bool) -> Result<Python, String> {
    let unknown = || format!("fil does not know the call stacks of Python {version}");
    let parsed = version::parse(version).ok_or_else(unknown)?;
    let feature = parsed.feature;
    if version::is_debug_build() {
        // From 3.14 on its assertions forbid what the self-check does inside an allocation.
        return Err("fil does not read the call stacks of a debug build of Python".to_owned());
    }
    let mut layout = debug_offsets::refine(Layout::of(feature).ok_or_else(unknown)?, feature)?;
    if !marker::are_wanted() || parsed.has_incremental_collector() {
        (layout.mark, layout.waiting) = (None, None);
    }
    let thread_states =
        ThreadStates::find(feature, &layout).ok_or("this Python does not export what fil needs to find its threads")?;
    Ok(Python { known_layout: KnownLayout::of(&layout), layout, thread_states, is_allocator_ours })
}

/// The Python to walk, while stacks are recorded; it may be another answer in each [`interning::epoch`].
fn python() -> Option<&'static Python> {
    if STACKS_ON.load(Ordering::Relaxed) { PYTHON.get() } else { None }
}

/// To be called before Python's RAW domain frees a block.
#[inline(always)]
pub(crate) fn before_raw_free() {
    if let Some(python) = python() {
        python.thread_states.before_raw_free();
    }
}

/// Stacks are empty from here on; the trace says why.
#[cold]
fn turn_stacks_off(reason: &str) {
    if STACKS_ON.swap(false, Ordering::AcqRel) {
        interning::next_epoch();
        DefinitionLog::write_notice(NoticeKind::NoStacks, reason);
    }
}
