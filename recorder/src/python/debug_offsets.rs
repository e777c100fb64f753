//! What CPython says of its own layout: `_Py_DebugOffsets`, which stands at the beginning of
//! `_PyRuntime` from 3.13 on for debuggers and profilers.
//!
//! It is an array of 64-bit words behind a cookie. Which word tells what changes with every minor
//! version and not with patch releases (`Include/internal/pycore_debug_offsets.h`). What it leaves
//! out stays as `layout.rs` has it.
#![allow(unsafe_code)]

use super::layout::{Layout, MarkPlace, Position, Waiting};
use crate::real;

const COOKIE: [u8; 8] = *b"xdebugpy";
const VERSION: usize = 1;
const FREE_THREADED: usize = 2;

/// No field that is needed lies further behind the beginning of its structure.
const MAX_OFFSET: u64 = 4096;

/// Which word holds which offset.
struct Words {
    thread_frame: usize,
    frame_previous: usize,
    frame_code: usize,
    frame_instruction: usize,
    frame_locals: usize,
    frame_owner: usize,
    code_file: usize,
    code_function: usize,
    code_line_table: usize,
    code_first_line: usize,
    code_units: usize,
    bytes_length: usize,
    bytes_content: usize,
    text_state: usize,
    text_length: usize,
    text_ascii: usize,
}

const WORDS_3_13: Words = Words {
    thread_frame: 23,
    frame_previous: 29,
    frame_code: 30,
    frame_instruction: 31,
    frame_locals: 32,
    frame_owner: 33,
    code_file: 35,
    code_function: 37,
    code_line_table: 38,
    code_first_line: 39,
    code_units: 43,
    bytes_length: 65,
    bytes_content: 66,
    text_state: 68,
    text_length: 69,
    text_ascii: 70,
};

const WORDS_3_14: Words = Words {
    thread_frame: 26,
    frame_previous: 32,
    frame_code: 33,
    frame_instruction: 34,
    frame_locals: 35,
    frame_owner: 36,
    code_file: 40,
    code_function: 42,
    code_line_table: 43,
    code_first_line: 44,
    code_units: 48,
    bytes_length: 75,
    bytes_content: 76,
    text_state: 78,
    text_length: 79,
    text_ascii: 80,
};

const WORDS_3_15: Words = Words {
    thread_frame: 26,
    frame_previous: 40,
    frame_code: 41,
    frame_instruction: 42,
    frame_locals: 43,
    frame_owner: 44,
    code_file: 48,
    code_function: 50,
    code_line_table: 51,
    code_first_line: 52,
    code_units: 56,
    bytes_length: 87,
    bytes_content: 88,
    text_state: 90,
    text_length: 91,
    text_ascii: 92,
};

fn words_of(version: (u32, u32)) -> Option<&'static Words> {
    match version {
        (3, 13) => Some(&WORDS_3_13),
        (3, 14) => Some(&WORDS_3_14),
        (3, 15) => Some(&WORDS_3_15),
        _ => None,
    }
}

/// The layout with what this process's Python says of itself. A version that says nothing keeps the
/// layout as it is; one that says what cannot be is an error in words.
pub(super) fn refine(layout: Layout, version: (u32, u32)) -> Result<Layout, String> {
    let Some(words) = words_of(version) else { return Ok(layout) };
    let runtime = real::symbol(c"_PyRuntime").cast_const().cast::<u64>();
    if runtime.is_null() {
        return Err("this Python does not export the description of its own layout".to_owned());
    }
    // SAFETY: _PyRuntime begins with the words of its version's _Py_DebugOffsets, which are
    // initialized statically and never change.
    refine_from(layout, words, version, |index| unsafe { runtime.add(index).read() })
}

