//! What the job's memory takes beside what it asked for: counted memory, the slack of Python's allocator and resident memory
//! side by side over time.
//!
//! Invariant: at every time live bytes, slack and the rest add up to resident memory, where that is known. The rest is
//! what nobody asked the allocators for (code, stacks of threads, pages of files, what malloc keeps), less what was asked
//! for and never touched, so it may be less than nothing.

use serde::Serialize;

use crate::change::Change;
use crate::error::AnalyzerError;
use crate::held::{Apart, Categories};
use crate::image::ImageIndex;
use crate::replay::Observer;
use crate::resident_memory::resident_bytes_at;
use crate::selected_replay::replay_selected;
use crate::selection::Selection;
use crate::site::{Category, Site};
use crate::timeline::bucket_ends;
use crate::trace::Trace;

/// Python's allocator puts objects of up to this size into its arenas, and hands larger ones to malloc:
/// `SMALL_REQUEST_THRESHOLD` in CPython's Objects/obmalloc.c, the same from 3.8 to 3.15.
const LARGEST_SMALL_OBJECT: u64 = 512;

/// Counted and other memory over time: the contract `fil.overhead/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overhead {
    /// `fil.overhead/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Nanoseconds from the start of the job to its end.
    pub duration_ns: u64,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// In the order of time, at equal distances.
    pub times: Vec<OverheadAt>,
}

/// Memory at an instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OverheadAt {
    /// Nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Counted memory: the sum of the categories.
    pub live_bytes: u64,
    /// The same by kind of memory.
    pub categories: Categories,
    /// What is mapped beside it.
    pub apart: Apart,
    /// Bytes of Python's arenas in which there is no object: free room, and what sizes are rounded up by.
    pub slack_bytes: u64,
    /// Resident memory: the last sample of each process then running. None before the first.
    pub rss_bytes: Option<u64>,
    /// What of it is neither counted nor slack.
    pub rest_bytes: Option<i64>,
}

/// Follows memory and what it takes beside. Of whole processes only: nobody knows whose the slack is.
pub fn overhead(trace: &Trace, buckets: usize, processes: &[u32]) -> Result<Overhead, AnalyzerError> {
    let selection = Selection { processes: processes.to_vec(), ..Selection::default() };
    let ends_ns = bucket_ends(trace, buckets);
    let levels = KindLevels {
        ends_ns: &ends_ns,
        sites: Vec::new(),
        now: Sums::default(),
        arenas: vec![Arenas::default(); trace.images().len()],
        finished: Vec::new(),
    };
    let (observer, _) = replay_selected(trace, &selection, levels);
    let sums = observer.finish();
    let (complete, warnings) = trace.judged();
    let at = |(&end_ns, sums): (&u64, &Sums)| {
        sums.at(trace.since_start(end_ns), resident_bytes_at(trace.images(), end_ns, processes))
    };
    Ok(Overhead {
        schema: "fil.overhead/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        duration_ns: trace.duration_ns(),
        complete,
        warnings,
        times: ends_ns.iter().zip(&sums).map(at).collect(),
    })
}

/// What is there of each kind, of all processes.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    categories: Categories,
    apart: Apart,
    slack_bytes: u64,
}

/// Python's allocator of one process. (A forked one puts objects into arenas of its parent's, too, which are not its own.)
#[derive(Clone, Copy, Debug, Default)]
struct Arenas {
    bytes: u64,
    /// Bytes of objects that belong into arenas, if there are any.
    objects: u64,
}

impl Sums {
    #[inline]
    fn change(&mut self, category: Category, bytes: i64) {
        let kind = match category {
            Category::Heap => &mut self.categories.heap,
            Category::Python => &mut self.categories.python,
            Category::PrivateMapping | Category::SharedMapping => &mut self.categories.mmap,
            Category::MappedFile => &mut self.apart.mapped_files,
            Category::Reserved => &mut self.apart.reserved,
            Category::PythonArena => &mut self.apart.python_arenas,
        };
        *kind = kind.wrapping_add_signed(bytes);
    }

    fn at(&self, time_ns: u64, rss_bytes: Option<u64>) -> OverheadAt {
        let Categories { heap, python, mmap } = self.categories;
        let live_bytes = heap.wrapping_add(python).wrapping_add(mmap);
        let slack_bytes = self.slack_bytes;
        let rest = |rss: u64| (rss as i64).wrapping_sub_unsigned(live_bytes).wrapping_sub_unsigned(slack_bytes);
        OverheadAt {
            time_ns,
            live_bytes,
            categories: self.categories,
            apart: self.apart,
            slack_bytes,
            rss_bytes,
            rest_bytes: rss_bytes.map(rest),
        }
    }
}

/// Observes a replay and keeps what is there at the end of every bucket.
struct KindLevels<'a> {
    /// Ends of the buckets, nanoseconds of the monotonic clock.
    ends_ns: &'a [u64],
    /// By site: whose it is, and its kind.
    sites: Vec<(ImageIndex, Category)>,
    now: Sums,
    /// By image.
    arenas: Vec<Arenas>,
    finished: Vec<Sums>,
}

impl KindLevels<'_> {
    fn sums(&self) -> Sums {
        let slack = self.arenas.iter().map(|arenas| arenas.bytes.saturating_sub(arenas.objects));
        Sums { slack_bytes: slack.fold(0, u64::wrapping_add), ..self.now }
    }

    fn finish(mut self) -> Vec<Sums> {
        let last = self.sums();
        self.finished.resize(self.ends_ns.len(), last);
        self.finished
    }
}

impl Observer for KindLevels<'_> {
    type Birth = ();

    fn new_site(&mut self, site: &Site) {
        self.sites.push((site.image, site.category));
    }

    #[inline]
    fn change(&mut self, change: &Change<()>, ns: u64) {
        // What a damaged trace puts behind the end belongs to the last bucket.
        while self.finished.len() + 1 < self.ends_ns.len() && ns > self.ends_ns[self.finished.len()] {
            self.finished.push(self.sums());
        }
        let (image, category) = self.sites[change.site.index()];
        self.now.change(category, change.bytes);
        let arenas = &mut self.arenas[image.index()];
        match category {
            Category::PythonArena => arenas.bytes = arenas.bytes.wrapping_add_signed(change.bytes),
            Category::Python if change.bytes.unsigned_abs() <= LARGEST_SMALL_OBJECT => {
                arenas.objects = arenas.objects.wrapping_add_signed(change.bytes);
            }
            _ => {}
        }
    }
}
