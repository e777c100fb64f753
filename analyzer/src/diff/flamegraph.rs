//! Both peaks as one flamegraph: who holds more than before, and who less.
//!
//! A call is as wide as what it held in that run in which it held more, so that what is gone is still to be seen. Its
//! colour is that of inferno's differential flamegraphs: red where a function itself holds more than before, blue where
//! it holds less, white where nothing changed. Its title tells the size in both runs, with all that it called.
//!
//! Calls are matched by functions and files, without lines. Processes and threads are not told apart.

use std::collections::HashMap;
use std::io::Write;

use inferno::flamegraph::color::{Color, StrokeColor};
use inferno::flamegraph::from_lines;

use crate::bytes::{human_bytes, percent_change};
use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::Frame;
use crate::call_view::StackRow;
use crate::diff::moved_files::MovedFiles;
use crate::diff::{Diff, change};
use crate::error::AnalyzerError;
use crate::flamegraph::label::{sanitize, short_path};
use crate::flamegraph::{BYTES, LEFT_OUT, empty_svg, options, short_command, shown_ends};
use crate::totals::Totals;

const SUBTITLE: &str = "As wide as the larger of both. Red functions hold more than before, blue ones less, white ones as much. Calls below 0.1% are left out. Click to zoom in.";

/// Without a border nobody would see the white ones.
const GREY: Color = Color { r: 208, g: 208, b: 208 };

/// What inferno calls the sum of all stacks.
const ALL: &str = "all";

/// inferno multiplies sizes by 150 and adds them up. No job holds more; a damaged trace may say so.
const MOST_BYTES: u64 = i64::MAX as u64 / 300;

/// Writes the flamegraph as SVG.
pub fn write(diff: &Diff, mut out: impl Write) -> Result<(), AnalyzerError> {
    let title = title(diff);
    let mut tree = Tree::default();
    tree.add(&diff.before_stacks, &diff.moved_files, |sizes, bytes| sizes.before = sizes.before.saturating_add(bytes));
    tree.add(&diff.after_stacks, &diff.moved_files, |sizes, bytes| sizes.after = sizes.after.saturating_add(bytes));
    let why_not = match tree.width() {
        0 => "No memory was recorded.",
        width if width > MOST_BYTES => "Sizes are damaged: no picture of them can be right.",
        _ => {
            let lines = tree.lines();
            let mut options = options(title, SUBTITLE);
            options.stroke_color = StrokeColor::Color(GREY);
            let mut svg = Vec::new();
            from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
            let svg = with_own_titles(&String::from_utf8_lossy(&svg), &tree.nodes[ROOT]);
            return Ok(out.write_all(svg.as_bytes())?);
        }
    };
    Ok(out.write_all(empty_svg(&title, why_not).as_bytes())?)
}

fn title(diff: &Diff) -> String {
    let sizes = Sizes { before: diff.before.peak_bytes, after: diff.after.peak_bytes };
    sanitize(&format!("Peak memory: {} - {}", sizes.text(), short_command(&diff.after.command)))
}

/// Live bytes at the peaks of both runs.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    before: u64,
    after: u64,
}

impl Sizes {
    /// `400.0 MiB, was 800.0 MiB (-50%)`.
    fn text(self) -> String {
        let (before, after) = (human_bytes(self.before), human_bytes(self.after));
        format!("{after}, was {before} ({})", percent_change(self.before, self.after))
    }

    fn larger(self) -> u64 {
        self.before.max(self.after)
    }
}

/// A call, as it is shown.
#[derive(Default)]
struct Node {
    label: String,
    parent: usize,
    /// What it allocated itself.
    own: Sizes,
    /// With all that it called.
    total: Sizes,
}

/// The first node: all stacks.
const ROOT: usize = 0;

/// The calls of both runs. A parent stands before its children.
struct Tree {
    nodes: Vec<Node>,
    children: HashMap<(usize, String), usize>,
}

