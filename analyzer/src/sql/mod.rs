//! Questions in SQL, which polars answers.
//!
//! A [`Question`] has its tables, each made only when the question names it:
//!
//! - `call_sites`, `stacks`: what each held at the peak and at the end, and allocated in total (`totals`)
//! - `timeline`: memory of call sites over time; `rss`: samples of resident memory
//! - `processes`, `threads`
//! - `allocations`: every block with its birth and its end. It may be larger than memory, so it is written into a temporary
//!   file, from which polars reads as much at once as it needs (`allocations`).
//!
//! Stacks have the same numbers in all tables: those of their first appearance in the replay. A selection is for the memory
//! in the first three and in `allocations`.

mod allocations;
mod cells;
mod jobs;
mod site_stacks;
mod totals;

use polars::error::PolarsError;
use polars::prelude::{Engine, IntoLazy, LazyFrame};
use polars::sql::{SQLContext, extract_table_identifiers};
use tempfile::NamedTempFile;

use crate::error::AnalyzerError;
use crate::selection::Selection;
use crate::tables;
use crate::timeline::{TimelineOptions, timeline};
use crate::trace::Trace;
use crate::views::Query;

pub use cells::{Cell, SqlAnswer};

/// How many call sites have rows of their own in `timeline`.
const CALL_SITES_OVER_TIME: usize = 1000;

/// The names of all tables.
pub const TABLES: [&str; 7] = ["call_sites", "stacks", "timeline", "allocations", "processes", "threads", "rss"];

/// A question in SQL, with the tables that it names.
pub struct Question<'a> {
    trace: &'a Trace,
    selection: &'a Selection,
    text: &'a str,
    context: SQLContext,
    /// What `allocations` is read from: it is there as long as the question is.
    _file: Option<NamedTempFile>,
}

impl<'a> Question<'a> {
    /// Makes the tables, of the memory that is selected. polars' own guide says which SQL that is.
    pub fn new(trace: &'a Trace, selection: &'a Selection, text: &'a str) -> Result<Question<'a>, AnalyzerError> {
        let named = extract_table_identifiers(text, false, true).map_err(not_answered)?;
        let mut question = Question { trace, selection, text, context: SQLContext::new(), _file: None };
        for name in TABLES.iter().filter(|name| named.iter().any(|named| named.eq_ignore_ascii_case(name))) {
            let table = question.table(name)?;
            question.context.register(name, table);
        }
        Ok(question)
    }

    fn table(&mut self, name: &str) -> Result<LazyFrame, AnalyzerError> {
        let Question { trace, selection, .. } = *self;
        Ok(match name {
            "call_sites" => totals::call_sites(trace, selection)?.lazy(),
            "stacks" => totals::stacks(trace, selection)?.lazy(),
            "timeline" => {
                let query = Query { selection: selection.clone(), ..Query::default() };
                let options = TimelineOptions { rows: CALL_SITES_OVER_TIME, query, ..TimelineOptions::default() };
                tables::timeline(&timeline(trace, &options)?)?.lazy()
            }
            "processes" => jobs::processes(trace)?.lazy(),
            "threads" => jobs::threads(trace)?.lazy(),
            "rss" => jobs::rss(trace)?.lazy(),
            _ => allocations::write(trace, selection)?.read(&mut self._file)?,
        })
    }

    /// Answers it. polars panics where it has not got something yet; that is an error like others, but for what the
    /// program's hook for panics prints.
    pub fn answer(mut self) -> Result<SqlAnswer, AnalyzerError> {
        let work = || {
            let plan: LazyFrame = self.context.execute(self.text)?;
            Ok(plan.collect_with_engine(Engine::Streaming)?.unwrap_single())
        };
        let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let panicked = |_| AnalyzerError::Sql { reason: "polars has not got this yet".to_owned() };
        let table = answered.map_err(panicked)?.map_err(not_answered)?;
        Ok(SqlAnswer::new(self.trace, table))
    }
}

fn not_answered(error: PolarsError) -> AnalyzerError {
    // Some of its messages have several lines.
    AnalyzerError::Sql { reason: error.to_string().lines().next().unwrap_or_default().to_owned() }
}
