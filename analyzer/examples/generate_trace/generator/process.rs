//! A process of the job: its threads, whose turn it is, and its memory.

use format::{Definition, EventEncoder, EventRoom, ProcessKey, ThreadNumber};

use super::GenerateError;
use super::addresses::{HeapBlocks, PageRanges, SmallBlocks};
use super::definitions::Definitions;
use super::job::Job;
use super::ledger::Account;
use super::lifetime::Lifetime;
use super::program::{Program, log_uniform};
use super::thread_log::ThreadLog;

/// Id of the job's own process.
const FIRST_PID: u32 = 1000;
/// A thread does so many steps before it is another one's turn.
const STEPS_PER_TURN: (u32, u32) = (24, 4096);
/// So many blocks at most are to be freed soon by their own thread.
const MOST_TEMPORARIES: usize = 32;
/// So many blocks at most wait for another thread to free them.
const MOST_HANDED_OVER: usize = 256;

/// A block that is alive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) address: u64,
    /// Requested bytes.
    pub(crate) size: u32,
    pub(crate) account: Account,
}

/// A mapped range.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    pub(crate) address: u64,
    pub(crate) length: u64,
    /// Who holds it, if it counts.
    pub(crate) account: Option<Account>,
}

/// What a process has, and the allocators that it has it from.
pub(crate) struct Memory {
    pub(crate) small: SmallBlocks,
    pub(crate) heap: HeapBlocks,
    pub(crate) pages: PageRanges,
    /// Blocks that live longer, in about the order in which they came to life.
    pub(crate) kept: Vec<Block>,
    pub(crate) mappings: Vec<Mapping>,
    /// Blocks that another thread than theirs is to free.
    pub(crate) handed_over: Vec<Block>,
}

/// Sites that a thread goes through round by round, like the body of a loop.
#[derive(Clone, Copy, Default)]
pub(crate) struct LoopBody {
    pub(crate) first_site: usize,
    pub(crate) sites: usize,
    pub(crate) next: usize,
    pub(crate) rounds_left: u32,
    /// Whether there comes an allocation or a free, for each of the next 64 steps, and then again.
    pub(crate) habit: u64,
}

/// A thread, and the blocks that it is to free soon.
pub(crate) struct Thread {
    pub(crate) log: ThreadLog,
    pub(crate) temporaries: Vec<Block>,
    pub(crate) body: LoopBody,
}

impl Thread {
    /// Whether the next step is an allocation: most often what it was before in the same loop. With a `whim` it is not.
    #[inline]
    pub(crate) fn wants_block(&mut self, whim: bool) -> bool {
        self.body.habit = self.body.habit.rotate_right(1);
        let wants = (self.body.habit & 1 == 1) ^ whim;
        (wants && self.temporaries.len() < MOST_TEMPORARIES) || self.temporaries.is_empty()
    }
}

/// See the module.
pub(crate) struct Process {
    key: ProcessKey,
    lifetime: Lifetime,
    definitions: Definitions,
    /// Id of the program's first call path and code object.
    pub(crate) first_id: u32,
    turn: u64,
    /// Steps that the current thread has left.
    steps_left: u32,
    current: usize,
    threads: Vec<Thread>,
    pub(crate) memory: Memory,
}

