//! Where a thread begins that was started through the hooks: it takes what the thread that started it
//! handed over, and jumps to the job's own routine.
//!
//! It is a jump and no call, so nothing of the recorder's stays on the thread's stack: unwinding by
//! pthread_exit, cancellation or a C++ exception finds what it would find without fil, and whatever
//! the routine returns is left as it is. Rust promises no such jump, so it is written in assembly.
//! Nothing here is a cancellation point.
#![allow(unsafe_code)]

use std::arch::naked_asm;
use std::ffi::c_void;

use crate::guard::Guard;
use crate::record::{self, Origin};
use crate::thread_words::thread_words;

/// What a new thread is handed over, in a box.
pub(crate) struct Start {
    /// The job's routine, with one argument.
    pub(crate) routine: *mut c_void,
    /// Its argument.
    pub(crate) argument: *mut c_void,
    /// What is to be known of whoever starts the thread.
    pub(crate) origin: Origin,
}

/// The routine to start a thread with; its argument is a [`Start`], as a raw box that it frees.
pub(crate) fn entry() -> *mut c_void {
    begin as *mut c_void
}

/// Returned in two registers: rax and rdx (psABI, a structure of two pointers).
#[repr(C)]
struct Continuation {
    routine: *mut c_void,
    argument: *mut c_void,
}

#[unsafe(naked)]
unsafe extern "C" fn begin(start: *mut c_void) -> *mut c_void {
    // Calls are made with the stack aligned to 16 bytes; the directives tell debuggers where the frame is.
    naked_asm!(
        ".cfi_startproc",
        "sub rsp, 8",
        ".cfi_adjust_cfa_offset 8",
        "call {take}",
        "add rsp, 8",
        ".cfi_adjust_cfa_offset -8",
        "mov rdi, rdx",
        "jmp rax",
        ".cfi_endproc",
        take = sym take,
    )
}

/// # Safety
/// `start` is a raw box of a [`Start`], which is freed here.
unsafe extern "C" fn take(start: *mut Start) -> Continuation {
    // SAFETY: the caller's promise.
    let start = unsafe { Box::from_raw(start) };
    thread_words().inherited_stack.set(start.origin.stack.number());
    if let (Some(name), Some(mut guard)) = (&start.origin.name, Guard::enter()) {
        record::thread_begins(&mut guard, name);
    }
    Continuation { routine: start.routine, argument: start.argument }
}
