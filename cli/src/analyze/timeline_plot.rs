//! Memory over time as a plot of text: counted memory as an area, resident memory as dots over it,
//! the peak marked.

use std::io::{self, Write};

use analyzer::Timeline;
use analyzer::bytes::human_bytes;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Span;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Widget};

use crate::analyze::Screen;
use crate::quantities::duration;

const HEIGHT: u16 = 20;
/// A braille character is two dots wide: one bucket each.
const BUCKETS_PER_COLUMN: usize = 2;
/// Wide enough to look at; the rest of the terminal stays empty.
const MOST_COLUMNS: u16 = 160;
/// More lines across than this and a plot becomes a ruler.
const MOST_STEPS: u64 = 5;

const LIVE: (Marker, char, Color) = (Marker::Braille, '⣿', Color::Cyan);
const RESIDENT: (Marker, char, Color) = (Marker::Custom('·'), '·', Color::Yellow);
const PEAK: (Marker, char, Color) = (Marker::Custom('▲'), '▲', Color::Red);

/// The number of buckets that a plot on this screen can show.
pub(crate) fn buckets(screen: &Screen) -> usize {
    usize::from(screen.width().min(MOST_COLUMNS)) * BUCKETS_PER_COLUMN
}

/// Writes legend and plot.
pub(crate) fn write(timeline: &Timeline, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let Some(peak) = timeline.totals.iter().rev().max_by_key(|total| total.max_live_bytes) else {
        return writeln!(out, "Nothing was recorded, so there is no timeline.");
    };
    let live: Vec<(f64, f64)> =
        timeline.totals.iter().map(|total| (total.time_ns as f64, total.max_live_bytes as f64)).collect();
    let resident: Vec<(f64, f64)> =
        (timeline.totals.iter()).filter_map(|total| Some((total.time_ns as f64, total.rss_bytes? as f64))).collect();
    let peak_point = [(peak.time_ns as f64, peak.max_live_bytes as f64)];

    let mut legend = vec![colored(screen, LIVE, "counted memory")];
    if !resident.is_empty() {
        legend.push(colored(screen, RESIDENT, "resident memory (RSS)"));
    }
    legend.push(colored(screen, PEAK, &format!("peak {}", human_bytes(peak.max_live_bytes))));
    writeln!(out, "{}", legend.join("   "))?;
    writeln!(out)?;

    let highest = live.iter().chain(&resident).map(|(_, bytes)| *bytes).fold(0.0, f64::max);
    let datasets = vec![
        dataset(LIVE, &live).graph_type(GraphType::Bar),
        dataset(RESIDENT, &resident).graph_type(GraphType::Scatter),
        dataset(PEAK, &peak_point).graph_type(GraphType::Scatter),
    ];
    let chart = Chart::new(datasets)
        .x_axis(time_axis(timeline.duration_ns))
        .y_axis(bytes_axis(highest as u64))
        .legend_position(None);
    let area = Rect::new(0, 0, screen.width().min(MOST_COLUMNS), HEIGHT);
    let mut buffer = Buffer::empty(area);
    chart.render(area, &mut buffer);
    write_buffer(&buffer, screen, out)
}

fn dataset((marker, _, color): (Marker, char, Color), points: &[(f64, f64)]) -> Dataset<'_> {
    Dataset::default().marker(marker).style(Style::new().fg(color)).data(points)
}

fn colored(screen: &Screen, (_, sign, color): (Marker, char, Color), text: &str) -> String {
    match escape_code(color) {
        Some(code) if screen.is_styled() => format!("\x1b[{code}m{sign}\x1b[0m {text}"),
        _ => format!("{sign} {text}"),
    }
}

fn time_axis(duration_ns: u64) -> Axis<'static> {
    let labels = (0..=4).map(|quarter| match quarter {
        0 => Span::raw("0 s"),
        _ => Span::raw(duration(duration_ns / 4 * quarter)),
    });
    Axis::default().bounds([0.0, duration_ns.max(1) as f64]).labels(labels)
}

