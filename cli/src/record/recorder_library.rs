//! Puts the recorder library, which is part of this program, where the dynamic linker can load it.

use std::env;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

use crate::arguments::RecordOptions;
use crate::error::CliError;

/// The library as `build.rs` built it.
const LIBRARY: &[u8] = include_bytes!(env!("FIL_RECORDER_LIBRARY"));

/// By this name a fil inside the job knows another fil's library in LD_PRELOAD.
pub(crate) const LIBRARY_NAME: &str = "libfil_recorder.so";

/// What the recorder reads in the folder of its library: see `recorder/src/configuration.rs`.
const CONFIGURATION_NAME: &str = "recording";

/// The library in a folder of its own, which goes when this value does.
pub(crate) struct RecorderLibrary {
    folder: TempDir,
    path: PathBuf,
}

impl RecorderLibrary {
    /// Writes the library to the first suitable folder.
    pub(crate) fn place(trace_folder: &Path) -> Result<RecorderLibrary, CliError> {
        let mut last = None;
        for folder in candidates(trace_folder).into_iter().filter(|folder| can_be_loaded_from(folder)) {
            match write_to(&folder) {
                Ok(library) => return Ok(library),
                Err(error) => last = Some((folder, error)),
            }
        }
        Err(CliError::NoPlaceForLibrary(last))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the recorder where to record and what, and that this process is `fil record`.
    pub(crate) fn configure(&self, trace: &Path, spools: &Path, options: &RecordOptions) -> io::Result<()> {
        let launcher = std::process::id().to_string();
        let max_trace_bytes = options.max_trace_size.map_or(u64::MAX, |size| size.as_u64()).to_string();
        let with_arguments = u8::from(!options.no_command_line).to_string();
        let fields = [
            trace.as_os_str().as_bytes(),
            spools.as_os_str().as_bytes(),
            launcher.as_bytes(),
            max_trace_bytes.as_bytes(),
            with_arguments.as_bytes(),
        ];
        let file: Vec<u8> = fields.iter().flat_map(|field| field.iter().copied().chain([0])).collect();
        let path = self.folder.path().join(CONFIGURATION_NAME);
        fs::write(&path, file)?;
        fs::set_permissions(&path, Permissions::from_mode(0o644))
    }

    /// Leaves the library there, for processes that still run, as the programs that they start find it in their
    /// LD_PRELOAD; or for a debugger that reads a core.
    pub(crate) fn keep(self) {
        let _ = self.folder.keep();
    }
}

/// Removes a library that a fil left behind, and its folder.
pub(crate) fn remove(path: &Path) {
    if path.file_name() == Some(LIBRARY_NAME.as_ref()) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_file(path.with_file_name(CONFIGURATION_NAME));
        let _ = path.parent().map(fs::remove_dir);
    }
}

fn candidates(trace_folder: &Path) -> Vec<PathBuf> {
    let home_cache = || env::home_dir().map(|home| home.join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home_cache);
    let mut folders = vec![env::temp_dir(), PathBuf::from("/dev/shm"), PathBuf::from("/tmp")];
    folders.extend(cache);
    folders.push(trace_folder.to_owned());
    folders
}

/// Whether LD_PRELOAD can name a library there (it takes spaces and colons for separators and
/// expands what begins with a dollar sign), and whether the system lets it be mapped for execution.
fn can_be_loaded_from(folder: &Path) -> bool {
    let can_be_named =
        folder.is_absolute() && !folder.as_os_str().as_bytes().iter().any(|byte| b" :$\n".contains(byte));
    can_be_named && statvfs(folder).is_ok_and(|system| !system.f_flag.contains(StatVfsMountFlags::NOEXEC))
}

/// The folder can be read by all: the job may run parts of itself as other users.
fn write_to(parent: &Path) -> io::Result<RecorderLibrary> {
    let folder = tempfile::Builder::new()
        .prefix("fil-recorder-")
        .permissions(Permissions::from_mode(0o755))
        .tempdir_in(parent)?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let path = folder.path().join(LIBRARY_NAME);
    fs::write(&path, LIBRARY)?;
    fs::set_permissions(&path, Permissions::from_mode(0o644))?;
    Ok(RecorderLibrary { folder, path })
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;

    #[test]
    fn paths_that_ld_preload_cannot_hold_are_passed_over() {
        let parent = tempfile::tempdir().expect("folder");
        for name in ["a b", "a:b", "a$b"] {
            let folder = parent.path().join(name);
            fs::create_dir(&folder).expect("folder");
            assert!(!can_be_loaded_from(&folder), "{name}");
        }
        assert!(can_be_loaded_from(parent.path()));
        assert!(!can_be_loaded_from(Path::new("relative")));
        assert!(!can_be_loaded_from(&parent.path().join("missing")));
    }

    #[test]
    fn the_library_can_be_read_by_all_and_goes_in_the_end() {
        let parent = tempfile::tempdir().expect("folder");
        let library = write_to(parent.path()).expect("written");
        let path = library.path().to_owned();
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o644);
        let folder = path.parent().expect("folder");
        assert_eq!(fs::metadata(folder).expect("there").permissions().mode() & 0o777, 0o755);
        drop(library);
        assert_eq!(fs::read_dir(parent.path()).expect("folder").count(), 0);

        let left_behind = write_to(parent.path()).expect("written");
        let path = left_behind.path().to_owned();
        left_behind
            .configure(Path::new("/trace.fil"), Path::new("/spools"), &RecordOptions::default())
            .expect("written");
        left_behind.keep();
        remove(&path);
        assert_eq!(fs::read_dir(parent.path()).expect("folder").count(), 0);
    }
}
