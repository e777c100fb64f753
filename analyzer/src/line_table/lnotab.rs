//! `co_lnotab` of CPython up to 3.9, described in its `Objects/lnotab_notes.txt`.
//!
//! Pairs of bytes: how many bytes of code to go on, and then by how many lines (signed). The line
//! before the first pair is the first line; that after the last pair holds to the end of the code.
//! No columns.

use super::{LineTable, Location, line_number};

/// Decodes all whole pairs.
pub(super) fn decode(table: &[u8], first_line: u32) -> LineTable {
    let mut decoded = LineTable::default();
    let mut line = i64::from(first_line);
    // Long ways are cut into steps of 255 bytes: bytes are summed, half an instruction and all.
    let mut code_bytes = 0;
    let (pairs, _) = table.as_chunks::<2>();
    for &[step, difference] in pairs {
        code_bytes += u64::from(step);
        let end = u32::try_from(code_bytes / 2).unwrap_or(u32::MAX);
        decoded.push(end - decoded.end, Location::of_line(line_number(line)));
        line += i64::from(difference as i8);
    }
    // The table does not say how long the code is.
    decoded.push(u32::MAX - decoded.end, Location::of_line(line_number(line)));
    decoded
}
