//! Memory over time: a plot of all of it, and below it who held most, each with a line of its own.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::views::Query;
use analyzer::{Timeline, TimelineOptions, TimelineRow, tables};

use crate::analyze::output::{Output, least_bytes};
use crate::analyze::table::{self, TableLine};
use crate::analyze::view_table::{header, texts};
use crate::analyze::{Form, timeline_plot};
use crate::arguments::{Forms, Rows};
use crate::error::CliError;
use crate::quantities::duration;

/// Rows below the plot, unless said.
const ROWS: usize = 8;
/// Characters of a line of memory over time.
const LINE: usize = 24;
/// From nothing to the most.
const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Answers and writes.
pub(crate) fn timeline<W: Write>(forms: &Forms, query: Query, mut output: Output<W>) -> Result<(), CliError> {
    let is_for_people = matches!(output.form, Form::Text);
    let mut options = TimelineOptions { least_bytes: least_bytes(forms), query, ..TimelineOptions::default() };
    if let Some(buckets) = forms.buckets {
        options.buckets = buckets as usize;
    } else if is_for_people {
        options.buckets = timeline_plot::buckets(output.screen);
    }
    if let Some(rows) = forms.rows {
        options.rows = rows as usize;
    } else if is_for_people {
        options.rows = ROWS;
    }
    let mut timeline = analyzer::timeline(output.trace, &options)?;
    let only_totals = forms.by == Some(Rows::Total);
    if only_totals {
        timeline.rows.clear();
    }
    let table = || if only_totals { tables::timeline_totals(&timeline) } else { tables::timeline(&timeline) };
    output.write(&timeline, table, |output| write(&timeline, output))
}

fn write(timeline: &Timeline, output: &mut Output<impl Write>) -> io::Result<()> {
    timeline_plot::write(timeline, output.screen, &mut output.out)?;
    let buckets = timeline.totals.len().max(1);
    let rows = timeline.rows.len() / buckets;
    if rows == 0 {
        return Ok(());
    }
    let of_row = |row: usize| timeline.rows.iter().skip(row).step_by(rows).collect::<Vec<_>>();
    let lines = (0..rows).map(|row| line(&of_row(row), output)).collect();
    let headings = ["most", "at", "at the end", "over time"];
    table::write(header(headings.into_iter(), timeline.grouping), lines, output.screen, &mut output.out)
}

/// Of one row in all buckets.
fn line(buckets: &[&TimelineRow], output: &Output<impl Write>) -> TableLine {
    let most = buckets.iter().rev().max_by_key(|row| row.max_live_bytes);
    let (most_bytes, at_ns) = most.map_or((0, 0), |row| (row.max_live_bytes, row.time_ns));
    let end_bytes = buckets.last().map_or(0, |row| row.live_bytes);
    let [name, location, source] = buckets.first().map_or_else(Default::default, |row| texts(&row.group, output.trace));
    let levels: Vec<u64> = buckets.iter().map(|row| row.max_live_bytes).collect();
    let numbers =
        vec![human_bytes(most_bytes), duration(at_ns), human_bytes(end_bytes), over_time(&levels, LINE, most_bytes)];
    TableLine { numbers, name, location, source }
}

/// A line of characters as high as the levels, each for the most of several levels.
fn over_time(levels: &[u64], width: usize, most: u64) -> String {
    let width = width.min(levels.len()).max(1);
    let part = |at: usize| &levels[levels.len() * at / width..levels.len() * (at + 1) / width];
    let character = |at: usize| {
        let level = part(at).iter().copied().max().unwrap_or(0);
        match level {
            0 => ' ',
            level => LEVELS[(u128::from(level) * 7 / u128::from(most.max(1))).min(7) as usize],
        }
    };
    (0..width).map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_shows_the_most_of_each_stretch() {
        assert_eq!(over_time(&[0, 0, 1, 8, 4, 0], 3, 8), " █▄");
        assert_eq!(over_time(&[8, 0], 24, 8), "█ ");
        assert_eq!(over_time(&[], 24, 0), " ");
        assert_eq!(over_time(&[u64::MAX], 1, u64::MAX), "█");
    }
}
