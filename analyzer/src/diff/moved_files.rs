//! Which file of one run is which of the other.
//!
//! A file that has the same name in both runs is the same file. Of the others:
//!
//! 1. Two whose paths end alike are one file that was moved: `/old/project/app/load.py` and `/new/place/app/load.py`.
//!    Longer ends go first, and an end decides only where it is that of one file in each run; so of two `load.py` in
//!    different folders each finds its own. `__init__.py` and its like, which every package has, need their folder, too.
//! 2. Two scripts are one if each is the only one that its run began with: `job.py` and `job_faster.py`.
//!
//! In either case both must be of one package, and have a function in common. So a file is not taken for another one that
//! happens to have its name; a wrong match would hide a change.

use std::collections::{BTreeMap, BTreeSet};

use crate::call_view::StackRow;
use crate::package::package_of;
use crate::totals::Totals;

/// The function that is the file itself.
const MODULE: &str = "<module>";

/// The files of a run, as far as they allocated or called what did.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The functions of each file.
    functions: BTreeMap<String, BTreeSet<String>>,
    /// Files that nothing else has run.
    scripts: BTreeSet<String>,
}

impl Files {
    /// Those of all stacks of an answer, which share a tree.
    pub(super) fn of(stacks: &[StackRow<Totals>]) -> Files {
        let mut files = Files::default();
        let Some(stack) = stacks.first() else { return files };
        for frame in stack.frames.tree().frames() {
            files.functions.entry(frame.file.clone()).or_default().insert(frame.function.clone());
        }
        let scripts = stack.frames.tree().outermost().filter(|frame| frame.function == MODULE);
        files.scripts = scripts.map(|frame| frame.file.clone()).collect();
        files
    }

    /// Those that have a path and are not in another run.
    fn not_in(&self, other: &Files) -> BTreeSet<&str> {
        let is_path = |file: &&str| !file.is_empty() && !file.starts_with('<');
        let files = self.functions.keys().map(String::as_str);
        files.filter(is_path).filter(|file| !other.functions.contains_key(*file)).collect()
    }
}

/// Files that have another name in one run than in the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MovedFiles {
    after: BTreeMap<String, String>,
    before: BTreeMap<String, String>,
}

impl MovedFiles {
    /// Finds them.
    pub(super) fn between(before: &Files, after: &Files) -> MovedFiles {
        let mut search = Search {
            before,
            after,
            only_before: before.not_in(after),
            only_after: after.not_in(before),
            found: MovedFiles::default(),
        };
        let longest = search.only_before.iter().map(|file| file.split('/').count()).max().unwrap_or(0);
        (1..=longest).rev().for_each(|parts| search.match_ends(parts));
        search.match_scripts();
        search.found
    }

    /// What a file of the run before is called in the run after; the same if it was not moved.
    pub(super) fn name_after<'a>(&'a self, file: &'a str) -> &'a str {
        self.after.get(file).map_or(file, String::as_str)
    }

    /// What a file of the run after was called before, if it was called otherwise.
    pub(super) fn name_before(&self, file: &str) -> Option<&str> {
        self.before.get(file).map(String::as_str)
    }
}

struct Search<'a> {
    before: &'a Files,
    after: &'a Files,
    /// Files of the one run that are not found in the other yet.
    only_before: BTreeSet<&'a str>,
    only_after: BTreeSet<&'a str>,
    found: MovedFiles,
}

impl<'a> Search<'a> {
    /// Matches files whose last `parts` parts of the path are the same.
    fn match_ends(&mut self, parts: usize) {
        let mut ends = BTreeMap::<&str, (Vec<&'a str>, Vec<&'a str>)>::new();
        for &file in &self.only_before {
            if let Some(end) = end_of(file, parts) {
                ends.entry(end).or_default().0.push(file);
            }
        }
        for &file in &self.only_after {
            if let Some(end) = end_of(file, parts) {
                ends.entry(end).or_default().1.push(file);
            }
        }
        for files in ends.into_values() {
            if let ([before], [after]) = (&files.0[..], &files.1[..]) {
                self.match_if_alike(before, after);
            }
        }
    }

    /// Matches the scripts that the jobs began with, whatever they are called.
    fn match_scripts(&mut self) {
        let mut before = self.only_before.iter().filter(|file| self.before.scripts.contains(**file));
        let mut after = self.only_after.iter().filter(|file| self.after.scripts.contains(**file));
        if let (Some(one), None, Some(other), None) = (before.next(), before.next(), after.next(), after.next()) {
            self.match_if_alike(one, other);
        }
    }

    fn match_if_alike(&mut self, before: &'a str, after: &'a str) {
        if package_of(before) == package_of(after) && have_functions_in_common(self.before, before, self.after, after) {
            self.only_before.remove(before);
            self.only_after.remove(after);
            self.found.after.insert(before.to_owned(), after.to_owned());
            self.found.before.insert(after.to_owned(), before.to_owned());
        }
    }
}

