//! Call stacks as people read them: like a traceback, with what each holds.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::flamegraph::Shape;
use analyzer::{CallView, Measure, StackRow, Unit};

use crate::analyze::output::Output;
use crate::analyze::paths::place;
use crate::analyze::terminal_text::{keep_start, printable};
use crate::quantities::{count, count_of, duration};

/// Writes the sentence, and the stacks with most.
pub(crate) fn write<M: Measure, A>(
    headline: &str,
    view: &CallView<M, A>,
    shape: Shape,
    output: &mut Output<impl Write>,
) -> io::Result<()> {
    let headline = output.screen.bold(&printable(headline));
    writeln!(output.out, "{headline}")?;
    for stack in view.stacks.iter().take(output.rows) {
        write_stack(stack, shape, output)?;
    }
    let rest = view.stacks.len().saturating_sub(output.rows);
    if rest > 0 {
        writeln!(output.out)?;
        writeln!(output.out, "and {} more", count_of(rest as u64, "stack", "stacks"))?;
    }
    Ok(())
}

fn write_stack<M: Measure>(stack: &StackRow<M>, shape: Shape, output: &mut Output<impl Write>) -> io::Result<()> {
    writeln!(output.out)?;
    let numbers = M::COLUMNS.iter().zip(stack.measure.values()).map(|(column, value)| {
        let number = match (column.unit, value) {
            (_, None) => "-".to_owned(),
            (Unit::Bytes, Some(bytes)) => human_bytes(bytes),
            (Unit::Blocks, Some(blocks)) => count(blocks),
            (Unit::Nanoseconds, Some(ns)) => duration(ns),
        };
        format!("{number} {}", column.heading)
    });
    let numbers = numbers.collect::<Vec<_>>().join(", ");
    writeln!(output.out, "{numbers}, by {} of process {}:", printable(&stack.thread), stack.process)?;
    let width = output.screen.width_limit().map_or(usize::MAX, usize::from);
    for frame in shape.of(stack.frames.frames()) {
        let line = if shape.by_function { 0 } else { frame.line };
        let place = place(&frame.file, line, output.trace);
        let text = format!("  {}  {}", printable(&frame.function), printable(&place));
        writeln!(output.out, "{}", keep_start(text.trim_end(), width))?;
        let source = output.trace.source_line(&frame.file, frame.line).filter(|_| !shape.by_function);
        if let Some(source) = source {
            writeln!(output.out, "{}", keep_start(&format!("      {}", printable(&source)), width))?;
        }
    }
    Ok(())
}
