//! What readers call the threads of an answer.

use std::collections::BTreeMap;

use format::ThreadNumber;
use hashbrown::{HashMap, HashSet};

use crate::image::{Image, ImageIndex};

/// The names of some threads, and the order of these names.
pub(crate) struct ThreadNames {
    /// Each once, in order.
    names: Vec<String>,
    places: HashMap<(ImageIndex, ThreadNumber), usize>,
}

impl ThreadNames {
    pub(crate) fn of(images: &[Image], threads: impl Iterator<Item = (ImageIndex, ThreadNumber)>) -> ThreadNames {
        let mut threads_of_name: BTreeMap<String, Vec<(ImageIndex, ThreadNumber)>> = BTreeMap::new();
        for (image, thread) in threads.collect::<HashSet<_>>() {
            threads_of_name.entry(images[image.index()].thread_name(thread)).or_default().push((image, thread));
        }
        let (mut names, mut places) = (Vec::new(), HashMap::new());
        for (name, threads) in threads_of_name {
            places.extend(threads.into_iter().map(|thread| (thread, names.len())));
            names.push(name);
        }
        ThreadNames { names, places }
    }

    /// The place of a thread's name among all names. Several threads may have the same. Only for threads that it was made of.
    pub(crate) fn place(&self, image: ImageIndex, thread: ThreadNumber) -> usize {
        self.places[&(image, thread)]
    }

    /// The name at a place.
    pub(crate) fn name(&self, place: usize) -> &str {
        &self.names[place]
    }
}
