//! Brings the events of all threads and processes into one order, a bounded window at a time.
//!
//! The order, which does not depend on how many processors work at it:
//! - within a thread, as recorded;
//! - within a process, by turn;
//! - across processes, by the processes' clocks. A process's clock at an event is the latest time in
//!   force at any of its events so far: turns are the truth, and no event can have happened before
//!   one that precedes it.
//!
//! Chunks come in batches in the order of their schedule. What comes behind a chunk of a later batch waits for it. So
//! what is in memory is a batch, and per thread the chunk it is in: memory does not grow with the number of events.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::collections::binary_heap::{BinaryHeap, PeekMut};

use std::sync::Arc;

use format::ThreadNumber;
use hashbrown::HashMap;

use crate::event_chunk::{EventChunk, Run};
use crate::image::ImageIndex;
use crate::schedule::ScheduledChunk;

/// Where ordered events go.
pub(crate) trait EventSink {
    /// A run of this chunk, of this thread, at this clock (nanoseconds of the monotonic
    /// clock). Clocks never go back.
    fn run(&mut self, image: ImageIndex, thread: ThreadNumber, clock_ns: u64, chunk: &Arc<EventChunk>, run: &Run);
}

/// A place in the order across processes.
type ClockKey = (u64, ImageIndex);

/// Merges the processes by clock.
pub(crate) struct Merge {
    processes: Vec<ProcessOrder>,
    /// Chunks of which all has been passed on.
    passed: Vec<Arc<EventChunk>>,
}

impl Merge {
    pub(crate) fn new(images: usize, schedule: &[ScheduledChunk]) -> Merge {
        let mut processes: Vec<ProcessOrder> = (0..images).map(|_| ProcessOrder::default()).collect();
        for chunk in schedule {
            processes[chunk.image.index()].expected.push_back((chunk.turn, chunk.thread));
        }
        Merge { processes, passed: Vec::new() }
    }

    /// Takes the next chunks of the schedule.
    pub(crate) fn admit(&mut self, batch: &[ScheduledChunk], decoded: Vec<EventChunk>) {
        for (scheduled, chunk) in batch.iter().zip(decoded) {
            let passed = self.processes[scheduled.image.index()].admit(scheduled.thread, chunk);
            self.passed.extend(passed);
        }
    }

    /// Chunks that are no longer needed, once nobody else has them.
    pub(crate) fn take_passed(&mut self) -> Vec<Arc<EventChunk>> {
        std::mem::take(&mut self.passed)
    }

    /// Passes on all that comes before `barrier`, the first chunk not yet decoded.
    pub(crate) fn drain(&mut self, barrier: Option<&ScheduledChunk>, sink: &mut impl EventSink) {
        let barrier: Option<ClockKey> = barrier.map(|chunk| (chunk.earliest_ns, chunk.image));
        let indexed = self.processes.iter().enumerate();
        let next_keys = indexed.filter_map(|(at, process)| {
            process.next_clock_ns().map(|clock_ns| Reverse((clock_ns, ImageIndex(at as u32))))
        });
        let mut ready: BinaryHeap<Reverse<ClockKey>> = next_keys.collect();
        while let Some(Reverse(key)) = ready.pop()
            && barrier.is_none_or(|barrier| key < barrier)
        {
            let (_, image) = key;
            let others = ready.peek().map(|&Reverse(key)| key);
            let limit = [others, barrier].into_iter().flatten().min();
            let process = &mut self.processes[image.index()];
            process.drain(image, limit, sink, &mut self.passed);
            if process.must_wait() {
                // What it waits for may be followed by events earlier than those of all others.
                break;
            }
            ready.extend(process.next_clock_ns().map(|clock_ns| Reverse((clock_ns, image))));
        }
    }
}

/// A place in the order of a process. A turn belongs to one thread; in a damaged trace the thread's
/// number decides.
type TurnKey = (u64, ThreadNumber);

/// Merges the threads of one process by turn.
#[derive(Default)]
struct ProcessOrder {
    threads: Vec<ThreadStream>,
    thread_indexes: HashMap<ThreadNumber, usize>,
    /// The place in the order of each thread that has a run to offer, and its index in `threads`.
    heads: BinaryHeap<Reverse<(TurnKey, usize)>>,
    clock_ns: u64,
    /// Turns and threads of the chunks not yet decoded, in order.
    expected: VecDeque<TurnKey>,
}

