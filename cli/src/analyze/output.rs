//! Writes an answer in the form that is asked for.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use analyzer::tables::{self, DataFrame};
use analyzer::{AnalyzerError, Trace};
use serde::Serialize;

use crate::analyze::Screen;
use crate::analyze::progress_bar::ProgressBar;
use crate::arguments::{Forms, PEAK_ROWS};
use crate::error::CliError;
use crate::messages::say;

/// So many rows of CSV are made at a time.
const CSV_ROWS: usize = 64 << 10;

/// The form of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Form {
    /// For people.
    Text,
    Json,
    Csv,
    /// A table in this file.
    Parquet(PathBuf),
    /// Only a picture is asked for.
    Nothing,
}

/// Where an answer goes, and what writing it takes.
pub(crate) struct Output<'a, W> {
    pub(crate) form: Form,
    pub(crate) trace: &'a Trace,
    pub(crate) screen: &'a Screen,
    /// Rows of a table for people.
    pub(crate) rows: usize,
    /// It is gone when the answer is written.
    pub(crate) bar: ProgressBar,
    pub(crate) out: W,
}

impl Form {
    /// The one that is asked for, of a question or of a picture only.
    pub(crate) fn of(forms: &Forms, has_question: bool) -> Form {
        match forms {
            Forms { parquet: Some(file), .. } => Form::Parquet(file.clone()),
            Forms { json: true, .. } => Form::Json,
            Forms { csv: true, .. } => Form::Csv,
            Forms { flamegraph: Some(_), .. } if !has_question => Form::Nothing,
            _ => Form::Text,
        }
    }
}

/// How many rows a table for people has.
pub(crate) fn rows_of(forms: &Forms) -> usize {
    forms.rows.unwrap_or(PEAK_ROWS) as usize
}

/// What a row must have to be shown.
pub(crate) fn least_bytes(forms: &Forms) -> u64 {
    forms.min_bytes.map_or(0, |least| least.as_u64())
}

impl<W: Write> Output<'_, W> {
    /// Writes an answer: as it is, as a table, or as text.
    pub(crate) fn write(
        &mut self,
        answer: &impl Serialize,
        table: impl FnOnce() -> Result<DataFrame, AnalyzerError>,
        text: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> Result<(), CliError> {
        self.bar.clear();
        match &self.form {
            Form::Text => Ok(text(self)?),
            Form::Json => write_json(answer, &mut self.out),
            Form::Csv => write_csv(table()?, &mut self.out),
            Form::Parquet(file) => {
                let mut bytes = Vec::new();
                tables::write_parquet(&mut table()?, &mut bytes)?;
                write_file(file, &bytes)?;
                say(&format!("table: {}", file.display()));
                Ok(())
            }
            Form::Nothing => Ok(()),
        }
    }
}

/// A part at a time by way of a buffer, so that a closed pipe is met here and not inside polars.
pub(crate) fn write_csv(table: DataFrame, mut out: impl Write) -> Result<(), CliError> {
    let mut csv = Vec::new();
    for start in (0..table.height().max(1)).step_by(CSV_ROWS) {
        csv.clear();
        tables::write_csv_part(&mut table.slice(start as i64, CSV_ROWS), start == 0, &mut csv)?;
        out.write_all(&csv)?;
    }
    Ok(())
}

/// As one line of JSON.
pub(crate) fn write_json(answer: &impl Serialize, mut out: impl Write) -> Result<(), CliError> {
    serde_json::to_writer(&mut out, answer).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

/// What was in an older file of that name is gone only when the new one can be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(|error| CliError::output(path, &error))
}

/// Nobody means to write over the trace.
pub(crate) fn not_the_trace(file: &Path, trace: &Path) -> Result<(), CliError> {
    if is_same_file(file, trace) {
        return Err(CliError::Usage(format!("{} is the trace; name another file", file.display())));
    }
    Ok(())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    let resolved = |path: &Path| path.canonicalize().ok();
    resolved(one).is_some_and(|one| resolved(other) == Some(one))
}
