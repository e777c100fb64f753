//! Line tables: from a place in a code object to the lines and columns of its source.
//!
//! CPython has had three formats, one file each below this one. All decode to the same list of
//! ranges, so the rest of the analyzer does not know which Python ran. Tables may be damaged: what
//! cannot be read has no location.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod golden;
mod line_ranges;
mod lnotab;
mod locations;

use format::LineTableFormat;

/// A part of the source, as `co_positions()` says it: lines from 1, columns in bytes of UTF-8 from 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) line: Option<u32>,
    pub(crate) end_line: Option<u32>,
    pub(crate) column: Option<u32>,
    pub(crate) end_column: Option<u32>,
}

impl Location {
    /// A location of which only the line is known.
    fn of_line(line: Option<u32>) -> Location {
        Location { line, ..Location::default() }
    }
}

/// Code units from `start` up to the next range's start belong to `location`.
#[derive(Clone, Copy, Debug)]
struct LocationRange {
    start: u32,
    location: Location,
}

/// The decoded line table of one code object.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineTable {
    ranges: Vec<LocationRange>,
    /// First code unit behind the table.
    end: u32,
}

impl LineTable {
    /// Decodes `table` of a code object whose definition is in `first_line`.
    pub(crate) fn decode(format: LineTableFormat, table: &[u8], first_line: u32) -> LineTable {
        match format {
            LineTableFormat::Lnotab => lnotab::decode(table, first_line),
            LineTableFormat::LineRanges => line_ranges::decode(table, first_line),
            LineTableFormat::Locations => locations::decode(table, first_line),
        }
    }

    /// The location of the code unit (two bytes) with this index.
    pub(crate) fn location(&self, instruction: u32) -> Location {
        if instruction >= self.end {
            return Location::default();
        }
        let behind = self.ranges.partition_point(|range| range.start <= instruction);
        behind.checked_sub(1).map_or(Location::default(), |at| self.ranges[at].location)
    }

    /// Appends a range of `units` code units. An empty one leaves no trace.
    fn push(&mut self, units: u32, location: Location) {
        if units > 0 {
            self.ranges.push(LocationRange { start: self.end, location });
            self.end = self.end.saturating_add(units);
        }
    }
}

/// A line number, if it is one: damaged tables lead anywhere.
fn line_number(line: i64) -> Option<u32> {
    u32::try_from(line).ok()
}
