//! Which question is asked, and which options go with it.

use crate::arguments::{AnalyzeArguments, Rows};
use crate::error::CliError;
use crate::times::{Time, TimeRange};

/// A question about a trace.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum View {
    /// What there is to say without a question.
    Summary,
    Peak,
    /// The peak, and how long its memory lived.
    PeakLifetimes,
    Peaks(u32),
    Timeline,
    At(Time),
    Range(TimeRange),
    Leaks,
    Churn,
    /// Freed while it was among so many last allocations of its thread.
    Temporary(u32),
    Lifetimes,
    Sizes,
    Overhead,
    /// Without this call site; without any, the best.
    WhatIfFreed(String),
    Stack(String),
    OutOfMemory,
    Sql(String),
}

impl View {
    /// The one that is asked for.
    pub(crate) fn of(arguments: &AnalyzeArguments) -> Result<View, CliError> {
        let mut asked = asked(arguments);
        if let Some(at) = asked.iter().position(|view| *view == View::Lifetimes)
            && let Some(peak) = asked.iter().position(|view| *view == View::Peak)
        {
            asked[peak] = View::PeakLifetimes;
            asked.remove(at);
        }
        let view = match &asked[..] {
            [] if arguments.form.flamegraph.is_some() => View::Peak,
            [] => View::Summary,
            [view] => view.clone(),
            [one, other, ..] => {
                let message = format!("{} and {} are two questions: ask one at a time", one.option(), other.option());
                return Err(CliError::Usage(message));
            }
        };
        view.check(arguments)?;
        Ok(view)
    }

    fn option(&self) -> &'static str {
        match self {
            View::Summary => "no question",
            View::Peak => "--peak",
            View::PeakLifetimes => "--peak --lifetimes",
            View::Peaks(_) => "--peaks",
            View::Timeline => "--timeline",
            View::At(_) => "--at",
            View::Range(_) => "--range",
            View::Leaks => "--leaks",
            View::Churn => "--churn",
            View::Temporary(_) => "--temporary",
            View::Lifetimes => "--lifetimes",
            View::Sizes => "--sizes",
            View::Overhead => "--overhead",
            View::WhatIfFreed(_) => "--what-if-freed",
            View::Stack(_) => "--stack",
            View::OutOfMemory => "--out-of-memory",
            View::Sql(_) => "--sql",
        }
    }

    /// What is given that does not go with this question is a mistake: else it would seem to have been heard.
    fn check(&self, arguments: &AnalyzeArguments) -> Result<(), CliError> {
        let (form, shapes, filters) = (&arguments.form, &arguments.shapes, &arguments.filters);
        let has_form = form.json || form.csv || form.parquet.is_some();
        if *self == View::Summary && has_form {
            return Err(CliError::Usage(
                "--json, --csv and --parquet need a question: add --peak, --timeline or another (see `fil analyze --help`)"
                    .to_owned(),
            ));
        }
        let is_summary = *self == View::Summary;
        let is_of_calls = self.is_of_calls();
        let is_over_time = matches!(self, View::Timeline | View::Overhead);
        let has_rows = is_of_calls || matches!(self, View::Peaks(_) | View::WhatIfFreed(_) | View::Timeline);
        let is_out_of_memory = *self == View::OutOfMemory;
        let is_filtered = has_rows || matches!(self, View::Sizes | View::Sql(_));
        let is_filtered_by_site = is_filtered || is_out_of_memory;
        let has_stacks = *self == View::Peak || is_of_calls;
        let shaped = shapes.merge_functions || shapes.hide_imports || shapes.collapse_recursion || shapes.invert;
        let shows_stacks = form.flamegraph.is_some() || !has_form && matches!(self, View::Stack(_));
        let is_total = form.by == Some(Rows::Total);
        let is_stack = matches!(self, View::Stack(_));
        let rows = has_rows || is_out_of_memory || matches!(self, View::Sql(_) | View::Overhead);
        for (option, given, goes) in [
            ("--rows", form.rows.is_some(), rows),
            ("--by", form.by.is_some() && !is_total, has_rows && !is_stack),
            ("--by total", is_total, *self == View::Timeline),
            ("--buckets", form.buckets.is_some(), is_over_time),
            ("--min-bytes", form.min_bytes.is_some(), (has_rows || is_out_of_memory) && !is_total),
            ("--flamegraph", form.flamegraph.is_some(), has_stacks),
            ("--merge-functions and its like", shaped, shows_stacks),
            ("--process", !filters.process.is_empty(), is_filtered_by_site || *self == View::Overhead),
            ("--thread", !filters.thread.is_empty(), is_filtered_by_site),
            ("--category", !filters.category.is_empty(), is_filtered_by_site),
            ("--function", !filters.function.is_empty(), is_filtered_by_site),
            ("--file", !filters.file.is_empty(), is_filtered_by_site),
            ("--from", filters.from.is_some(), is_filtered),
            ("--until", filters.until.is_some(), is_filtered),
        ] {
            if given && !goes {
                let instead = if is_summary { "needs a question" } else { "does not go with" };
                let view = if is_summary { "" } else { self.option() };
                let message = format!("{option} {instead} {view}");
                return Err(CliError::Usage(format!("{} (see `fil analyze --help`)", message.trim_end())));
            }
        }
        Ok(())
    }

    /// Whether its answer is a number for each of many calls.
    fn is_of_calls(&self) -> bool {
        match self {
            View::Peak | View::PeakLifetimes | View::At(_) | View::Range(_) | View::Leaks | View::Churn => true,
            View::Temporary(_) | View::Lifetimes | View::Stack(_) => true,
            View::Summary | View::Peaks(_) | View::Timeline | View::Sizes | View::Overhead => false,
            View::WhatIfFreed(_) | View::OutOfMemory | View::Sql(_) => false,
        }
    }
}

