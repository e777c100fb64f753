//! What the job held at one instant, and who: by kind of memory, process, call site and call stack.
//!
//! Invariant: each of these sums to the same, and all are in an order that depends on nothing but the trace.

use std::cmp::Reverse;
use std::sync::Arc;

use format::ThreadNumber;
use hashbrown::HashMap;
use rayon::prelude::*;
use serde::Serialize;

use crate::call_site::{CallSiteName, CallSiteNames};
use crate::call_stack::{CallStack, CallTree, NodeId};
use crate::image::ImageIndex;
use crate::moment::{Moment, SiteMemory};
use crate::site::{Category, Site, SiteId};
use crate::stack_order::StackOrder;
use crate::stack_resolver::StackResolver;
use crate::thread_names::ThreadNames;
use crate::trace::Trace;

/// Live bytes by kind of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Categories {
    /// The malloc family.
    pub heap: u64,
    /// Python's allocator.
    pub python: u64,
    /// Anonymous mappings.
    pub mmap: u64,
}

/// Bytes that are mapped but are no part of the peak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Apart {
    /// Files and devices: the kernel keeps and drops their pages as it likes.
    pub mapped_files: u64,
    /// Addresses without memory behind them: mapped, but not accessible.
    pub reserved: u64,
    /// Arenas of Python's allocator: what the objects in them take is part of `categories.python`.
    pub python_arenas: u64,
}

/// What a process holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProcessMemory {
    /// Process id.
    pub pid: u32,
    /// Its command line, lossily decoded.
    pub command: Vec<String>,
    /// Live bytes.
    pub live_bytes: u64,
}

/// What an innermost Python frame holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallSite {
    /// Qualified name of the function; `(no Python frame)` for memory allocated outside Python code.
    pub function: String,
    /// File name.
    pub file: String,
    /// Line.
    pub line: u32,
    /// Live bytes.
    pub live_bytes: u64,
    /// Live blocks.
    pub live_blocks: u64,
}

/// What a call stack of one thread holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StackMemory {
    /// The frames; none for memory allocated outside Python code.
    pub frames: CallStack,
    /// Process id.
    pub process: u32,
    /// Which of the processes that is: several may have had this id.
    #[serde(skip)]
    pub process_index: usize,
    /// The thread's name.
    pub thread: String,
    /// Which of the process's threads that is: several may have had this name.
    #[serde(skip)]
    pub thread_number: ThreadNumber,
    /// Live bytes.
    pub live_bytes: u64,
    /// Live blocks.
    pub live_blocks: u64,
    /// The same by kind of memory.
    #[serde(skip)]
    pub kinds: Kinds,
}

/// Live memory of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindMemory {
    /// Live bytes.
    pub live_bytes: u64,
    /// Live blocks.
    pub live_blocks: u64,
}

/// Live memory by kind, as in [`Categories`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// The malloc family.
    pub heap: KindMemory,
    /// Python's allocator.
    pub python: KindMemory,
    /// Anonymous mappings.
    pub mmap: KindMemory,
}

impl Kinds {
    /// All kinds together. Wraps around as all sums do.
    pub fn total(&self) -> KindMemory {
        let mut total = self.heap;
        total.add(self.python.live_bytes, self.python.live_blocks);
        total.add(self.mmap.live_bytes, self.mmap.live_blocks);
        total
    }

    /// Only for categories that count.
    fn add(&mut self, category: Category, memory: &SiteMemory) {
        let kind = match category {
            Category::Heap => &mut self.heap,
            Category::Python => &mut self.python,
            _ => &mut self.mmap,
        };
        kind.add(memory.bytes, memory.blocks);
    }
}

impl KindMemory {
    fn add(&mut self, bytes: u64, blocks: u64) {
        self.live_bytes = self.live_bytes.wrapping_add(bytes);
        self.live_blocks = self.live_blocks.wrapping_add(blocks);
    }
}

/// See the module.
pub(crate) struct Held {
    /// The sites that count and hold something.
    pub(crate) sites: Vec<(Site, SiteMemory)>,
    /// What is mapped beside.
    pub(crate) apart: Apart,
}

impl Held {
    pub(crate) fn at(moment: &Moment, sites: &[Site]) -> Held {
        Held::of_selected(moment, sites, |_| true)
    }

    /// What is held by the sites that are selected.
    pub(crate) fn of_selected(moment: &Moment, sites: &[Site], mut is_selected: impl FnMut(&Site) -> bool) -> Held {
        let ids = (0..sites.len()).map(|at| SiteId(at as u32));
        let all = sites.iter().copied().zip(ids.map(|id| moment.at(id)));
        let held = all.filter(|(site, memory)| *memory != SiteMemory::default() && is_selected(site));
        let (sites, apart): (Vec<_>, Vec<_>) = held.partition(|(site, _)| site.category.counts());
        let apart = Apart {
            mapped_files: bytes_in(&apart, Category::MappedFile),
            reserved: bytes_in(&apart, Category::Reserved),
            python_arenas: bytes_in(&apart, Category::PythonArena),
        };
        Held { sites, apart }
    }

    /// Bytes that count.
    pub(crate) fn live_bytes(&self) -> u64 {
        self.sites.iter().fold(0, |sum, (_, memory)| sum.wrapping_add(memory.bytes))
    }

