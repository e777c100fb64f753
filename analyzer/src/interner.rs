//! Values that are there once each, by their index in the order in which they came.

use std::hash::{BuildHasher, Hash};

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Interner<T> {
    values: Vec<T>,
    /// Their indexes, by what they are.
    indexes: HashTable<u32>,
    hash: DefaultHashBuilder,
}

impl<T> Default for Interner<T> {
    fn default() -> Interner<T> {
        Interner { values: Vec::new(), indexes: HashTable::new(), hash: DefaultHashBuilder::default() }
    }
}

impl<T: Eq + Hash> Interner<T> {
    /// The index of a value, which is the last one if it was not there before.
    pub(crate) fn index_of(&mut self, value: T) -> u32 {
        let Interner { values, indexes, hash } = self;
        let hash_of = |index: &u32| hash.hash_one(&values[*index as usize]);
        match indexes.entry(hash.hash_one(&value), |index| values[*index as usize] == value, hash_of) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(place) => {
                let index = values.len() as u32;
                place.insert(index);
                values.push(value);
                index
            }
        }
    }

    /// By index.
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_index() {
        let mut interner = Interner::default();
        let words: Vec<String> = (0..1000).map(|number| (number * number % 331).to_string()).collect();
        let indexes: Vec<u32> = words.iter().map(|word| interner.index_of(word.clone())).collect();
        assert!(indexes.iter().zip(&words).all(|(&index, word)| interner.values()[index as usize] == *word));
        assert!(
            interner.values().iter().all(|word| interner.values().iter().filter(|other| *other == word).count() == 1)
        );
    }
}