fn bytes_axis(highest: u64) -> Axis<'static> {
    let step = step(highest);
    let steps = highest.div_ceil(step.bytes()).max(1);
    let labels = (0..=steps).map(|at| Span::raw(if at == 0 { "0".to_owned() } else { step.label(at) }));
    Axis::default().bounds([0.0, step.bytes().saturating_mul(steps) as f64]).labels(labels)
}

/// The distance of two labels: a round number of a binary unit, whose multiples are round as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    number: u64,
    /// Power of 1024.
    unit: u32,
}

impl Step {
    fn bytes(self) -> u64 {
        self.number << (10 * self.unit)
    }

    fn label(self, times: u64) -> String {
        human_bytes(self.bytes().saturating_mul(times)).replace(".0 ", " ")
    }
}

/// The smallest round number that makes few steps to `highest`.
fn step(highest: u64) -> Step {
    let steps = (0..=5).flat_map(|unit| [1, 2, 5, 10, 20, 50, 100, 200, 512].map(|number| Step { number, unit }));
    let mut steps = steps.filter(|step| highest.div_ceil(step.bytes()) <= MOST_STEPS);
    steps.next().unwrap_or(Step { number: 4096, unit: 5 })
}

fn write_buffer(buffer: &Buffer, screen: &Screen, out: &mut impl Write) -> io::Result<()> {
    let width = usize::from(buffer.area.width);
    for row in buffer.content.chunks(width) {
        let mut line = String::new();
        let mut current = None;
        let end = row.iter().rposition(|cell| cell.symbol() != " ").map_or(0, |last| last + 1);
        for cell in &row[..end] {
            let color = escape_code(cell.fg).filter(|_| screen.is_styled());
            if color != current {
                line.push_str(&format!("\x1b[{}m", color.unwrap_or(0)));
                current = color;
            }
            line.push_str(cell.symbol());
        }
        if current.is_some() {
            line.push_str("\x1b[0m");
        }
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Select Graphic Rendition (ECMA-48, 8.3.117) for the colours used here.
fn escape_code(color: Color) -> Option<u8> {
    match color {
        Color::Red => Some(31),
        Color::Yellow => Some(33),
        Color::Cyan => Some(36),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;
    use analyzer::TimelineTotal;

    #[test]
    fn steps_are_round_numbers_of_binary_units() {
        let labels = |highest| {
            let step = step(highest);
            (1..=highest.div_ceil(step.bytes())).map(|at| step.label(at)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(labels(3), "1 B 2 B 3 B");
        assert_eq!(labels(563 << 20), "200 MiB 400 MiB 600 MiB");
        assert_eq!(labels(1 << 30), "512 MiB 1 GiB");
        assert_eq!(labels((1 << 20) + 1), "512 KiB 1 MiB 1.5 MiB");
        assert_eq!(step(u64::MAX), Step { number: 4096, unit: 5 });
    }

    #[test]
    fn the_plot_is_an_area_with_the_peak_on_top() {
        let total = |at: u64, live: u64| TimelineTotal {
            time_ns: at * 1_000_000_000 / 100,
            live_bytes: live,
            max_live_bytes: live,
            rss_bytes: None,
        };
        let timeline = Timeline {
            schema: "fil.timeline/1",
            trace: String::new(),
            command: Vec::new(),
            duration_ns: 1_000_000_000,
            complete: true,
            warnings: Vec::new(),
            totals: (1..=100).map(|at| total(at, if at == 50 { 512 << 20 } else { 128 << 20 })).collect(),
            grouping: analyzer::Grouping::CallSite,
            rows: Vec::new(),
        };
        let mut text = Vec::new();
        write(&timeline, &Screen::plain(), &mut text).expect("written");
        let text = String::from_utf8(text).expect("text");
        println!("{text}");
        assert!(text.starts_with("⣿ counted memory   ▲ peak 512.0 MiB\n"), "{text}");
        assert!(text.contains("600 MiB"), "{text}");
        assert!(text.contains("1.00 s"), "{text}");
        assert!(text.lines().skip(2).any(|line| line.contains('▲')), "{text}");
        assert!(!text.contains('\x1b'), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
