//! The peak, or what another view tells, as a flamegraph: an SVG that shows, from the outermost call down, who holds how
//! much of it. The wider and the redder, the more.
//!
//! inferno draws it. What it cannot do, sizes in human units, is done to its output afterwards.

mod folded;
pub(crate) mod label;
mod shape;

use std::io::Write;

use inferno::flamegraph::color::{BackgroundColor, Color, StrokeColor};
use inferno::flamegraph::{Direction, Options, TextTruncateDirection, from_lines};

use crate::bytes::human_bytes;
use crate::call_stack::CallStack;
use crate::call_view::{CallView, StackRow};
use crate::error::AnalyzerError;
use crate::held::StackMemory;
use crate::measure::{Measure, Unit};
use crate::peak::Peak;
use crate::trace::Trace;

pub use shape::Shape;

/// A command longer than this is cut off in the title: about what fits into the width of the image.
const MAX_TITLE_COMMAND: usize = 80;

const WHITE: Color = Color { r: 255, g: 255, b: 255 };

/// Pixels: the text of 12 and room to tell one line from the next.
const FRAME_HEIGHT: usize = 19;

/// Calls that hold less than this much of it all, in percent, are left out: at the image's width
/// they are below a pixel or two, and the deep stacks of imports make the image many times as tall.
const MIN_SHARE_PERCENT: f64 = 0.1;

/// Of a stack with more frames than twice this, so many are shown at both ends. What lies between is recursion, and taller
/// than any screen.
const SHOWN_AT_EACH_END: usize = 100;

/// In place of the frames that are left out. It says no number, so that stacks that differ in nothing else are one.
pub(crate) const LEFT_OUT: &str = "(frames are left out here: the stack is too deep)";

/// The unit by which the sizes in inferno's output are found.
pub(crate) const BYTES: &str = "bytes";

/// What is drawn.
struct Picture<'a> {
    title: String,
    /// What calls hold, or have: the peak, for example.
    whole: &'a str,
    /// What is said if there is nothing of it.
    nothing: &'a str,
    unit: Unit,
    /// By their index in stacks.
    processes: Vec<String>,
    stacks: Vec<Weighed<'a>>,
}

/// A stack and how wide it is.
struct Weighed<'a> {
    frames: &'a CallStack,
    process_index: usize,
    weight: u64,
}

/// Writes the flamegraph of the peak as SVG. Source lines are those stored in the trace.
pub fn write(peak: &Peak, trace: &Trace, shape: Shape, out: impl Write) -> Result<(), AnalyzerError> {
    let (size, seconds) = (human_bytes(peak.peak_bytes), peak.peak_time_ns as f64 / 1e9);
    let weighed = |stack: &'_ StackMemory| (stack.process_index, stack.live_bytes);
    let picture = Picture {
        title: title(&format!("Peak memory: {size} at {seconds:.2} s"), &peak.command),
        whole: "the more of the peak it holds",
        nothing: "No memory was recorded.",
        unit: Unit::Bytes,
        processes: peak.processes.iter().map(|process| process_name(process.pid, &process.command)).collect(),
        stacks: peak.stacks.iter().map(|stack| Weighed::new(&stack.frames, weighed(stack))).collect(),
    };
    draw(&picture, trace, shape, out)
}

/// Writes the flamegraph of a view as SVG: of the first of its numbers. `headline` is its title.
pub fn write_view<M: Measure, A>(
    view: &CallView<M, A>,
    headline: &str,
    trace: &Trace,
    shape: Shape,
    out: impl Write,
) -> Result<(), AnalyzerError> {
    let weighed = |row: &'_ StackRow<M>| (row.process_index, row.measure.weight());
    let picture = Picture {
        title: title(headline, &view.command),
        whole: "the more it has",
        nothing: "There is nothing of the kind.",
        unit: M::COLUMNS.first().map_or(Unit::Bytes, |column| column.unit),
        processes: trace.processes().iter().map(|process| process_name(process.pid, &process.command)).collect(),
        stacks: view.stacks.iter().map(|row| Weighed::new(&row.frames, weighed(row))).collect(),
    };
    draw(&picture, trace, shape, out)
}

