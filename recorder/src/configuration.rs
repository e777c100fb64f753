//! What `fil record` tells its recorder: in a file beside the library, which every program finds that loads the library,
//! whatever else of its environment somebody has changed.

use std::ffi::{CStr, CString, OsStr, OsString, c_void};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::library::library_of;
use crate::trace_file::TraceFile;

/// Name of the file. Its fields, each with a zero byte behind it: the trace, the folder of the spools, the process id of
/// `fil record`, the size at which the trace is to end, in bytes, and 1 if arguments of command lines are recorded, else 0.
/// Numbers are decimal.
const FILE_NAME: &str = "recording";

/// See the module.
#[derive(Clone)]
pub(crate) struct Configuration {
    trace_path: CString,
    spool_directory: OsString,
    launcher_pid: u32,
    max_trace_bytes: u64,
    with_arguments: bool,
}

impl Configuration {
    /// `None`: this process is not to be recorded.
    pub(crate) fn beside_the_library() -> Option<Configuration> {
        let (_, library) = library_of(Configuration::beside_the_library as *const c_void)?;
        Configuration::parse(&std::fs::read(Path::new(&library).with_file_name(FILE_NAME)).ok()?)
    }

    fn parse(file: &[u8]) -> Option<Configuration> {
        let mut fields = file.split(|byte| *byte == 0);
        let [trace, spools] = [fields.next()?, fields.next()?];
        let mut number = || std::str::from_utf8(fields.next()?).ok()?.parse::<u64>().ok();
        Some(Configuration {
            trace_path: CString::new(trace).ok()?,
            spool_directory: OsStr::from_bytes(spools).to_owned(),
            launcher_pid: number()?.try_into().ok()?,
            max_trace_bytes: number()?,
            with_arguments: number()? != 0,
        })
    }

    pub(crate) fn spool_directory(&self) -> &OsStr {
        &self.spool_directory
    }

    /// Opens the trace that `fil record` created.
    pub(crate) fn open_trace(&self) -> io::Result<TraceFile> {
        TraceFile::open(self.trace_path.clone(), self.max_trace_bytes)
    }

    /// What of a command line is recorded: all, or only the command.
    pub(crate) fn recorded<'a, 'b>(&self, arguments: &'a [&'b CStr]) -> &'a [&'b CStr] {
        if self.with_arguments { arguments } else { &arguments[..arguments.len().min(1)] }
    }

    /// Whether this process is the command itself rather than something that it started.
    pub(crate) fn is_command_itself(&self) -> bool {
        std::os::unix::process::parent_id() == self.launcher_pid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_may_be_anything_and_a_part_of_a_file_is_none() {
        let file = b"/a b/\n\xff.fil\0/dev/shm/spools\x001234\x005000\x000\0";
        let configuration = Configuration::parse(file).expect("whole");
        assert_eq!(configuration.trace_path.as_bytes(), b"/a b/\n\xff.fil");
        assert_eq!(configuration.spool_directory(), "/dev/shm/spools");
        assert_eq!(configuration.launcher_pid, 1234);
        assert_eq!(configuration.max_trace_bytes, 5000);
        assert_eq!(configuration.recorded(&[c"python", c"secret"]), [c"python"]);
        for length in [0, 5, 12, 28, 34, 37] {
            assert!(Configuration::parse(&file[..length]).is_none(), "{length}");
        }
    }
}
