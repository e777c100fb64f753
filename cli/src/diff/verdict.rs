//! Whether the change helped, in words.

use std::cmp::Ordering;
use std::io::{self, Write};

use analyzer::bytes::{human_bytes, percent_change};
use analyzer::diff::Diff;

use crate::analyze::Screen;
use crate::quantities::duration;

/// Less than this part of what it was is no change that anybody made: two runs of one job differ by so much.
const LEAST_PART: u128 = 1000;

/// Writes a line for the peak, and one for each other thing that a change may cost or win.
pub(crate) fn write(answer: &Diff, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let (before, after) = (&answer.before, &answer.after);
    let peak = sentence("Peak", [before.peak_bytes, after.peak_bytes], ["lower", "higher"], human_bytes);
    writeln!(out, "{}", screen.bold(&peak))?;
    let time = sentence("Time", [before.duration_ns, after.duration_ns], ["shorter", "longer"], duration);
    writeln!(out, "{time}")?;
    let amount = ["less", "more"];
    let allocated = [before.allocated_bytes, after.allocated_bytes];
    writeln!(out, "{}", sentence("Allocated in total", allocated, amount, human_bytes))?;
    writeln!(out, "{}", sentence("Left at the end", [before.end_bytes, after.end_bytes], amount, human_bytes))
}

/// `Peak 2.1 GiB lower: 7.8 GiB, was 9.9 GiB (-21%)`.
fn sentence(what: &str, [before, after]: [u64; 2], [less, more]: [&str; 2], words: fn(u64) -> String) -> String {
    let change = after.abs_diff(before);
    let direction = match after.cmp(&before) {
        Ordering::Equal => return format!("{what} the same: {}", words(after)),
        Ordering::Less => less,
        Ordering::Greater => more,
    };
    let (now, was, change_in_words) = (words(after), words(before), words(change));
    if u128::from(change) * LEAST_PART < u128::from(before) {
        return format!("{what} about the same: {now}, was {was} ({change_in_words} {direction})");
    }
    format!("{what} {change_in_words} {direction}: {now}, was {was} ({})", percent_change(before, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_says_first_what_matters() {
        let peak = |before, after| sentence("Peak", [before, after], ["lower", "higher"], human_bytes);
        assert_eq!(peak(990 << 20, 780 << 20), "Peak 210.0 MiB lower: 780.0 MiB, was 990.0 MiB (-21%)");
        assert_eq!(peak(1 << 20, 3 << 20), "Peak 2.0 MiB higher: 3.0 MiB, was 1.0 MiB (+200%)");
        assert_eq!(peak(5, 5), "Peak the same: 5 B");
        assert_eq!(peak(0, 0), "Peak the same: 0 B");
        assert_eq!(peak(2 << 20, (2 << 20) - 132), "Peak about the same: 2.0 MiB, was 2.0 MiB (132 B lower)");
        assert_eq!(peak(0, 7), "Peak 7 B higher: 7 B, was 0 B (new)");
        assert_eq!(peak(u64::MAX, 0), "Peak 16.0 EiB lower: 0 B, was 16.0 EiB (-100%)");
        let time = sentence("Time", [11_400_000_000, 10_200_000_000], ["shorter", "longer"], duration);
        assert_eq!(time, "Time 1.20 s shorter: 10.2 s, was 11.4 s (-11%)");
    }
}
