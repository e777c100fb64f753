//! The job counts its own threads: the background thread is left out of `/proc/self/stat`.
//!
//! Python 3.12 and later look there after each fork, and warn if there is more than one thread. The
//! background thread cannot have stopped for that: it must run again at once, for nobody could start
//! it later in a process that only waits. So a reader of that one file by fopen(3) gets a copy with
//! one thread less. Whoever opens it in another way sees the thread.
#![allow(unsafe_code)]
#![allow(unreachable_pub)] // the dynamic linker reaches them

use std::ffi::{CStr, c_char};
use std::ptr::null_mut;

use libc::FILE;

use crate::{background, real};

/// Where the kernel tells of a process, and the field with its number of threads (proc_pid_stat(5)).
const STAT: &CStr = c"/proc/self/stat";
const THREADS_FIELD: usize = 20;
/// The name of a process has at most 64 bytes and each of the other fields at most 20.
const STAT_BYTES: usize = 2048;

/// Opens a file.
///
/// # Safety
/// C's fopen.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn fopen(path: *const c_char, mode: *const c_char) -> *mut FILE {
    let Some(real) = real::fopen() else { return null_mut() };
    // SAFETY: what fopen asks of its caller, the job owes; a path is a C string.
    unsafe {
        let is_stat = !path.is_null() && CStr::from_ptr(path) == STAT && *mode == b'r' as c_char;
        let copy = if is_stat && background::is_running() { stat_without_background() } else { None };
        copy.unwrap_or_else(|| real(path, mode))
    }
}

/// Opens a file; the same as [`fopen`] where file offsets have 64 bits.
///
/// # Safety
/// glibc's fopen64.
#[cfg_attr(not(test), unsafe(no_mangle))]
pub unsafe extern "C" fn fopen64(path: *const c_char, mode: *const c_char) -> *mut FILE {
    // SAFETY: the arguments go on as the job gave them.
    unsafe { fopen(path, mode) }
}

fn stat_without_background() -> Option<*mut FILE> {
    let mut text = [0u8; STAT_BYTES];
    // SAFETY: the path is a C string, the buffer a live array of the length given; the descriptor
    // is closed where it was opened.
    let length = unsafe {
        let file = libc::open(STAT.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        if file < 0 {
            return None;
        }
        let length = libc::read(file, text.as_mut_ptr().cast(), text.len());
        libc::close(file);
        usize::try_from(length).ok()?
    };
    let text = one_thread_less(text.get(..length)?)?;
    // SAFETY: a stream with a buffer of its own, one byte larger than what is written into it, for
    // the zero that fmemopen adds.
    unsafe {
        let stream = libc::fmemopen(null_mut(), text.len() + 1, c"w+".as_ptr());
        if stream.is_null() {
            return None;
        }
        libc::fwrite(text.as_ptr().cast(), 1, text.len(), stream);
        libc::rewind(stream);
        Some(stream)
    }
}

fn one_thread_less(stat: &[u8]) -> Option<Vec<u8>> {
    // The second field is the name in parentheses, which may hold anything.
    let behind_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    let (name, rest) = stat.split_at(behind_name);
    let mut fields: Vec<&[u8]> = rest.split(|&byte| byte == b' ').collect();
    // The first piece is what stands between the name and the space behind it: nothing.
    let threads = fields.get_mut(THREADS_FIELD - 2)?;
    let count: u64 = std::str::from_utf8(threads).ok()?.parse().ok()?;
    let less = count.checked_sub(1)?.to_string();
    *threads = less.as_bytes();
    Some([name, &fields.join(&b' ')].concat())
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn only_the_number_of_threads_changes() {
        let stat = |threads: u64| {
            format!("7 (a) 1 (b) S 3 7 7 0 -1 4194304 90 0 0 0 0 0 0 0 20 0 {threads} 0 4711 2830336 90\n").into_bytes()
        };
        assert_eq!(one_thread_less(&stat(3)).expect("has the field"), stat(2));
        assert_eq!(one_thread_less(b"7 (python) S 1"), None);
    }
}
