//! Everything that can be asked of a trace.

use std::io::sink;

use analyzer::check::{Budget, Tolerance};
use analyzer::flamegraph::Shape;
use analyzer::info;
use analyzer::views::{self, OverheadAt, Query, Range, Threshold, When};
use analyzer::{
    AnalyzerError, CallView, Granularity, Grouping, Measure, Pattern, Peak, Selection, TimelineOptions, TimelineTotal,
    Trace, export,
};
use serde::Serialize;

/// Asks a trace of these bytes everything. It may have no answer; the parts of those it has add up.
pub fn ask_everything(bytes: Vec<u8>) {
    let Ok(mut trace) = Trace::from_bytes("fuzz.fil".to_owned(), bytes) else { return };
    let peak = analyzer::peak(&trace).expect("an opened trace has a peak");
    check(&peak);
    serde_json::to_vec(&peak).expect("can be written");
    analyzer::flamegraph::write(&peak, &trace, Default::default(), Vec::new()).expect("can be drawn");
    export_everything(&peak, &trace).expect("can be exported");
    let options = TimelineOptions { buckets: 5, rows: 3, ..Default::default() };
    let timeline = analyzer::timeline(&trace, &options).expect("an opened trace has a timeline");
    assert_eq!(timeline.totals.len(), 5);
    let want = analyzer::out_of_memory(&trace).expect("it is asked");
    serde_json::to_vec(&want).expect("can be written");
    if let Some(want) = want {
        let held = want.call_sites.iter().fold(0u64, |sum, row| sum.wrapping_add(row.live_bytes));
        assert_eq!(held, want.live_bytes);
    }
    ask_views(&trace, &peak);
    ask_for_budgets(&trace, &peak);
    serde_json::to_vec(&info::info(&trace)).expect("can be written");
    info::chunks(&trace).expect("it is in memory");
    for file in trace.source_files() {
        trace.source_line(&file, 1);
    }
    trace.summary();
    trace.set_granularity(Granularity { batch_chunks: 1, segment_events: 3 });
    let again = analyzer::peak(&trace).expect("it had one");
    assert_eq!((again.peak_bytes, again.peak_time_ns), (peak.peak_bytes, peak.peak_time_ns));
    assert_eq!(again.call_sites, peak.call_sites);
}

fn ask_for_budgets(trace: &Trace, peak: &Peak) {
    let pattern = Pattern::new("f*").expect("is one");
    let budgets = [
        Budget::Peak { allowed_bytes: 100 },
        Budget::Leaks { allowed_bytes: 100 },
        Budget::Baseline { trace, tolerance: Tolerance::Percent(5.0) },
        Budget::Site { pattern, allowed_bytes: 100 },
    ];
    let checked = analyzer::check::check(trace, &budgets, &Selection::default()).expect("it is asked");
    assert_eq!(checked.budgets[0].measured_bytes, peak.peak_bytes);
    assert_eq!(checked.budgets[1].measured_bytes, peak.end_bytes);
    assert!(trace.complete() || !checked.kept);
    serde_json::to_vec(&checked).expect("can be written");
}

