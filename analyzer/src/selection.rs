//! Filters: which memory an answer is about.

use std::ops::RangeInclusive;

use hashbrown::HashMap;
use regex::{Regex, RegexBuilder};

use crate::call_stack::{CallTree, Frame, NodeId};
use crate::error::AnalyzerError;
use crate::groups::category_name;
use crate::image::Image;
use crate::site::Site;
use crate::stack_resolver::StackResolver;
use crate::trace::Trace;

/// Which memory an answer is about: all that every given filter lets through.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Of these processes, by id. All if there are none.
    pub processes: Vec<u32>,
    /// Of threads with one of these names. All if there are none.
    pub threads: Vec<String>,
    /// Of these kinds: `heap`, `python` or `mmap`. All if there are none.
    pub categories: Vec<String>,
    /// Whose call stack has a function that one of these is for. All if there are none.
    pub functions: Vec<Pattern>,
    /// Whose call stack has a file that one of these is for. All if there are none.
    pub files: Vec<Pattern>,
    /// That came to life in this stretch of time, its ends included: nanoseconds from the start of the job. Always if there is
    /// none.
    pub born: Option<(u64, u64)>,
}

/// A text to look for in the names of functions or files: `*` is for any characters, `?` for one. Without these it is the
/// name itself, or its end behind a dot or a slash.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    name: Regex,
}

impl Pattern {
    /// Reads a pattern.
    pub fn new(text: &str) -> Result<Pattern, AnalyzerError> {
        let name: String = text.chars().map(as_regex).collect();
        let regex = RegexBuilder::new(&format!(r"^(?:.*[./])?{name}$")).dot_matches_new_line(true).build();
        let too_long =
            |error: regex::Error| AnalyzerError::Pattern { pattern: text.to_owned(), reason: error.to_string() };
        Ok(Pattern { text: text.to_owned(), name: regex.map_err(too_long)? })
    }

    /// What it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_for(&self, name: &str) -> bool {
        self.name.is_match(name)
    }
}

fn as_regex(character: char) -> String {
    match character {
        '*' => ".*".to_owned(),
        '?' => ".".to_owned(),
        other => regex::escape(&other.to_string()),
    }
}

impl Selection {
    /// Whether all memory is selected.
    pub fn is_all(&self) -> bool {
        let Selection { processes, threads, categories, functions, files, born } = self;
        processes.is_empty()
            && threads.is_empty()
            && categories.is_empty()
            && functions.is_empty()
            && files.is_empty()
            && born.is_none()
    }

    /// What is asked for that the trace knows nothing of, one sentence each: it is likely mistyped.
    pub fn not_there(&self, trace: &Trace) -> Vec<String> {
        let images = trace.images();
        let has_thread = |name: &String| {
            let threads =
                images.iter().flat_map(|image| image.threads.iter().map(|thread| image.thread_name(thread.thread)));
            threads.into_iter().any(|thread| thread == *name)
        };
        let codes = || images.iter().flat_map(|image| image.definitions.codes.values());
        let processes = self.processes.iter().filter(|&&pid| !images.iter().any(|image| image.key.pid == pid));
        let threads = self.threads.iter().filter(|name| !has_thread(name));
        let functions = self.functions.iter().filter(|pattern| !codes().any(|code| pattern.is_for(&code.function)));
        let files = self.files.iter().filter(|pattern| !codes().any(|code| pattern.is_for(&code.file)));
        let mut sentences: Vec<String> = processes.map(|pid| format!("no process {pid} is in this trace")).collect();
        sentences.extend(threads.map(|name| format!("no thread {name:?} is in this trace")));
        sentences.extend(functions.map(|pattern| format!("no function like {:?} is in this trace", pattern.text())));
        sentences.extend(files.map(|pattern| format!("no file like {:?} is in this trace", pattern.text())));
        sentences
    }

    /// When what is selected came to life, nanoseconds of the monotonic clock; always, if there is none. What a damaged trace
    /// puts before the start is there from the start on.
    pub(crate) fn born_on_clock(&self, trace: &Trace) -> Option<RangeInclusive<u64>> {
        let on_clock = |ns: u64| trace.header().monotonic_start_ns.saturating_add(ns);
        self.born.map(|(from, to)| if from == 0 { 0 } else { on_clock(from) }..=on_clock(to))
    }

    /// Whether of every process all memory is selected, or none.
    pub fn is_of_whole_processes(&self) -> bool {
        Selection { processes: Vec::new(), ..self.clone() }.is_all()
    }
}

/// Says of sites whether they are selected; of their memory `born` selects a part.
pub(crate) struct SiteFilter<'a> {
    selection: &'a Selection,
    images: &'a [Image],
    resolver: StackResolver<'a>,
    below_function: HashMap<NodeId, bool>,
    below_file: HashMap<NodeId, bool>,
}

impl<'a> SiteFilter<'a> {
    pub(crate) fn new(trace: &'a Trace, selection: &'a Selection) -> SiteFilter<'a> {
        SiteFilter {
            selection,
            images: trace.images(),
            resolver: StackResolver::new(trace.images()),
            below_function: HashMap::new(),
            below_file: HashMap::new(),
        }
    }

    pub(crate) fn includes(&mut self, site: &Site) -> bool {
        let Selection { processes, threads, categories, functions, files, born: _ } = self.selection;
        let image = &self.images[site.image.index()];
        (processes.is_empty() || processes.contains(&image.key.pid))
            && (threads.is_empty() || threads.contains(&image.thread_name(site.thread)))
            && (categories.is_empty() || categories.iter().any(|name| name == category_name(site.category)))
            && (functions.is_empty() && files.is_empty() || {
                let stack = self.resolver.resolve(site.image, site.stack);
                let tree = self.resolver.tree();
                (functions.is_empty()
                    || is_below(tree, stack, functions, |frame| &frame.function, &mut self.below_function))
                    && (files.is_empty() || is_below(tree, stack, files, |frame| &frame.file, &mut self.below_file))
            })
    }
}

/// Whether a pattern is for a frame of this stack. What is known of a stack is known of those that it is the caller of.
fn is_below(
    tree: &CallTree,
    stack: NodeId,
    patterns: &[Pattern],
    name: fn(&Frame) -> &str,
    known: &mut HashMap<NodeId, bool>,
) -> bool {
    let mut unknown = Vec::new();
    let mut at = stack;
    let mut is_below = loop {
        let Some(caller) = tree.parent(at) else { break false };
        if let Some(&known) = known.get(&at) {
            break known;
        }
        unknown.push(at);
        at = caller;
    };
    for at in unknown.into_iter().rev() {
        is_below = is_below
            || tree.innermost(at).is_some_and(|frame| {
                let name = name(tree.frame(frame));
                patterns.iter().any(|pattern| pattern.is_for(name))
            });
        known.insert(at, is_below);
    }
    is_below
}
