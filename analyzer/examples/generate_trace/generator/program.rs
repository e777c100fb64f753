//! The program that the job runs: its functions, how they call each other, and where they allocate. All processes run the
//! same.
//!
//! Call site 0 is memory that no Python frame asked for. All others are lines: each function has some that allocate, and
//! each of those has one or two expressions that do.

use fastrand::Rng;
use format::Domain;

use super::Plan;
use super::line_table::LineTableWriter;

/// Code units of each line that allocates: the first expression has 8, the second 4.
const UNITS_PER_LINE: u32 = 12;
/// Where the second expression begins.
const SECOND_EXPRESSION: u32 = 8;
/// What stands in front of the first line that allocates: the beginning of the function.
const UNITS_IN_FRONT: u32 = 1;
/// Frames of the deepest stack.
const DEEPEST: u32 = 30;
/// Functions that only call others: all stacks begin with these.
const TRUNK: [&str; 4] = ["<module>", "main", "Pipeline.run", "Pipeline.step"];
const FUNCTIONS_PER_FILE: usize = 12;
const MOST_LINES: u32 = 8;
/// From this size on a block is a buffer, of an array say. In small jobs they are small: else some of them would make up the
/// peak.
pub(crate) const LEAST_BUFFER: u32 = 4 << 10;

/// Sizes that Python's objects often have: floats, ints, strings, tuples, objects and their dicts, lists, frames.
const USUAL_SIZES: [u32; 20] = [24, 24, 28, 32, 32, 40, 48, 52, 56, 56, 64, 64, 72, 80, 88, 104, 144, 184, 232, 360];

/// A code object.
pub(crate) struct Code {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) first_line: u32,
    pub(crate) line_table: Vec<u8>,
    /// Numbers of the lines that allocate, or call others.
    lines: Vec<u32>,
}

/// A call path. Its number is its place in [`Program::paths`].
pub(crate) struct Path {
    /// Number of the path of the caller, and where that one waits.
    pub(crate) caller: Option<(u32, u32)>,
    /// Number of the code object.
    pub(crate) code: u32,
    depth: u32,
}

/// An expression that allocates, called in one way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AllocationSite {
    /// Number of the path, if there is a Python frame.
    pub(crate) path: Option<u32>,
    pub(crate) instruction: u32,
    pub(crate) call_site: u32,
    pub(crate) domain: Domain,
    /// Bytes that it asks for.
    pub(crate) size: u32,
    /// Whether it asks for up to 63 bytes more, as for strings.
    pub(crate) varies: bool,
}

impl AllocationSite {
    /// C code in a thread without a Python frame.
    pub(crate) const NO_PYTHON_FRAME: AllocationSite =
        AllocationSite { path: None, instruction: 0, call_site: 0, domain: Domain::Heap, size: 0, varies: false };
}

/// Function, file and line of a call site.
#[derive(Clone, Debug)]
pub(crate) struct CallSiteName {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// See the module.
pub(crate) struct Program {
    pub(crate) codes: Vec<Code>,
    pub(crate) paths: Vec<Path>,
    /// Those of one function called in one way stand together, in the order of lines.
    pub(crate) sites: Vec<AllocationSite>,
    /// By number.
    pub(crate) call_sites: Vec<CallSiteName>,
}

impl Program {
    /// The program of a job.
    pub(crate) fn new(plan: &Plan, random: &mut Rng) -> Program {
        let no_frame = CallSiteName { function: "(no Python frame)".into(), file: String::new(), line: 0 };
        let mut program =
            Program { codes: Vec::new(), paths: Vec::new(), sites: Vec::new(), call_sites: vec![no_frame] };
        for function in TRUNK {
            program.add_code(function.into(), random.u32(1..=MOST_LINES), random);
            let caller = program.paths.len().checked_sub(1);
            program.add_path(caller, program.codes.len() - 1, random);
        }
        let largest_buffer = plan.live_blocks.clamp(16 << 10, 1 << 20) as u32 / 4;
        let mut left = plan.call_sites;
        while left > 0 {
            let lines = random.u32(1..=MOST_LINES).min(left);
            left -= lines;
            program.add_allocating_function(lines, largest_buffer, random);
        }
        program
    }