fn ask_views(trace: &Trace, peak: &Peak) {
    let middle = trace.duration_ns() / 2;
    let patterns = vec![Pattern::new("f*").expect("is one")];
    let selection = Selection { functions: patterns, categories: vec!["heap".to_owned()], ..Selection::default() };
    let queries = [
        Query::default(),
        Query { grouping: Grouping::Thread, ..Query::default() },
        Query { selection, grouping: Grouping::Package },
        Query { selection: Selection { born: Some((0, middle)), ..Selection::default() }, grouping: Grouping::File },
    ];
    let shape = Shape { by_function: true, hide_imports: true, collapse_recursion: true, inverted: true };
    for query in &queries {
        let options = TimelineOptions { buckets: 3, rows: 1, least_bytes: 2, query: query.clone() };
        let timeline = analyzer::timeline(trace, &options).expect("it is asked");
        let overhead = views::overhead(trace, 3, &[]).expect("it is asked");
        serde_json::to_vec(&overhead).expect("can be written");
        let is_same = |(total, at): (&TimelineTotal, &OverheadAt)| total.live_bytes == at.live_bytes;
        assert!(!query.selection.is_all() || timeline.totals.iter().zip(&overhead.times).all(is_same));
        for (total, rows) in timeline.totals.iter().zip(timeline.rows.chunks((timeline.rows.len() / 3).max(1))) {
            assert_eq!(rows.iter().fold(0u64, |sum, row| sum.wrapping_add(row.live_bytes)), total.live_bytes);
        }
        let peak_by = views::peak_by(trace, query).expect("it is asked");
        check_rows(&peak_by);
        analyzer::flamegraph::write_view(&peak_by, "peak", trace, shape, Vec::new()).expect("can be drawn");
        let reaching = views::reaching(trace, &Pattern::new("*").expect("is one"), query).expect("it is asked");
        check_rows(&reaching);
        assert_eq!(reaching.total.live_bytes, peak_by.total.bytes);
        let diff = analyzer::diff::diff(trace, trace, &query.selection).expect("it is asked");
        assert!(diff.functions.iter().all(|row| row.before == row.after));
        analyzer::diff::flamegraph::write(&diff, Vec::new()).expect("can be drawn");
        check_rows(&views::at(trace, When::Time(middle), query).expect("it is asked"));
        check_rows(&views::at(trace, When::End, query).expect("it is asked"));
        check_rows(&views::range(trace, Range { from_ns: middle / 2, to_ns: middle }, query).expect("it is asked"));
        check_rows(&views::churn(trace, query).expect("it is asked"));
        check_rows(&views::temporary(trace, Threshold { within_allocations: 2 }, query).expect("it is asked"));
        check_rows(&views::lifetimes(trace, query).expect("it is asked"));
        let lifetimes = views::peak_lifetimes(trace, query).expect("it is asked");
        check_rows(&lifetimes);
        assert_eq!(lifetimes.total.live_bytes, lifetimes.about.peak_bytes);
        assert!(!query.selection.is_all() || lifetimes.about.peak_bytes == peak.peak_bytes);
    }
}

fn check_rows<M: Measure + std::fmt::Debug, A: Serialize>(view: &CallView<M, A>) {
    let sum = |parts: &mut dyn Iterator<Item = &M>| {
        parts.fold(M::default(), |mut sum, part| {
            sum.add(part);
            sum
        })
    };
    assert_eq!(sum(&mut view.rows.iter().map(|row| &row.measure)), view.total);
    assert_eq!(sum(&mut view.stacks.iter().map(|row| &row.measure)), view.total);
    serde_json::to_vec(view).expect("can be written");
}

/// But for Firefox: the sizes that a fuzzer makes up are tens of thousands of samples there, which takes its time.
fn export_everything(peak: &Peak, trace: &Trace) -> Result<(), AnalyzerError> {
    export::collapsed::write(peak, sink())?;
    export::speedscope::write(peak, sink())?;
    export::pprof::write(peak, trace, sink())?;
    export::chrome::write(peak, sink())?;
    export::memray_csv::write(peak, sink())
}

fn check(peak: &Peak) {
    let sum = |parts: &mut dyn Iterator<Item = u64>| parts.fold(0, u64::wrapping_add);
    assert_eq!(sum(&mut peak.call_sites.iter().map(|row| row.live_bytes)), peak.peak_bytes);
    assert_eq!(sum(&mut peak.stacks.iter().map(|row| row.live_bytes)), peak.peak_bytes);
    assert_eq!(sum(&mut peak.processes.iter().map(|row| row.live_bytes)), peak.peak_bytes);
    let kinds = peak.categories;
    assert_eq!(sum(&mut [kinds.heap, kinds.python, kinds.mmap].into_iter()), peak.peak_bytes);
}
