//! The rows of an answer, as people and programs read them.

use polars::prelude::{AnyValue, DataFrame};
use serde::Serialize;

use crate::error::AnalyzerError;
use crate::trace::Trace;

/// The answer to a question in SQL: the contract `fil.sql/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SqlAnswer {
    /// `fil.sql/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// One list of values per row, in the order of the columns.
    pub rows: Vec<Vec<Cell>>,
    /// The same as a table.
    #[serde(skip)]
    pub table: DataFrame,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// There is none.
    Missing,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Whole(i128),
    /// Another number.
    Number(f64),
    /// Anything else.
    Text(String),
}

impl SqlAnswer {
    pub(super) fn new(trace: &Trace, table: DataFrame) -> Result<SqlAnswer, AnalyzerError> {
        let columns = table.columns();
        let row = |at: usize| columns.iter().map(|column| Ok(cell(&column.get(at)?))).collect();
        let rows = (0..table.height()).map(row).collect::<Result<Vec<Vec<Cell>>, AnalyzerError>>()?;
        Ok(SqlAnswer {
            schema: "fil.sql/1",
            trace: trace.name().to_owned(),
            command: trace.command(),
            complete: trace.complete(),
            warnings: trace.warnings().to_vec(),
            columns: table.get_column_names().iter().map(|name| name.to_string()).collect(),
            rows,
            table,
        })
    }
}

fn cell(value: &AnyValue) -> Cell {
    match value {
        AnyValue::Null => Cell::Missing,
        AnyValue::Boolean(flag) => Cell::Flag(*flag),
        AnyValue::Float64(number) => Cell::Number(*number),
        AnyValue::Float32(number) => Cell::Number(f64::from(*number)),
        AnyValue::String(text) => Cell::Text((*text).to_owned()),
        AnyValue::StringOwned(text) => Cell::Text(text.to_string()),
        value if value.is_integer() => value.extract::<i128>().map_or(Cell::Missing, Cell::Whole),
        other => Cell::Text(other.to_string()),
    }
}
