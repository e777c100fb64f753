//! The answer to "what was alive when there was no more memory, and who asked for more".
//!
//! Two things show that a job wanted memory that it did not get: a call that asked for it and failed, and the kernel, which
//! kills a process when a limit of its control group, or the machine's memory, is used up. Linux lends memory when it is
//! asked for and may kill who then uses it, so a job that is killed has most often seen no call fail.

use std::sync::Arc;

use format::JobEnd;
use serde::Serialize;

use crate::call_site::CallSiteNames;
use crate::call_stack::{CallStack, NodeId};
use crate::error::AnalyzerError;
use crate::held::{Apart, CallSite, Categories, Held, ProcessMemory, StackMemory};
use crate::image::Image;
use crate::memory_want::{Kept, MemoryWant};
use crate::replay::{Failure, replay};
use crate::selection::{Selection, SiteFilter};
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// SIGKILL's number on Linux: how the kernel ends who has too much memory.
const SIGKILL: i32 = 9;

/// How a job showed that it wanted memory that it did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutOfMemoryCause {
    /// The kernel killed the job for it.
    Killed,
    /// The kernel killed a process of the job for it.
    ProcessKilled,
    /// A call asked for memory and got none.
    AllocationFailed,
}

/// Memory when there was no more of it: the contract `fil.out-of-memory/1`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OutOfMemory {
    /// `fil.out-of-memory/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// What showed it.
    pub cause: OutOfMemoryCause,
    /// The instant: the end of the job, or of the process, if that was killed; else the failed call. Nanoseconds from the
    /// start of the job.
    pub time_ns: u64,
    /// Bytes alive then, summed over the processes; of a part of the memory, those of the part.
    pub live_bytes: u64,
    /// The failed call; of several that at which most was alive.
    pub failed_allocation: Option<FailedAllocation>,
    /// How many calls failed.
    pub failed_allocations: u64,
    /// How many processes the kernel killed for want of memory while the job ran, in its control group.
    pub oom_kills: u64,
    /// Of a job that went on after that, the process that held most when it ended, of those that did not end themselves. The
    /// kernel does not tell whom it killed, but it kills who has most. None: it was a process that is not recorded, and then
    /// nothing is known of the instant, and no memory is told.
    pub killed_process: Option<u32>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// `live_bytes` by kind of memory.
    pub categories: Categories,
    /// What the job had mapped beside it.
    pub apart: Apart,
    /// `live_bytes` by process, largest first. All processes of the job are there.
    pub processes: Vec<ProcessMemory>,
    /// `live_bytes` by innermost Python frame, largest first.
    pub call_sites: Vec<CallSite>,
    /// `live_bytes` by thread and call stack, largest first.
    pub stacks: Vec<StackMemory>,
}

/// A call that asked for memory and got none.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FailedAllocation {
    /// Bytes that it asked for.
    pub bytes: u64,
    /// When: nanoseconds from the start of the job.
    pub time_ns: u64,
    /// Process id.
    pub process: u32,
    /// The thread's name.
    pub thread: String,
    /// Qualified name of the function that called; `(no Python frame)` where no Python code did.
    pub function: String,
    /// Its file name.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// The whole call stack.
    pub frames: CallStack,
}

/// Finds the instant at which there was no more memory. `None`: nothing shows that there was one.
pub fn out_of_memory(trace: &Trace) -> Result<Option<OutOfMemory>, AnalyzerError> {
    out_of_memory_of(trace, &Selection::default())
}

/// Finds the same instant, and tells what was alive of a part of the memory. (Which part goes by sites: when memory came to
/// life is not asked for.)
pub fn out_of_memory_of(trace: &Trace, selection: &Selection) -> Result<Option<OutOfMemory>, AnalyzerError> {
    let Some(cause) = cause(trace) else { return Ok(None) };
    let kept = match cause {
        OutOfMemoryCause::Killed => Kept::End,
        OutOfMemoryCause::ProcessKilled => Kept::LargestEnd,
        OutOfMemoryCause::AllocationFailed => Kept::Failure,
    };
    let mut want = MemoryWant::new(kept, trace.images().iter().map(Image::may_be_killed).collect());
    let replayed = replay(trace, &mut want);
    let instant = match cause {
        OutOfMemoryCause::Killed => Some(want.end_ns),
        // Else it was one that is not recorded: nothing is known of it.
        OutOfMemoryCause::ProcessKilled => Some(want.largest.map_or(0, |end| end.ns)),
        OutOfMemoryCause::AllocationFailed => want.failure.map(|(failure, _)| failure.ns),
    };
    // What it was stood in a part of the trace that is lost.
    let Some(time_ns) = instant else { return Ok(None) };
    let killed = want.largest.filter(|_| cause == OutOfMemoryCause::ProcessKilled);
    let mut filter = SiteFilter::new(trace, selection);
    let held = Held::of_selected(&want.moment, &replayed.sites, |site| filter.includes(site));
    let (processes, position) = held.by_process(trace);
    let (call_sites, stacks) = held.by_call(trace, &position);
    let (complete, warnings) = trace.judged();
    Ok(Some(OutOfMemory {
        schema: "fil.out-of-memory/1",
        trace: trace.name().to_owned(),
        command: trace.command(),
        cause,
        time_ns: trace.since_start(time_ns),
        live_bytes: held.live_bytes(),
        failed_allocation: want.failure.map(|(failure, _)| FailedAllocation::new(trace, &failure)),
        failed_allocations: want.failures,
        oom_kills: oom_kills(trace),
        killed_process: killed.map(|end| trace.images()[end.image.index()].key.pid),
        complete,
        warnings,
        categories: held.by_category(),
        apart: held.apart,
        processes,
        call_sites,
        stacks,
    }))
}

/// What can be told without a replay.
fn cause(trace: &Trace) -> Option<OutOfMemoryCause> {
    let was_killed = trace.recording_end().is_some_and(|end| end.job_end == JobEnd::Killed(SIGKILL));
    if oom_kills(trace) > 0 {
        return Some(if was_killed { OutOfMemoryCause::Killed } else { OutOfMemoryCause::ProcessKilled });
    }
    let has_failure = trace.images().iter().any(|image| !image.definitions.failed_sizes.is_empty());
    has_failure.then_some(OutOfMemoryCause::AllocationFailed)
}

fn oom_kills(trace: &Trace) -> u64 {
    trace.recording_end().map_or(0, |end| end.oom_kills)
}

impl FailedAllocation {
    fn new(trace: &Trace, failure: &Failure) -> FailedAllocation {
        let mut resolver = StackResolver::new(trace.images());
        let node: NodeId = resolver.resolve(failure.image, failure.stack);
        let mut names = CallSiteNames::default();
        let call_site = names.of_stack(resolver.tree(), node);
        let name = names.names()[call_site.index()].clone();
        let image = &trace.images()[failure.image.index()];
        FailedAllocation {
            bytes: failure.size,
            time_ns: trace.since_start(failure.ns),
            process: image.key.pid,
            thread: image.thread_name(failure.thread),
            function: name.function,
            file: name.file,
            line: name.line,
            frames: CallStack::new(Arc::new(resolver.finish()), node),
        }
    }
}
