//! Line tables as CPython 3.11 and later have them (`co_linetable`). The table is in `src/line_table/locations.rs`.

/// Writes one line table.
#[derive(Default)]
pub(crate) struct LineTableWriter {
    bytes: Vec<u8>,
}

impl LineTableWriter {
    /// `units` code units (1 to 8) of the line that is `lines` (0 to 2) further down, at columns up to 127.
    pub(crate) fn near(&mut self, units: u8, lines: u8, columns: (u8, u8)) {
        self.bytes.extend([0x80 | (10 + lines) << 3 | (units - 1), columns.0, columns.1]);
    }

    /// `units` code units (1 to 8) of the same line, at a column up to 79 and so many (up to 15) further ones.
    pub(crate) fn same_line(&mut self, units: u8, column: u8, width: u8) {
        self.bytes.extend([0x80 | (column / 8) << 3 | (units - 1), (column % 8) << 4 | width]);
    }

    /// `units` code units (1 to 8) of the line that is `lines` further down, in any column up to 62.
    pub(crate) fn far(&mut self, units: u8, lines: u32, columns: (u8, u8)) {
        self.bytes.push(0x80 | 14 << 3 | (units - 1));
        self.varint(lines << 1);
        // It ends in its own line; columns are stored plus one.
        self.bytes.extend([0, columns.0 + 1, columns.1 + 1]);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn varint(&mut self, mut value: u32) {
        while value >= 64 {
            self.bytes.push(value as u8 & 63 | 64);
            value >>= 6;
        }
        self.bytes.push(value as u8);
    }
}
