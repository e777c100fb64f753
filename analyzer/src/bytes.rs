//! Sizes, and changes of numbers, as people read them.

use std::cmp::Ordering;

const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// `bytes` in binary units with one decimal: `512 B`, `1.5 KiB`, `400.0 MiB`.
pub fn human_bytes(bytes: u64) -> String {
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    // What would be printed as 1024.0 is 1.0 of the next unit.
    while size >= 1023.95 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// By how much more bytes there are than before: `-2.1 GiB`, `+5 B`, `0 B`.
pub fn human_change(before: u64, after: u64) -> String {
    format!("{}{}", sign(before, after), human_bytes(after.abs_diff(before)))
}

/// By which part of what it was a number is larger: `-27%`, `+3.1%`, `0%`. What was not there before is `new`.
pub fn percent_change(before: u64, after: u64) -> String {
    match (before, after) {
        _ if before == after => "0%".to_owned(),
        (0, _) => "new".to_owned(),
        _ => {
            let percent = after.abs_diff(before) as f64 * 100.0 / before as f64;
            // Small changes have a decimal, and so has what is nearly all.
            let decimals = if percent < 9.95 || (99.5..100.0).contains(&percent) { 1 } else { 0 };
            format!("{}{percent:.decimals$}%", sign(before, after))
        }
    }
}

/// What stands in front of a change.
fn sign(before: u64, after: u64) -> &'static str {
    match after.cmp(&before) {
        Ordering::Less => "-",
        Ordering::Equal => "",
        Ordering::Greater => "+",
    }
}

#[cfg(test)]
mod tests {
    use super::{human_bytes, human_change, percent_change};

    #[test]
    fn sizes_have_one_decimal_and_a_binary_unit() {
        assert_eq!(human_bytes(0), "0 B");
        assert_eq!(human_bytes(1023), "1023 B");
        assert_eq!(human_bytes(1024), "1.0 KiB");
        assert_eq!(human_bytes(1536), "1.5 KiB");
        assert_eq!(human_bytes(419_430_400), "400.0 MiB");
        assert_eq!(human_bytes((1 << 30) - 1), "1.0 GiB");
        assert_eq!(human_bytes(u64::MAX), "16.0 EiB");
    }
    #[test]
    fn changes_have_a_sign() {
        assert_eq!(human_change(2048, 1024), "-1.0 KiB");
        assert_eq!(human_change(5, 10), "+5 B");
        assert_eq!(human_change(7, 7), "0 B");
        assert_eq!(human_change(u64::MAX, 0), "-16.0 EiB");
    }

    #[test]
    fn parts_of_what_it_was() {
        assert_eq!(percent_change(1000, 730), "-27%");
        assert_eq!(percent_change(1000, 1031), "+3.1%");
        assert_eq!(percent_change(1000, 25_000), "+2400%");
        assert_eq!(percent_change(10, 0), "-100%");
        assert_eq!(percent_change(1000, 1), "-99.9%");
        assert_eq!(percent_change(0, 10), "new");
        assert_eq!(percent_change(0, 0), "0%");
        assert_eq!(percent_change(100_000, 100_001), "+0.0%");
        assert_eq!(percent_change(0, u64::MAX), "new");
        assert_eq!(percent_change(u64::MAX, 1), "-100%");
    }
}
