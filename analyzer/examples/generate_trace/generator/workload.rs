//! What a thread does next: most often a small block, freed soon after, the last one first; now and then one that is
//! kept; rarely something else.

use fastrand::Rng;
use format::constants::TIME_STAMP_SIZE;
use format::{Domain, MappingKind, PathId, StackId};

use super::addresses::{ARENA_BYTES, LARGEST_SMALL_BLOCK};
use super::job::Job;
use super::ledger::{Account, Category};
use super::process::{Block, LoopBody, Process};
use super::program::{AllocationSite, LEAST_BUFFER, Program, log_uniform};

/// One step of so many is a rare one.
const STEPS_PER_RARE_STEP: u64 = 1024;
/// No step takes so many events, but for drops of kept blocks, which leave so many.
const STEP_EVENTS: u64 = 16;
/// Mappings that a process holds at its peak.
const MOST_MAPPINGS: f64 = 16.0;
/// Of the buffers that might be kept, one of so many is.
const BUFFERS_PER_KEPT: u64 = 16;
/// Sites of the longest loop, and its most rounds.
const MOST_SITES: usize = 24;
const MOST_ROUNDS: u32 = 512;
/// One step of so many is not what the loop does at this place in other rounds.
const STEPS_PER_WHIM: u64 = 32;
/// One free of so many is that of a block which another thread has left.
const FREES_PER_FOREIGN_FREE: u64 = 64;
/// A realloc asks for no more than this.
const LARGEST_REALLOC: u32 = 1 << 20;
/// Nothing is ever allocated here.
const UNKNOWN_ADDRESS: u64 = 16;
/// A part of the kept blocks, at most, goes at once.
const LARGEST_DROP: usize = 16;

/// How much a process shall hold at the moment.
struct Aim {
    kept_blocks: usize,
    mappings: usize,
    /// An allocation is kept with this chance, of 65,536.
    keep_chance: u64,
}

impl Aim {
    fn now(process: &Process, job: &Job) -> Aim {
        let plan = &job.plan;
        let level = process.lifetime().level(job.progress());
        let most_blocks = plan.live_blocks as f64 / f64::from(plan.processes);
        // Half of the events are allocations, and the last process has a sixth of the job to come to its peak.
        let keep_chance = (16.0 * plan.live_blocks as f64 / plan.events as f64).clamp(1.0 / 16.0, 0.5);
        Aim {
            kept_blocks: (most_blocks * level) as usize,
            mappings: (MOST_MAPPINGS * level).ceil() as usize,
            keep_chance: (keep_chance * 65_536.0) as u64,
        }
    }
}

impl Process {
    /// Goes on for about so many events, and never for more than the job has left.
    pub(crate) fn run(&mut self, events: u64, program: &Program, job: &mut Job) {
        let aim = Aim::now(self, job);
        let end = job.events() + events;
        self.take_turns(job);
        self.current().log.demand_time_stamp();
        while job.events() < end && job.events_left() > 0 {
            if job.events_left() < STEP_EVENTS {
                self.free_any(job);
            } else {
                self.step(&aim, program, job);
            }
            self.take_turns(job);
        }
    }

    #[inline]
    fn step(&mut self, aim: &Aim, program: &Program, job: &mut Job) {
        // One random number for all choices of a step: each takes some of its bits.
        let bits = job.random.u64(..);
        if bits.is_multiple_of(STEPS_PER_RARE_STEP) {
            return self.rare_step(aim, program, bits >> 10, job);
        }
        if self.current().wants_block((bits >> 10).is_multiple_of(STEPS_PER_WHIM)) {
            self.allocate_for_a_while(aim, program, bits >> 16, job);
        } else if (bits >> 16).is_multiple_of(FREES_PER_FOREIGN_FREE)
            && let Some(block) = self.memory.handed_over.pop()
        {
            self.free(block, job);
        } else if let Some(block) = self.current().temporaries.pop() {
            self.free(block, job);
        }
    }

    fn allocate_for_a_while(&mut self, aim: &Aim, program: &Program, bits: u64, job: &mut Job) {
        let site = self.next_site(program, &mut job.random);
        let size = site.size + if site.varies { bits as u32 & 63 } else { 0 };
        let is_kept = bits >> 6 & 0xffff < aim.keep_chance
            && (size < LEAST_BUFFER || (bits >> 22).is_multiple_of(BUFFERS_PER_KEPT));
        if is_kept && self.memory.kept.len() >= aim.kept_blocks {
            self.drop_kept(aim, job);
        }
        let mut block = self.allocate(&site, size, job);
        if job.ledger.is_at_peak() && bits >> 42 & 1 == 0 {
            block = self.reach_peak_again(block, &site, program, job);
        }
        if is_kept {
            self.memory.kept.push(block);
        } else {
            self.current().temporaries.push(block);
        }
    }

    /// Puts another block in the place of one with which a new maximum was reached: so the same bytes are alive, later and
    /// by another line. Only the first time is that of the peak.
    fn reach_peak_again(&mut self, block: Block, site: &AllocationSite, program: &Program, job: &mut Job) -> Block {
        self.free(block, job);
        self.current().log.demand_time_stamp();
        let other = self.next_site(program, &mut job.random);
        self.allocate(&AllocationSite { domain: site.domain, ..other }, block.size, job)
    }

