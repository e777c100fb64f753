//! Which frames of a stack are written out in formats that repeat them for each stack.
//!
//! Where every level of a deep recursion holds memory, its stacks have the square of its depth in frames: 4.5 GB of
//! text for 15,000 levels. No limit is reached by what is not such a recursion: Python's own is 1000.

/// Of a stack with more frames than twice this, so many are shown at both ends.
const SHOWN_AT_EACH_END: usize = 512;

/// The items of a path in their order; None is where some are left out.
pub(super) fn shown<T: Copy>(path: &[T]) -> impl DoubleEndedIterator<Item = Option<T>> {
    let (outer, inner) = if path.len() > 2 * SHOWN_AT_EACH_END {
        (&path[..SHOWN_AT_EACH_END], &path[path.len() - SHOWN_AT_EACH_END..])
    } else {
        (path, &[][..])
    };
    let gap = (!inner.is_empty()).then_some(None);
    outer.iter().copied().map(Some).chain(gap).chain(inner.iter().copied().map(Some))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_deep_paths_are_shown() {
        let path: Vec<usize> = (0..1024).collect();
        assert!(shown(&path).eq(path.iter().copied().map(Some)), "all of it");
        let path: Vec<usize> = (0..5000).collect();
        let shown: Vec<Option<usize>> = shown(&path).collect();
        assert_eq!(shown.len(), 1025);
        assert_eq!(shown[..2], [Some(0), Some(1)]);
        assert_eq!(shown[511..514], [Some(511), None, Some(4488)]);
        assert_eq!(shown[1024], Some(4999));
    }
}
