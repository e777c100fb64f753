//! Compares two runs of a job: did the change help?
//!
//! Each trace is replayed once (`run`). Functions are matched by their names and files, because lines move when code is
//! changed; `moved_files` tells which file of the one run is which of the other where the project was in another folder.
//! [`flamegraph`] draws both peaks as one picture.
//!
//! Invariant: the numbers of all functions add up to those of their run: `live_…` to its `peak_…`, the others to those of
//! the same name. (Sums of damaged traces wrap around; differences are wide enough for any two numbers.)

pub mod flamegraph;
mod functions;
mod moved_files;
mod run;

pub use functions::FunctionChange;
pub use run::Run;

use serde::Serialize;

use crate::call_view::StackRow;
use crate::diff::functions::changes;
use crate::diff::moved_files::{Files, MovedFiles};
use crate::diff::run::measure;
use crate::error::AnalyzerError;
use crate::selection::Selection;
use crate::totals::Totals;
use crate::trace::Trace;

/// Two runs of a job beside each other: the contract `fil.diff/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// `fil.diff/1`.
    pub schema: &'static str,
    /// The run that the other one is compared with.
    pub before: Run,
    /// The run that is judged.
    pub after: Run,
    /// By function and file, the largest change at the peak first.
    pub functions: Vec<FunctionChange>,
    #[serde(skip)]
    before_stacks: Vec<StackRow<Totals>>,
    #[serde(skip)]
    after_stacks: Vec<StackRow<Totals>>,
    #[serde(skip)]
    moved_files: MovedFiles,
}

/// Compares two traces. The selection is made from each by itself: of a part of the memory it is the peak of that part.
pub fn diff(before: &Trace, after: &Trace, selection: &Selection) -> Result<Diff, AnalyzerError> {
    let (before, after) = rayon::join(|| measure(before, selection), || measure(after, selection));
    let moved_files = MovedFiles::between(&Files::of(&before.stacks), &Files::of(&after.stacks));
    Ok(Diff {
        schema: "fil.diff/1",
        before: before.run,
        after: after.run,
        functions: changes(before.functions, after.functions, &moved_files),
        before_stacks: before.stacks,
        after_stacks: after.stacks,
        moved_files,
    })
}

/// The difference of any two numbers of a run.
pub fn change(before: u64, after: u64) -> i128 {
    i128::from(after) - i128::from(before)
}
