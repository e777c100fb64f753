//! Budgets: how much memory a job may use.

use crate::selection::Pattern;
use crate::trace::Trace;

/// How much memory may be used for something.
#[derive(Clone)]
pub enum Budget<'a> {
    /// The most bytes alive at one instant.
    Peak {
        /// So many are allowed.
        allowed_bytes: u64,
    },
    /// What is alive when the job ends.
    Leaks {
        /// So many bytes are allowed.
        allowed_bytes: u64,
    },
    /// The most bytes that some call sites hold together at one instant.
    Site {
        /// Their functions' names, or their places as `file:line`.
        pattern: Pattern,
        /// So many are allowed.
        allowed_bytes: u64,
    },
    /// The most bytes alive at one instant, beside the same of an earlier run.
    Baseline {
        /// The trace of that run.
        trace: &'a Trace,
        /// By how much this one may be higher.
        tolerance: Tolerance,
    },
}

/// By how much a peak may be higher than another one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// By so many bytes.
    Bytes(u64),
    /// By a part of the other, in percent.
    Percent(f64),
}

impl Tolerance {
    /// The highest peak beside this one that is tolerated, in whole bytes.
    pub fn above(self, bytes: u64) -> u64 {
        let more = match self {
            Tolerance::Bytes(more) => more,
            // Less than 2^53 bytes and a whole percentage are multiplied without loss, so 5% of 100 are 5. What is no
            // number allows nothing.
            Tolerance::Percent(percent) => (bytes as f64 * percent.max(0.0) / 100.0) as u64,
        };
        bytes.saturating_add(more)
    }
}

#[cfg(test)]
mod tests {
    use super::Tolerance;

    #[test]
    fn a_tolerance_is_exact_where_it_can_be() {
        for percent in 0..=300 {
            let tolerance = Tolerance::Percent(f64::from(percent));
            assert_eq!(tolerance.above(100), 100 + percent as u64);
            assert_eq!(tolerance.above(12_345_600), 12_345_600 + 123_456 * percent as u64);
        }
        assert_eq!(Tolerance::Percent(2.5).above(1000), 1025);
        assert_eq!(Tolerance::Percent(5.0).above(19), 19, "less than a byte is none");
        assert_eq!(Tolerance::Percent(5.0).above(0), 0);
        assert_eq!(Tolerance::Bytes(7).above(100), 107);
    }

    #[test]
    fn a_tolerance_without_bounds_allows_everything_and_one_that_is_no_number_nothing() {
        assert_eq!(Tolerance::Bytes(u64::MAX).above(1), u64::MAX);
        assert_eq!(Tolerance::Percent(f64::INFINITY).above(1), u64::MAX);
        assert_eq!(Tolerance::Percent(f64::NAN).above(100), 100);
        assert_eq!(Tolerance::Percent(-5.0).above(100), 100);
    }
}