    fn rare_step(&mut self, aim: &Aim, program: &Program, bits: u64, job: &mut Job) {
        let site = self.next_site(program, &mut job.random);
        match bits & 7 {
            0 if self.memory.mappings.len() < aim.mappings => self.map(&site, MappingKind::Private, job),
            1 if self.memory.mappings.len() < aim.mappings => self.reserve_and_open(&site, program, job),
            2 if self.memory.mappings.len() < aim.mappings => self.map(&site, MappingKind::File, job),
            0..3 => self.unmap(job),
            3 => self.move_mapping(&site, job),
            4 => self.reallocate(&site, job),
            5 => self.fail_to_reallocate(job),
            6 => {
                let size = job.random.u32(0..2048);
                let block = self.allocate(&AllocationSite::NO_PYTHON_FRAME, size, job);
                self.memory.handed_over.push(block);
            }
            _ => {
                if let Some(block) = self.memory.handed_over.pop() {
                    self.free(block, job);
                }
            }
        }
    }

    /// Frees a block that is alive, or if there is none, one that nobody knows: one event in any case.
    fn free_any(&mut self, job: &mut Job) {
        match self.current().temporaries.pop().or_else(|| self.memory.kept.pop()) {
            Some(block) => self.free(block, job),
            None => self.record(job, |encoder, room| encoder.free(room, UNKNOWN_ADDRESS)),
        }
    }

    /// The next site of the loop that the thread is in.
    #[inline]
    pub(crate) fn next_site(&mut self, program: &Program, random: &mut Rng) -> AllocationSite {
        let body = &mut self.current().body;
        if body.next == body.sites {
            body.next = 0;
            match body.rounds_left.checked_sub(1) {
                Some(left) => body.rounds_left = left,
                None => *body = random_loop(program.sites.len(), random),
            }
        }
        body.next += 1;
        program.sites[body.first_site + body.next - 1]
    }

    #[inline]
    fn allocate(&mut self, site: &AllocationSite, size: u32, job: &mut Job) -> Block {
        let stack = self.stack_of(site);
        let address = match site.domain {
            Domain::Python if size <= LARGEST_SMALL_BLOCK => {
                let (address, new_arena) = self.memory.small.take(size);
                if let Some(arena) = new_arena {
                    self.record(job, |encoder, room| {
                        encoder.map(room, MappingKind::PythonArena, true, arena, ARENA_BYTES, stack)
                    });
                }
                address
            }
            _ => self.memory.heap.take(size),
        };
        if u64::from(size) >= TIME_STAMP_SIZE {
            self.current().log.demand_time_stamp();
        }
        self.record(job, |encoder, room| encoder.alloc(room, site.domain, address, size.into(), stack));
        let account = Account::new(site.call_site, Category::of(site.domain));
        job.ledger.allocate(account, size.into(), job.now_ns());
        Block { address, size, account }
    }

    #[inline]
    fn free(&mut self, block: Block, job: &mut Job) {
        self.record(job, |encoder, room| encoder.free(room, block.address));
        job.ledger.free(block.account, block.size.into());
        if block.account.category() == Category::Python && block.size <= LARGEST_SMALL_BLOCK {
            self.memory.small.give_back(block.size, block.address);
        } else {
            self.memory.heap.give_back(block.size, block.address);
        }
    }

    /// Frees some of the blocks that were kept, at least as many as are too many: ones that came to life one after another.
    fn drop_kept(&mut self, aim: &Aim, job: &mut Job) {
        let kept = self.memory.kept.len();
        let too_many = kept - aim.kept_blocks + 1;
        let some = log_uniform(1, (kept / LARGEST_DROP + 1) as u32, &mut job.random) as usize;
        let room = job.events_left().saturating_sub(STEP_EVENTS) as usize;
        let count = too_many.max(some).min(kept).min(room);
        let first = job.random.usize(..=kept - count);
        for at in (first..first + count).rev() {
            let block = self.memory.kept.swap_remove(at);
            self.free(block, job);
        }
    }

    /// A realloc that moves a block to a larger place.
    fn reallocate(&mut self, site: &AllocationSite, job: &mut Job) {
        if let Some(block) = self.take_kept(job) {
            self.free(block, job);
            let size = (block.size + block.size / 8 + 16).min(LARGEST_REALLOC);
            let site = AllocationSite { domain: Domain::Heap, ..*site };
            let block = self.allocate(&site, size, job);
            self.memory.kept.push(block);
        }
    }

    /// A realloc that gets no memory: its free did not happen.
    fn fail_to_reallocate(&mut self, job: &mut Job) {
        if let Some(block) = self.take_kept(job) {
            self.record(job, |encoder, room| encoder.free(room, block.address));
            job.ledger.free(block.account, block.size.into());
            self.record(job, |encoder, room| encoder.undo_free(room));
            job.ledger.restore(block.account, block.size.into(), job.now_ns());
            self.memory.kept.push(block);
        }
    }

    fn take_kept(&mut self, job: &mut Job) -> Option<Block> {
        let kept = &mut self.memory.kept;
        (!kept.is_empty()).then(|| kept.swap_remove(job.random.usize(..kept.len())))
    }

    #[inline]
    pub(crate) fn stack_of(&self, site: &AllocationSite) -> StackId {
        match site.path {
            Some(path) => StackId { path: PathId(self.first_id + path), instruction: site.instruction },
            None => StackId::EMPTY,
        }
    }
}

/// The body of a loop over neighbouring sites. Some parts of the program run more often than others.
fn random_loop(sites: usize, random: &mut Rng) -> LoopBody {
    let body = random.usize(1..=MOST_SITES).min(sites);
    let first_site = (random.f64().powi(2) * (sites - body + 1) as f64) as usize;
    LoopBody {
        first_site,
        sites: body,
        next: 0,
        rounds_left: log_uniform(1, MOST_ROUNDS, random),
        habit: random.u64(..),
    }
}
