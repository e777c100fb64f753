//! Times of a job, as people write them on the command line.

use std::str::FromStr;

/// A time of a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    /// From its start.
    Nanoseconds(u64),
    /// A part of the time it took, from 0 to 1.
    Part(f64),
    /// When it ended.
    End,
}

/// A stretch of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimeRange {
    pub(crate) from: Time,
    pub(crate) to: Time,
}

/// No job takes longer: three centuries.
const MOST_SECONDS: f64 = 1e10;

impl Time {
    /// `1.5`, `1.5s` or `1500ms`; `40%`; `end`.
    pub(crate) fn parse(text: &str) -> Result<Time, String> {
        let text = text.trim();
        let number = |digits: &str| {
            let number = f64::from_str(digits.trim()).ok().filter(|number| (0.0..=MOST_SECONDS).contains(number));
            number.ok_or_else(|| {
                format!(
                    "{text:?} is no time: write seconds as in 1.5, milliseconds as in 250ms, a part as in 40%, or end"
                )
            })
        };
        if text == "end" {
            Ok(Time::End)
        } else if let Some(percent) = text.strip_suffix('%') {
            let part = number(percent)? / 100.0;
            if part <= 1.0 { Ok(Time::Part(part)) } else { Err(format!("{text} is behind the end of the job")) }
        } else if let Some(milliseconds) = text.strip_suffix("ms") {
            Ok(Time::Nanoseconds((number(milliseconds)? * 1e6).round() as u64))
        } else {
            Ok(Time::Nanoseconds((number(text.strip_suffix('s').unwrap_or(text))? * 1e9).round() as u64))
        }
    }

    /// Nanoseconds from the start of a job whose recording took so long, and whose own process ended then: others may have gone
    /// on.
    pub(crate) fn in_job(self, duration_ns: u64, end_ns: u64) -> u64 {
        match self {
            Time::Nanoseconds(ns) => ns,
            Time::Part(part) => (duration_ns as f64 * part).round() as u64,
            Time::End => end_ns,
        }
    }
}

impl TimeRange {
    /// Two times with `..` between them; the start and the end of the job may be left out.
    pub(crate) fn parse(text: &str) -> Result<TimeRange, String> {
        let (from, to) = text.split_once("..").ok_or("write two times with .. between them, as in 1.5..2 or 40%..")?;
        let or = |text: &str, other: Time| if text.trim().is_empty() { Ok(other) } else { Time::parse(text) };
        let range = TimeRange { from: or(from, Time::Nanoseconds(0))?, to: or(to, Time::End)? };
        match (range.from, range.to) {
            (Time::Nanoseconds(from), Time::Nanoseconds(to)) if from > to => {
                Err(format!("{text} ends before it begins"))
            }
            (Time::Part(from), Time::Part(to)) if from > to => Err(format!("{text} ends before it begins")),
            _ => Ok(range),
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, ns) in [
            ("1.5", 1_500_000_000),
            ("1.5s", 1_500_000_000),
            ("20ms", 20_000_000),
            ("0", 0),
            ("40%", 4_000_000_000),
            ("end", 9_000_000_000),
        ] {
            assert_eq!(Time::parse(text).map(|time| time.in_job(10_000_000_000, 9_000_000_000)), Ok(ns), "{text}");
        }
        for text in ["", "noon", "-1", "101%", "nan", "inf", "1e99"] {
            Time::parse(text).expect_err(text);
        }
    }

    #[test]
    fn ends_of_a_range_may_be_left_out() {
        let range = |text| TimeRange::parse(text).map(|range| (range.from.in_job(100, 90), range.to.in_job(100, 90)));
        assert_eq!(range(".."), Ok((0, 90)));
        assert_eq!(range("10%..50%"), Ok((10, 50)));
        assert_eq!(range("50%.."), Ok((50, 90)));
        for text in ["1", "2..1", "60%..5%", "a..b"] {
            TimeRange::parse(text).expect_err(text);
        }
    }
}
