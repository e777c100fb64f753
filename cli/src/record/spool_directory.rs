//! The folder where the job's processes keep their spool files, which outlive them.
//!
//! It lies in the memory file system where there is one, so that the kernel's writeback never
//! stalls the job, else beside the trace; and beside the trace as well if that is on a disk or volume of its own, which may
//! outlive the container that the memory belongs to. A file `launcher` in it says which `fil record` it belongs
//! to: while that runs, nobody else touches the spools; and a trace that names a folder with another
//! recording's launcher, or none, is not believed.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use format::TraceHeader;
use format::spool::{SPOOL_EXTENSION, UNFINISHED_SPOOL_EXTENSION};
use rustix::fs::{FlockOperation, Mode, flock, statfs, statvfs};
use rustix::io::Errno;
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::error::CliError;
use crate::process_identity::ProcessIdentity;
use crate::record::recorder_library;

/// A file system in memory that Linux systems have.
const MEMORY_FILE_SYSTEM: &str = "/dev/shm";

/// A few processes' spools fit into this; containers often have just 64 MiB there, and with less
/// free than that the job itself may need what there is.
const FREE_BYTES_NEEDED: u64 = 64 << 20;

/// Numbers of ext2 to ext4, XFS and tmpfs: statfs(2), Linux's `magic.h`. Not those that write elsewhere what is written again
/// (Btrfs, ZFS): on a full disk they have no room for what was set aside, and the job would die of SIGBUS.
const LOCAL_FILE_SYSTEMS: [u64; 3] = [0xef53, 0x5846_5342, 0x0102_1994];

const LAUNCHER_FILE: &str = "launcher";
/// Says which file is the trace: device, inode, and, for people, path, with a space between them.
const TRACE_FILE: &str = "trace";
/// Says where the recorder library is, for the case that fil is killed and cannot remove it.
const LIBRARY_FILE: &str = "library";

/// The folder of one recording's spool files.
#[derive(Debug)]
pub(crate) struct SpoolDirectory {
    path: PathBuf,
    launcher: Launcher,
}

impl SpoolDirectory {
    /// Makes a fresh one for the recording that this process starts at `monotonic_start_ns`, with
    /// the recorder library at `library`.
    pub(crate) fn create(trace: &Path, monotonic_start_ns: u64, library: &Path) -> Result<SpoolDirectory, CliError> {
        let launcher = Launcher { process: ProcessIdentity::own(), monotonic_start_ns };
        let make = |parent: &Path, name: &OsStr| {
            fresh_directory(parent, name).and_then(|directory| SpoolDirectory::mark(directory, launcher, library))
        };
        let beside = trace.parent().unwrap_or(Path::new("/"));
        let make_beside = || make(beside, trace.file_name().unwrap_or_default());
        let in_memory = Path::new(MEMORY_FILE_SYSTEM);
        if is_local_volume(beside)
            && has_room(beside)
            && let Ok(spools) = make_beside()
        {
            return Ok(spools);
        }
        if has_room(in_memory)
            && let Ok(spools) = make(in_memory, OsStr::new("fil"))
        {
            return Ok(spools);
        }
        make_beside().map_err(|error| CliError::output(trace, &error))
    }

    /// From here on the folder stays whatever happens to fil: it may hold what the job did.
    fn mark(directory: TempDir, launcher: Launcher, library: &Path) -> io::Result<SpoolDirectory> {
        fs::write(directory.path().join(LIBRARY_FILE), library.as_os_str().as_bytes())?;
        fs::write(directory.path().join(LAUNCHER_FILE), launcher.line())?;
        Ok(SpoolDirectory { path: directory.keep(), launcher })
    }

