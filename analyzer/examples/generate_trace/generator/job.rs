//! The job as a whole: which processes there are, and which of them runs next.

use fastrand::Rng;
use format::{ChunkHeader, ChunkKind, JobEnd, ProcessKey, RecordingEnd, ThreadNumber, encode_recording_end};

use super::chunk_file::ChunkSender;
use super::clock::{Clock, JOB_START_NS};
use super::known_answer::{Counts, KnownAnswer};
use super::ledger::Ledger;
use super::lifetime::Lifetime;
use super::process::Process;
use super::program::Program;
use super::{GenerateError, Plan};

/// So many events of one process follow each other, give or take: about as many as are between two time stamps of the
/// recorder, which is how fine the order of processes can be known.
const EVENTS_PER_STRETCH: std::ops::Range<u64> = 50..600;

/// What all processes share.
pub(crate) struct Job {
    pub(crate) plan: Plan,
    pub(crate) random: Rng,
    pub(crate) ledger: Ledger,
    pub(crate) output: ChunkSender,
    clock: Clock,
    events: u64,
}

impl Job {
    /// Reads the clock: nanoseconds of the monotonic one.
    pub(crate) fn read_clock(&mut self) -> u64 {
        self.clock.read(self.events, &mut self.random)
    }

    /// The last reading, which is the time of the last event.
    pub(crate) fn now_ns(&self) -> u64 {
        self.clock.now_ns()
    }

    /// One more event is written down.
    pub(crate) fn count_event(&mut self) {
        self.events += 1;
    }

    /// Events so far.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// Events that are still to come.
    pub(crate) fn events_left(&self) -> u64 {
        self.plan.events.saturating_sub(self.events)
    }

    /// How much of the job is done, from 0 to 1.
    pub(crate) fn progress(&self) -> f64 {
        self.events as f64 / self.plan.events as f64
    }
}

/// Makes the whole job up, passes its chunks on, and tells what is to be found in them.
pub(crate) fn run(plan: &Plan, output: ChunkSender) -> Result<KnownAnswer, GenerateError> {
    let mut random = Rng::with_seed(plan.seed);
    let program = Program::new(plan, &mut random);
    let ledger = Ledger::new(program.call_sites.len() as u32, JOB_START_NS);
    let mut job = Job { plan: *plan, random, ledger, output, clock: Clock::new(), events: 0 };
    let mut own = Process::start(0, None, &program, &mut job)?;
    let mut others: Vec<Process> = Vec::new();
    let mut started = 1;
    while job.events_left() > 0 && !job.output.is_closed() {
        if started < plan.processes && Lifetime::of(started, plan.processes).start <= job.progress() {
            others.push(Process::start(started, Some(own.key()), &program, &mut job)?);
            started += 1;
        }
        if let Some(at) = others.iter().position(|process| process.lifetime().end <= job.progress()) {
            others.swap_remove(at).end(&mut job)?;
        }
        let events = job.random.u64(EVENTS_PER_STRETCH);
        let at = job.random.usize(..=others.len());
        others.get_mut(at).unwrap_or(&mut own).run(events, &program, &mut job);
    }
    for process in others {
        process.end(&mut job)?;
    }
    let end_bytes = job.ledger.live_bytes();
    let own_key = own.key();
    own.end(&mut job)?;
    end_recording(own_key, &mut job)?;
    let counts = Counts { events: job.events, processes: started, threads: started * plan.threads };
    Ok(KnownAnswer::new(counts, &job.ledger, end_bytes, &program))
}

fn end_recording(own: ProcessKey, job: &mut Job) -> Result<(), GenerateError> {
    let end_ns = job.read_clock();
    let end = RecordingEnd { job_end: JobEnd::Exited(0), end_ns, event_count: job.events, oom_kills: 0 };
    let header = ChunkHeader::new(ChunkKind::End, own, ThreadNumber(0), 0);
    job.output.send(header, &encode_recording_end(&end)?);
    Ok(())
}
