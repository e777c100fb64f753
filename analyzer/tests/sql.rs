//! The tables of questions in SQL: every block is there once, whatever threads, processes and mappings do.

#![allow(clippy::unwrap_used)]

mod support;

use analyzer::sql::{Cell, Question, TABLES};
use analyzer::views::{self, Query, When};
use analyzer::{Selection, Trace, peak};
use proptest::prelude::*;
use support::steps::{granularity, steps, story};

fn rows(trace: &Trace, question: &str) -> Vec<Vec<Cell>> {
    let answer = Question::new(trace, &Selection::default(), question).unwrap().answer().unwrap();
    assert!(answer.complete, "{:?}", answer.warnings);
    (0..answer.height()).map(|at| answer.row(at)).collect()
}

fn whole(cell: &Cell) -> u64 {
    match cell {
        Cell::Whole(number) => u64::try_from(*number).unwrap(),
        Cell::Missing => 0,
        other => panic!("no whole number: {other:?}"),
    }
}

/// The numbers of the only row.
fn numbers(trace: &Trace, question: &str) -> Vec<u64> {
    rows(trace, question)[0].iter().map(whole).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn allocations_are_those_of_the_other_answers(steps in steps(1..300), granularity in granularity()) {
        let mut trace = support::open(&story(&steps));
        trace.set_granularity(granularity);
        let all = Default::default();
        let (churn, kept) = (views::churn(&trace, &all).unwrap(), views::lifetimes(&trace, &all).unwrap());
        let sum = numbers(&trace, "SELECT SUM(bytes) FROM allocations");
        prop_assert_eq!(sum[0], churn.total.allocated_bytes);
        let left = numbers(&trace, "SELECT SUM(bytes) FROM allocations WHERE freed_s IS NULL");
        prop_assert_eq!(left[0], kept.total.kept_bytes);
        let by_stack = "SELECT s.function, SUM(a.bytes) AS bytes FROM allocations a JOIN stacks s ON a.stack = s.stack \
            GROUP BY s.function ORDER BY bytes DESC, s.function";
        let mut of_churn: Vec<(String, u64)> = Vec::new();
        for row in &churn.rows {
            let analyzer::GroupName::CallSite { function, .. } = &row.group else { panic!("no call site") };
            of_churn.push((function.clone(), row.measure.allocated_bytes));
        }
        of_churn.retain(|(_, bytes)| *bytes > 0);
        of_churn.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
        let of_sql: Vec<(String, u64)> = rows(&trace, by_stack).iter().map(|row| {
            let Cell::Text(function) = &row[0] else { panic!("no name: {row:?}") };
            (function.clone(), whole(&row[1]))
        }).filter(|(_, bytes)| *bytes > 0).collect();
        prop_assert_eq!(of_sql, of_churn);
        let selection = Selection { processes: vec![10], born: Some((50, 400)), ..Selection::default() };
        let query = Query { selection: selection.clone(), ..Query::default() };
        let allocated = views::churn(&trace, &query).unwrap().total.allocated_bytes;
        let left = views::at(&trace, When::End, &query).unwrap().total.bytes;
        for (question, expected) in [
            ("SELECT SUM(bytes) FROM allocations", allocated),
            ("SELECT SUM(allocated_bytes) FROM stacks", allocated),
            ("SELECT SUM(end_bytes) FROM call_sites", left),
        ] {
            let answer = Question::new(&trace, &selection, question).unwrap().answer().unwrap();
            prop_assert_eq!(whole(&answer.row(0)[0]), expected, "{}", question);
        }
        // Nothing ends before it begins.
        let wrong = "SELECT COUNT(*) FROM allocations WHERE freed_order < allocated_order OR freed_s < allocated_s";
        prop_assert_eq!(numbers(&trace, wrong)[0], 0);

        let peak = peak(&trace).unwrap();
        let leaks = views::at(&trace, When::End, &all).unwrap();
        for table in ["call_sites", "stacks"] {
            let sums = format!("SELECT SUM(peak_bytes), SUM(end_bytes), SUM(allocated_bytes) FROM {table}");
            let expected = [peak.peak_bytes, leaks.total.bytes, churn.total.allocated_bytes];
            prop_assert_eq!(numbers(&trace, &sums), expected);
        }
    }

    #[test]
    fn tables_do_not_depend_on_the_number_of_threads(steps in steps(100..300)) {
        let bytes = support::trace_bytes(&story(&steps));
        let answers = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let trace = Trace::from_bytes("t".into(), bytes.clone()).unwrap();
                TABLES.map(|table| rows(&trace, &format!("SELECT * FROM {table}")))
            })
        };
        let one = answers(1);
        prop_assert_eq!(&one, &answers(2));
        prop_assert_eq!(&one, &answers(7));
    }
}

#[test]
fn what_is_not_selected_is_not_there_but_for_the_order() {
    let story =
        "process 10\ntime 100\nalloc 16 100\ntime 300\nfree 16\nprocess 11 start=150\ntime 200\nalloc 16 7\nend";
    let trace = support::open(story);
    let numbers = |pid, question| {
        let selection = Selection { processes: vec![pid], ..Selection::default() };
        let answer = Question::new(&trace, &selection, question).unwrap().answer().unwrap();
        assert_eq!(answer.height(), 1, "{pid}: {question}");
        answer.row(0).iter().map(whole).collect::<Vec<_>>()
    };
    assert_eq!(numbers(11, "SELECT peak_bytes, allocated_blocks FROM stacks"), [7, 1]);
    assert_eq!(numbers(11, "SELECT COUNT(*) FROM call_sites"), [1]);
    assert_eq!(numbers(12, "SELECT COUNT(*) FROM stacks"), [0]);
    // Behind the other process's allocation.
    assert_eq!(numbers(10, "SELECT bytes, allocated_order, freed_order FROM allocations"), [100, 0, 1]);
}

#[test]
fn what_is_damaged_is_told() {
    let mut bytes = support::trace_bytes("process 10\nalloc 16 100\ncut\nalloc 32 50\nend");
    let at = bytes.len() / 2;
    bytes[at] ^= 0x55;
    let trace = Trace::from_bytes("t".into(), bytes).unwrap();
    let answer =
        Question::new(&trace, &Selection::default(), "SELECT COUNT(*) FROM allocations").unwrap().answer().unwrap();
    assert!(!answer.complete && !answer.warnings.is_empty(), "{answer:?}");
}

#[test]
fn what_is_no_question_is_an_error() {
    let trace = support::open("process 10\nalloc 16 100\nend");
    for question in ["", "SELECT", "SELECT * FROM nothing", "SELECT no FROM stacks", "DROP TABLE stacks; SELECT 1"] {
        let answer = Question::new(&trace, &Selection::default(), question).and_then(Question::answer);
        assert!(answer.is_err(), "{question}: {answer:?}");
    }
}
