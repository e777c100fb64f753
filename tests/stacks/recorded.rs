//! A program of `testdata/stacks/`, recorded: fil's stacks of its blocks, compared with what Python itself
//! said when each was allocated (`testdata/stacks/expect.py`), and as lines of text for those that a test spells out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Ended, Folder, Peak, Python, line_of, list, number, run_with_input, testdata, text};

/// A frame with its exact place. Columns are known from Python 3.11 on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    function: String,
    file: String,
    line: u64,
    column: Option<u64>,
    end_line: Option<u64>,
    end_column: Option<u64>,
}

impl Frame {
    fn of(frame: &Value) -> Frame {
        Frame {
            function: text(frame, "function").to_owned(),
            file: text(frame, "file").to_owned(),
            line: number(frame, "line"),
            column: frame["column"].as_u64(),
            end_line: frame["end_line"].as_u64(),
            end_column: frame["end_column"].as_u64(),
        }
    }
}

/// Stacks, outermost frame first, with the bytes and the number of the blocks that each allocated.
type Blocks = BTreeMap<Vec<Frame>, (u64, u64)>;

/// See the module.
pub(crate) struct Recorded {
    pub(crate) ended: Ended,
    pub(crate) peak: Peak,
    minor: u32,
    /// Where the program ran.
    working_directory: PathBuf,
    by_fil: Blocks,
    /// Label, bytes and stack of each block.
    by_python: Vec<(String, u64, Vec<Frame>)>,
}

impl Recorded {
    /// Records a program. Whatever it is, each of its blocks must have the stack that Python saw.
    pub(crate) fn of(python: &Python, program: &str) -> Recorded {
        Recorded::with(python, &[program], b"")
    }

    /// The same for a program with arguments that reads `input`.
    pub(crate) fn with(python: &Python, program: &[&str], input: &[u8]) -> Recorded {
        let recorded = Recorded::unchecked(python, program, input);
        recorded.assert_as_python_saw_it(&format!("{program:?} on {}", python.name));
        recorded
    }

    /// Records a program whose stacks are not all what Python saw.
    pub(crate) fn unchecked(python: &Python, program: &[&str], input: &[u8]) -> Recorded {
        let folder = Folder::new();
        let mut command = folder.record_command(&python.path, &[]);
        command.arg(place_of(program[0])).args(&program[1..]).env("PYTHONDONTWRITEBYTECODE", "1");
        let ended = run_with_input(&mut command, input).success();
        let peak = folder.peak();
        assert_eq!(peak.warnings(), [""; 0], "{program:?} on {}", python.name);
        let (_, minor) = python.version();
        let leaf = leaf(minor);
        let expected = std::fs::read_to_string(folder.join("expected.json")).expect("the program called finish()");
        let expected: Value = serde_json::from_str(&expected).expect("JSON");
        let by_python = expected.as_array().expect("a list").iter().map(|block| {
            let callers = list(block, "frames").iter().map(Frame::of);
            (text(block, "label").to_owned(), number(block, "bytes"), callers.chain([leaf.clone()]).collect())
        });
        let working_directory = folder.path().canonicalize().expect("it is there");
        Recorded {
            ended,
            minor,
            working_directory,
            by_python: by_python.collect(),
            by_fil: blocks_of(&peak, &leaf),
            peak,
        }
    }

    fn assert_as_python_saw_it(&self, context: &str) {
        let mut expected = Blocks::new();
        for (_, bytes, stack) in &self.by_python {
            let (all_bytes, blocks) = expected.entry(stack.clone()).or_default();
            *all_bytes += bytes;
            *blocks += 1;
        }
        assert!(!expected.is_empty(), "{context} allocates");
        for (label, bytes, stack) in &self.by_python {
            let found = self.by_fil.get(stack);
            assert_eq!(
                found,
                expected.get(stack),
                "(bytes, blocks) of {label:?}: {bytes} bytes in {context}\nPython says {}\nfil says, of so many bytes, {}",
                short(stack),
                self.stacks_of(*bytes).map(|stack| short(stack)).collect::<Vec<_>>().join("\nor "),
            );
        }
        assert_eq!(self.by_fil.len(), expected.len(), "{context}: fil knows stacks that Python does not");
    }

    /// Asserts that fil and Python know the same stacks, whatever else was allocated on them.
    pub(crate) fn assert_same_stacks(&self) {
        let by_python: BTreeSet<&Vec<Frame>> = self.by_python.iter().map(|(_, _, stack)| stack).collect();
        assert_eq!(self.by_fil.keys().collect::<BTreeSet<_>>(), by_python);
    }

    /// fil's stack of the block with this label, one line of text for each frame: the function and the
    /// source of the line. `…` stands for frames in files that are not the test's.
    pub(crate) fn stack(&self, label: &str) -> Vec<String> {
        self.described(self.callers(label))
    }

    /// The same of the only stack that holds `bytes` and not many more, whatever function is innermost.
    pub(crate) fn large_stack(&self, bytes: u64) -> Vec<String> {
        let about = bytes..bytes + 100_000;
        let stacks = list(self.peak.value(), "stacks").iter();
        let found: Vec<&Value> = stacks.filter(|stack| about.contains(&number(stack, "live_bytes"))).collect();
        let [stack] = found[..] else { panic!("{} stacks of {bytes} bytes", found.len()) };
        self.described(&list(stack, "frames").iter().map(Frame::of).collect::<Vec<_>>())
    }

