//! `fil check`: whether a job kept to its memory, for CI.
//!
//! The exit code is 0 if all budgets were kept, 1 if one is broken for certain, and 2 if that is not known: when the
//! trace is not whole, or the job ran out of memory or was killed. So nothing passes that was not seen to.

pub(crate) mod sizes;
mod text;

use std::io::{self, BufWriter, Write};

use analyzer::Trace;
use analyzer::check::{Budget, Check, CheckedBudget, Verdict};

use crate::analyze::progress_bar::ProgressBar;
use crate::analyze::{Screen, open, open_silently, selection, write_json};
use crate::arguments::CheckArguments;
use crate::error::{CliError, FAILED};
use crate::messages::{say, warn};

/// Exit code of a budget that is broken.
const BROKEN: u8 = 1;

/// Checks one trace. Returns the exit code.
pub(crate) fn check(arguments: &CheckArguments) -> Result<u8, CliError> {
    if arguments.baseline.is_some() && !arguments.filters.process.is_empty() {
        return Err(CliError::Usage(
            "--process is not for --baseline: the processes of another run have other ids".to_owned(),
        ));
    }
    let baseline = arguments.baseline.as_deref().map(open_silently).transpose()?;
    let trace = open(&arguments.trace)?;
    let selection = selection(&arguments.filters, &trace)?;
    if let Some(baseline) = &baseline
        && crate::analyze::selection(&arguments.filters, baseline)?.born != selection.born
    {
        return Err(CliError::Usage(
            "--from and --until must be seconds with --baseline, for the two runs took different times".to_owned(),
        ));
    }
    selection.not_there(&trace).iter().for_each(|sentence| warn(sentence));
    let asked = asked(arguments, baseline.as_ref());
    let budgets: Vec<Budget<'_>> = asked.iter().map(|asked| asked.budget.clone()).collect();
    let mut bar = ProgressBar::of(trace.progress());
    let check = analyzer::check::check(&trace, &budgets, &selection)?;
    bar.clear();

    // Opening the trace has told the first of them.
    check.warnings.iter().skip(trace.warnings().len()).for_each(|warning| warn(warning));
    match write(arguments, &asked, &check, &trace) {
        // Whoever closed the pipe has read enough, but what is broken must not pass for that.
        Err(CliError::Answer(error)) if error.kind() == io::ErrorKind::BrokenPipe => {}
        written => written?,
    }
    doubts(&check).iter().for_each(|doubt| say(doubt));
    Ok(match check.verdict {
        Verdict::Kept => 0,
        Verdict::Broken => BROKEN,
        Verdict::Unknown => FAILED,
    })
}

fn write(arguments: &CheckArguments, asked: &[Asked<'_>], check: &Check, trace: &Trace) -> Result<(), CliError> {
    let screen = Screen::of(&io::stdout());
    let mut out = BufWriter::new(io::stdout().lock());
    if arguments.json {
        write_json(check, &mut out)?;
    } else {
        text::write(asked, check, trace, &screen, &mut out)?;
    }
    Ok(out.flush()?)
}

/// A budget, and how people read what is allowed.
struct Asked<'a> {
    budget: Budget<'a>,
    allowed: Allowed<'a>,
}

/// See [`Asked`].
enum Allowed<'a> {
    Size(sizes::Size),
    /// As much as a baseline, and so much more.
    Beside(&'a str),
}

/// The budgets of a command line.
fn asked<'a>(arguments: &'a CheckArguments, baseline: Option<&'a Trace>) -> Vec<Asked<'a>> {
    let of_size = |size: sizes::Size, budget| Asked { budget, allowed: Allowed::Size(size) };
    let peak = arguments.max_peak.map(|size| of_size(size, Budget::Peak { allowed_bytes: size.bytes }));
    let leaks = arguments.max_leaks.map(|size| of_size(size, Budget::Leaks { allowed_bytes: size.bytes }));
    let site = |site: &sizes::SiteBudget| {
        let (pattern, allowed_bytes) = (site.pattern.clone(), site.allowed.bytes);
        of_size(site.allowed, Budget::Site { pattern, allowed_bytes })
    };
    let tolerated = &arguments.tolerance;
    let beside = baseline.map(|trace| Asked {
        budget: Budget::Baseline { trace, tolerance: tolerated.tolerance },
        allowed: Allowed::Beside(&tolerated.text),
    });
    peak.into_iter().chain(leaks).chain(arguments.max_site.iter().map(site)).chain(beside).collect()
}

/// Why something is not certain: a line for each trace that cannot vouch for a budget.
fn doubts(check: &Check) -> Vec<String> {
    let line = |trace: &str, doubts: &[String]| {
        (!doubts.is_empty()).then(|| format!("{trace} cannot vouch for a budget: {}", doubts.join("; ")))
    };
    let of_baseline =
        |budget: &CheckedBudget| budget.baseline.as_ref().and_then(|baseline| line(&baseline.trace, &baseline.doubts));
    line(&check.trace, &check.doubts).into_iter().chain(check.budgets.iter().filter_map(of_baseline)).collect()
}
