//! Writes the flamegraph of the peak into a file.

use std::path::Path;

use analyzer::flamegraph::{self, Shape};
use analyzer::{Peak, Trace};

use crate::analyze::output::write_file;
use crate::error::CliError;
use crate::messages::say;

/// Writes it and says where.
pub(crate) fn write(peak: &Peak, trace: &Trace, shape: Shape, svg: &Path) -> Result<(), CliError> {
    let mut graph = Vec::new();
    flamegraph::write(peak, trace, shape, &mut graph)?;
    write_file(svg, &graph)?;
    say(&format!("flamegraph of the peak: {}", svg.display()));
    Ok(())
}

/// Says where that of another question is.
pub(crate) fn tell(svg: &Path) {
    say(&format!("flamegraph: {}", svg.display()));
}