impl Default for Tree {
    fn default() -> Tree {
        Tree { nodes: vec![Node::default()], children: HashMap::new() }
    }
}

impl Tree {
    /// Adds the stacks of one run. `add` adds bytes to the sizes of that run.
    fn add(&mut self, stacks: &[StackRow<Totals>], moved_files: &MovedFiles, add: impl Fn(&mut Sizes, u64)) {
        let mut labels = HashMap::<&Frame, String>::new();
        for stack in stacks.iter().filter(|stack| stack.measure.live_bytes > 0) {
            let bytes = stack.measure.live_bytes;
            let frames = stack.frames.frames();
            let (outer, inner) = shown_ends(&frames);
            let gap = (!inner.is_empty()).then_some(None);
            let shown = outer.iter().copied().map(Some).chain(gap).chain(inner.iter().copied().map(Some));
            let mut node = ROOT;
            add(&mut self.nodes[node].total, bytes);
            for frame in shown {
                let label = match frame {
                    Some(frame) => labels.entry(frame).or_insert_with(|| frame_label(frame, moved_files)).as_str(),
                    None => LEFT_OUT,
                };
                node = self.child(node, label);
                add(&mut self.nodes[node].total, bytes);
            }
            if node == ROOT {
                node = self.child(ROOT, NO_PYTHON_FRAME);
                add(&mut self.nodes[node].total, bytes);
            }
            add(&mut self.nodes[node].own, bytes);
        }
    }

    fn child(&mut self, parent: usize, label: &str) -> usize {
        *self.children.entry((parent, label.to_owned())).or_insert_with_key(|(parent, label)| {
            self.nodes.push(Node { label: label.clone(), parent: *parent, ..Node::default() });
            self.nodes.len() - 1
        })
    }

    /// Bytes that are drawn.
    fn width(&self) -> u64 {
        self.nodes.iter().fold(0, |sum, node| sum.saturating_add(node.own.larger()))
    }

    /// A line for each call that allocated itself: its path, and two sizes as inferno wants them. The second is the width,
    /// and the difference of both is the change. inferno sorts lines, and gives a call the colour of the first line that has
    /// it: its own, if there is one, because a space comes before a semicolon.
    fn lines(&self) -> Vec<String> {
        let shown: Vec<String> =
            self.nodes.iter().map(|node| format!("{}: {}", node.label, node.total.text())).collect();
        let mut lines = Vec::new();
        for (at, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.own.larger() > 0) {
            let mut path = Vec::new();
            let mut ancestor = at;
            while ancestor != ROOT {
                path.push(shown[ancestor].as_str());
                ancestor = self.nodes[ancestor].parent;
            }
            path.reverse();
            let width = node.own.larger();
            let other = i128::from(width) - change(node.own.before, node.own.after);
            lines.push(format!("{} {other} {width}", path.join(";")));
        }
        lines
    }
}

/// `function (file)`.
fn frame_label(frame: &Frame, moved_files: &MovedFiles) -> String {
    let mut text = frame.function.clone();
    if !frame.file.is_empty() {
        text += &format!(" ({})", short_path(moved_files.name_after(&frame.file)));
    }
    sanitize(&text)
}

/// Takes inferno's sizes, which are widths, from the ends of titles: labels tell those of both runs.
fn with_own_titles(svg: &str, all: &Node) -> String {
    const END: &str = "</title>";
    let mut rewritten = String::with_capacity(svg.len());
    for piece in svg.split_inclusive(END) {
        let unit = format!(" {BYTES}, ");
        let title = piece.strip_suffix(END).and_then(|text| text.rsplit_once(" ("));
        match title.filter(|(_, sizes)| sizes.contains(&unit)) {
            Some((label, _)) if label.ends_with(&format!(">{ALL}")) => {
                rewritten.extend([label, ": ", &all.total.text(), END]);
            }
            Some((label, _)) => rewritten.extend([label, END]),
            None => rewritten.push_str(piece),
        }
    }
    rewritten
}
