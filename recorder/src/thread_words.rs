//! Three machine words per thread, reached without a call: the state of this thread's guard, its
//! recorder, and the call stack that started it.
//!
//! `thread_local!` in a shared library asks `__tls_get_addr` on every access and may register a
//! destructor. A preloaded library is there before the first thread, so its thread-locals may
//! live in the static block, where the initial-exec model finds them with two instructions.
//! Stable Rust cannot choose that model, so the symbol is defined and read in assembly. This file
//! and `thread_entry.rs` are the only ones that know the processor.
#![allow(unsafe_code)]

use std::arch::{asm, global_asm};
use std::cell::Cell;
use std::ptr;

#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
compile_error!("fil's recorder knows the thread-local storage of x86-64 Linux only so far");

global_asm!(
    ".pushsection .tbss.fil_thread_words, \"awT\", @nobits",
    ".hidden fil_thread_words",
    ".globl fil_thread_words",
    ".type fil_thread_words, @object",
    ".size fil_thread_words, 24",
    ".balign 16",
    "fil_thread_words:",
    ".zero 24",
    ".popsection",
);

/// What each thread keeps; all zero at its start.
#[repr(C)]
pub(crate) struct ThreadWords {
    /// What this thread is doing; see `guard.rs`.
    pub(crate) activity: Cell<u64>,
    /// This thread's recorder, null until its first event; only `threads.rs` knows its type.
    pub(crate) recorder: Cell<*mut ()>,
    /// The number of the stack of whoever started this thread, 0 if it is not known. The word outlives a
    /// fork, after which the child makes a new recorder of it.
    pub(crate) inherited_stack: Cell<u64>,
}

const _: () = assert!(size_of::<ThreadWords>() == 24);

/// Where the stack of the calling function ends, downwards, plus a number. The psABI keeps it aligned to 8 bytes.
#[inline(always)]
pub(crate) fn stack_pointer_plus<const NUMBER: u64>() -> u64 {
    let sum: u64;
    // SAFETY: reads a register.
    unsafe {
        asm!(
            "lea {sum}, [rsp + {number}]",
            sum = out(reg) sum,
            number = const NUMBER,
            options(nomem, nostack, preserves_flags),
        );
    }
    sum
}

/// The calling thread's words.
#[inline(always)]
pub(crate) fn thread_words() -> &'static ThreadWords {
    let words: *const ThreadWords;
    // SAFETY: reads the offset of the symbol from the global offset table and adds the thread
    // pointer, which the psABI keeps at fs:0; no memory of Rust's is touched.
    unsafe {
        asm!(
            "mov {words}, qword ptr [rip + fil_thread_words@GOTTPOFF]",
            "add {words}, qword ptr fs:[0]",
            words = out(reg) words,
            options(pure, readonly, nostack),
        );
    }
    debug_assert!(!ptr::eq(words, ptr::null()));
    // SAFETY: the static TLS block holds 24 zeroed, aligned bytes for the symbol (the assertion
    // above fits the two sizes), all zero is a valid ThreadWords, and the block lives as long as
    // its thread. The type is not Sync, so the reference stays on this thread.
    unsafe { &*words }
}
