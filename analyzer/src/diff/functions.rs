//! What each function had in either run, matched by its name and file.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::Serialize;

use crate::call_view::Row;
use crate::diff::change;
use crate::diff::moved_files::MovedFiles;
use crate::groups::GroupName;
use crate::measure::Measure;
use crate::totals::Totals;

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
    pub before: Totals,
    /// What it has now. Nothing if it is not there.
    pub after: Totals,
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

/// The functions of both runs, the largest change at the peak first, then the largest change of what was allocated.
pub(super) fn changes(
    before: Vec<Row<Totals>>,
    after: Vec<Row<Totals>>,
    moved_files: &MovedFiles,
) -> Vec<FunctionChange> {
    // In the order of the names, which decides between equal changes.
    let mut functions = BTreeMap::<(String, String), (Totals, Totals)>::new();
    for (name, memory) in before.into_iter().filter_map(named) {
        let (file, function) = name;
        let file = moved_files.name_after(&file).to_owned();
        functions.entry((file, function)).or_default().0.add(&memory);
    }
    for (name, memory) in after.into_iter().filter_map(named) {
        functions.entry(name).or_default().1.add(&memory);
    }
    let change = |((file, function), (before, after)): ((String, String), (Totals, Totals))| FunctionChange {
        before_file: moved_files.name_before(&file).map(str::to_owned),
        function,
        file,
        before,
        after,
    };
    let mut changes: Vec<FunctionChange> = functions.into_iter().map(change).collect();
    changes.sort_by_key(|change| {
        (Reverse(change.live_bytes().unsigned_abs()), Reverse(change.allocated_bytes().unsigned_abs()))
    });
    changes
}

/// File and function of a row. Rows by function have both.
fn named(row: Row<Totals>) -> Option<((String, String), Totals)> {
    match row.group {
        GroupName::Function { file, function } => Some(((file, function), row.measure)),
        _ => None,
    }
}