/// The last parts of a path. None if it has fewer, or they say too little.
fn end_of(file: &str, parts: usize) -> Option<&str> {
    let mut separators = file.rmatch_indices('/').map(|(at, _)| at + 1);
    let start = match separators.nth(parts - 1) {
        Some(start) => start,
        None if file.split('/').count() == parts => 0,
        None => return None,
    };
    let end = &file[start..];
    (parts > 1 || !end.starts_with("__")).then_some(end)
}

/// Every file that was imported is itself a function: that says something only where there is no other.
fn have_functions_in_common(before: &Files, before_file: &str, after: &Files, after_file: &str) -> bool {
    let functions = |files: &'_ Files, file: &str| -> BTreeSet<String> {
        let functions = files.functions.get(file).into_iter().flatten();
        functions.filter(|function| *function != MODULE).cloned().collect()
    };
    let (before, after) = (functions(before, before_file), functions(after, after_file));
    before.is_empty() || after.is_empty() || !before.is_disjoint(&after)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `path: function function`, one file a line; a star in front of scripts.
    fn files(lines: &[&str]) -> Files {
        let mut files = Files::default();
        for line in lines {
            let (file, functions) = line.split_once(": ").unwrap_or((line, MODULE));
            let path = file.trim_start_matches('*');
            if file.starts_with('*') {
                files.scripts.insert(path.to_owned());
            }
            files.functions.insert(path.to_owned(), functions.split(' ').map(str::to_owned).collect());
        }
        files
    }

    fn moved(before: &[&str], after: &[&str]) -> Vec<String> {
        let moved = MovedFiles::between(&files(before), &files(after));
        assert_eq!(moved.after.len(), moved.before.len());
        moved.after.iter().map(|(before, after)| format!("{before} -> {after}")).collect()
    }

    #[test]
    fn a_project_in_another_folder() {
        assert_eq!(
            moved(
                &[
                    "*/old/job.py",
                    "/old/a/load.py: f g",
                    "/old/b/load.py: f g",
                    "/old/a/__init__.py",
                    "/same.py",
                    "<string>"
                ],
                &["*/new/x/job.py", "/new/x/a/load.py: f", "/new/x/b/load.py: g", "/new/x/a/__init__.py", "/same.py"],
            ),
            [
                "/old/a/__init__.py -> /new/x/a/__init__.py",
                "/old/a/load.py -> /new/x/a/load.py",
                "/old/b/load.py -> /new/x/b/load.py",
                "/old/job.py -> /new/x/job.py",
            ]
        );
    }

    #[test]
    fn an_environment_of_a_later_python() {
        assert_eq!(
            moved(
                &["/v/lib/python3.11/json/decoder.py: f", "/v/lib/python3.11/site-packages/numpy/core.py: f"],
                &["/w/lib/python3.12/json/decoder.py: f", "/w/lib/python3.12/site-packages/numpy/core.py: f"],
            )
            .len(),
            2
        );
    }

    #[test]
    fn a_script_by_another_name() {
        assert_eq!(moved(&["*/a/job.py: f"], &["*/a/job_faster.py: f g"]), ["/a/job.py -> /a/job_faster.py"]);
        assert_eq!(moved(&["*/a/job.py: f"], &["*/a/b.py: f", "*/a/c.py: f"]), [""; 0], "which one?");
        assert_eq!(moved(&["/a/job.py: f"], &["/a/job_faster.py: f"]), [""; 0], "no scripts");
    }

    #[test]
    fn what_is_not_sure_is_not_matched() {
        let none = [""; 0];
        assert_eq!(moved(&["/a/load.py: f"], &["/b/load.py: f", "/c/load.py: f"]), none, "two could be it");
        assert_eq!(moved(&["/a/load.py: f"], &["/b/load.py: g"]), none, "nothing in common");
        assert_eq!(moved(&["/a/__init__.py: f"], &["/b/__init__.py: f"]), none, "every package has one");
        assert_eq!(moved(&["/s/site-packages/a/util.py"], &["/s/site-packages/b/util.py"]), none, "another package");
        assert_eq!(moved(&["/a/load.py: f"], &["/a/load.py: g", "/b/load.py: f"]), none, "it is there");
    }

    #[test]
    fn ends_of_paths() {
        assert_eq!(end_of("/a/b.py", 1), Some("b.py"));
        assert_eq!(end_of("/a/b.py", 2), Some("a/b.py"));
        assert_eq!(end_of("/a/b.py", 3), Some("/a/b.py"));
        assert_eq!(end_of("/a/b.py", 4), None);
        assert_eq!(end_of("b.py", 1), Some("b.py"));
        assert_eq!(end_of("b.py", 2), None);
        assert_eq!(end_of("a/__init__.py", 1), None);
    }
}
