//! Line tables of real Pythons, and what those Pythons say of them. The golden files and the script
//! that makes them are in `tests/data`.

use format::LineTableFormat;

use super::{LineTable, Location};

const GOLDEN: [(&str, &str); 5] = [
    ("3.9", include_str!("../../tests/data/line_tables_3.9.txt")),
    ("3.10", include_str!("../../tests/data/line_tables_3.10.txt")),
    ("3.11", include_str!("../../tests/data/line_tables_3.11.txt")),
    ("3.12", include_str!("../../tests/data/line_tables_3.12.txt")),
    ("3.13", include_str!("../../tests/data/line_tables_3.13.txt")),
];

fn number(text: &str) -> Option<u32> {
    (text != "-").then(|| text.parse().unwrap())
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('-').as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Decodes the table of a `code` line.
fn table(words: &[&str]) -> LineTable {
    let format = match words[2] {
        "lnotab" => LineTableFormat::Lnotab,
        "line_ranges" => LineTableFormat::LineRanges,
        "locations" => LineTableFormat::Locations,
        other => panic!("{other}"),
    };
    LineTable::decode(format, &hex(words[4]), words[3].parse().unwrap())
}

#[test]
fn every_instruction_is_where_python_says() {
    for (python, golden) in GOLDEN {
        let (mut code, mut decoded, mut unit, mut codes) = ("", LineTable::default(), 0, 0);
        for line in golden.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            if words[0] == "code" {
                (code, decoded, unit, codes) = (words[1], table(&words), 0, codes + 1);
                continue;
            }
            let expected = Location {
                line: number(words[1]),
                end_line: number(words[2]),
                column: number(words[3]),
                end_column: number(words[4]),
            };
            for _ in 0..words[0].parse().unwrap() {
                assert_eq!(decoded.location(unit), expected, "{code} at {unit} in Python {python}");
                unit += 1;
            }
        }
        assert!(codes > 10, "{python} has {codes}");
    }
}

#[test]
fn damaged_tables_have_what_can_be_read() {
    for (_, golden) in GOLDEN {
        for line in golden.lines().filter(|line| line.starts_with("code")) {
            let words: Vec<&str> = line.split(' ').collect();
            let whole = table(&words);
            let bytes = hex(words[4]);
            let cut = &words[4][..bytes.len() / 2 * 2];
            let half = table(&[words[0], words[1], words[2], words[3], cut]);
            for unit in 0..half.end.min(whole.end).min(10_000).saturating_sub(1) {
                // The last range of an lnotab has no end, so only what is before it is compared.
                if words[2] != "lnotab" {
                    assert_eq!(half.location(unit), whole.location(unit));
                }
            }
        }
    }
    for format in [LineTableFormat::Lnotab, LineTableFormat::LineRanges, LineTableFormat::Locations] {
        for byte in 0..=255 {
            for first_line in [0, 1, u32::MAX] {
                let noise = LineTable::decode(format, &[byte; 1000], first_line);
                noise.location(0);
                noise.location(u32::MAX);
            }
        }
    }
}
