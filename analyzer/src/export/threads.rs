//! The stacks of an answer by thread.

use std::cmp::Reverse;

use format::ThreadNumber;
use hashbrown::HashMap;

use crate::export::memory_tree::MemoryTree;
use crate::export::texts;
use crate::held::StackMemory;
use crate::peak::Peak;

/// The threads that hold something at the peak.
pub(super) struct Threads<'a> {
    /// Those of the largest process first; in a process, the largest thread first.
    pub(super) list: Vec<ThreadMemory<'a>>,
    /// Whether more than one process holds something.
    pub(super) several_processes: bool,
}

/// What a thread holds.
pub(super) struct ThreadMemory<'a> {
    /// Which of the answer's processes it belongs to.
    pub(super) process_index: usize,
    pub(super) pid: u32,
    /// The process's command and id.
    pub(super) process: String,
    pub(super) name: &'a str,
    /// Number of the thread within its process.
    pub(super) number: ThreadNumber,
    /// Whether other threads of its process hold something too.
    pub(super) has_siblings: bool,
    stacks: Vec<&'a StackMemory>,
}

impl<'a> Threads<'a> {
    pub(super) fn of(peak: &'a Peak) -> Threads<'a> {
        let mut list: Vec<ThreadMemory<'a>> = Vec::new();
        let mut positions = HashMap::<(usize, ThreadNumber), usize>::new();
        for stack in &peak.stacks {
            let key = (stack.process_index, stack.thread_number);
            let position = *positions.entry(key).or_insert_with(|| {
                list.push(ThreadMemory {
                    process_index: stack.process_index,
                    pid: stack.process,
                    process: texts::process(peak.processes.get(stack.process_index), stack.process),
                    name: &stack.thread,
                    number: stack.thread_number,
                    has_siblings: false,
                    stacks: Vec::new(),
                });
                list.len() - 1
            });
            list[position].stacks.push(stack);
        }
        // The order so far is that of the largest stacks, which decides between equal sizes.
        list.sort_by_cached_key(|thread| (thread.process_index, Reverse(thread.live_bytes()), thread.number));
        let processes: Vec<usize> = list.iter().map(|thread| thread.process_index).collect();
        for (at, thread) in list.iter_mut().enumerate() {
            let is_of_same =
                |other: Option<usize>| other.and_then(|at| processes.get(at)) == Some(&thread.process_index);
            thread.has_siblings = is_of_same(at.checked_sub(1)) || is_of_same(Some(at + 1));
        }
        let several_processes = processes.first() != processes.last();
        Threads { list, several_processes }
    }

    /// What tells this thread from the others of the list, in texts from the outermost inwards: its process if there
    /// are several, its name if its process has several.
    pub(super) fn levels(&self, thread: &'a ThreadMemory<'a>) -> Vec<&'a str> {
        let process = self.several_processes.then_some(thread.process.as_str());
        let name = thread.has_siblings.then_some(thread.name);
        process.into_iter().chain(name).collect()
    }

    /// A name of the thread for lists of threads.
    pub(super) fn title(&self, thread: &ThreadMemory<'_>) -> String {
        if self.several_processes { format!("{}, {}", thread.process, thread.name) } else { thread.name.to_owned() }
    }
}

impl<'a> ThreadMemory<'a> {
    pub(super) fn tree(&self) -> MemoryTree<'a> {
        MemoryTree::of(&self.stacks)
    }

    fn live_bytes(&self) -> u64 {
        self.stacks.iter().fold(0, |sum, stack| sum.saturating_add(stack.live_bytes))
    }
}
