//! The highest separate peaks: instants between which memory fell.
//!
//! Two peaks are separate if between them memory fell below both by at least a twentieth of the highest one. Of each, the
//! first instant of its maximum counts. What is there only between a free and the allocation that comes next is no fall:
//! by a realloc, or when something is replaced, a job does not take less.

use std::cmp::Reverse;

use serde::Serialize;

use crate::call_view::{Row, by_call};
use crate::change::Change;
use crate::error::AnalyzerError;
use crate::groups::Grouping;
use crate::high_water_mark::HighWaterMark;
use crate::moment::{Moment, SiteMemory};
use crate::replay::Observer;
use crate::selected_replay::replay_selected;
use crate::site::{Site, SiteId};
use crate::trace::Trace;
use crate::views::Query;

/// By which part of the highest peak memory falls between two separate peaks.
const LEAST_FALL: u64 = 20;

/// The highest separate peaks: the contract `fil.peaks/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Peaks {
    /// `fil.peaks/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// By how many bytes memory falls between two of them, at least.
    pub least_fall_bytes: u64,
    /// What the rows of each are.
    #[serde(skip)]
    pub grouping: Grouping,
    /// The highest first.
    pub peaks: Vec<SeparatePeak>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeparatePeak {
    /// Nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Live bytes.
    pub live_bytes: u64,
    /// Who held them, largest first.
    pub rows: Vec<Row<SiteMemory>>,
}

/// Finds the `count` highest separate peaks.
pub fn peaks(trace: &Trace, count: usize, query: &Query) -> Result<Peaks, AnalyzerError> {
    let (mark, _) = replay_selected(trace, &query.selection, HighWaterMark::default());
    let least_fall_bytes = (mark.peak_bytes / LEAST_FALL).max(1);
    let (extremes, _) = replay_selected(trace, &query.selection, Extremes::new(least_fall_bytes));
    let mut summits = extremes.finish();
    // Stable: of equal ones the earliest is first.
    summits.sort_by_key(|summit| Reverse(summit.live_bytes));
    summits.truncate(count);
    let mut in_time: Vec<u64> = summits.iter().map(|summit| summit.number).collect();
    in_time.sort_unstable_by_key(|&number| Reverse(number));
    let (pictures, replayed) = replay_selected(trace, &query.selection, Pictures::new(in_time));
    let pictures = pictures.pictures;
    let peak = |summit: &Summit| {
        let picture = pictures.iter().find(|(number, _)| *number == summit.number);
        let memory = picture.map_or(&[][..], |(_, memory)| memory);
        let sites = replayed.sites.iter().copied().zip(memory.iter().copied());
        let sites: Vec<(Site, SiteMemory)> = sites.filter(|(site, _)| site.category.counts()).collect();
        let (rows, _) = by_call(trace, query.grouping, &sites);
        SeparatePeak { time_ns: trace.since_start(summit.ns), live_bytes: summit.live_bytes, rows }
    };
    let (complete, warnings) = trace.judged();
    Ok(Peaks {
        schema: "fil.peaks/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        complete,
        warnings,
        least_fall_bytes,
        grouping: query.grouping,
        peaks: summits.iter().map(peak).collect(),
    })
}

/// The highest instant between two falls.
#[derive(Clone, Copy, Debug, Default)]
struct Summit {
    live_bytes: u64,
    /// Nanoseconds of the monotonic clock.
    ns: u64,
    /// How many changes there had been, this one too.
    number: u64,
}

/// Observes a replay and finds where memory turns.
struct Extremes {
    least_fall_bytes: u64,
    live_bytes: u64,
    changes: u64,
    counts: Vec<bool>,
    /// The highest so far since memory last began to rise.
    summit: Option<Summit>,
    /// The lowest so far since memory last began to fall.
    valley_bytes: u64,
    summits: Vec<Summit>,
}

impl Extremes {
    fn new(least_fall_bytes: u64) -> Extremes {
        let (counts, summits) = (Vec::new(), Vec::new());
        Extremes { least_fall_bytes, live_bytes: 0, changes: 0, counts, summit: None, valley_bytes: 0, summits }
    }

    fn finish(mut self) -> Vec<Summit> {
        self.summits.extend(self.summit);
        self.summits
    }
}

impl Observer for Extremes {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.counts.push(site.category.counts());
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        self.changes += 1;
        if !self.counts[change.site.index()] {
            return;
        }
        if change.bytes < 0 {
            // What was there until now was there between two frees, or behind an allocation.
            self.fall();
        }
        self.live_bytes = self.live_bytes.wrapping_add_signed(change.bytes);
        if change.bytes > 0 {
            self.fall();
            self.rise(Summit { live_bytes: self.live_bytes, ns, number: self.changes });
        }
    }

    fn gone(&mut self, change: &Change<()>, ns: u64) {
        self.change(change, ns);
        self.fall();
    }
}

impl Extremes {
    fn fall(&mut self) {
        match self.summit {
            Some(summit) if summit.live_bytes.saturating_sub(self.live_bytes) >= self.least_fall_bytes => {
                self.summits.push(summit);
                self.summit = None;
                self.valley_bytes = self.live_bytes;
            }
            Some(_) => {}
            None => self.valley_bytes = self.valley_bytes.min(self.live_bytes),
        }
    }

    fn rise(&mut self, now: Summit) {
        let is_higher = match self.summit {
            Some(summit) => now.live_bytes > summit.live_bytes,
            None => now.live_bytes.saturating_sub(self.valley_bytes) >= self.least_fall_bytes,
        };
        if is_higher {
            self.summit = Some(now);
        }
    }
}

/// Observes a replay and keeps what every site held behind certain changes.
struct Pictures {
    /// The numbers of the changes, the next one last.
    numbers: Vec<u64>,
    changes: u64,
    moment: Moment,
    sites: u32,
    /// By site.
    pictures: Vec<(u64, Vec<SiteMemory>)>,
}

impl Pictures {
    fn new(numbers: Vec<u64>) -> Pictures {
        Pictures { numbers, changes: 0, moment: Moment::default(), sites: 0, pictures: Vec::new() }
    }
}

impl Observer for Pictures {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.moment.new_site(site);
        self.sites += 1;
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, _ns: u64) {
        self.moment.change(change);
        self.changes += 1;
        if self.numbers.last() == Some(&self.changes) {
            self.numbers.pop();
            self.moment.keep();
            let memory = (0..self.sites).map(|site| self.moment.at(SiteId(site))).collect();
            self.pictures.push((self.changes, memory));
        }
    }
}
