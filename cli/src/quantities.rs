//! Numbers the way people read them. Sizes are the analyzer's: see [`analyzer::bytes::human_bytes`].

/// A count with its thousands set apart: `1,234,567`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted, `1 process`, `2 processes`.
pub(crate) fn count_of(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A time with three digits that matter: `812 ms`, `3.42 s`, `5 min 07 s`, `2 h 05 min`.
pub(crate) fn duration(nanoseconds: u64) -> String {
    let seconds = nanoseconds as f64 / 1e9;
    let whole_seconds = nanoseconds / 1_000_000_000;
    match seconds {
        _ if seconds < 0.000_999_5 => format!("{:.0} µs", seconds * 1e6),
        _ if seconds < 0.009_995 => format!("{:.2} ms", seconds * 1e3),
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 9.995 => format!("{seconds:.2} s"),
        _ if seconds < 60.0 => format!("{seconds:.1} s"),
        _ if seconds < 3600.0 => format!("{} min {:02} s", whole_seconds / 60, whole_seconds % 60),
        _ => format!("{} h {:02} min", whole_seconds / 3600, whole_seconds / 60 % 60),
    }
}

/// A part of a whole in percent.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    format!("{:.1}%", part as f64 * 100.0 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(count_of(1, "process", "processes"), "1 process");
        assert_eq!(count_of(0, "process", "processes"), "0 processes");
    }

    #[test]
    fn durations() {
        assert_eq!(duration(0), "0 µs");
        assert_eq!(duration(1_234_567), "1.23 ms");
        assert_eq!(duration(45_600_000), "46 ms");
        assert_eq!(duration(3_421_000_000), "3.42 s");
        assert_eq!(duration(42_160_000_000), "42.2 s");
        assert_eq!(duration(307_900_000_000), "5 min 07 s");
        assert_eq!(duration(7_500_000_000_000), "2 h 05 min");
    }

    #[test]
    fn shares() {
        assert_eq!(share(1, 3), "33.3%");
        assert_eq!(share(0, 0), "-");
    }
}