    /// The one that the header of a trace names, if it is there and really that trace's.
    pub(crate) fn of_trace(header: &TraceHeader) -> Option<SpoolDirectory> {
        let path = PathBuf::from(OsString::from_vec(header.spool_directory.clone()));
        if !path.is_absolute() || !is_own(&path) {
            return None;
        }
        let Ok(launcher) = fs::read_to_string(path.join(LAUNCHER_FILE)) else {
            // Whoever removed it was killed before the very last step, which does nothing to a folder that is not empty.
            let _ = path.extension().filter(|extension| *extension == SPOOL_EXTENSION).map(|_| fs::remove_dir(&path));
            return None;
        };
        let launcher = Launcher::parse(&launcher)?;
        (launcher.monotonic_start_ns == header.monotonic_start_ns).then_some(SpoolDirectory { path, launcher })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// From here on a copy of the trace is told from it. Where this cannot be written, one may be taken for it.
    pub(crate) fn belongs_to(&self, trace: &Path) {
        if let Ok(found) = fs::metadata(trace) {
            let mut line = format!("{} {} ", found.dev(), found.ino()).into_bytes();
            line.extend_from_slice(trace.as_os_str().as_bytes());
            let _ = fs::write(self.path.join(TRACE_FILE), line);
        }
    }

    /// Whether this file, which may have another name now, is the trace that the spools belong to, and not a copy of it: what
    /// is in them can be taken from them once.
    pub(crate) fn is_of(&self, trace: &Path) -> bool {
        let Ok(line) = fs::read(self.path.join(TRACE_FILE)) else { return true };
        let is_it = |found: fs::Metadata| line.starts_with(format!("{} {} ", found.dev(), found.ino()).as_bytes());
        fs::metadata(trace).is_ok_and(is_it)
    }

    /// The path as a trace header holds it.
    pub(crate) fn path_bytes(&self) -> Vec<u8> {
        self.path.as_os_str().as_bytes().to_vec()
    }

    /// Whether the `fil record` of this recording still runs and will see to the spools itself.
    pub(crate) fn launcher_runs(&self) -> bool {
        self.launcher.process.runs()
    }

    /// The spool files that are there now.
    pub(crate) fn spool_files(&self) -> io::Result<Vec<PathBuf>> {
        self.files_that_end_in(SPOOL_EXTENSION)
    }

    fn files_that_end_in(&self, extension: &str) -> io::Result<Vec<PathBuf>> {
        let entries = fs::read_dir(&self.path)?.collect::<io::Result<Vec<_>>>()?;
        let mut paths: Vec<PathBuf> = entries.iter().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|found| found == extension) && path.is_file());
        paths.sort();
        Ok(paths)
    }

    /// From here on [`SpoolDirectory::remove`] leaves the recorder library there.
    pub(crate) fn leave_library(&self) {
        let _ = fs::remove_file(self.path.join(LIBRARY_FILE));
    }

    /// Removes the folder, and the recorder library that the job no longer needs, unless spool files
    /// are still there.
    pub(crate) fn remove(&self) {
        // One by one: what is being made now may be a spool at the next look.
        if !self.has_no_spools() || !self.removes_unfinished_spools() || !self.has_no_spools() {
            return;
        }
        // What stays behind costs little; it is not worth a message.
        let library_file = self.path.join(LIBRARY_FILE);
        if let Ok(library) = fs::read(&library_file) {
            recorder_library::remove(Path::new(OsStr::from_bytes(&library)));
        }
        for file in [library_file, self.path.join(TRACE_FILE), self.path.join(LAUNCHER_FILE)] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir(&self.path);
    }

    fn has_no_spools(&self) -> bool {
        matches!(self.spool_files().as_deref(), Ok([]))
    }

    /// Removes what processes left that were killed before they could record anything. False if one is at it just now. (A
    /// process that has not come as far as the lock finds its file gone, and says in the trace that it has no spool.)
    fn removes_unfinished_spools(&self) -> bool {
        let unfinished = self.files_that_end_in(UNFINISHED_SPOOL_EXTENSION).unwrap_or_default();
        unfinished.iter().all(|path| !is_locked(path) && fs::remove_file(path).is_ok())
    }
}

/// Whether a process holds the lock of a spool file. One that cannot be locked at all is not locked.
pub(crate) fn is_locked(spool: &Path) -> bool {
    let locked = File::open(spool).map(|file| flock(file, FlockOperation::NonBlockingLockExclusive));
    matches!(locked, Ok(Err(Errno::WOULDBLOCK)))
}

/// For its owner only: what a job does with its memory is nobody else's business.
fn fresh_directory(parent: &Path, name: &OsStr) -> io::Result<TempDir> {
    let mut prefix = name.to_owned();
    prefix.push(".");
    let mode = Permissions::from_mode(0o700);
    tempfile::Builder::new().prefix(&prefix).suffix(".spool").permissions(mode).tempdir_in(parent)
}

/// Whether it is a folder of this user that nobody else may change. A trace may come from anywhere; what it names is
/// appended to it, and removed.
fn is_own(directory: &Path) -> bool {
    fs::symlink_metadata(directory).is_ok_and(|found| {
        let for_others = Mode::from_raw_mode(found.mode()) & (Mode::RWXG | Mode::RWXO);
        found.is_dir() && found.uid() == geteuid().as_raw() && for_others.is_empty()
    })
}

/// Whether the folder is mounted apart from the system's root, on a disk of this machine: writing to memory that is mapped
/// from a file on the network is no good.
fn is_local_volume(folder: &Path) -> bool {
    let device_of = |path: &Path| fs::metadata(path).ok().map(|found| found.dev());
    let is_apart = device_of(folder).is_some_and(|device| Some(device) != device_of(Path::new("/")));
    is_apart && statfs(folder).is_ok_and(|system| LOCAL_FILE_SYSTEMS.contains(&system.f_type.cast_unsigned()))
}

fn has_room(directory: &Path) -> bool {
    statvfs(directory).is_ok_and(|system| system.f_bavail.saturating_mul(system.f_frsize) >= FREE_BYTES_NEEDED)
}

/// Which `fil record` made the folder, and for which recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Launcher {
    process: ProcessIdentity,
    monotonic_start_ns: u64,
}

impl Launcher {
    fn line(&self) -> String {
        format!("{} {} {}\n", self.process.pid, self.process.start_ticks, self.monotonic_start_ns)
    }

    fn parse(line: &str) -> Option<Launcher> {
        let mut fields = line.split_ascii_whitespace();
        let pid = fields.next()?.parse().ok()?;
        let start_ticks = fields.next()?.parse().ok()?;
        let monotonic_start_ns = fields.next()?.parse().ok()?;
        Some(Launcher { process: ProcessIdentity { pid, start_ticks }, monotonic_start_ns })
    }
}
