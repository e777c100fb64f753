//! The ids of code objects and call paths: one table for all threads of the process, and the definitions in the log.
//!
//! A definition is written before its id can be found: whoever uses the id, it is in the log.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use format::{CodeId, Definition, PathId, StackId};

use super::code_object;
use super::layout::Layout;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::intern_table::{InternTable, Key};
use crate::turn::Turn;

/// Why recording ends when a table cannot take another key.
const NO_ROOM: &str = "there is no memory left for more call stacks";

static CODES: InternTable = InternTable::new();
static PATHS: InternTable = InternTable::new();
/// Rises when what threads remember is worth nothing any more.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// Rises when a code object dies, whose addresses may become another's, and when stacks are turned on or off.
#[inline(always)]
pub(super) fn epoch() -> u64 {
    EPOCH.load(Ordering::Acquire)
}

/// The next epoch begins. No thread has the turn any more, so whoever has it need not ask for the epoch.
pub(super) fn next_epoch() {
    EPOCH.fetch_add(1, Ordering::Release);
    Turn::tick();
}

/// The id of the call path of a frame of `code` that is called by one of `caller` at an instruction, and whether it was
/// not known. `last` is the one that was asked for before. What a program does once more, it does in the same order, in
/// which the ids were given: then it is the next one, which is close by in memory.
#[inline]
pub(super) fn path_id(caller: StackId, code: CodeId, last: PathId) -> (PathId, bool) {
    let key = [caller.path.0, code.0, caller.instruction];
    let next = last.0 + 1;
    if PATHS.is_key_of(next, key) {
        return (PathId(next), false);
    }
    match PATHS.find(key) {
        Some(id) => (PathId(id), false),
        None => (define_path(caller, code), true),
    }
}

/// What a stack is made of, innermost frame first: the address of each frame's code object, 0 if that has died, and the
/// index of its instruction.
pub(super) fn frames_of(stack: StackId) -> impl Iterator<Item = (usize, u32)> {
    let mut next = stack;
    std::iter::from_fn(move || {
        let StackId { path, instruction } = next;
        let [caller, code, caller_instruction] = PATHS.key(path.0)?;
        next = StackId { path: PathId(caller), instruction: caller_instruction };
        let [low, high, _] = CODES.key(code).unwrap_or_default();
        Some((low as usize | (high as usize) << 32, instruction))
    })
}

/// The id of the code object at this address, which a frame on the calling thread's chain has.
#[inline]
pub(super) fn code_id(code: usize, layout: &Layout) -> CodeId {
    match CODES.find(code_key(code)) {
        Some(id) => CodeId(id),
        None => define_code(code, layout),
    }
}

/// The first ids of code objects and call paths that have not been given yet.
pub(crate) fn next_ids() -> (CodeId, PathId) {
    (CodeId(CODES.next_id()), PathId(PATHS.next_id()))
}

/// The code object at this address dies.
pub(super) fn forget_code(code: usize) {
    let key = code_key(code);
    // Whoever looks without the lock may miss it while a new generation is made.
    let _log = DefinitionLog::lock();
    if CODES.remove(key) {
        next_epoch();
    }
}

fn code_key(code: usize) -> Key {
    [code as u32, (code as u64 >> 32) as u32, 0]
}

#[cold]
#[inline(never)]
fn define_code(code: usize, layout: &Layout) -> CodeId {
    let _errno = ErrnoKept::new();
    let mut log = DefinitionLog::lock();
    if let Some(id) = CODES.find(code_key(code)) {
        return CodeId(id);
    }
    let id = CodeId(CODES.next_id());
    // SAFETY: the address is that of the code object of a frame on this thread's chain.
    unsafe { code_object::define(&mut log, id, code, layout) };
    if !CODES.insert(code_key(code)) {
        log.stop(NO_ROOM);
    }
    id
}

/// The id of a call path that was not known a moment ago.
#[cold]
#[inline(never)]
fn define_path(caller: StackId, code: CodeId) -> PathId {
    let key = [caller.path.0, code.0, caller.instruction];
    let _errno = ErrnoKept::new();
    let mut log = DefinitionLog::lock();
    if let Some(id) = PATHS.find(key) {
        return PathId(id);
    }
    let id = PathId(PATHS.next_id());
    log.add(&Definition::CallPath { id, caller: caller.path, instruction: caller.instruction, code });
    if PATHS.insert(key) {
        id
    } else {
        log.stop(NO_ROOM);
        PathId::EMPTY
    }
}
