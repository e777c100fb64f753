//! What each function had in either run, matched by its name and file.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::call_view::Row;
use crate::diff::change;
use crate::diff::moved_files::MovedFiles;
use crate::groups::GroupName;
use crate::measure::{Column, Measure};

/// What a function had in one run: memory that it allocated itself, not what it called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FunctionMemory {
    /// Bytes that were alive at the peak of the run.
    pub live_bytes: u64,
    /// Blocks that were alive then.
    pub live_blocks: u64,
    /// Bytes allocated in total.
    pub allocated_bytes: u64,
    /// Blocks and mappings allocated in total.
    pub allocated_blocks: u64,
    /// Bytes that were alive when the job ended.
    pub end_bytes: u64,
}

/// A function in both runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunctionChange {
    /// Qualified name of the function; `(no Python frame)` for memory allocated outside Python code.
    pub function: String,
    /// Its file: in the run after the change, if it is there.
    pub file: String,
    /// The same file in the run before the change, if it had another name there.
    pub before_file: Option<String>,
    /// What it had before. Nothing if it was not there.
    pub before: FunctionMemory,
    /// What it has now. Nothing if it is not there.
    pub after: FunctionMemory,
}

impl FunctionChange {
    /// By how much more it holds at the peak.
    pub fn live_bytes(&self) -> i128 {
        change(self.before.live_bytes, self.after.live_bytes)
    }

    /// By how much more it allocated in total.
    pub fn allocated_bytes(&self) -> i128 {
        change(self.before.allocated_bytes, self.after.allocated_bytes)
    }

    /// By how much more it left at the end.
    pub fn end_bytes(&self) -> i128 {
        change(self.before.end_bytes, self.after.end_bytes)
    }
}

impl Measure for FunctionMemory {
    const COLUMNS: &'static [Column] = &[
        Column::bytes("live_bytes", "at the peak"),
        Column::blocks("live_blocks", "blocks"),
        Column::bytes("allocated_bytes", "allocated"),
        Column::blocks("allocated_blocks", "blocks"),
        Column::bytes("end_bytes", "at the end"),
    ];

    fn add(&mut self, other: &FunctionMemory) {
        self.live_bytes = self.live_bytes.wrapping_add(other.live_bytes);
        self.live_blocks = self.live_blocks.wrapping_add(other.live_blocks);
        self.allocated_bytes = self.allocated_bytes.wrapping_add(other.allocated_bytes);
        self.allocated_blocks = self.allocated_blocks.wrapping_add(other.allocated_blocks);
        self.end_bytes = self.end_bytes.wrapping_add(other.end_bytes);
    }

    fn values(&self) -> Vec<Option<u64>> {
        let FunctionMemory { live_bytes, live_blocks, allocated_bytes, allocated_blocks, end_bytes } = *self;
        [live_bytes, live_blocks, allocated_bytes, allocated_blocks, end_bytes].map(Some).to_vec()
    }
}

/// The functions of both runs, the largest change at the peak first, then the largest change of what was allocated.
pub(super) fn changes(
    before: Vec<Row<FunctionMemory>>,
    after: Vec<Row<FunctionMemory>>,
    moved_files: &MovedFiles,
) -> Vec<FunctionChange> {
    // In the order of the names, which decides between equal changes.
    let mut functions = BTreeMap::<(String, String), (FunctionMemory, FunctionMemory)>::new();
    for (name, memory) in before.into_iter().filter_map(named) {
        let (file, function) = name;
        let file = moved_files.name_after(&file).to_owned();
        functions.entry((file, function)).or_default().0.add(&memory);
    }
    for (name, memory) in after.into_iter().filter_map(named) {
        functions.entry(name).or_default().1.add(&memory);
    }
    let change = |((file, function), (before, after)): ((String, String), (FunctionMemory, FunctionMemory))| {
        FunctionChange { before_file: moved_files.name_before(&file).map(str::to_owned), function, file, before, after }
    };
    let mut changes: Vec<FunctionChange> = functions.into_iter().map(change).collect();
    changes.sort_by_key(|change| {
        (Reverse(change.live_bytes().unsigned_abs()), Reverse(change.allocated_bytes().unsigned_abs()))
    });
    changes
}

/// File and function of a row. Rows by function have both.
fn named(row: Row<FunctionMemory>) -> Option<((String, String), FunctionMemory)> {
    match row.group {
        GroupName::Function { file, function } => Some(((file, function), row.measure)),
        _ => None,
    }
}
