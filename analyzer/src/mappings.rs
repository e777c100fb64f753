//! The mapped ranges of one process.
//!
//! Invariant: ranges do not overlap, and none is empty. What is mapped replaces whatever it covers;
//! an unmapping may cover parts of ranges, many of them, or none, and may split one in two.
//!
//! Every method says what it changed for which site, in an order in which no byte counts twice.

use std::collections::BTreeMap;
use std::ops::Range;

use format::MappingKind;

use crate::birth::Instant;
use crate::change::ChangeKind;
use crate::site::SiteId;

/// Mapped ranges by first address.
#[derive(Default)]
pub(crate) struct Mappings {
    ranges: BTreeMap<u64, (u64, Mapped)>,
}

/// What every byte of a range is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) kind: MappingKind,
    pub(crate) accessible: bool,
    /// Who made it what it is.
    pub(crate) site: SiteId,
    /// When that was.
    pub(crate) birth: Instant,
}

/// What a change of the mapped ranges means for one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MappingChange {
    pub(crate) site: SiteId,
    pub(crate) bytes: i64,
    /// Pieces: a range split in two is one more.
    pub(crate) blocks: i16,
    pub(crate) kind: ChangeKind,
    /// When what begins or ends here was made what it is.
    pub(crate) birth: Instant,
}

/// What an unmapping took away, in case it is mapped again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Unmapped {
    /// Length of the range that was unmapped.
    length: u64,
    /// What was mapped in it, by offsets from its beginning, in their order.
    pieces: Vec<(Range<u64>, Mapped)>,
}

impl Mappings {
    /// Maps a range.
    pub(crate) fn map(&mut self, range: Range<u64>, mapped: Mapped, changes: &mut Vec<MappingChange>) {
        self.map_again(range, 0, mapped, changes);
    }

    /// Maps a range of which so many bytes, from its beginning on, had been there before.
    fn map_again(&mut self, range: Range<u64>, returned: u64, mapped: Mapped, changes: &mut Vec<MappingChange>) {
        self.unmap(range.clone(), changes);
        if range.is_empty() {
            return;
        }
        let Mapped { site, birth, .. } = mapped;
        let (length, returned) = (bytes(&range), returned.min(range.end - range.start) as i64);
        let mut change = |kind, bytes, blocks| changes.push(MappingChange { site, bytes, blocks, kind, birth });
        if returned > 0 {
            change(ChangeKind::Return, returned, 1);
        }
        if returned < length {
            change(ChangeKind::Begin, length - returned, i16::from(returned == 0));
        }
        self.ranges.insert(range.start, (range.end, mapped));
    }

    /// Unmaps a range.
    pub(crate) fn unmap(&mut self, range: Range<u64>, changes: &mut Vec<MappingChange>) -> Unmapped {
        let mut unmapped = Unmapped { length: range.end.saturating_sub(range.start), pieces: Vec::new() };
        for edge in [range.start, range.end] {
            changes.extend(self.split(edge));
        }
        for (piece, mapped) in self.overlapping(&range) {
            self.ranges.remove(&piece.start);
            let Mapped { site, birth, .. } = mapped;
            changes.push(MappingChange {
                site,
                bytes: bytes(&piece).wrapping_neg(),
                blocks: -1,
                kind: ChangeKind::End,
                birth,
            });
            unmapped.pieces.push((piece.start - range.start..piece.end - range.start, mapped));
        }
        unmapped
    }

    /// Unmaps everything.
    pub(crate) fn unmap_all(&mut self, changes: &mut Vec<MappingChange>) {
        self.unmap(0..u64::MAX, changes);
    }

    /// Maps again what an unmapping took away, from `range.start` on: cut off at the end of the range,
    /// or drawn out to it in the manner of the last byte. `site_of` says to whom bytes belong that
    /// were not there before.
    pub(crate) fn remap(
        &mut self,
        range: Range<u64>,
        unmapped: &Unmapped,
        now: Instant,
        mut site_of: impl FnMut(MappingKind, bool) -> SiteId,
        changes: &mut Vec<MappingChange>,
    ) {
        // Each with how many bytes of it had been there before.
        let mut pieces: Vec<(Range<u64>, u64, Mapped)> =
            unmapped.pieces.iter().map(|(piece, mapped)| (piece.clone(), piece.end - piece.start, *mapped)).collect();
        if let Some((last_piece, _, last)) = pieces.last_mut()
            && last_piece.end == unmapped.length
        {
            let site = site_of(last.kind, last.accessible);
            if site == last.site {
                last_piece.end = u64::MAX;
            } else {
                let beyond = (unmapped.length..u64::MAX, 0, Mapped { site, birth: now, ..*last });
                pieces.push(beyond);
            }
        }
        self.unmap(range.clone(), changes);
        for (piece, returned, mapped) in pieces {
            let place = |offset: u64| range.start.saturating_add(offset).min(range.end);
            self.map_again(place(piece.start)..place(piece.end), returned, mapped, changes);
        }
    }

