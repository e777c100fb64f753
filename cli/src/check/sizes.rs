//! Budgets as people write them on the command line.

use std::fmt;
use std::str::FromStr;

use analyzer::Pattern;
use analyzer::check::Tolerance;
use bytesize::ByteSize;

/// A size, told again in units of the kind in which it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    /// KiB and MiB rather than kB and MB.
    binary: bool,
}

/// How much the call sites that a pattern is for may hold.
#[derive(Clone, Debug)]
pub(crate) struct SiteBudget {
    pub(crate) pattern: Pattern,
    pub(crate) allowed: Size,
}

/// A tolerance, and how it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tolerated {
    pub(crate) tolerance: Tolerance,
    pub(crate) text: String,
}

/// Ten thousand times as much: whoever tolerates more needs no check.
const MOST_PERCENT: f64 = 1e6;

impl Size {
    /// Bytes, or a number with a unit: `500MB` is 500,000,000 and `2GiB` 2,147,483,648 bytes.
    pub(crate) fn parse(text: &str) -> Result<Size, String> {
        let size = ByteSize::from_str(text.trim());
        let size = size.map_err(|_| format!("{text:?} is no size: write it as in 500MB or 2GiB"))?;
        Ok(Size { bytes: size.as_u64(), binary: text.contains(['i', 'I']) })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = ByteSize::b(self.bytes).display();
        write!(formatter, "{}", if self.binary { size.iec() } else { size.si() })
    }
}

impl SiteBudget {
    /// A pattern, `=`, and a size.
    pub(crate) fn parse(text: &str) -> Result<SiteBudget, String> {
        let parts = text.rsplit_once('=').filter(|(pattern, _)| !pattern.is_empty());
        let (pattern, size) =
            parts.ok_or("write a function, file:line or pattern, and a size, as in read_csv=500MB")?;
        let pattern = Pattern::new(pattern).map_err(|error| error.to_string())?;
        Ok(SiteBudget { pattern, allowed: Size::parse(size)? })
    }
}

impl Tolerated {
    /// A percentage, `2.5%`, or a size.
    pub(crate) fn parse(text: &str) -> Result<Tolerated, String> {
        let text = text.trim();
        let wrong = || format!("{text:?} is no tolerance: write a part as in 2.5%, or a size as in 20MB");
        let tolerance = match text.strip_suffix('%') {
            Some(percent) => {
                let percent = f64::from_str(percent.trim()).ok().filter(|part| (0.0..=MOST_PERCENT).contains(part));
                Tolerance::Percent(percent.ok_or_else(wrong)?)
            }
            None => Tolerance::Bytes(Size::parse(text).map_err(|_| wrong())?.bytes),
        };
        Ok(Tolerated { tolerance, text: text.to_owned() })
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_in_the_units_in_which_they_were_given() {
        for (text, bytes, told) in [
            ("2GB", 2_000_000_000, "2.0 GB"),
            ("2GiB", 2 << 30, "2.0 GiB"),
            ("1.5 MiB", 3 << 19, "1.5 MiB"),
            ("500", 500, "500 B"),
            ("1000000", 1_000_000, "1.0 MB"),
            ("0", 0, "0 B"),
        ] {
            let size = Size::parse(text).expect(text);
            assert_eq!((size.bytes, size.to_string().as_str()), (bytes, told));
        }
        for text in ["", "much", "-1", "-1MB", "5%", "1e400000x"] {
            Size::parse(text).expect_err(text);
        }
    }

    #[test]
    fn a_pattern_may_have_an_equals_sign() {
        let budget = SiteBudget::parse("a=b*=1kB").expect("is one");
        assert_eq!((budget.pattern.text(), budget.allowed.bytes), ("a=b*", 1000));
        for text in ["f", "=1kB", "f=", "f=much"] {
            SiteBudget::parse(text).expect_err(text);
        }
    }

    #[test]
    fn a_tolerance_is_a_part_or_a_size() {
        let tolerance = |text| Tolerated::parse(text).map(|tolerated| tolerated.tolerance);
        assert_eq!(tolerance("2.5%"), Ok(Tolerance::Percent(2.5)));
        assert_eq!(tolerance(" 0 % "), Ok(Tolerance::Percent(0.0)));
        assert_eq!(tolerance("20MB"), Ok(Tolerance::Bytes(20_000_000)));
        for text in ["", "%", "-1%", "nan%", "inf%", "much"] {
            Tolerated::parse(text).expect_err(text);
        }
    }
}
