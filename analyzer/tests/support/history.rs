//! The naive history of a job: every block with its birth and its end, one by one.

use std::collections::{BTreeMap, BTreeSet};

use analyzer::{Measure, SiteMemory};

use crate::support::steps::{Operation, Step};

/// Process, thread, stack.
pub type Site = (usize, u32, u32);

/// A block of the job.
pub struct Life {
    pub site: Site,
    pub size: u64,
    pub born: Instant,
    /// How many allocations its thread had made when it was born, this one too.
    pub number: u64,
    pub end: Option<End>,
}

#[derive(Clone, Copy)]
pub struct Instant {
    pub order: u64,
    pub ns: u64,
}

pub struct End {
    pub at: Instant,
    /// It was freed; else its process had ended.
    pub freed: bool,
    /// How many allocations the thread had made then that allocated it.
    pub number: u64,
}

/// The naive way: a list of all blocks.
#[derive(Default)]
pub struct History {
    pub lives: Vec<Life>,
    alive: BTreeMap<(usize, u64), usize>,
    allocations: BTreeMap<(usize, u32), u64>,
    order: u64,
    /// What was alive at the end of the job's own process.
    pub end: Option<Instant>,
    pub peak_bytes: u64,
    pub peak: Option<Instant>,
    /// After every event: its time, and what was alive by site.
    pub levels: Vec<(u64, BTreeMap<Site, u64>)>,
    /// Those of them that come from the end of a process.
    departures: BTreeSet<usize>,
}

impl History {
    pub fn of(steps: &[Step]) -> History {
        let mut now = 1;
        let mut clocks = [0, 1];
        let mut keyed = Vec::new();
        for &step in steps {
            now += step.passed_ns;
            if step.stamped {
                clocks[step.process] = now;
            }
            keyed.push((clocks[step.process], step));
        }
        keyed.sort_by_key(|(clock, step)| (*clock, step.process));
        let mut history = History::default();
        for (clock, step) in keyed {
            history.depart_until(clock, clocks);
            history.apply(&step, clock);
        }
        history.depart_until(clocks[0], clocks);
        let end = Instant { order: history.order + 1, ns: clocks[0] };
        history.end.get_or_insert(end);
        history
    }

    fn depart_until(&mut self, now: u64, last: [u64; 2]) {
        let mut gone: Vec<usize> = (0..2).filter(|&process| last[process] < now).collect();
        gone.sort_by_key(|&process| (last[process], process));
        for process in gone {
            self.order += 1;
            let at = Instant { order: self.order, ns: last[process] + 1 };
            if process == 0 {
                self.end.get_or_insert(at);
            }
            let before: u64 = self.alive.values().map(|&life| self.lives[life].size).sum();
            let blocks: Vec<_> = self.alive.keys().filter(|(owner, _)| *owner == process).copied().collect();
            for block in blocks {
                let life = self.alive.remove(&block).unwrap();
                self.lives[life].end = Some(End { at, freed: false, number: 0 });
            }
            if self.note_level(at.ns) < before {
                self.departures.insert(self.levels.len() - 1);
            }
        }
    }

    fn apply(&mut self, step: &Step, ns: u64) {
        self.order += 1;
        let at = Instant { order: self.order, ns };
        match step.operation {
            Operation::Alloc { address, size, stack } => {
                // Until it is replaced it was not freed: its thread has not made this allocation yet.
                self.free((step.process, address), at);
                self.note_level(ns);
                let number = self.allocations.entry((step.process, step.thread)).or_default();
                *number += 1;
                let site = (step.process, step.thread, stack);
                self.lives.push(Life { site, size, born: at, number: *number, end: None });
                self.alive.insert((step.process, address), self.lives.len() - 1);
            }
            Operation::Free { address } => self.free((step.process, address), at),
            Operation::FailedRealloc { .. } => {}
            other => unreachable!("no blocks: {other:?}"),
        }
        let live = self.note_level(ns);
        if live > self.peak_bytes {
            (self.peak_bytes, self.peak) = (live, Some(at));
        }
    }

