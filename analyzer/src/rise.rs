//! How far live memory may rise while events happen, some of whose frees are not paired yet.

/// Goes through events. What is not known of frees only lowers memory, so it is left out. Of a damaged trace with sizes that
/// nobody has, sums stay at the most that there is room for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rise {
    /// Bytes now, as against the beginning.
    now: i64,
    /// Most so far.
    most: i64,
}

impl Rise {
    /// A block of this size comes to life.
    #[inline]
    pub(crate) fn begin(&mut self, size: u64) {
        self.now = self.now.saturating_add_unsigned(size);
        self.most = self.most.max(self.now);
    }

    /// A block of this size is freed, which has come to life here or before.
    #[inline]
    pub(crate) fn end(&mut self, size: u64) {
        self.now = self.now.saturating_sub_unsigned(size);
    }

    /// Then these events happen.
    pub(crate) fn then(&mut self, next: &Rise) {
        self.most = self.most.max(self.now.saturating_add(next.most));
        self.now = self.now.saturating_add(next.now);
    }

    /// Most bytes by which live memory rises above what it was at the beginning.
    pub(crate) fn bytes(&self) -> u64 {
        self.most.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rise(sizes: &[i64]) -> Rise {
        let mut rise = Rise::default();
        for &size in sizes {
            if size < 0 { rise.end(size.unsigned_abs()) } else { rise.begin(size.unsigned_abs()) }
        }
        rise
    }

    #[test]
    fn is_the_most_that_there_ever_was_more() {
        assert_eq!(rise(&[]).bytes(), 0);
        assert_eq!(rise(&[5, -5, 3, 4, -7]).bytes(), 7);
        let mut both = rise(&[5, -2]);
        both.then(&rise(&[3, -3]));
        assert_eq!(both.bytes(), 6);
        both.then(&rise(&[-3, 4]));
        assert_eq!(both.bytes(), 6);
        both.then(&rise(&[6]));
        assert_eq!(both.bytes(), 10);
    }

    #[test]
    fn sizes_that_nobody_has_are_not_forgotten() {
        let mut rise = Rise::default();
        rise.begin(u64::MAX - 5);
        rise.end(u64::MAX - 5);
        rise.then(&Rise::default());
        assert_eq!(rise.bytes(), i64::MAX as u64);
    }
}
