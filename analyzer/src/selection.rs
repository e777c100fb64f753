//! Filters: which memory an answer is about.

use regex::{Regex, RegexBuilder};

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
}

impl<'a> SiteFilter<'a> {
    pub(crate) fn new(trace: &'a Trace, selection: &'a Selection) -> SiteFilter<'a> {
        SiteFilter { selection, images: trace.images(), resolver: StackResolver::new(trace.images()) }
    }

    pub(crate) fn includes(&mut self, site: &Site) -> bool {
        let Selection { processes, threads, categories, functions, files, born: _ } = self.selection;
        let image = &self.images[site.image.index()];
        let is_any = |patterns: &[Pattern], name: &str| patterns.iter().any(|pattern| pattern.is_for(name));
        (processes.is_empty() || processes.contains(&image.key.pid))
            && (threads.is_empty() || threads.contains(&image.thread_name(site.thread)))
            && (categories.is_empty() || categories.iter().any(|name| name == category_name(site.category)))
            && (functions.is_empty() && files.is_empty() || {
                let stack = self.resolver.resolve(site.image, site.stack);
                let frames = || self.resolver.tree().frames_from_innermost(stack);
                (functions.is_empty() || frames().any(|frame| is_any(functions, &frame.function)))
                    && (files.is_empty() || frames().any(|frame| is_any(files, &frame.file)))
            })
    }
}
