//! Questions in SQL, which polars answers.
//!
//! The tables, each made only when a question names it:
//!
//! - `call_sites`, `stacks`: what each held at the peak and at the end, and allocated in total (`totals`)
//! - `timeline`: memory of call sites over time; `rss`: samples of resident memory
//! - `processes`, `threads`
//! - `allocations`: every block with its birth and its end. It may be larger than memory, so it is written into a temporary
//!   file, from which polars reads as much at once as it needs (`allocations`).
//!
//! Stacks have the same numbers in all tables: those of their first appearance in the replay.

mod allocations;
mod cells;
mod jobs;
mod site_stacks;
mod totals;

use polars::error::PolarsError;
use polars::prelude::{DataFrame, Engine, IntoLazy, LazyFrame};
use polars::sql::{SQLContext, extract_table_identifiers};

use crate::error::AnalyzerError;
use crate::tables;
use crate::timeline::{TimelineOptions, timeline};
use crate::trace::Trace;

pub use cells::{Cell, SqlAnswer};

/// The names of all tables.
pub const TABLES: [&str; 7] = ["call_sites", "stacks", "timeline", "allocations", "processes", "threads", "rss"];

/// Answers a question in SQL: the contract `fil.sql/1`. polars' own guide says which SQL that is.
pub fn sql(trace: &Trace, question: &str) -> Result<SqlAnswer, AnalyzerError> {
    let named = extract_table_identifiers(question, false, true).map_err(not_answered)?;
    let context = SQLContext::new();
    // It is there as long as the question is answered.
    let mut file = None;
    for name in TABLES.iter().filter(|name| named.iter().any(|named| named.eq_ignore_ascii_case(name))) {
        let table = match *name {
            "call_sites" => totals::call_sites(trace)?.lazy(),
            "stacks" => totals::stacks(trace)?.lazy(),
            "timeline" => tables::timeline(&timeline(trace, &every_call_site())?)?.lazy(),
            "processes" => jobs::processes(trace)?.lazy(),
            "threads" => jobs::threads(trace)?.lazy(),
            "rss" => jobs::rss(trace)?.lazy(),
            _ => allocations::write(trace)?.read(&mut file)?,
        };
        context.register(name, table);
    }
    SqlAnswer::new(trace, answer(context, question)?)
}

fn every_call_site() -> TimelineOptions {
    TimelineOptions { rows: usize::MAX, ..TimelineOptions::default() }
}

/// polars panics where it has not got something yet. That is an error like others.
fn answer(mut context: SQLContext, question: &str) -> Result<DataFrame, AnalyzerError> {
    let work = || {
        let plan: LazyFrame = context.execute(question)?;
        Ok(plan.collect_with_engine(Engine::Streaming)?.unwrap_single())
    };
    let answered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    let panicked = |_| AnalyzerError::Sql { reason: "polars has not got this yet".to_owned() };
    answered.map_err(panicked)?.map_err(not_answered)
}

fn not_answered(error: PolarsError) -> AnalyzerError {
    // Some of its messages have several lines.
    AnalyzerError::Sql { reason: error.to_string().lines().next().unwrap_or_default().to_owned() }
}
