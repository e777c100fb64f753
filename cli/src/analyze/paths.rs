//! File names short enough for a table and still unmistakable.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use analyzer::{CallSite, Trace};

/// Folders of installed packages; what comes before them is the same for all.
const PACKAGE_FOLDERS: [&str; 2] = ["/site-packages/", "/dist-packages/"];

/// Where a call site is, as [`place`] says it.
pub(crate) fn location(call_site: &CallSite, trace: &Trace) -> String {
    place(&call_site.file, call_site.line, trace)
}

/// `load.py:3`, with the file's name shortened; nothing where no Python code is.
pub(crate) fn place(file: &str, line: u32, trace: &Trace) -> String {
    let working_directory = Path::new(OsStr::from_bytes(&trace.header().working_directory));
    let file = shorten(file, working_directory);
    if line == 0 { file } else { format!("{file}:{line}") }
}

/// `file` relative to the folder the job ran in, or from `site-packages` or `python3.11` on:
///
/// - `/home/me/project/load.py` -> `load.py`
/// - `/opt/venv/lib/python3.11/site-packages/numpy/core.py` -> `…/site-packages/numpy/core.py`
/// - `/usr/lib/python3.11/json/decoder.py` -> `…/python3.11/json/decoder.py`
fn shorten(file: &str, working_directory: &Path) -> String {
    let package_folder = PACKAGE_FOLDERS.iter().filter_map(|folder| file.rfind(folder)).max();
    if let Some(start) = package_folder.or_else(|| standard_library(file)) {
        return format!("…{}", &file[start..]);
    }
    let has_folders = working_directory.parent().is_some();
    match Path::new(file).strip_prefix(working_directory) {
        Ok(relative) if has_folders && !relative.as_os_str().is_empty() => relative.to_string_lossy().into_owned(),
        _ => file.to_owned(),
    }
}

/// Offset of `/python3.N/` behind a `/lib` folder.
fn standard_library(file: &str) -> Option<usize> {
    let start = file.find("/python3.")?;
    let rest = &file[start + "/python3.".len()..];
    let version_ends = rest.find(|character: char| !character.is_ascii_digit())?;
    let in_lib = file[..start].ends_with("/lib") || file[..start].ends_with("/lib64");
    (in_lib && version_ends > 0 && rest[version_ends..].starts_with('/')).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_where_they_become_interesting() {
        let shorten = |file| shorten(file, Path::new("/home/me/project"));
        assert_eq!(shorten("/home/me/project/load.py"), "load.py");
        assert_eq!(shorten("/home/me/project/a/b.py"), "a/b.py");
        assert_eq!(shorten("/home/me/projects/load.py"), "/home/me/projects/load.py");
        assert_eq!(shorten("/home/me/project/.venv/lib/python3.11/site-packages/np/a.py"), "…/site-packages/np/a.py");
        assert_eq!(shorten("/usr/lib/python3/dist-packages/np/a.py"), "…/dist-packages/np/a.py");
        assert_eq!(shorten("/usr/lib/python3.11/json/decoder.py"), "…/python3.11/json/decoder.py");
        assert_eq!(shorten("/usr/lib64/python3.9/os.py"), "…/python3.9/os.py");
        assert_eq!(shorten("/data/python3.fast/job.py"), "/data/python3.fast/job.py");
        assert_eq!(shorten("job.py"), "job.py");
        assert_eq!(shorten("<frozen importlib._bootstrap>"), "<frozen importlib._bootstrap>");
        assert_eq!(shorten(""), "");
    }

    #[test]
    fn nothing_is_relative_to_the_root() {
        assert_eq!(shorten("/job.py", Path::new("/")), "/job.py");
    }
}
