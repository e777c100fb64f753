//! The rows of an answer, as people and programs read them.

use polars::prelude::{AnyValue, DataFrame};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};

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
    /// In JSON one list of values per row, in the order of the columns.
    #[serde(rename = "rows", serialize_with = "rows_of")]
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
    pub(super) fn new(trace: &Trace, table: DataFrame) -> SqlAnswer {
        let (complete, warnings) = trace.judged();
        SqlAnswer {
            schema: "fil.sql/1",
            trace: trace.name().to_owned(),
            command: trace.command(),
            complete,
            warnings,
            columns: table.get_column_names().iter().map(|name| name.to_string()).collect(),
            table,
        }
    }

    /// How many rows there are.
    pub fn height(&self) -> usize {
        self.table.height()
    }

    /// A row, in the order of the columns.
    pub fn row(&self, at: usize) -> Vec<Cell> {
        row(&self.table, at)
    }
}

fn row(table: &DataFrame, at: usize) -> Vec<Cell> {
    table.columns().iter().map(|column| column.get(at).map_or(Cell::Missing, |value| cell(&value))).collect()
}

fn rows_of<S: Serializer>(table: &DataFrame, serializer: S) -> Result<S::Ok, S::Error> {
    let mut rows = serializer.serialize_seq(Some(table.height()))?;
    for at in 0..table.height() {
        rows.serialize_element(&row(table, at))?;
    }
    rows.end()
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
