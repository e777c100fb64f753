//! Steps of a thread that map memory, unmap it, or move it. The time of each is stamped where memory comes to life.

use format::MappingKind;

use super::addresses::PAGE_BYTES;
use super::job::Job;
use super::ledger::{Account, Category};
use super::process::{Mapping, Process};
use super::program::{AllocationSite, Program, log_uniform};

/// Length of the longest mapping. In small jobs they are short: else some of them would make up the peak.
const LONGEST_MAPPING_PAGES: u64 = 1024;
const LIVE_BLOCKS_PER_MAPPED_PAGE: u64 = 512;

impl Process {
    pub(crate) fn map(&mut self, site: &AllocationSite, kind: MappingKind, job: &mut Job) {
        let (stack, length) = (self.stack_of(site), random_length(job));
        let address = self.memory.pages.take(length);
        self.current().log.demand_time_stamp();
        self.record(job, |encoder, room| encoder.map(room, kind, true, address, length, stack));
        let account = (kind == MappingKind::Private).then(|| Account::new(site.call_site, Category::Mapping));
        if let Some(account) = account {
            job.ledger.allocate(account, length, job.now_ns());
        }
        self.memory.mappings.push(Mapping { address, length, account });
    }

    /// A reservation, which counts when mprotect opens it, at another line.
    pub(crate) fn reserve_and_open(&mut self, site: &AllocationSite, program: &Program, job: &mut Job) {
        let (stack, length) = (self.stack_of(site), random_length(job));
        let address = self.memory.pages.take(length);
        self.record(job, |encoder, room| encoder.map(room, MappingKind::Private, false, address, length, stack));
        let site = self.next_site(program, &mut job.random);
        let stack = self.stack_of(&site);
        self.current().log.demand_time_stamp();
        self.record(job, |encoder, room| encoder.protect(room, true, address, length, stack));
        let account = Account::new(site.call_site, Category::Mapping);
        job.ledger.allocate(account, length, job.now_ns());
        self.memory.mappings.push(Mapping { address, length, account: Some(account) });
    }

    pub(crate) fn unmap(&mut self, job: &mut Job) {
        if let Some(mapping) = self.take_mapping(job) {
            self.record(job, |encoder, room| encoder.unmap(room, mapping.address, mapping.length));
            if let Some(account) = mapping.account {
                job.ledger.free(account, mapping.length);
            }
            self.memory.pages.give_back(mapping.length, mapping.address);
        }
    }

    /// An mremap that moves a mapping as it is. Who mapped it goes on holding it.
    pub(crate) fn move_mapping(&mut self, site: &AllocationSite, job: &mut Job) {
        if let Some(Mapping { address, length, account }) = self.take_mapping(job) {
            let stack = self.stack_of(site);
            let new_address = self.memory.pages.take(length);
            self.record(job, |encoder, room| encoder.unmap(room, address, length));
            if let Some(account) = account {
                job.ledger.free(account, length);
            }
            self.record(job, |encoder, room| encoder.remap(room, new_address, length, stack));
            if let Some(account) = account {
                job.ledger.restore(account, length, job.now_ns());
            }
            self.memory.pages.give_back(length, address);
            self.memory.mappings.push(Mapping { address: new_address, length, account });
        }
    }

    fn take_mapping(&mut self, job: &mut Job) -> Option<Mapping> {
        let mappings = &mut self.memory.mappings;
        (!mappings.is_empty()).then(|| mappings.swap_remove(job.random.usize(..mappings.len())))
    }
}

fn random_length(job: &mut Job) -> u64 {
    let blocks = job.plan.live_blocks / u64::from(job.plan.processes);
    let longest = (blocks / LIVE_BLOCKS_PER_MAPPED_PAGE).clamp(2, LONGEST_MAPPING_PAGES);
    u64::from(log_uniform(1, longest as u32, &mut job.random)) * PAGE_BYTES
}
