//! How much of call stacks a picture shows: what is of no interest is left out, and what is equal becomes one.

use crate::call_stack::Frame;

/// How call stacks are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Frames of a function are one, whatever their lines.
    pub by_function: bool,
    /// Without the frames of Python's import machinery: a module stands below the one that imports it.
    pub hide_imports: bool,
    /// Without the repetitions of a recursion: of each only the innermost round is there.
    pub collapse_recursion: bool,
    /// From the innermost frame to the outermost, so that all callers of a function stand below it.
    pub inverted: bool,
}

/// Functions that call each other in turn are a recursion if there are not more of them than this.
const LONGEST_ROUND: usize = 8;

impl Shape {
    /// What is shown of these frames, which begin with the outermost.
    pub fn of<'a>(self, mut frames: Vec<&'a Frame>) -> Vec<&'a Frame> {
        if self.hide_imports {
            let shown: Vec<&'a Frame> = frames.iter().copied().filter(|frame| !is_import_machinery(frame)).collect();
            // What the machinery allocates where nobody called it is its own.
            if !shown.is_empty() {
                frames = shown;
            }
        }
        if self.collapse_recursion {
            frames = without_repetitions(frames);
        }
        if self.inverted {
            frames.reverse();
        }
        frames
    }
}

fn is_import_machinery(frame: &Frame) -> bool {
    frame.file.starts_with("<frozen importlib") || frame.file.ends_with("/importlib/__init__.py")
}

/// The lines of a round may differ from those of the next, as the last one does not call on: functions count.
fn without_repetitions(frames: Vec<&Frame>) -> Vec<&Frame> {
    let is_same = |one: &&Frame, other: &&Frame| one.function == other.function && one.file == other.file;
    let mut kept: Vec<&Frame> = Vec::with_capacity(frames.len());
    for frame in frames {
        kept.push(frame);
        let end = kept.len();
        let repeats = |&round: &usize| {
            let (before, last) = (&kept[end - 2 * round..end - round], &kept[end - round..]);
            before.iter().zip(last).all(|(one, other)| is_same(one, other))
        };
        if let Some(round) = (1..=LONGEST_ROUND.min(end / 2)).find(repeats) {
            kept.drain(end - 2 * round..end - round);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Functions of a file, each in a line of its own.
    fn frames(functions: &str, file: &str) -> Vec<Frame> {
        let frame = |(at, function): (usize, &str)| Frame {
            file: file.to_owned(),
            line: at as u32,
            ..Frame::placeholder(function)
        };
        functions.split(' ').enumerate().map(frame).collect()
    }

    fn names(frames: &[&Frame]) -> String {
        frames.iter().map(|frame| frame.function.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn recursions_are_one_round() {
        let shape = Shape { collapse_recursion: true, ..Shape::default() };
        for (all, kept) in [
            ("main", "main"),
            ("main walk walk walk leaf", "main walk leaf"),
            ("main even odd even odd even leaf", "main even odd even leaf"),
            ("main a b c a b c d", "main a b c d"),
            ("main a b a c", "main a b a c"),
            ("a a b b a a b b", "a b"),
        ] {
            assert_eq!(names(&shape.of(frames(all, "job.py").iter().collect())), kept, "{all}");
        }
        let frames = frames("main walk walk", "job.py");
        assert_eq!(shape.of(frames.iter().collect()).last().map(|frame| frame.line), Some(2), "the innermost is kept");
    }

    #[test]
    fn imports_are_hidden_but_not_what_they_run() {
        let shape = Shape { hide_imports: true, ..Shape::default() };
        let own = frames("<module> read", "job.py");
        let machinery = frames("import_module _find_and_load", "/usr/lib/python3.11/importlib/__init__.py");
        let frozen = frames("_call_with_frames_removed", "<frozen importlib._bootstrap>");
        let module = frames("<module>", "/venv/pandas/__init__.py");
        let all: Vec<&Frame> = own.iter().chain(&machinery).chain(&frozen).chain(&module).collect();
        assert_eq!(names(&shape.of(all)), "<module> read <module>");
        assert_eq!(names(&shape.of(frozen.iter().collect())), "_call_with_frames_removed", "nothing else is there");
    }

    #[test]
    fn inverted_stacks_begin_with_the_innermost() {
        let shape = Shape { inverted: true, ..Shape::default() };
        assert_eq!(names(&shape.of(frames("main load read", "job.py").iter().collect())), "read load main");
    }
}