impl<'a> Weighed<'a> {
    fn new(frames: &'a CallStack, (process_index, weight): (usize, u64)) -> Weighed<'a> {
        Weighed { frames, process_index, weight }
    }
}

fn draw(picture: &Picture, trace: &Trace, shape: Shape, mut out: impl Write) -> Result<(), AnalyzerError> {
    let total = picture.stacks.iter().try_fold(0u64, |sum, stack| sum.checked_add(stack.weight));
    match total {
        // inferno has nothing to draw and says that this is an error.
        Some(0) => return Ok(out.write_all(empty_svg(&picture.title, picture.nothing).as_bytes())?),
        Some(_) => {}
        // Only in a damaged trace. inferno adds sizes up, and would panic or draw anything.
        None => {
            let text = "Sizes are damaged: no picture of them can be right.";
            return Ok(out.write_all(empty_svg(&picture.title, text).as_bytes())?);
        }
    }
    let root = if shape.inverted { " Allocating calls are on top, callers below them." } else { "" };
    let mut options = options(
        picture.title.clone(),
        &format!(
            "The wider and the redder a call, {}. Calls below 0.1% are left out.{root} Click to zoom in.",
            picture.whole
        ),
    );
    options.count_name = match picture.unit {
        Unit::Bytes => BYTES,
        Unit::Blocks => "blocks",
        Unit::Nanoseconds => "ns",
    }
    .to_owned();
    options.color_diffusion = true;
    let lines = folded::lines(picture, trace, shape);
    let mut svg = Vec::new();
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
    out.write_all(with_human_sizes(&String::from_utf8_lossy(&svg)).as_bytes())?;
    Ok(())
}

/// How all flamegraphs look.
pub(crate) fn options(title: String, subtitle: &str) -> Options<'static> {
    let mut options = Options::default();
    options.title = title;
    options.subtitle = Some(subtitle.to_owned());
    options.count_name = BYTES.to_owned();
    options.name_type = "Call:".to_owned();
    // Root on top, as in a traceback.
    options.direction = Direction::Inverted;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options.bgcolors = Some(BackgroundColor::Flat(WHITE));
    options.stroke_color = StrokeColor::Color(WHITE);
    options.frame_height = FRAME_HEIGHT;
    options.min_width = MIN_SHARE_PERCENT;
    options
}

fn title(headline: &str, command: &[String]) -> String {
    label::sanitize(&format!("{headline} - {}", short_command(command)))
}

/// A command as a title has room for it.
pub(crate) fn short_command(command: &[String]) -> String {
    let command: String = command.join(" ");
    let mut shown: String = command.chars().take(MAX_TITLE_COMMAND).collect();
    if shown.len() < command.len() {
        shown.push('…');
    }
    shown
}

/// The frames of a stack that are shown: all and no more, or if it is too deep those at both ends.
pub(crate) fn shown_ends<T>(frames: &[T]) -> (&[T], &[T]) {
    if frames.len() > 2 * SHOWN_AT_EACH_END {
        (&frames[..SHOWN_AT_EACH_END], &frames[frames.len() - SHOWN_AT_EACH_END..])
    } else {
        (frames, &[])
    }
}

fn process_name(pid: u32, command: &[String]) -> String {
    label::sanitize(&format!("{} (pid {pid})", command.join(" ")))
}

/// `function (file:line): source`; without a line `function (file)`.
fn frame_label(function: &str, file: &str, line: u32, trace: &Trace) -> String {
    let mut text = function.to_owned();
    if !file.is_empty() {
        text += &format!(" ({}", label::short_path(file));
        text += &if line == 0 { ")".to_owned() } else { format!(":{line})") };
    }
    if let Some(source) = trace.source_line(file, line) {
        text += &format!(": {}", source.trim());
    }
    label::sanitize(&text)
}

/// Rewrites `(419,430,400 bytes, 62.50%)` at the ends of titles to `(400.0 MiB, 62.5%)`.
fn with_human_sizes(svg: &str) -> String {
    const END: &str = "</title>";
    let mut rewritten = String::with_capacity(svg.len());
    for piece in svg.split_inclusive(END) {
        match piece.strip_suffix(END).and_then(human_title) {
            Some(title) => rewritten.extend([title.as_str(), END]),
            None => rewritten.push_str(piece),
        }
    }
    rewritten
}

fn human_title(text: &str) -> Option<String> {
    let (before, size) = text.rsplit_once(" (")?;
    let (bytes, percent) = size.split_once(&format!(" {BYTES}, "))?;
    let bytes: u64 = bytes.replace(',', "").parse().ok()?;
    let percent: f64 = percent.strip_suffix("%)")?.parse().ok()?;
    Some(format!("{before} ({}, {percent:.1}%)", human_bytes(bytes)))
}

/// An image that says why there is no other.
pub(crate) fn empty_svg(title: &str, text: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<?xml version=\"1.0\" standalone=\"no\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"80\" font-family=\"monospace\">\n\
         <text x=\"600\" y=\"30\" font-size=\"17\" text-anchor=\"middle\">{title}</text>\n\
         <text x=\"600\" y=\"60\" font-size=\"12\" text-anchor=\"middle\">{text}</text>\n\
         </svg>\n"
    )
}