impl ProcessOrder {
    /// Takes the next chunk of a thread; gives it back if it has no events. Chunks come in the order
    /// of the schedule.
    fn admit(&mut self, thread: ThreadNumber, mut chunk: EventChunk) -> Option<Arc<EventChunk>> {
        self.expected.pop_front();
        if chunk.run(0).is_none() {
            return Some(Arc::new(chunk));
        }
        let at = *self.thread_indexes.entry(thread).or_insert_with(|| {
            self.threads.push(ThreadStream::new(thread));
            self.threads.len() - 1
        });
        let stream = &mut self.threads[at];
        let idle = stream.chunks.is_empty();
        if chunk.undoes_earlier_free() {
            chunk.undone = stream.last_free;
        }
        stream.last_free = chunk.last_free_after(stream.last_free);
        stream.chunks.push_back(Arc::new(chunk));
        if idle && let Some(turn) = stream.next_turn() {
            self.heads.push(Reverse(((turn, thread), at)));
        }
        None
    }

    /// Whether a chunk that is not yet decoded may come before the next run. A run with the same key
    /// as that chunk is of the same thread and of an earlier chunk: it comes first.
    fn must_wait(&self) -> bool {
        match (self.heads.peek(), self.expected.front()) {
            (Some(Reverse((next, _))), Some(expected)) => next > expected,
            _ => false,
        }
    }

    /// The clock at the next run of those decoded.
    fn next_clock_ns(&self) -> Option<u64> {
        let Reverse((_, at)) = self.heads.peek()?;
        Some(self.clock_ns.max(self.threads[*at].next_ns()?))
    }

    /// Passes on runs as long as they come before `limit`.
    fn drain(
        &mut self,
        image: ImageIndex,
        limit: Option<ClockKey>,
        sink: &mut impl EventSink,
        passed: &mut Vec<Arc<EventChunk>>,
    ) {
        while let Some(clock_ns) = self.next_clock_ns()
            && limit.is_none_or(|limit| (clock_ns, image) < limit)
            && !self.must_wait()
            && let Some(mut head) = self.heads.peek_mut()
        {
            self.clock_ns = clock_ns;
            let Reverse(((turn, _), at)) = &mut *head;
            let stream = &mut self.threads[*at];
            passed.extend(stream.pass_on(image, clock_ns, sink));
            match stream.next_turn() {
                Some(next_turn) => *turn = next_turn,
                None => drop(PeekMut::pop(head)),
            }
        }
    }
}

/// The decoded chunks of one thread.
struct ThreadStream {
    thread: ThreadNumber,
    chunks: VecDeque<Arc<EventChunk>>,
    /// Index of the next run in the first chunk.
    next_run: usize,
    /// Turns of a thread rise; a damaged trace cannot make them fall.
    turn: u64,
    /// Address of the last free in the chunks so far, unless it did not take place.
    last_free: Option<u64>,
}

impl ThreadStream {
    fn new(thread: ThreadNumber) -> ThreadStream {
        ThreadStream { thread, chunks: VecDeque::new(), next_run: 0, turn: 0, last_free: None }
    }

    fn next_turn(&self) -> Option<u64> {
        Some(self.chunks.front()?.run(self.next_run)?.turn.max(self.turn))
    }

    fn next_ns(&self) -> Option<u64> {
        Some(self.chunks.front()?.run(self.next_run)?.ns)
    }

    /// Passes on the next run. Returns its chunk if that was the last one in it.
    fn pass_on(&mut self, image: ImageIndex, clock_ns: u64, sink: &mut impl EventSink) -> Option<Arc<EventChunk>> {
        let chunk = self.chunks.front()?;
        let run = chunk.run(self.next_run)?;
        self.turn = self.turn.max(run.turn);
        sink.run(image, self.thread, clock_ns, chunk, run);
        self.next_run += 1;
        if chunk.run(self.next_run).is_some() {
            return None;
        }
        self.next_run = 0;
        self.chunks.pop_front()
    }
}
