//! Writes the flamegraph of the peak into a file.

use std::fs;
use std::path::Path;

use analyzer::{Peak, Trace, flamegraph};

use crate::error::CliError;
use crate::messages::say;

/// Writes it and says where. An older file of that name is replaced only when the graph is ready.
pub(crate) fn write(peak: &Peak, trace: &Trace, svg: &Path) -> Result<(), CliError> {
    let mut graph = Vec::new();
    flamegraph::write(peak, trace, &mut graph)?;
    fs::write(svg, graph).map_err(|error| CliError::output(svg, &error))?;
    say(&format!("flamegraph of the peak: {}", svg.display()));
    Ok(())
}
