//! Answers have the same bytes, whatever number of threads works at them.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::check::{Budget, Tolerance, check};
use analyzer::diff::diff;
use analyzer::flamegraph::{self, Shape};
use analyzer::views::{self, LeftOut, Query, Range, Threshold, When};
use analyzer::{Granularity, Grouping, Pattern, Selection, TimelineOptions, Trace, peak, timeline};
use proptest::prelude::*;
use serde::Serialize;
use support::steps::{steps, story};

fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn json(answer: impl Serialize) -> String {
    serde_json::to_string(&answer).unwrap()
}

/// Every question, as bytes.
fn answers(bytes: Vec<u8>) -> Vec<String> {
    let mut trace = Trace::from_bytes("t".into(), bytes).unwrap();
    trace.set_granularity(Granularity { batch_chunks: 2, segment_events: 40 });
    let (trace, all) = (&trace, Pattern::new("*").unwrap());
    let born = Selection { born: Some((100, 700)), ..Selection::default() };
    let mut answers = vec![
        json(peak(trace).unwrap()),
        json(views::sizes(trace, &Selection::default()).unwrap()),
        json(views::overhead(trace, 9, &[]).unwrap()),
        json(diff(trace, trace, &born).unwrap()),
    ];
    let budgets = [
        Budget::Peak { allowed_bytes: 100 },
        Budget::Leaks { allowed_bytes: 100 },
        Budget::Site { pattern: all.clone(), allowed_bytes: 100 },
        Budget::Baseline { trace, tolerance: Tolerance::Percent(5.0) },
    ];
    answers.push(json(check(trace, &budgets, &Selection::default()).unwrap()));
    for (grouping, selection) in [(Grouping::CallSite, Selection::default()), (Grouping::Thread, born)] {
        let query = Query { grouping, selection };
        let options = TimelineOptions { buckets: 9, rows: 2, least_bytes: 2, query: query.clone() };
        let range = Range { from_ns: 50, to_ns: 500 };
        let churn = views::churn(trace, &query).unwrap();
        let mut picture = Vec::new();
        flamegraph::write_view(&churn, "churn", trace, Shape::default(), &mut picture).unwrap();
        answers.extend([
            json(timeline(trace, &options).unwrap()),
            json(views::peak_by(trace, &query).unwrap()),
            json(views::peak_lifetimes(trace, &query).unwrap()),
            json(views::peaks(trace, 5, &query).unwrap()),
            json(views::at(trace, When::Time(300), &query).unwrap()),
            json(views::at(trace, When::End, &query).unwrap()),
            json(views::range(trace, range, &query).unwrap()),
            json(views::temporary(trace, Threshold { within_allocations: 2 }, &query).unwrap()),
            json(views::lifetimes(trace, &query).unwrap()),
            json(views::what_if(trace, &LeftOut::Named(all.clone()), &query).unwrap()),
            json(views::what_if(trace, &LeftOut::Best, &query).unwrap()),
            json(views::reaching(trace, &all, &query).unwrap()),
            json(&churn),
            String::from_utf8(picture).unwrap(),
        ]);
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_answer_does_not_depend_on_the_number_of_threads(steps in steps(200..600)) {
        let bytes = support::trace_bytes(&story(&steps));
        let answer = |threads| with_threads(threads, || answers(bytes.clone()));
        let one = answer(1);
        prop_assert_eq!(&one, &answer(2));
        prop_assert_eq!(&one, &answer(7));
    }
}
