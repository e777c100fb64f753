//! The place of the new trace, looked at before anything is written.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FlockOperation, accessat, flock};

use crate::error::CliError;
use crate::record::SpoolDirectory;
use crate::record::trace_file::read_header;

/// Where the trace goes, and where an older one of that name is kept.
pub(crate) struct OutputPlace {
    /// Absolute, for the job may change its folder.
    pub(crate) trace: PathBuf,
    pub(crate) folder: PathBuf,
    kept: PathBuf,
}

/// Keeps other fils from choosing a place in the same folder until it is dropped: one of two that
/// start at the same time must see the other's trace.
pub(crate) struct FolderLock {
    _folder: Option<File>,
}

impl FolderLock {
    /// Waits for the lock. A folder that cannot be opened or locked (some network file systems) is
    /// not locked; whether it can be used is for [`OutputPlace::check`] to say.
    pub(crate) fn wait(output: &Path) -> FolderLock {
        let folder = std::path::absolute(output).ok().and_then(|trace| File::open(trace.parent()?).ok());
        FolderLock { _folder: folder.filter(|folder| flock(folder, FlockOperation::LockExclusive).is_ok()) }
    }
}

impl OutputPlace {
    /// Makes sure that a trace can be written there. Changes nothing.
    pub(crate) fn check(output: &Path) -> Result<OutputPlace, CliError> {
        let cannot = |reason: &str| CliError::Output { path: output.to_owned(), reason: reason.to_owned() };
        let trace = std::path::absolute(output).map_err(|error| CliError::output(output, &error))?;
        let (Some(folder), Some(name)) = (trace.parent(), trace.file_name()) else {
            return Err(cannot("it is a folder"));
        };
        if !folder.is_dir() {
            return Err(cannot("its folder does not exist"));
        }
        if accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_err() {
            return Err(cannot("no permission to write to its folder"));
        }
        match fs::metadata(&trace) {
            Ok(there) if there.is_dir() => return Err(cannot("it is a folder")),
            Ok(there) if !there.is_file() => return Err(cannot("it is not a regular file")),
            Ok(_) if is_being_recorded(&trace) => return Err(CliError::TraceInUse(output.to_owned())),
            Ok(_) | Err(_) => {}
        }
        let mut kept_name = name.to_owned();
        kept_name.push(".old");
        Ok(OutputPlace { folder: folder.to_owned(), kept: folder.join(kept_name), trace })
    }

    /// Renames an older trace, so that the name is free.
    pub(crate) fn keep_older(&self) -> Result<(), CliError> {
        match fs::rename(&self.trace, &self.kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(CliError::output(&self.kept, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Nothing was recorded after all: the older trace gets its name back.
    pub(crate) fn undo(&self) {
        // Both are for tidiness: the error that led here is the one to tell.
        let _ = fs::remove_file(&self.trace);
        let _ = fs::rename(&self.kept, &self.trace);
    }
}

fn is_being_recorded(trace: &Path) -> bool {
    let spools = read_header(trace).ok().and_then(|header| SpoolDirectory::of_trace(&header));
    spools.is_some_and(|spools| spools.launcher_runs())
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    fn problem(output: &Path) -> String {
        OutputPlace::check(output).map(|_| ()).expect_err("should not be usable").to_string()
    }

    #[test]
    fn impossible_places_are_told_before_anything_happens() {
        let folder = tempfile::tempdir().expect("folder");
        assert!(problem(folder.path()).ends_with("it is a folder"));
        assert!(problem(&folder.path().join("no/trace.fil")).ends_with("its folder does not exist"));
        assert!(problem(Path::new("/dev/null")).ends_with("it is not a regular file"));
        assert!(problem(Path::new("/")).ends_with("it is a folder"));
    }

    #[test]
    fn an_older_trace_is_kept_and_comes_back() {
        let folder = tempfile::tempdir().expect("folder");
        let [trace, old] = ["trace.fil", "trace.fil.old"].map(|name| folder.path().join(name));
        let place = OutputPlace::check(&trace).expect("usable");
        place.keep_older().expect("there is none");

        fs::write(&trace, "second").expect("write");
        fs::write(&old, "first").expect("write");
        place.keep_older().expect("rename");
        assert_eq!(fs::read_to_string(&old).expect("kept"), "second");
        assert!(!trace.exists());

        place.undo();
        assert_eq!(fs::read_to_string(&trace).expect("back"), "second");
    }
}