    /// Asserts [`Recorded::stack`]; functions in `expected` have their qualified names, of which Python
    /// before 3.11 knows only the last part.
    pub(crate) fn assert_stack(&self, label: &str, expected: &[&str]) {
        let expected: Vec<String> = expected.iter().map(|line| as_known_to(self.minor, line)).collect();
        assert_eq!(self.stack(label), expected, "{label:?} on 3.{}", self.minor);
    }

    fn described(&self, stack: &[Frame]) -> Vec<String> {
        let mut lines: Vec<String> = stack.iter().map(|frame| self.described_frame(frame)).collect();
        lines.dedup_by(|one, other| one == ELSEWHERE && other == ELSEWHERE);
        lines
    }

    fn described_frame(&self, frame: &Frame) -> String {
        let Frame { function, file, line, .. } = frame;
        let path = Path::new(file);
        if path.parent() == Some(&testdata("stacks")) {
            let source = std::fs::read_to_string(path).expect("a file of testdata/");
            let source = source.lines().nth(*line as usize - 1).expect("has that line");
            return format!("{function}: {}", source.trim());
        }
        let path = path.strip_prefix(&self.working_directory).unwrap_or(path);
        if path.is_absolute() || file.starts_with("<frozen ") {
            ELSEWHERE.to_owned()
        } else {
            format!("{function} ({}:{line})", path.display())
        }
    }

    /// Where the call of `allocate()` with this label begins and ends in its line, as fil says it.
    pub(crate) fn columns(&self, label: &str) -> (Option<u64>, Option<u64>) {
        let caller = self.callers(label).last().expect("somebody called");
        (caller.column, caller.end_column)
    }

    /// Different stacks of all blocks.
    pub(crate) fn stack_count(&self) -> usize {
        self.by_fil.len()
    }

    /// fil's stack of the block with this label, without `allocate()` itself.
    fn callers(&self, label: &str) -> &[Frame] {
        let mut labelled = self.by_python.iter().filter(|(its, _, _)| its == label);
        let (_, bytes, _) = labelled.next().unwrap_or_else(|| panic!("{label:?} was not allocated"));
        assert_eq!(labelled.next(), None, "{label:?} was allocated more than once");
        let stacks: Vec<_> = self.stacks_of(*bytes).collect();
        let [stack] = stacks[..] else { panic!("{label:?}: {} stacks of {bytes} bytes", stacks.len()) };
        stack.split_last().expect("allocate() itself").1
    }

    /// The stacks of single blocks of this size.
    fn stacks_of(&self, bytes: u64) -> impl Iterator<Item = &Vec<Frame>> {
        self.by_fil.iter().filter(move |(_, held)| **held == (bytes, 1)).map(|(stack, _)| stack)
    }
}

/// Path of a program: one of `testdata/stacks/`, unless it has a path already.
pub(crate) fn place_of(program: &str) -> PathBuf {
    testdata("stacks").join(program)
}

/// The frame that allocates all blocks.
fn leaf(minor: u32) -> Frame {
    const EXPRESSION: &str = "FILL * size";
    let line = line_of("stacks/expect.py", EXPRESSION);
    let column = "    block = ".len() as u64;
    let known = |number: u64| (minor >= 11).then_some(number);
    Frame {
        function: "allocate".to_owned(),
        file: place_of("expect.py").to_string_lossy().into_owned(),
        line,
        column: known(column),
        end_line: known(line),
        end_column: known(column + EXPRESSION.len() as u64),
    }
}

fn blocks_of(peak: &Peak, leaf: &Frame) -> Blocks {
    let stacks = list(peak.value(), "stacks").iter().map(|stack| {
        let frames: Vec<Frame> = list(stack, "frames").iter().map(Frame::of).collect();
        (frames, (number(stack, "live_bytes"), number(stack, "live_blocks")))
    });
    let mut blocks = Blocks::new();
    for (frames, (bytes, count)) in stacks.filter(|(frames, _)| frames.last() == Some(leaf)) {
        // The threads of a program may have the same stack.
        let (all_bytes, all_count) = blocks.entry(frames).or_default();
        *all_bytes += bytes;
        *all_count += count;
    }
    blocks
}

const ELSEWHERE: &str = "…";

/// The description of a frame as a Python of this version knows it.
fn as_known_to(minor: u32, line: &str) -> String {
    let end = line.find(": ").or_else(|| line.find(" (")).unwrap_or(0);
    match line[..end].rfind('.') {
        Some(dot) if minor < 11 => line[dot + 1..].to_owned(),
        _ => line.to_owned(),
    }
}

/// A stack for a message: its innermost frames.
fn short(stack: &[Frame]) -> String {
    const SHOWN: usize = 12;
    let start = stack.len().saturating_sub(SHOWN);
    format!("{} frames, the innermost {:#?}", stack.len(), &stack[start..])
}
