//! Where a jump buffer leads. Like `thread_words.rs` and `thread_entry.rs`, this file knows the processor and the
//! C library.
#![allow(unsafe_code)]

use std::arch::asm;
use std::ffi::c_void;

/// Index of the stack pointer in a `jmp_buf`: `JB_RSP` of glibc's sysdeps/x86_64/jmpbuf-offsets.h.
const STACK_POINTER: usize = 6;

/// The place on the stack that a jump goes to.
///
/// # Safety
/// setjmp or sigsetjmp has filled the buffer.
pub(crate) unsafe fn stack_pointer(buffer: *const c_void) -> u64 {
    // SAFETY: a jmp_buf begins with 8 words.
    let mut place = unsafe { buffer.cast::<u64>().add(STACK_POINTER).read() };
    // Pointers in jump buffers are disguised: PTR_DEMANGLE of glibc's sysdeps/unix/sysv/linux/x86_64/pointer_guard.h.
    // SAFETY: reads `pointer_guard` of the thread's control block, which glibc keeps there on x86-64.
    unsafe {
        asm!(
            "ror {place}, 17",
            "xor {place}, qword ptr fs:[0x30]",
            place = inout(reg) place,
            options(readonly, nostack),
        );
    }
    place
}
