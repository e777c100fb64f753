//! What a view tells of every call site and call stack: numbers that add up, each with a name and a unit.

/// A number of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name in JSON, CSV and Parquet.
    pub name: &'static str,
    /// Its name in tables for people.
    pub heading: &'static str,
    /// What it is a number of.
    pub unit: Unit,
}

/// What a number is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Blocks or pieces of mappings.
    Blocks,
    /// Nanoseconds.
    Nanoseconds,
}

impl Column {
    /// A column of bytes.
    pub(crate) const fn bytes(name: &'static str, heading: &'static str) -> Column {
        Column { name, heading, unit: Unit::Bytes }
    }

    /// A column of blocks.
    pub(crate) const fn blocks(name: &'static str, heading: &'static str) -> Column {
        Column { name, heading, unit: Unit::Blocks }
    }

    /// A column of nanoseconds.
    pub(crate) const fn ns(name: &'static str, heading: &'static str) -> Column {
        Column { name, heading, unit: Unit::Nanoseconds }
    }
}

/// The numbers of one view, for a site or for many.
pub trait Measure: Clone + Default + PartialEq + Send + Sync {
    /// What [`Measure::values`] are, in the same order. The first is that by which rows are sorted, shares are told and
    /// flamegraphs drawn.
    const COLUMNS: &'static [Column];

    /// Adds what another site has.
    fn add(&mut self, other: &Self);

    /// The numbers. None where there is none, as the mean of nothing.
    fn values(&self) -> Vec<Option<u64>>;

    /// The first of the values.
    fn weight(&self) -> u64 {
        self.values().first().copied().flatten().unwrap_or(0)
    }
}