    /// Makes what is mapped in a range accessible, or a reservation. What changes belongs to the site
    /// that `site_of` says.
    pub(crate) fn protect(
        &mut self,
        range: Range<u64>,
        accessible: bool,
        now: Instant,
        mut site_of: impl FnMut(MappingKind, bool) -> SiteId,
        changes: &mut Vec<MappingChange>,
    ) {
        for (piece, mapped) in self.overlapping(&range) {
            if mapped.accessible != accessible {
                let overlap = piece.start.max(range.start)..piece.end.min(range.end);
                let site = site_of(mapped.kind, accessible);
                self.map(overlap, Mapped { accessible, site, birth: now, ..mapped }, changes);
            }
        }
    }

    /// Makes `edge` an edge between two ranges, if it is inside of one.
    fn split(&mut self, edge: u64) -> Option<MappingChange> {
        let (_, (end, mapped)) = self.ranges.range_mut(..edge).next_back()?;
        if *end <= edge {
            return None;
        }
        let right = (std::mem::replace(end, edge), *mapped);
        let Mapped { site, birth, .. } = *mapped;
        self.ranges.insert(edge, right);
        Some(MappingChange { site, bytes: 0, blocks: 1, kind: ChangeKind::Cut, birth })
    }

    /// The ranges that have a part in this one, in their order.
    fn overlapping(&self, range: &Range<u64>) -> Vec<(Range<u64>, Mapped)> {
        if range.is_empty() {
            return Vec::new();
        }
        let before = self.ranges.range(..range.start).next_back();
        let reaches_in = before.filter(|&(_, &(end, _))| end > range.start);
        let inside = self.ranges.range(range.clone());
        reaches_in.into_iter().chain(inside).map(|(&start, &(end, mapped))| (start..end, mapped)).collect()
    }
}