impl Process {
    /// Starts process number `number`, counted from 0. Every other one that the job's own process starts is a copy of that
    /// one, by fork.
    pub(crate) fn start(
        number: u32,
        parent: Option<ProcessKey>,
        program: &Program,
        job: &mut Job,
    ) -> Result<Process, GenerateError> {
        let start_ns = job.read_clock();
        let key = ProcessKey { pid: FIRST_PID + number, start_ns };
        let forked_from = parent.filter(|_| number % 2 == 1);
        // Others have ids of their own, so that nobody can take them for the parent's.
        let first_id = if forked_from.is_some() { 1 } else { 1 + 7 * number };
        let inherited = |count: usize| if forked_from.is_some() { first_id + count as u32 } else { 0 };
        let mut definitions = Definitions::new(key);
        let process_start = Definition::ProcessStart {
            command: if forked_from.is_some() { Vec::new() } else { vec![b"python", b"job.py"] },
            parent_pid: parent.map_or(1, |parent| parent.pid),
            pid_namespace: 1,
            start_ticks: start_ns / 10_000_000,
            forked_from,
            inherited_codes: inherited(program.codes.len()),
            inherited_paths: inherited(program.paths.len()),
            python_version: Some("3.12.1"),
        };
        definitions.add(&process_start, &mut job.output)?;
        if forked_from.is_none() {
            definitions.add_program(program, first_id, &mut job.output)?;
        }
        for thread in 1..=job.plan.threads {
            let (kernel_id, name) = match thread {
                1 => (key.pid, "python".to_owned()),
                _ => (key.pid * 1000 + thread, format!("worker-{thread}")),
            };
            let definition = Definition::ThreadStart { thread: ThreadNumber(thread), kernel_id, name: &name };
            definitions.add(&definition, &mut job.output)?;
        }
        definitions.send(&mut job.output);
        let thread = |number| Thread {
            log: ThreadLog::new(key, ThreadNumber(number)),
            temporaries: Vec::new(),
            body: LoopBody::default(),
        };
        Ok(Process {
            key,
            lifetime: Lifetime::of(number, job.plan.processes),
            definitions,
            first_id,
            turn: 1,
            steps_left: STEPS_PER_TURN.0,
            current: 0,
            threads: (1..=job.plan.threads).map(thread).collect(),
            memory: Memory {
                small: SmallBlocks::new(),
                heap: HeapBlocks::new(),
                pages: PageRanges::new(),
                kept: Vec::new(),
                mappings: Vec::new(),
                handed_over: Vec::new(),
            },
        })
    }

    pub(crate) fn key(&self) -> ProcessKey {
        self.key
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    /// The thread whose turn it is.
    pub(crate) fn current(&mut self) -> &mut Thread {
        &mut self.threads[self.current]
    }

    /// Writes down one event of that thread.
    #[inline]
    pub(crate) fn record(&mut self, job: &mut Job, encode: impl FnOnce(&mut EventEncoder, &mut EventRoom) -> usize) {
        self.threads[self.current].log.record(job, self.turn, encode);
    }

    /// One step of the current thread is about to come: it may be another one's turn.
    #[inline]
    pub(crate) fn take_turns(&mut self, job: &mut Job) {
        match self.steps_left.checked_sub(1) {
            Some(left) => self.steps_left = left,
            None => self.next_turn(job),
        }
    }

    fn next_turn(&mut self, job: &mut Job) {
        self.steps_left = log_uniform(STEPS_PER_TURN.0, STEPS_PER_TURN.1, &mut job.random);
        if self.threads.len() > 1 {
            if job.random.u32(0..4) == 0 {
                self.hand_over();
            }
            let further = job.random.usize(1..self.threads.len());
            self.current = (self.current + further) % self.threads.len();
            self.turn += 1;
        }
    }

    /// Half of what the current thread was to free soon is left to others.
    fn hand_over(&mut self) {
        let temporaries = &mut self.threads[self.current].temporaries;
        if self.memory.handed_over.len() < MOST_HANDED_OVER {
            self.memory.handed_over.extend(temporaries.drain(temporaries.len() / 2..));
        }
    }

    /// The process ends, with all that it holds.
    pub(crate) fn end(mut self, job: &mut Job) -> Result<(), GenerateError> {
        for thread in &mut self.threads {
            thread.log.send(job);
        }
        let end_ns = job.read_clock();
        self.definitions.end(end_ns, &mut job.output)?;
        let Memory { kept, mappings, handed_over, .. } = self.memory;
        let temporaries = self.threads.into_iter().flat_map(|thread| thread.temporaries);
        for block in kept.into_iter().chain(handed_over).chain(temporaries) {
            job.ledger.free(block.account, block.size.into());
        }
        for mapping in mappings {
            if let Some(account) = mapping.account {
                job.ledger.free(account, mapping.length);
            }
        }
        Ok(())
    }
}
