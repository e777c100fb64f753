//! Checked budgets as people read them: a line for each, and below those that were exceeded who held most.

use std::io::{self, Write};

use analyzer::bytes::human_bytes;
use analyzer::check::{BudgetKind, Check, CheckedBudget, Verdict};
use analyzer::{CallSite, Trace};

use crate::analyze::Screen;
use crate::analyze::paths::location;
use crate::analyze::terminal_text::printable;
use crate::check::{Allowed, Asked};
use crate::quantities::{count_of, duration, share};

/// Call sites named below a budget.
const CALL_SITES: usize = 5;

/// Writes what came of the budgets, in the order in which they were asked for.
pub(super) fn write(
    asked: &[Asked<'_>],
    check: &Check,
    trace: &Trace,
    screen: &Screen,
    out: &mut impl Write,
) -> io::Result<()> {
    for (asked, budget) in asked.iter().zip(&check.budgets) {
        let line = line(asked, budget);
        writeln!(out, "{}", if budget.kept { line } else { screen.bold(&line) })?;
        if is_exceeded(budget) {
            write_holders(budget, trace, out)?;
        }
    }
    Ok(())
}

fn is_exceeded(budget: &CheckedBudget) -> bool {
    budget.measured_bytes > budget.allowed_bytes
}

/// `OVER peak 2.4 GiB of 2.0 GB allowed, by 550.1 MiB, 1.31 s after the start`.
fn line(asked: &Asked<'_>, budget: &CheckedBudget) -> String {
    let mark = match budget.verdict {
        Verdict::Kept => "ok",
        Verdict::Broken => "OVER",
        Verdict::Unknown => "?",
    };
    let what = match (budget.what, &budget.pattern) {
        (BudgetKind::Peak | BudgetKind::Baseline, _) => "peak".to_owned(),
        (BudgetKind::Leaks, _) => "left at the end".to_owned(),
        (BudgetKind::Site, pattern) => format!("site {}", printable(pattern.as_deref().unwrap_or_default())),
    };
    let allowed = match (&asked.allowed, &budget.baseline) {
        (Allowed::Beside(more), Some(baseline)) => {
            let (allowed, before) = (human_bytes(budget.allowed_bytes), human_bytes(baseline.peak_bytes));
            format!("{allowed} allowed ({before} in {} and {more} more)", printable(&baseline.trace))
        }
        (Allowed::Size(size), _) => format!("{size} allowed"),
        (Allowed::Beside(_), None) => format!("{} allowed", human_bytes(budget.allowed_bytes)),
    };
    let mut line = format!("{mark:<4} {what} {} of {allowed}", human_bytes(budget.measured_bytes));
    if is_exceeded(budget) {
        line += &format!(", by {}", human_bytes(budget.measured_bytes - budget.allowed_bytes));
        if budget.what != BudgetKind::Leaks {
            line += &format!(", {} after the start", duration(budget.time_ns));
        }
    }
    if budget.what == BudgetKind::Site && budget.call_sites.is_empty() {
        line += ": no such call site held anything";
    }
    if budget.verdict == Verdict::Unknown {
        line += "; not certain";
    }
    line
}

/// `      63.1%   400.0 MiB  make_big_array  seed.py:3`, the largest first.
fn write_holders(budget: &CheckedBudget, trace: &Trace, out: &mut impl Write) -> io::Result<()> {
    let (shown, rest) = budget.call_sites.split_at(CALL_SITES.min(budget.call_sites.len()));
    for call_site in shown {
        let CallSite { function, live_bytes, .. } = call_site;
        let (function, place) = (printable(function), printable(&location(call_site, trace)));
        write_part(*live_bytes, budget, &format!("{function}  {place}"), out)?;
    }
    if rest.is_empty() {
        return Ok(());
    }
    let bytes = rest.iter().map(|call_site| call_site.live_bytes).sum();
    write_part(bytes, budget, &count_of(rest.len() as u64, "other call site", "other call sites"), out)
}

fn write_part(bytes: u64, budget: &CheckedBudget, who: &str, out: &mut impl Write) -> io::Result<()> {
    let line = format!("     {:>6}  {:>10}  {who}", share(bytes, budget.measured_bytes), human_bytes(bytes));
    writeln!(out, "{}", line.trim_end())
}
