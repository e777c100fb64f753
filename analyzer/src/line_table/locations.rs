//! `co_linetable` of CPython 3.11 and later, described in CPython's `InternalDocs/code_objects.md`
//! (`Objects/locations.md` in 3.11 and 3.12).
//!
//! A sequence of entries. The first byte of each has its high bit set, a code in bits 3 to 6 and
//! the number of code units less one in bits 0 to 2:
//!
//! | code | then | meaning |
//! |---|---|---|
//! | 0-9 | 1 byte | same line; column = code * 8 + bits 4-6, end column = column + bits 0-3 |
//! | 10-12 | 2 bytes | line + (code - 10); column; end column |
//! | 13 | svarint | line + it; no columns |
//! | 14 | svarint, 3 varints | line + it; lines to the end line; column + 1; end column + 1 |
//! | 15 | | no location |
//!
//! Varints here have six bits a byte, the least significant first, and bit 6 on all but the last.

use super::{LineTable, Location, line_number};

const CODE_ONE_LINE: u8 = 10;
const CODE_NO_COLUMNS: u8 = 13;
const CODE_LONG: u8 = 14;
const CODE_NONE: u8 = 15;

/// Decodes up to the first entry that is not all there.
pub(super) fn decode(table: &[u8], first_line: u32) -> LineTable {
    let mut entries = Entries { bytes: table, line: first_line.into() };
    let mut decoded = LineTable::default();
    while let Some((units, location)) = entries.next() {
        decoded.push(units, location);
    }
    decoded
}

struct Entries<'a> {
    bytes: &'a [u8],
    line: i64,
}

impl Entries<'_> {
    fn next(&mut self) -> Option<(u32, Location)> {
        let first = self.byte()?;
        let units = u32::from(first & 7) + 1;
        let location = match first >> 3 & 15 {
            CODE_NONE => Location::default(),
            CODE_LONG => self.long()?,
            CODE_NO_COLUMNS => {
                self.move_line()?;
                let line = line_number(self.line);
                Location { line, end_line: line, ..Location::default() }
            }
            code if code >= CODE_ONE_LINE => {
                self.line = self.line.wrapping_add(i64::from(code - CODE_ONE_LINE));
                let (column, end_column) = (self.byte()?, self.byte()?);
                self.one_line(column.into(), end_column.into())
            }
            code => {
                let columns = self.byte()?;
                let column = u32::from(code) << 3 | u32::from(columns >> 4 & 7);
                self.one_line(column, column + u32::from(columns & 15))
            }
        };
        Some((units, location))
    }

    fn long(&mut self) -> Option<Location> {
        self.move_line()?;
        let end_line = self.line.wrapping_add(i64::from(self.varint()?));
        // Columns are stored plus one: 0 means there is none.
        let column = self.varint()?.checked_sub(1);
        let end_column = self.varint()?.checked_sub(1);
        Some(Location { line: line_number(self.line), end_line: line_number(end_line), column, end_column })
    }

    fn one_line(&self, column: u32, end_column: u32) -> Location {
        let line = line_number(self.line);
        Location { line, end_line: line, column: Some(column), end_column: Some(end_column) }
    }

    /// Reads a signed difference of lines; its sign is the lowest bit.
    fn move_line(&mut self) -> Option<()> {
        let value = self.varint()?;
        let distance = i64::from(value >> 1);
        self.line = self.line.wrapping_add(if value & 1 == 0 { distance } else { -distance });
        Some(())
    }

    fn varint(&mut self) -> Option<u32> {
        let mut value = 0;
        let mut shift = 0;
        loop {
            let byte = self.byte()?;
            value |= u32::from(byte & 63).checked_shl(shift)?;
            if byte & 64 == 0 {
                return Some(value);
            }
            shift += 6;
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        Some(first)
    }
}