fn bytes(range: &Range<u64>) -> i64 {
    (range.end - range.start) as i64
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const NOW: Instant = Instant { order: 1, ns: 2 };

    /// The naive way: every byte by itself.
    #[derive(Default)]
    struct Oracle {
        bytes: BTreeMap<u64, Mapped>,
        unmapped: Vec<Option<Mapped>>,
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Map(Range<u64>, Mapped),
        Unmap(Range<u64>),
        Protect(Range<u64>, bool, u32),
        Remap(Range<u64>, u32),
    }

    /// A site tells who made a byte what it is, and, as in a replay, what that is.
    fn site(owner: u32, kind: MappingKind, accessible: bool) -> SiteId {
        let kind = MappingKind::ALL.iter().position(|&one| one == kind).expect("is one of all");
        SiteId(owner * 8 + kind as u32 * 2 + u32::from(accessible))
    }

    impl Oracle {
        fn apply(&mut self, operation: &Operation) {
            match operation.clone() {
                Operation::Map(range, mapped) => self.bytes.extend(range.map(|at| (at, mapped))),
                Operation::Unmap(range) => self.unmapped = range.map(|at| self.bytes.remove(&at)).collect(),
                Operation::Protect(range, accessible, owner) => {
                    for (_, mapped) in self.bytes.range_mut(range) {
                        if mapped.accessible != accessible {
                            *mapped = Mapped { accessible, site: site(owner, mapped.kind, accessible), ..*mapped };
                        }
                    }
                }
                Operation::Remap(range, owner) => {
                    let last = self.unmapped.last().copied().flatten();
                    let beyond = last.map(|last| Mapped { site: site(owner, last.kind, last.accessible), ..last });
                    for (offset, at) in range.enumerate() {
                        match self.unmapped.get(offset).copied().unwrap_or(beyond) {
                            Some(mapped) => self.bytes.insert(at, mapped),
                            None => self.bytes.remove(&at),
                        };
                    }
                }
            }
        }
    }

    /// The way under test.
    fn apply(mappings: &mut Mappings, unmapped: &mut Unmapped, operation: &Operation) -> Vec<MappingChange> {
        let mut changes = Vec::new();
        match operation.clone() {
            Operation::Map(range, mapped) => mappings.map(range, mapped, &mut changes),
            Operation::Unmap(range) => *unmapped = mappings.unmap(range, &mut changes),
            Operation::Protect(range, accessible, owner) => {
                mappings.protect(
                    range,
                    accessible,
                    NOW,
                    |kind, accessible| site(owner, kind, accessible),
                    &mut changes,
                );
            }
            Operation::Remap(range, owner) => {
                mappings.remap(range, unmapped, NOW, |kind, accessible| site(owner, kind, accessible), &mut changes);
            }
        }
        changes
    }

    fn operation() -> impl Strategy<Value = Operation> {
        let range = || (0..40u64, 0..12u64).prop_map(|(start, length)| start..start + length);
        let kind = prop::sample::select(MappingKind::ALL.to_vec());
        let owner = 0..3u32;
        prop_oneof![
            2 => (range(), kind, any::<bool>(), owner.clone()).prop_map(|(range, kind, accessible, owner)| {
                Operation::Map(range, Mapped { kind, accessible, site: site(owner, kind, accessible), birth: NOW })
            }),
            1 => range().prop_map(Operation::Unmap),
            2 => (range(), any::<bool>(), owner.clone())
                .prop_map(|(range, accessible, owner)| Operation::Protect(range, accessible, owner)),
            2 => (range(), owner).prop_map(|(range, owner)| Operation::Remap(range, owner)),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_byte_is_what_a_naive_account_says(operations in vec(operation(), 0..60)) {
            let (mut mappings, mut unmapped, mut oracle) = (Mappings::default(), Unmapped::default(), Oracle::default());
            let mut sums = BTreeMap::<u32, (i64, i64)>::new();
            for operation in &operations {
                let before = oracle.bytes.len() as i64;
                oracle.apply(operation);
                let most = before.max(oracle.bytes.len() as i64);
                let mut total = before;
                for change in apply(&mut mappings, &mut unmapped, operation) {
                    let (bytes, blocks) = sums.entry(change.site.0).or_default();
                    (*bytes, *blocks) = (*bytes + change.bytes, *blocks + i64::from(change.blocks));
                    total += change.bytes;
                    prop_assert!(total <= most, "no byte counts twice, not even within an event");
                }
                let flat = mappings.ranges.iter().flat_map(|(&start, &(end, mapped))| (start..end).map(move |at| (at, mapped)));
                prop_assert_eq!(flat.collect::<Vec<_>>(), oracle.bytes.clone().into_iter().collect::<Vec<_>>());
                let mut expected = BTreeMap::<u32, (i64, i64)>::new();
                for (&start, &(end, mapped)) in &mappings.ranges {
                    let (bytes, blocks) = expected.entry(mapped.site.0).or_default();
                    (*bytes, *blocks) = (*bytes + (end - start) as i64, *blocks + 1);
                }
                sums.retain(|_, sum| *sum != (0, 0));
                prop_assert_eq!(&sums, &expected);
            }
        }
    }

    const KIND: MappingKind = MappingKind::Private;

    fn mapped(owner: u32) -> Mapped {
        Mapped { kind: KIND, accessible: true, site: site(owner, KIND, true), birth: NOW }
    }

    #[test]
    fn blocks_are_pieces() {
        let (mut mappings, mut changes) = (Mappings::default(), Vec::new());
        mappings.map(100..200, mapped(0), &mut changes);
        mappings.unmap(120..150, &mut changes);
        mappings.protect(160..170, true, NOW, |_, _| site(1, KIND, true), &mut changes);
        let sum = |of: fn(&MappingChange) -> i64, changes: &[MappingChange]| changes.iter().map(of).sum::<i64>();
        assert_eq!((sum(|change| change.bytes, &changes), sum(|change| i64::from(change.blocks), &changes)), (70, 2));
    }

    /// A buffer that grows step by step at one line stays one piece, whatever its length.
    #[test]
    fn growth_by_its_own_site_prolongs_the_last_piece() {
        let (mut mappings, mut changes) = (Mappings::default(), Vec::new());
        mappings.map(100..200, mapped(0), &mut changes);
        for step in 1..10 {
            let unmapped = mappings.unmap(100..100 + 100 * step, &mut changes);
            mappings.remap(100..200 + 100 * step, &unmapped, NOW, |_, _| site(1, KIND, true), &mut changes);
        }
        let pieces: Vec<_> = mappings.ranges.into_iter().collect();
        assert_eq!(pieces, [(100, (200, mapped(0))), (200, (1100, mapped(1)))]);
    }

    #[test]
    fn the_end_of_all_addresses_is_reached_and_not_passed() {
        let (mut mappings, mut changes) = (Mappings::default(), Vec::new());
        mappings.map(u64::MAX - 10..u64::MAX, mapped(0), &mut changes);
        let unmapped = mappings.unmap(0..u64::MAX, &mut changes);
        mappings.remap(u64::MAX - 5..u64::MAX, &unmapped, NOW, |_, _| site(0, KIND, true), &mut changes);
        mappings.unmap_all(&mut changes);
        assert_eq!(changes.iter().map(|change| change.bytes).sum::<i64>(), 0);
    }
}
