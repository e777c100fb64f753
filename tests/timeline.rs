//! Memory over time: the rows of each moment add up, to the same total in every form.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{Folder, list, number, python, read_csv, text};

/// Steps up to a peak and down again, so that there is something to see.
const CODE: &str = "
def early(): return bytearray(20_000_000)
def late(): return [str(number) * 8 for number in range(200_000)]
first = early()
second = late()
third = early()
del first
fourth = late()
import os; os._exit(0)
";

fn recorded() -> Folder {
    let folder = Folder::new();
    folder.record_code(&python(), CODE).success();
    folder
}

fn bytes(row: &Value, name: &str) -> u64 {
    text(row, name).parse().unwrap_or_else(|error| panic!("{name}: {error} in {row}"))
}

fn columns(csv: &str) -> &str {
    csv.lines().next().unwrap_or_default()
}

/// Live and greatest live bytes by time, of `--by total`.
fn totals(folder: &Folder) -> BTreeMap<String, (u64, u64)> {
    let csv = folder.analyze(&["--timeline", "--by", "total", "--csv"]);
    assert_eq!(columns(&csv), "time_s,live_bytes,max_live_bytes,rss_bytes");
    let rows = read_csv(&csv);
    rows.iter()
        .map(|row| (text(row, "time_s").to_owned(), (bytes(row, "live_bytes"), bytes(row, "max_live_bytes"))))
        .collect()
}

#[test]
fn the_rows_of_a_bucket_add_up_to_the_total() {
    let folder = recorded();
    let csv = folder.analyze(&["--timeline", "--csv"]);
    assert_eq!(columns(&csv), "time_s,function,file,line,live_bytes,max_live_bytes");
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    let mut greatest: BTreeMap<(String, String), u64> = BTreeMap::new();
    for row in read_csv(&csv) {
        assert!(bytes(&row, "live_bytes") <= bytes(&row, "max_live_bytes"), "{row}");
        *sums.entry(text(&row, "time_s").to_owned()).or_default() += bytes(&row, "live_bytes");
        let function = (text(&row, "function").to_owned(), text(&row, "file").to_owned());
        let max = greatest.entry(function).or_default();
        *max = (*max).max(bytes(&row, "max_live_bytes"));
    }
    assert!(sums.len() > 10, "{} moments", sums.len());
    let totals = totals(&folder);
    let live: BTreeMap<String, u64> = totals.iter().map(|(time, &(live, _))| (time.clone(), live)).collect();
    assert_eq!(sums, live);
    let early = greatest[&("early".to_owned(), "<string>".to_owned())];
    assert_eq!(early, 2 * 20_000_057, "two blocks at once");
}

#[test]
fn the_timeline_reaches_the_peak_and_ends_where_the_job_ended() {
    let folder = recorded();
    let peak = folder.peak();
    let totals = totals(&folder);
    let greatest = totals.values().map(|&(_, max)| max).max();
    assert_eq!(greatest, Some(peak.number("peak_bytes")));
    let seconds = |time: &String| time.parse::<f64>().expect("seconds");
    let last = totals.iter().max_by(|(a, _), (b, _)| seconds(a).total_cmp(&seconds(b)));
    assert_eq!(last.map(|(_, &(live, _))| live), Some(peak.number("end_bytes")));
}

#[test]
fn json_tells_the_same() {
    let folder = recorded();
    let json: Value = serde_json::from_str(&folder.analyze(&["--timeline", "--json"])).expect("JSON");
    assert_eq!(text(&json, "schema"), "fil.timeline/1");
    let totals: Vec<(u64, u64)> = list(&json, "totals")
        .iter()
        .map(|total| (number(total, "live_bytes"), number(total, "max_live_bytes")))
        .collect();
    let from_csv: Vec<(u64, u64)> = read_csv(&folder.analyze(&["--timeline", "--by", "total", "--csv"]))
        .iter()
        .map(|row| (bytes(row, "live_bytes"), bytes(row, "max_live_bytes")))
        .collect();
    assert_eq!(totals, from_csv);
    // And its rows add up, bucket by bucket.
    let mut sums: BTreeMap<u64, u64> = BTreeMap::new();
    for row in list(&json, "rows") {
        *sums.entry(number(row, "time_ns")).or_default() += number(row, "live_bytes");
    }
    assert!(sums.values().copied().eq(from_csv.iter().map(|&(live, _)| live)), "{sums:?}");
}

#[test]
fn the_plot_fits_a_pipe() {
    let folder = recorded();
    let plot = folder.analyze(&["--timeline"]);
    assert!(plot.lines().count() > 5, "{plot}");
    assert!(!plot.contains('\x1b'), "no colours into a pipe: {plot:?}");
}

/// Nothing happens in a pause, so nothing is stamped with a time; the event behind it must be all the same.
#[test]
fn a_block_that_is_held_through_a_pause_is_seen_that_long() {
    const PAUSE_S: f64 = 0.5;
    let folder = Folder::new();
    let code =
        format!("import time\nheld = bytearray(100_000_000)\ntime.sleep({PAUSE_S})\ndel held\ntime.sleep({PAUSE_S})\n");
    folder.record_code(&python(), &code).success();
    let totals: Vec<(f64, u64)> =
        totals(&folder).into_iter().map(|(time, (live, _))| (time.parse().expect("a number"), live)).collect();
    let mut times: Vec<f64> = totals.iter().filter(|(_, live)| *live >= 100_000_000).map(|(time, _)| *time).collect();
    times.sort_by(f64::total_cmp);
    let (first, last) = (times.first().expect("it was held"), times.last().expect("it was held"));
    let end = totals.iter().map(|(time, _)| *time).fold(0.0, f64::max);
    // The job slept this long, or longer; a bucket is a two-hundredth of it all.
    assert!(last - first > PAUSE_S - 2.0 * end / 200.0, "held from {first} to {last} of {end} s");
    assert!(end - last > PAUSE_S - 2.0 * end / 200.0, "and not until the end: {last} of {end} s");
}