fn asked(arguments: &AnalyzeArguments) -> Vec<View> {
    let questions = &arguments.questions;
    let flags = [
        (questions.peak, View::Peak),
        (questions.lifetimes, View::Lifetimes),
        (questions.timeline, View::Timeline),
        (questions.leaks, View::Leaks),
        (questions.churn, View::Churn),
        (questions.sizes, View::Sizes),
        (questions.overhead, View::Overhead),
        (questions.out_of_memory, View::OutOfMemory),
    ];
    let values = [
        questions.peaks.map(View::Peaks),
        questions.at.map(View::At),
        questions.range.map(View::Range),
        questions.temporary.map(View::Temporary),
        questions.what_if_freed.clone().map(View::WhatIfFreed),
        questions.stack.clone().map(View::Stack),
        questions.sql.clone().map(View::Sql),
    ];
    let flags = flags.into_iter().filter_map(|(given, view)| given.then_some(view));
    flags.chain(values.into_iter().flatten()).collect()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Action, Arguments};

    fn view(line: &str) -> Result<View, String> {
        let words = "fil analyze".split(' ').chain(line.split(' '));
        let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
        let Action::Analyze(arguments) = arguments.action else { return Err("not analyze".to_owned()) };
        View::of(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn one_question_and_one_form_at_a_time() {
        for line in [
            "--peak --timeline",
            "--out-of-memory --by total",
            "--out-of-memory --buckets 3",
            "--peak --out-of-memory",
            "--peak --json --csv",
            "--peak --json --parquet a.parquet",
            "--rows 5",
            "--json",
            "--churn --leaks",
            "--peaks 0",
            "--sizes --by function",
            "--sizes --peaks 3",
            "--lifetimes --churn",
            "--temporary=0",
            "--at noon",
            "--range 3..1",
            "--function f",
            "--category disk --churn",
            "--peak --by total",
            "--timeline --flamegraph a.svg",
            "--overhead --thread worker",
            "--peak --invert",
            "--stack f --invert --json",
            "--sizes --min-bytes 1MB",
            "--timeline --by total --min-bytes 1MB",
            "--sql SELECT --min-bytes 1MB",
            "--out-of-memory --from 1",
        ] {
            view(line).expect_err(line);
        }
        for (line, expected) in [
            ("a.fil", View::Summary),
            ("--flamegraph a.svg", View::Peak),
            ("--flamegraph a.svg --invert --merge-functions", View::Peak),
            ("a.fil --peak --rows 5", View::Peak),
            ("--peak --by function", View::Peak),
            ("--out-of-memory --rows 5 --json", View::OutOfMemory),
            ("--timeline --by total --csv", View::Timeline),
            ("--timeline --by thread --rows 5 --process 3", View::Timeline),
            ("--peaks 3 --by function --csv", View::Peaks(3)),
            ("--what-if-freed", View::WhatIfFreed(String::new())),
            ("--what-if-freed=job.py:3 --json", View::WhatIfFreed("job.py:3".to_owned())),
            ("--stack read_csv --hide-imports", View::Stack("read_csv".to_owned())),
            ("--flamegraph a.svg --function f", View::Peak),
            ("--churn --flamegraph a.svg --min-bytes 1MB", View::Churn),
            ("--peak --lifetimes --by function", View::PeakLifetimes),
            ("--sizes --thread worker", View::Sizes),
            ("--overhead --buckets 10 --process 3", View::Overhead),
            ("--sql SELECT --process 3 --until 2", View::Sql("SELECT".to_owned())),
            ("--out-of-memory --function f --min-bytes 1MB", View::OutOfMemory),
            ("--peaks 2 --min-bytes 1MB", View::Peaks(2)),
            ("--timeline --min-bytes 1MB", View::Timeline),
            ("--temporary --by function --rows 3", View::Temporary(1)),
            ("--temporary=5", View::Temporary(5)),
            ("--leaks --parquet a.parquet", View::Leaks),
            ("a.fil --at 40% --process 3 --process 4", View::At(Time::Part(0.4))),
            ("--churn --from 1 --until 2", View::Churn),
            (
                "--range ..end --file */pandas/* --csv",
                View::Range(TimeRange { from: Time::Nanoseconds(0), to: Time::End }),
            ),
        ] {
            assert_eq!(view(line).as_ref(), Ok(&expected), "{line}");
        }
    }

    #[test]
    fn a_mistake_names_what_does_not_fit() {
        assert_eq!(view("--churn --leaks"), Err("--leaks and --churn are two questions: ask one at a time".to_owned()));
        assert_eq!(
            view("--sizes --rows 3"),
            Err("--rows does not go with --sizes (see `fil analyze --help`)".to_owned())
        );
        assert_eq!(view("--function f"), Err("--function needs a question (see `fil analyze --help`)".to_owned()));
    }
}
