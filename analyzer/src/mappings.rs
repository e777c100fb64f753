//! The mapped ranges of one process.
//!
//! Invariant: ranges do not overlap. A new mapping replaces whatever it covers; an unmapping may
//! cover parts of ranges, many of them, or none, and may split one in two.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::site::SiteId;

/// Mapped ranges by first address.
#[derive(Default)]
pub(crate) struct Mappings {
    ranges: BTreeMap<u64, Mapping>,
}

#[derive(Clone, Copy)]
struct Mapping {
    end: u64,
    site: SiteId,
}

/// What a change of the mapped ranges means for one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MappingChange {
    pub(crate) site: SiteId,
    pub(crate) bytes: i64,
    /// Pieces: a range split in two is one more.
    pub(crate) blocks: i64,
}

impl Mappings {
    /// Maps a range; nothing may be mapped there: [`Mappings::unmap`] it first.
    pub(crate) fn map(&mut self, range: Range<u64>, site: SiteId) -> Option<MappingChange> {
        if range.is_empty() {
            return None;
        }
        self.ranges.insert(range.start, Mapping { end: range.end, site });
        Some(MappingChange { site, bytes: (range.end - range.start) as i64, blocks: 1 })
    }

    /// Unmaps a range and returns what that changed.
    pub(crate) fn unmap(&mut self, range: Range<u64>) -> Vec<MappingChange> {
        let mut changes = Vec::new();
        while let Some((start, mapping)) = self.last_overlapping(&range) {
            self.ranges.remove(&start);
            let left = start..range.start.max(start);
            let right = range.end.min(mapping.end)..mapping.end;
            let mut blocks = -1;
            for piece in [left, right] {
                if !piece.is_empty() {
                    self.ranges.insert(piece.start, Mapping { end: piece.end, site: mapping.site });
                    blocks += 1;
                }
            }
            let overlap = range.end.min(mapping.end) - range.start.max(start);
            changes.push(MappingChange { site: mapping.site, bytes: (overlap as i64).wrapping_neg(), blocks });
        }
        changes
    }

    /// Unmaps everything.
    pub(crate) fn unmap_all(&mut self) -> Vec<MappingChange> {
        self.unmap(0..u64::MAX)
    }

    fn last_overlapping(&self, range: &Range<u64>) -> Option<(u64, Mapping)> {
        if range.is_empty() {
            return None;
        }
        let (&start, &mapping) = self.ranges.range(..range.end).next_back()?;
        (mapping.end > range.start).then_some((start, mapping))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: SiteId = SiteId(7);

    fn change(bytes: i64, blocks: i64) -> MappingChange {
        MappingChange { site: SITE, bytes, blocks }
    }

    #[test]
    fn a_hole_splits_a_range_and_the_pieces_remain() {
        let mut mappings = Mappings::default();
        assert_eq!(mappings.map(100..200, SITE), Some(change(100, 1)));
        assert_eq!(mappings.unmap(120..150), [change(-30, 1)]);
        assert_eq!(mappings.unmap(120..150), []);
        assert_eq!(mappings.unmap(110..160), [change(-10, 0), change(-10, 0)]);
        assert_eq!(mappings.unmap_all(), [change(-40, -1), change(-10, -1)]);
    }

    #[test]
    fn an_unmapping_covers_many_ranges() {
        let mut mappings = Mappings::default();
        for start in [100, 200, 300] {
            mappings.map(start..start + 50, SITE);
        }
        assert_eq!(mappings.unmap(0..320), [change(-20, 0), change(-50, -1), change(-50, -1)]);
        assert_eq!(mappings.unmap(0..320), []);
        assert_eq!(mappings.unmap(350..400), []);
        assert_eq!(mappings.unmap_all(), [change(-30, -1)]);
    }

    #[test]
    fn an_empty_range_is_nothing() {
        let mut mappings = Mappings::default();
        assert_eq!(mappings.map(100..100, SITE), None);
        mappings.map(100..200, SITE);
        assert_eq!(mappings.unmap(150..150), []);
    }
}