    pub(crate) fn in_category(&self, category: Category) -> u64 {
        bytes_in(&self.sites, category)
    }

    pub(crate) fn by_category(&self) -> Categories {
        let private = self.in_category(Category::PrivateMapping);
        Categories {
            heap: self.in_category(Category::Heap),
            python: self.in_category(Category::Python),
            mmap: private.wrapping_add(self.in_category(Category::SharedMapping)),
        }
    }

    /// What each process holds, the largest first, and the position of each image in that order.
    pub(crate) fn by_process(&self, trace: &Trace) -> (Vec<ProcessMemory>, Vec<usize>) {
        let mut live_bytes = vec![0u64; trace.images().len()];
        for (site, memory) in &self.sites {
            let sum = &mut live_bytes[site.image.index()];
            *sum = sum.wrapping_add(memory.bytes);
        }
        let mut order: Vec<usize> = (0..live_bytes.len()).collect();
        // Stable: between equal sizes the order of starts decides.
        order.sort_by_key(|&image| Reverse(live_bytes[image]));
        let mut position = vec![0; order.len()];
        for (at, &image) in order.iter().enumerate() {
            position[image] = at;
        }
        let process = |at: usize| {
            let image = &trace.images()[at];
            ProcessMemory {
                pid: image.key.pid,
                command: image.definitions.start.command.clone(),
                live_bytes: live_bytes[at],
            }
        };
        (order.into_iter().map(process).collect(), position)
    }

    /// By innermost frame and by call stack, each with the largest first. `position` is that of [`Held::by_process`].
    pub(crate) fn by_call(&self, trace: &Trace, position: &[usize]) -> (Vec<CallSite>, Vec<StackMemory>) {
        let mut resolver = StackResolver::new(trace.images());
        let nodes: Vec<NodeId> = self.sites.iter().map(|(site, _)| resolver.resolve(site.image, site.stack)).collect();
        let tree = Arc::new(resolver.finish());
        rayon::join(|| self.call_sites(&tree, &nodes), || self.stacks(trace, position, &tree, &nodes))
    }

    /// By innermost frame. `nodes` are the call stacks of the sites.
    fn call_sites(&self, tree: &CallTree, nodes: &[NodeId]) -> Vec<CallSite> {
        let mut names = CallSiteNames::default();
        let mut call_sites: Vec<SiteMemory> = Vec::new();
        for ((_, memory), &node) in self.sites.iter().zip(nodes) {
            let call_site = names.of_stack(tree, node);
            call_sites.resize(names.names().len(), SiteMemory::default());
            call_sites[call_site.index()].add(memory);
        }
        largest_call_sites(&names, &call_sites)
    }

    /// By call stack, which are those of the sites.
    fn stacks(&self, trace: &Trace, position: &[usize], tree: &Arc<CallTree>, nodes: &[NodeId]) -> Vec<StackMemory> {
        let (order, stacks) = rayon::join(|| StackOrder::of(tree), || self.by_stack(nodes));
        let threads = ThreadNames::of(trace.images(), stacks.keys().map(|&(image, thread, _)| (image, thread)));
        let mut stacks: Vec<_> = stacks.into_iter().collect();
        // No two stacks are equal in all of this.
        stacks.par_sort_by_cached_key(|&((image, thread, node), kinds)| {
            let KindMemory { live_bytes, live_blocks } = kinds.total();
            let process = trace.images()[image.index()].key.pid;
            let name = threads.place(image, thread);
            (Reverse(live_bytes), process, name, order.place(node), live_blocks, position[image.index()], thread)
        });
        let stack = |((image, thread, node), kinds): ((ImageIndex, ThreadNumber, NodeId), Kinds)| StackMemory {
            frames: CallStack::new(Arc::clone(tree), node),
            process: trace.images()[image.index()].key.pid,
            process_index: position[image.index()],
            thread: threads.name(threads.place(image, thread)).to_owned(),
            thread_number: thread,
            live_bytes: kinds.total().live_bytes,
            live_blocks: kinds.total().live_blocks,
            kinds,
        };
        stacks.into_iter().map(stack).collect()
    }

    fn by_stack(&self, nodes: &[NodeId]) -> HashMap<(ImageIndex, ThreadNumber, NodeId), Kinds> {
        let mut stacks = HashMap::<_, Kinds>::with_capacity(self.sites.len());
        for ((site, memory), &node) in self.sites.iter().zip(nodes) {
            stacks.entry((site.image, site.thread, node)).or_default().add(site.category, memory);
        }
        stacks
    }
}

fn bytes_in(sites: &[(Site, SiteMemory)], category: Category) -> u64 {
    let in_it = sites.iter().filter(|(site, _)| site.category == category);
    in_it.fold(0, |sum, (_, memory)| sum.wrapping_add(memory.bytes))
}

fn largest_call_sites(names: &CallSiteNames, memory: &[SiteMemory]) -> Vec<CallSite> {
    let mut named: Vec<_> = names.names().iter().zip(memory).collect();
    named.sort_by_key(|&(name, memory)| (Reverse(memory.bytes), name));
    let call_site = |(name, memory): (&CallSiteName, &SiteMemory)| CallSite {
        function: name.function.clone(),
        file: name.file.clone(),
        line: name.line,
        live_bytes: memory.bytes,
        live_blocks: memory.blocks,
    };
    named.into_iter().map(call_site).collect()
}
