//! Groups: what the memory of an answer is told by, such as call sites, files or threads.

use hashbrown::HashMap;
use serde::Serialize;

use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::{Frame, FrameId, NodeId};
use crate::image::Image;
use crate::package::package_of;
use crate::selection::Pattern;
use crate::site::{Category, Site};
use crate::stack_resolver::StackResolver;

/// What the rows of an answer are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Grouping {
    /// Innermost Python frames: function, file and line.
    #[default]
    CallSite,
    /// Functions of innermost Python frames.
    Function,
    /// Files of innermost Python frames.
    File,
    /// Packages of innermost Python frames: what was installed together.
    Package,
    /// Threads.
    Thread,
    /// Processes.
    Process,
    /// Kinds of memory.
    Category,
}

/// What a row of an answer is about. Rows of equal size are in this order.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "the names are those of the contract, and say it")]
pub enum GroupName {
    // Fields are in the order in which people look for them; `fields` has that of the contract.
    CallSite { file: String, line: u32, function: String },
    Function { file: String, function: String },
    File { file: String },
    Package { package: String },
    Thread { process: u32, thread: String },
    Process { process: u32, command: String },
    Category { category: String },
}

/// A field of a [`GroupName`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A text.
    Text(String),
    /// A number: a line or a process id.
    Number(u32),
}

impl Grouping {
    /// What its rows are called in JSON.
    pub fn plural(self) -> &'static str {
        match self {
            Grouping::CallSite => "call_sites",
            Grouping::Function => "functions",
            Grouping::File => "files",
            Grouping::Package => "packages",
            Grouping::Thread => "threads",
            Grouping::Process => "processes",
            Grouping::Category => "kinds",
        }
    }

    /// Names of the fields of its rows, in JSON, CSV and Parquet.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Grouping::CallSite => &["function", "file", "line"],
            Grouping::Function => &["function", "file"],
            Grouping::File => &["file"],
            Grouping::Package => &["package"],
            Grouping::Thread => &["process", "thread"],
            Grouping::Process => &["process", "command"],
            Grouping::Category => &["category"],
        }
    }
}

/// What the row of all smaller groups is called.
const OTHER: &str = "(other)";

impl GroupName {
    /// All groups that have no rows of their own.
    pub(crate) fn other(grouping: Grouping) -> GroupName {
        let (other, nothing) = (OTHER.to_owned(), String::new());
        match grouping {
            Grouping::CallSite => GroupName::CallSite { file: nothing, line: 0, function: other },
            Grouping::Function => GroupName::Function { file: nothing, function: other },
            Grouping::File => GroupName::File { file: other },
            Grouping::Package => GroupName::Package { package: other },
            Grouping::Thread => GroupName::Thread { process: 0, thread: other },
            Grouping::Process => GroupName::Process { process: 0, command: other },
            Grouping::Category => GroupName::Category { category: other },
        }
    }

    /// Its fields, in the order of [`Grouping::fields`].
    pub fn fields(&self) -> Vec<Field> {
        let text = |text: &String| Field::Text(text.clone());
        match self {
            GroupName::CallSite { file, line, function } => vec![text(function), text(file), Field::Number(*line)],
            GroupName::Function { file, function } => vec![text(function), text(file)],
            GroupName::File { file } => vec![text(file)],
            GroupName::Package { package } => vec![text(package)],
            GroupName::Thread { process, thread } => vec![Field::Number(*process), text(thread)],
            GroupName::Process { process, command } => vec![Field::Number(*process), text(command)],
            GroupName::Category { category } => vec![text(category)],
        }
    }

    /// Whether a pattern is for it: for its name, of a call site also for its file or `file:line`.
    pub(crate) fn is_meant_by(&self, pattern: &Pattern) -> bool {
        match self {
            GroupName::CallSite { file, line, function } => {
                pattern.is_for(function) || pattern.is_for(file) || pattern.is_for(&format!("{file}:{line}"))
            }
            GroupName::Function { function, file } => pattern.is_for(function) || pattern.is_for(file),
            GroupName::File { file } => pattern.is_for(file),
            GroupName::Package { package } => pattern.is_for(package),
            GroupName::Thread { thread, .. } => pattern.is_for(thread),
            GroupName::Process { process, .. } => pattern.is_for(&process.to_string()),
            GroupName::Category { category } => pattern.is_for(category),
        }
    }
}

/// Dense index of a group in the order of first use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GroupId(u32);

impl GroupId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// All groups of an answer, each once.
pub(crate) struct Groups {
    grouping: Grouping,
    names: Vec<GroupName>,
    ids: HashMap<GroupName, GroupId>,
    /// Frames that differ in their columns only are in one group.
    of_frame: HashMap<Option<FrameId>, GroupId>,
}

impl Groups {
    pub(crate) fn new(grouping: Grouping) -> Groups {
        Groups { grouping, names: Vec::new(), ids: HashMap::new(), of_frame: HashMap::new() }
    }

    /// By [`GroupId`].
    pub(crate) fn names(&self) -> &[GroupName] {
        &self.names
    }

    /// The group of a site, which has this stack.
    pub(crate) fn of_site(&mut self, site: &Site, stack: NodeId, images: &[Image], stacks: &StackResolver) -> GroupId {
        let image = &images[site.image.index()];
        let name = match self.grouping {
            Grouping::Thread => GroupName::Thread { process: image.key.pid, thread: image.thread_name(site.thread) },
            Grouping::Process => {
                GroupName::Process { process: image.key.pid, command: image.definitions.start.command.join(" ") }
            }
            Grouping::Category => GroupName::Category { category: category_name(site.category).to_owned() },
            by_frame => {
                let frame = stacks.tree().innermost(stack);
                if let Some(&known) = self.of_frame.get(&frame) {
                    return known;
                }
                let id = self.id_of(name_of_frame(by_frame, frame.map(|frame| stacks.tree().frame(frame))));
                self.of_frame.insert(frame, id);
                return id;
            }
        };
        self.id_of(name)
    }

    fn id_of(&mut self, name: GroupName) -> GroupId {
        *self.ids.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            GroupId((self.names.len() - 1) as u32)
        })
    }
}

pub(crate) fn name_of_frame(grouping: Grouping, frame: Option<&Frame>) -> GroupName {
    let function = frame.map_or(NO_PYTHON_FRAME, |frame| frame.function.as_str()).to_owned();
    let file = frame.map_or("", |frame| frame.file.as_str()).to_owned();
    match grouping {
        Grouping::File => GroupName::File { file: if frame.is_none() { function } else { file } },
        Grouping::Package => {
            GroupName::Package { package: if frame.is_none() { function } else { package_of(&file).to_owned() } }
        }
        Grouping::Function => GroupName::Function { file, function },
        _ => GroupName::CallSite { file, line: frame.map_or(0, |frame| frame.line), function },
    }
}

/// What a kind of memory is called in answers.
pub(crate) fn category_name(category: Category) -> &'static str {
    match category {
        Category::Heap => "heap",
        Category::Python => "python",
        Category::PrivateMapping | Category::SharedMapping => "mmap",
        Category::MappedFile => "mapped file",
        Category::Reserved => "reserved",
        Category::PythonArena => "python arena",
    }
}