    fn add_allocating_function(&mut self, lines: u32, largest_buffer: u32, random: &mut Rng) {
        let number = self.codes.len();
        self.add_code(format!("Class{}.method_{number}", number / 5), lines, random);
        let first_call_site = self.call_sites.len() as u32;
        let Code { function, file, lines, .. } = &self.codes[number];
        let name = |&line: &u32| CallSiteName { function: function.clone(), file: file.clone(), line };
        self.call_sites.extend(lines.iter().map(name));
        let mut expressions = Vec::new();
        for (line, call_site) in (first_call_site..self.call_sites.len() as u32).enumerate() {
            let first = UNITS_IN_FRONT + line as u32 * UNITS_PER_LINE;
            let instruction = first + random.u32(0..SECOND_EXPRESSION);
            expressions.push(expression(instruction, call_site, largest_buffer, random));
            if random.bool() {
                let instruction = first + random.u32(SECOND_EXPRESSION..UNITS_PER_LINE);
                expressions.push(expression(instruction, call_site, largest_buffer, random));
            }
        }
        for _ in 0..random.u32(1..=3) {
            let caller = self.random_caller(random);
            let path = self.add_path(Some(caller), number, random);
            self.sites.extend(expressions.iter().map(|site| AllocationSite { path: Some(path), ..*site }));
        }
    }

    fn add_code(&mut self, function: String, line_count: u32, random: &mut Rng) {
        let number = self.codes.len();
        let file = match number.checked_sub(TRUNK.len()) {
            None => "/work/job.py".to_owned(),
            Some(number) => format!("/work/library/module_{}.py", number / FUNCTIONS_PER_FILE),
        };
        let first_line = match self.codes.last() {
            Some(before) if before.file == file => before.lines.last().map_or(1, |line| line + 3),
            _ => 1,
        };
        let mut table = LineTableWriter::default();
        table.near(UNITS_IN_FRONT as u8, 0, (0, 0));
        let (mut line, mut lines) = (first_line, Vec::new());
        for _ in 0..line_count {
            // Now and then there is a comment between them.
            let distance = if random.u32(0..8) == 0 { random.u32(3..60) } else { random.u32(1..3) };
            let columns = (random.u8(0..30), random.u8(30..60));
            match u8::try_from(distance) {
                Ok(distance) if distance <= 2 => table.near(SECOND_EXPRESSION as u8, distance, columns),
                _ => table.far(SECOND_EXPRESSION as u8, distance, columns),
            }
            table.same_line((UNITS_PER_LINE - SECOND_EXPRESSION) as u8, random.u8(0..80), random.u8(0..16));
            line += distance;
            lines.push(line);
        }
        self.codes.push(Code { function, file, first_line, line_table: table.finish(), lines });
    }

    fn add_path(&mut self, caller: Option<usize>, code: usize, random: &mut Rng) -> u32 {
        let caller = caller.map(|caller| {
            let lines = self.codes[self.paths[caller].code as usize].lines.len() as u32;
            (caller as u32, UNITS_IN_FRONT + random.u32(0..lines * UNITS_PER_LINE))
        });
        let depth = caller.map_or(0, |(caller, _)| self.paths[caller as usize].depth) + 1;
        self.paths.push(Path { caller, code: code as u32, depth });
        self.paths.len() as u32 - 1
    }

    /// One of the last paths, most often, so that some stacks become deep.
    fn random_caller(&self, random: &mut Rng) -> usize {
        let (last_of_trunk, last) = (TRUNK.len() - 1, self.paths.len() - 1);
        let caller = match random.u32(0..10) {
            0 => last_of_trunk,
            1..3 => random.usize(last_of_trunk..=last),
            _ => random.usize(last_of_trunk.max(last.saturating_sub(4))..=last),
        };
        if self.paths[caller].depth < DEEPEST { caller } else { last_of_trunk }
    }
}

/// An expression that allocates; who calls it is told later.
fn expression(instruction: u32, call_site: u32, largest_buffer: u32, random: &mut Rng) -> AllocationSite {
    let usual = USUAL_SIZES[random.usize(..USUAL_SIZES.len())];
    let (domain, size) = match random.u32(0..100) {
        0 => (Domain::Heap, log_uniform(LEAST_BUFFER, largest_buffer, random)),
        1..8 => (Domain::Heap, log_uniform(16, LEAST_BUFFER, random)),
        // Lists and dicts that have grown.
        8..12 => (Domain::Python, log_uniform(512, 8 << 10, random)),
        _ => (Domain::Python, usual),
    };
    AllocationSite { path: None, instruction, call_site, domain, size, varies: random.u32(0..8) == 0 }
}

/// A number from `least` on, below `most` if that is more, of every magnitude as often.
pub(crate) fn log_uniform(least: u32, most: u32, random: &mut Rng) -> u32 {
    let ratio = f64::from(most) / f64::from(least);
    (f64::from(least) * ratio.powf(random.f64())) as u32
}
