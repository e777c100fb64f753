//! The peak as a flamegraph: an SVG that shows, from the outermost call down, who holds how much of
//! the peak. The wider and the redder, the more.
//!
//! inferno draws it. What it cannot do, sizes in human units, is done to its output afterwards.

pub(crate) mod label;

use std::collections::HashMap;
use std::io::Write;

use inferno::flamegraph::color::{BackgroundColor, Color, StrokeColor};
use inferno::flamegraph::{Direction, Options, TextTruncateDirection, from_lines};

use crate::bytes::human_bytes;
use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::Frame;
use crate::error::AnalyzerError;
use crate::held::ProcessMemory;
use crate::peak::Peak;
use crate::trace::Trace;

/// A command longer than this is cut off in the title: about what fits into the width of the image.
const MAX_TITLE_COMMAND: usize = 80;

const WHITE: Color = Color { r: 255, g: 255, b: 255 };

/// Pixels: the text of 12 and room to tell one line from the next.
const FRAME_HEIGHT: usize = 19;

/// Calls that hold less than this much of the peak, in percent, are left out: at the image's width
/// they are below a pixel or two, and the deep stacks of imports make the image many times as tall.
const MIN_SHARE_PERCENT: f64 = 0.1;

/// Of a stack with more frames than twice this, so many are shown at both ends. What lies between is recursion, and taller
/// than any screen.
const SHOWN_AT_EACH_END: usize = 100;

/// In place of the frames that are left out. It says no number, so that stacks that differ in nothing else are one.
pub(crate) const LEFT_OUT: &str = "(frames are left out here: the stack is too deep)";

/// The unit by which the sizes in inferno's output are found.
const UNIT: &str = "bytes";

/// Writes the flamegraph of the peak as SVG. Source lines are those stored in the trace.
pub fn write(peak: &Peak, trace: &Trace, mut out: impl Write) -> Result<(), AnalyzerError> {
    let title = title(peak);
    if peak.peak_bytes == 0 {
        // inferno has nothing to draw and says that this is an error.
        return Ok(out.write_all(empty_svg(&title, "No memory was recorded.").as_bytes())?);
    }
    let total = peak.stacks.iter().try_fold(0u64, |sum, stack| sum.checked_add(stack.live_bytes));
    if total.is_none() {
        // Only in a damaged trace. inferno adds sizes up, and would panic or draw anything.
        return Ok(out.write_all(empty_svg(&title, "Sizes are damaged: no picture of them can be right.").as_bytes())?);
    }
    let mut options = options(title);
    let lines = folded_lines(peak, trace);
    let mut svg = Vec::new();
    from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
    out.write_all(with_human_sizes(&String::from_utf8_lossy(&svg)).as_bytes())?;
    Ok(())
}

fn options(title: String) -> Options<'static> {
    let mut options = Options::default();
    options.title = title;
    options.subtitle = Some("The wider and the redder a call, the more of the peak it holds. Calls below 0.1% are left out. Click to zoom in.".into());
    options.count_name = UNIT.to_owned();
    options.name_type = "Call:".to_owned();
    // Root on top, as in a traceback.
    options.direction = Direction::Inverted;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options.color_diffusion = true;
    options.bgcolors = Some(BackgroundColor::Flat(WHITE));
    options.stroke_color = StrokeColor::Color(WHITE);
    options.frame_height = FRAME_HEIGHT;
    options.min_width = MIN_SHARE_PERCENT;
    options
}

fn title(peak: &Peak) -> String {
    let command: String = peak.command.join(" ");
    let mut shown: String = command.chars().take(MAX_TITLE_COMMAND).collect();
    if shown.len() < command.len() {
        shown.push('…');
    }
    let (size, seconds) = (human_bytes(peak.peak_bytes), peak.peak_time_ns as f64 / 1e9);
    label::sanitize(&format!("Peak memory: {size} at {seconds:.2} s - {shown}"))
}

/// One line per stack: its frames, outermost first, and its size, as inferno wants it.
fn folded_lines<'a>(peak: &'a Peak, trace: &Trace) -> Vec<String> {
    let mut labels = HashMap::<&'a Frame, String>::new();
    let several_processes = peak.processes.iter().filter(|process| process.live_bytes > 0).count() > 1;
    let mut lines = Vec::with_capacity(peak.stacks.len());
    for stack in &peak.stacks {
        let mut frames = Vec::new();
        if several_processes {
            frames.extend(peak.processes.get(stack.process_index).map(process_label));
        }
        let all = stack.frames.frames();
        let mut show = |shown: &[&'a Frame]| {
            for frame in shown {
                frames.push(labels.entry(frame).or_insert_with(|| frame_label(frame, trace)).clone());
            }
        };
        if all.len() > 2 * SHOWN_AT_EACH_END {
            show(&all[..SHOWN_AT_EACH_END]);
            show(&all[all.len() - SHOWN_AT_EACH_END..]);
            frames.insert(frames.len() - SHOWN_AT_EACH_END, LEFT_OUT.to_owned());
        } else {
            show(&all);
        }
        if frames.len() == usize::from(several_processes) {
            frames.push(NO_PYTHON_FRAME.to_owned());
        }
        lines.push(format!("{} {}", frames.join(";"), stack.live_bytes));
    }
    lines
}

fn process_label(process: &ProcessMemory) -> String {
    label::sanitize(&format!("{} (pid {})", process.command.join(" "), process.pid))
}

/// `function (file:line): source`.
fn frame_label(frame: &Frame, trace: &Trace) -> String {
    let mut text = frame.function.clone();
    if !frame.file.is_empty() {
        text += &format!(" ({}:{})", label::short_path(&frame.file), frame.line);
    }
    if let Some(source) = trace.source_line(&frame.file, frame.line) {
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
    let (bytes, percent) = size.split_once(&format!(" {UNIT}, "))?;
    let bytes: u64 = bytes.replace(',', "").parse().ok()?;
    let percent: f64 = percent.strip_suffix("%)")?.parse().ok()?;
    Some(format!("{before} ({}, {percent:.1}%)", human_bytes(bytes)))
}

fn empty_svg(title: &str, text: &str) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<?xml version=\"1.0\" standalone=\"no\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1200\" height=\"80\" font-family=\"monospace\">\n\
         <text x=\"600\" y=\"30\" font-size=\"17\" text-anchor=\"middle\">{title}</text>\n\
         <text x=\"600\" y=\"60\" font-size=\"12\" text-anchor=\"middle\">{text}</text>\n\
         </svg>\n"
    )
}
