//! Python's strings and bytes as Rust's, read where they lie, without the API: its functions may
//! allocate and want the GIL. Strings do not change once they are made.
#![allow(unsafe_code)]

use std::borrow::Cow;

use super::layout::Layout;

/// Bits of `PyASCIIObject.state`, CPython 3.3 to 3.15: two of `interned`, three of `kind` (bytes per
/// character), `compact`, `ascii`.
const KIND_SHIFT: u32 = 2;
const KIND_MASK: u32 = 7;
const COMPACT: u32 = 1 << 5;
const ASCII: u32 = 1 << 6;

/// No name or table is longer than this many elements; a damaged length stops here.
const MAX_ELEMENTS: usize = 16 << 20;

/// The text of a string object.
///
/// # Safety
/// `string` is null or a live string object of this layout's version.
pub(super) unsafe fn text<'a>(string: *const u8, layout: &Layout) -> Cow<'a, str> {
    if string.is_null() {
        return Cow::Borrowed("?");
    }
    // SAFETY: the fields are there in every string object; the characters of a compact one follow
    // the structure, `length` of them, `kind` bytes each.
    unsafe {
        let length = string.add(layout.text_length).cast::<usize>().read().min(MAX_ELEMENTS);
        let state = string.add(layout.text_state).cast::<u32>().read();
        if state & COMPACT == 0 {
            // Only subclasses of str and strings of the API of before 3.3: no compiler makes names so.
            return Cow::Borrowed("?");
        }
        if state & ASCII != 0 {
            let bytes = std::slice::from_raw_parts(string.add(layout.text_ascii), length);
            return String::from_utf8_lossy(bytes);
        }
        let start = string.add(layout.text_compact);
        let characters: String = match state >> KIND_SHIFT & KIND_MASK {
            1 => std::slice::from_raw_parts(start, length).iter().map(|&unit| char::from(unit)).collect(),
            2 => std::slice::from_raw_parts(start.cast::<u16>(), length)
                .iter()
                .map(|&unit| character(unit.into()))
                .collect(),
            _ => std::slice::from_raw_parts(start.cast::<u32>(), length).iter().map(|&unit| character(unit)).collect(),
        };
        Cow::Owned(characters)
    }
}

/// The content of a bytes object.
///
/// # Safety
/// `bytes` is null or a live bytes object of this layout's version, which outlives the slice.
pub(super) unsafe fn bytes<'a>(bytes: *const u8, layout: &Layout) -> &'a [u8] {
    if bytes.is_null() {
        return &[];
    }
    // SAFETY: the content follows the structure, `ob_size` bytes of it.
    unsafe {
        let length = bytes.add(layout.bytes_length).cast::<usize>().read().min(MAX_ELEMENTS);
        std::slice::from_raw_parts(bytes.add(layout.bytes_content), length)
    }
}

/// A file name may hold half surrogate pairs (PEP 383); they have no character.
fn character(unit: u32) -> char {
    char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
}