fn refine_from(
    layout: Layout,
    words: &Words,
    (major, minor): (u32, u32),
    word: impl Fn(usize) -> u64,
) -> Result<Layout, String> {
    if word(0).to_ne_bytes() != COOKIE || word(VERSION) >> 16 != u64::from(major << 8 | minor) {
        return Err("this Python describes its own layout in a way that fil does not know".to_owned());
    }
    if word(FREE_THREADED) != 0 {
        return Err("fil does not read the call stacks of a free-threaded Python".to_owned());
    }
    let offset = |index| match word(index) {
        offset if offset < MAX_OFFSET => Ok(offset as usize),
        offset => Err(format!("this Python describes its own layout with an offset of {offset}")),
    };
    let Position::Address { object, code_first_traceable, .. } = layout.position else { return Ok(layout) };
    let waiting = match layout.waiting {
        None => None,
        Some(waiting) => Some(Waiting { owner: offset(words.frame_owner)?, ..waiting }),
    };
    let mark = match layout.mark {
        Some(MarkPlace::Visited(_)) => MarkPlace::visited(offset(words.frame_owner)?, offset(words.frame_locals)?),
        other => other,
    };
    Ok(Layout {
        thread_frame: offset(words.thread_frame)?,
        cframe_frame: None,
        frame_code: offset(words.frame_code)?,
        frame_previous: offset(words.frame_previous)?,
        frame_locals: offset(words.frame_locals)?,
        position: Position::Address {
            instruction: offset(words.frame_instruction)?,
            owner: offset(words.frame_owner)?,
            object,
            code_first_traceable,
            code_units: offset(words.code_units)?,
        },
        mark,
        waiting,
        code_first_line: offset(words.code_first_line)?,
        code_file: offset(words.code_file)?,
        code_function: offset(words.code_function)?,
        code_line_table: offset(words.code_line_table)?,
        bytes_length: offset(words.bytes_length)?,
        bytes_content: offset(words.bytes_content)?,
        text_length: offset(words.text_length)?,
        text_state: offset(words.text_state)?,
        text_ascii: offset(words.text_ascii)?,
        ..layout
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION_3_13: (u32, u32) = (3, 13);

    fn refined(change: impl Fn(usize, u64) -> u64) -> Result<Layout, String> {
        let layout = Layout::of(VERSION_3_13).expect("known");
        refine_from(layout, &WORDS_3_13, VERSION_3_13, |index| {
            let word = match index {
                0 => u64::from_ne_bytes(COOKIE),
                VERSION => 0x030d_00f0,
                FREE_THREADED => 0,
                other => other as u64 * 8,
            };
            change(index, word)
        })
    }

    #[test]
    fn what_python_says_is_taken() {
        let layout = refined(|_, word| word).expect("all is well");
        assert_eq!(layout.thread_frame, 23 * 8);
        assert_eq!(layout.text_ascii, 70 * 8);
        assert!(matches!(layout.position, Position::Address { owner: 264, code_units: 344, .. }));
    }

    #[test]
    fn a_frame_is_marked_where_it_has_room() {
        let mark_of = |owner: u64, locals: u64| {
            let layout = Layout::of((3, 14)).expect("known");
            let refined = refine_from(layout, &WORDS_3_14, (3, 14), |index| match index {
                0 => u64::from_ne_bytes(COOKIE),
                VERSION => 0x030e_00f0,
                FREE_THREADED => 0,
                index if index == WORDS_3_14.frame_owner => owner,
                index if index == WORDS_3_14.frame_locals => locals,
                other => other as u64 * 8,
            });
            refined.expect("all is well").mark
        };
        assert!(mark_of(74, 80) == Some(MarkPlace::Visited(72)));
        assert!(mark_of(82, 88) == Some(MarkPlace::Visited(80)));
        // Something else is where the padding was, or it is too short.
        assert!(mark_of(74, 88).is_none());
        assert!(mark_of(78, 80).is_none());
        assert!(mark_of(0, 8).is_none());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        assert!(refined(|index, word| if index == 0 { 0 } else { word }).is_err());
        assert!(refined(|index, word| if index == VERSION { 0x030e_00f0 } else { word }).is_err());
        let free_threaded = refined(|index, word| if index == FREE_THREADED { 1 } else { word });
        assert!(free_threaded.is_err_and(|reason| reason.contains("free-threaded")));
        assert!(refined(|index, word| if index == 33 { 1 << 40 } else { word }).is_err());
    }
}
