//! A map from ids that were given one after the other, as those of a recording are.
//!
//! They may begin anywhere, as a forked process goes on where its parent was. Ids of a damaged trace may be any numbers: those
//! that lie apart are in a hash table.

use hashbrown::HashMap;

/// See the module.
pub(crate) struct IdMap<T> {
    /// The first id that came.
    first: u32,
    /// By the distance from that id: one more than the index of its value, or 0.
    places: Vec<u32>,
    /// Indexes of the values of all other ids.
    apart: HashMap<u32, u32>,
    values: Vec<T>,
}

/// So many ids may be missing, beside as many as there are.
const GAP: usize = 1024;

impl<T> Default for IdMap<T> {
    fn default() -> IdMap<T> {
        IdMap { first: 0, places: Vec::new(), apart: HashMap::new(), values: Vec::new() }
    }
}

impl<T> IdMap<T> {
    /// Of two values with the same id the later one counts.
    pub(crate) fn insert(&mut self, id: u32, value: T) {
        if let Some(index) = self.index(id) {
            self.values[index] = value;
            return;
        }
        if self.values.is_empty() {
            self.first = id;
        }
        self.values.push(value);
        let place = self.values.len() as u32;
        // Distances wrap around: an id shortly before the first one is far from it.
        let distance = id.wrapping_sub(self.first) as usize;
        if distance < self.places.len() {
            self.places[distance] = place;
        } else if distance < 2 * self.values.len() + GAP {
            self.places.resize(distance, 0);
            self.places.push(place);
        } else {
            self.apart.insert(id, place - 1);
        }
    }

    /// Where the value of this id is in [`IdMap::values`].
    #[inline]
    pub(crate) fn index(&self, id: u32) -> Option<usize> {
        match self.places.get(id.wrapping_sub(self.first) as usize) {
            Some(&place) if place != 0 => Some(place as usize - 1),
            _ if self.apart.is_empty() => None,
            _ => self.apart.get(&id).map(|&index| index as usize),
        }
    }

    /// All values.
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn is_a_map(start in any::<u32>(), steps in vec((0u32..4, any::<u32>()), 0..200)) {
            let (mut map, mut expected) = (IdMap::default(), HashMap::new());
            let mut id = start;
            for (value, (kind, number)) in steps.into_iter().enumerate() {
                // One behind the other, with gaps, anywhere, or one that was there.
                id = match kind {
                    0 => id.wrapping_add(1),
                    1 => id.wrapping_add(number % 700),
                    2 => number,
                    _ => start,
                };
                map.insert(id, value);
                expected.insert(id, value);
                let near = [id.wrapping_sub(1), id.wrapping_add(1), start, number];
                for id in near.into_iter().chain(expected.keys().copied()) {
                    prop_assert_eq!(map.index(id).map(|index| map.values()[index]), expected.get(&id).copied());
                }
            }
            prop_assert_eq!(map.values().len(), expected.len());
        }
    }

    #[test]
    fn ids_far_apart_take_little_memory() {
        let mut map = IdMap::default();
        (0..10_000u32).for_each(|number| map.insert(number.wrapping_mul(400_000), ()));
        assert!(map.places.len() < 50_000, "{}", map.places.len());
        assert_eq!(map.values().len(), 10_000);
    }
}
