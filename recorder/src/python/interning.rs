//! The ids of code objects and call stacks: one table for all threads of the process, and the definitions in the log.
//!
//! A definition is written before its id can be found: whoever uses the id, it is in the log.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use format::{CodeId, Definition, StackId};

use super::code_object;
use super::layout::Layout;
use crate::definitions::DefinitionLog;
use crate::errno::ErrnoKept;
use crate::intern_table::{InternTable, Key};

static CODES: InternTable = InternTable::new();
static STACKS: InternTable = InternTable::new();
/// Rises when a code object dies.
static CODE_DEATHS: AtomicU64 = AtomicU64::new(0);

/// How many code objects have died: what is remembered of their addresses is worth nothing when it has risen.
#[inline(always)]
pub(super) fn code_deaths() -> u64 {
    CODE_DEATHS.load(Ordering::Acquire)
}

/// The id of the stack of `parent` and a frame of `code` at an instruction, and whether it was not known.
#[inline]
pub(super) fn stack_id(parent: StackId, code: CodeId, instruction: u32) -> (StackId, bool) {
    match STACKS.find([parent.0, code.0, instruction]) {
        Some(id) => (StackId(id), false),
        None => (define_stack(parent, code, instruction), true),
    }
}

/// What a stack is made of, innermost frame first: the address of each frame's code object, 0 if that has died, and the
/// index of its instruction.
pub(super) fn frames_of(stack: StackId) -> impl Iterator<Item = (usize, u32)> {
    let mut next = stack;
    std::iter::from_fn(move || {
        let [parent, code, instruction] = STACKS.key(next.0)?;
        next = StackId(parent);
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

/// The first ids of code objects and stacks that have not been given yet.
pub(crate) fn next_ids() -> (CodeId, StackId) {
    (CodeId(CODES.next_id()), StackId(STACKS.next_id()))
}

/// The code object at this address dies.
pub(super) fn forget_code(code: usize) {
    let key = code_key(code);
    if CODES.find(key).is_some() {
        let _log = DefinitionLog::lock();
        CODES.remove(key);
        CODE_DEATHS.fetch_add(1, Ordering::Release);
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
    CODES.insert(code_key(code));
    id
}

/// The id of a stack that was not known a moment ago.
#[cold]
#[inline(never)]
fn define_stack(parent: StackId, code: CodeId, instruction: u32) -> StackId {
    let key = [parent.0, code.0, instruction];
    let _errno = ErrnoKept::new();
    let mut log = DefinitionLog::lock();
    if let Some(id) = STACKS.find(key) {
        return StackId(id);
    }
    let id = StackId(STACKS.next_id());
    log.add(&Definition::Stack { id, parent, code, instruction });
    // A full table (2^31 stacks) gives the caller's stack instead.
    if STACKS.insert(key) { id } else { parent }
}