    fn note_level(&mut self, ns: u64) -> u64 {
        let mut by_site = BTreeMap::<Site, u64>::new();
        for &life in self.alive.values() {
            let Life { site, size, .. } = self.lives[life];
            *by_site.entry(site).or_default() += size;
        }
        let live = by_site.values().sum();
        self.levels.push((ns, by_site));
        live
    }

    fn free(&mut self, block: (usize, u64), at: Instant) {
        if let Some(life) = self.alive.remove(&block) {
            let (process, thread, _) = self.lives[life].site;
            let number = self.allocations[&(process, thread)];
            self.lives[life].end = Some(End { at, freed: true, number });
        }
    }

    /// How many peaks there are between which memory falls, and from which it had risen, by so much.
    pub fn separate_peaks(&self, least: u64) -> usize {
        let levels = self.levels.iter().enumerate();
        let levels = levels.map(|(at, (_, levels))| (levels.values().sum::<u64>(), self.departures.contains(&at)));
        let mut levels: Vec<(u64, bool)> = [(0, true)].into_iter().chain(levels).collect();
        levels.dedup_by(|next, last| {
            let same = next.0 == last.0;
            last.1 |= same && next.1;
            same
        });
        // What is there between a free and an allocation only does not count.
        let is_dip = |at: usize| {
            let (level, departure) = levels[at];
            !departure && level < levels[at - 1].0 && levels.get(at + 1).is_some_and(|next| next.0 > level)
        };
        let levels: Vec<u64> = (0..levels.len()).filter(|&at| at == 0 || !is_dip(at)).map(|at| levels[at].0).collect();
        let (mut peaks, mut from) = (0, 0);
        while let Some(risen) =
            (from..levels.len()).find(|&at| levels[at] >= least + levels[from..=at].iter().min().unwrap())
        {
            peaks += 1;
            let falls = |at: &usize| levels[*at] + least <= *levels[risen..=*at].iter().max().unwrap();
            let Some(fallen) = (risen..levels.len()).find(falls) else { break };
            from = fallen;
        }
        peaks
    }

    /// The first highest level without a stack, and its time.
    pub fn peak_without(&self, stack: u32) -> (u64, u64) {
        let rest = |levels: &BTreeMap<Site, u64>| {
            levels.iter().filter(|((_, _, other), _)| *other != stack).map(|(_, size)| size).sum()
        };
        let mut highest = (0, None);
        for (ns, levels) in &self.levels {
            let rest: u64 = rest(levels);
            if rest > highest.0 {
                highest = (rest, Some(*ns));
            }
        }
        (highest.0, highest.1.unwrap_or(0))
    }

    /// What `measure` says of each block, by site.
    pub fn by_site<M: Measure>(&self, measure: impl Fn(&Life) -> M) -> BTreeMap<Site, M> {
        let mut sites = BTreeMap::<Site, M>::new();
        for life in &self.lives {
            sites.entry(life.site).or_default().add(&measure(life));
        }
        sites.retain(|_, measure| *measure != M::default());
        sites
    }

    /// What was alive when `is_alive` of its birth and end.
    pub fn alive(&self, is_alive: impl Fn(Instant, Option<Instant>) -> bool) -> BTreeMap<Site, SiteMemory> {
        self.by_site(|life| {
            let alive = is_alive(life.born, life.end.as_ref().map(|end| end.at));
            SiteMemory { bytes: life.size * u64::from(alive), blocks: u64::from(alive) }
        })
    }
}

/// A block that was freed, and when.
pub fn freed(life: &Life) -> Option<&End> {
    life.end.as_ref().filter(|end| end.freed)
}

/// Only blocks: what mappings do is `mappings.rs`'s to know, and tested there.
pub fn with_blocks_only(steps: Vec<Step>) -> Vec<Step> {
    let is_block = |step: &Step| {
        matches!(step.operation, Operation::Alloc { .. } | Operation::Free { .. } | Operation::FailedRealloc { .. })
    };
    let mut steps: Vec<Step> = steps.into_iter().filter(is_block).collect();
    for step in &mut steps {
        // Across chunks this is a free and an allocation for those who count them: see `analyzer::views`.
        if let Operation::FailedRealloc { cut, .. } = &mut step.operation {
            *cut = false;
        }
    }
    steps
}
