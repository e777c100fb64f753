//! Python as the recorder sees it: which version runs, where its structures keep what is needed,
//! and the call stack of the calling thread, read without any help of the interpreter's.
//!
//! `layout.rs` knows the versions, `frames.rs` and `code_object.rs` read, `stack_cache.rs` turns
//! frames into stack ids, `thread_name.rs` finds the name of a thread that is being started, and
//! `self_check.rs` compares with Python's public API and turns stacks off rather than record wrong ones.

mod code_death;
mod code_object;
mod frames;
mod layout;
mod self_check;
mod stack_cache;
mod text;
mod thread_name;
mod version;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use format::{Definition, NoticeKind};

use crate::definitions::DefinitionLog;
use frames::ThreadStates;
use layout::Layout;

pub(crate) use stack_cache::{StackCache, next_ids};
pub(crate) use thread_name::name_of_started_thread;
pub(crate) use version::version_text;

/// What is needed to walk stacks.
struct Python {
    layout: &'static Layout,
    thread_states: ThreadStates,
}

static PYTHON: OnceLock<Python> = OnceLock::new();
static STACKS_ON: AtomicBool = AtomicBool::new(false);

/// Makes ready to read the Python of this version, which runs in this process. For one that fil
/// does not know there are no stacks, and the trace says why.
pub(crate) fn prepare(version: &str) {
    self_check::prepare();
    match find(version) {
        Ok(python) => {
            code_death::watch(python.layout);
            if PYTHON.set(python).is_ok() {
                STACKS_ON.store(true, Ordering::Release);
            }
        }
        Err(reason) => give_notice(&reason),
    }
}

fn find(version: &str) -> Result<Python, String> {
    let layout = version::parse(version)
        .and_then(Layout::of)
        .ok_or_else(|| format!("fil does not know the call stacks of Python {version}"))?;
    let thread_states = ThreadStates::find().ok_or("this Python does not export what fil needs to find its threads")?;
    Ok(Python { layout, thread_states })
}

/// The Python to walk, while stacks are recorded.
#[inline(always)]
fn python() -> Option<&'static Python> {
    if STACKS_ON.load(Ordering::Relaxed) { PYTHON.get() } else { None }
}

/// Stacks are empty from here on; the trace says why.
#[cold]
fn turn_stacks_off(reason: &str) {
    if STACKS_ON.swap(false, Ordering::AcqRel) {
        give_notice(reason);
    }
}

fn give_notice(reason: &str) {
    DefinitionLog::write(&Definition::Notice { kind: NoticeKind::NoStacks, text: reason });
}
