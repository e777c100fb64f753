//! `co_linetable` of CPython 3.10, described in its `Objects/lnotab_notes.txt`.
//!
//! Pairs of bytes: how many bytes of code a range has, and the signed difference of its line from
//! the one before; -128 says that the range has no line. No columns.

use super::{LineTable, Location, line_number};

const NO_LINE: i8 = -128;

/// Decodes all whole pairs.
pub(super) fn decode(table: &[u8], first_line: u32) -> LineTable {
    let mut decoded = LineTable::default();
    let mut line = i64::from(first_line);
    let (pairs, _) = table.as_chunks::<2>();
    for &[code_bytes, difference] in pairs {
        let difference = difference as i8;
        let known = difference != NO_LINE;
        if known {
            line += i64::from(difference);
        }
        let units = u32::from(code_bytes / 2);
        decoded.push(units, Location::of_line(if known { line_number(line) } else { None }));
    }
    decoded
}
