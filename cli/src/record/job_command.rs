//! Finds the program of the job as execvp(3) would, before anything is written.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::error::CliError;

/// What execvp(3) searches when PATH is not set.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// A program that can be run, and what it is given.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct JobCommand {
    pub(crate) program: PathBuf,
    /// The name it was called by: Python finds its virtual environment through it.
    pub(crate) name: OsString,
    pub(crate) arguments: Vec<OsString>,
}

impl JobCommand {
    /// Looks for the program in the folders of `path`, unless its name has a slash.
    pub(crate) fn find(command: &[OsString], path: Option<OsString>) -> Result<JobCommand, CliError> {
        let [name, arguments @ ..] = command else {
            return Err(CliError::Usage("no command to record; for example: fil record -- python job.py".to_owned()));
        };
        let candidates: Vec<PathBuf> = if name.as_bytes().contains(&b'/') {
            vec![PathBuf::from(name)]
        } else {
            let folders = path.unwrap_or_else(|| OsString::from(DEFAULT_PATH));
            env::split_paths(&folders).map(|folder| in_folder(&folder, name)).collect()
        };
        if let Some(program) = candidates.iter().find(|candidate| can_be_run(candidate)) {
            return Ok(JobCommand { program: program.clone(), name: name.clone(), arguments: arguments.to_vec() });
        }
        let reason = match candidates.iter().find(|candidate| !name.is_empty() && candidate.exists()) {
            Some(folder) if folder.is_dir() => "is a folder",
            Some(_) => "permission denied; is it executable?",
            None => return Err(CliError::CommandNotFound(name.clone())),
        };
        Err(CliError::CommandNotExecutable { command: name.clone(), reason: reason.to_owned() })
    }
}

/// An empty folder in PATH means the current one.
fn in_folder(folder: &Path, name: &OsStr) -> PathBuf {
    if folder.as_os_str().is_empty() { Path::new(".").join(name) } else { folder.join(name) }
}

fn can_be_run(candidate: &Path) -> bool {
    candidate.is_file() && accessat(CWD, candidate, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn find(name: &str, path: &str) -> Result<JobCommand, CliError> {
        JobCommand::find(&[name.into(), "x".into()], Some(path.into()))
    }

    #[test]
    fn the_first_executable_file_in_path_is_the_program() {
        let folder = tempfile::tempdir().expect("folder");
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        fs::create_dir_all(first.join("tool")).expect("a folder of the same name is passed over");
        fs::create_dir(&second).expect("folder");
        fs::write(second.join("tool"), "#!/bin/sh\n").expect("file");
        let path = format!("{}:{}", first.display(), second.display());

        let error = find("tool", &path).expect_err("not yet executable");
        assert!(matches!(error, CliError::CommandNotExecutable { .. }));

        fs::set_permissions(second.join("tool"), fs::Permissions::from_mode(0o755)).expect("mode");
        let job = find("tool", &path).expect("executable");
        assert_eq!((job.program, job.name), (second.join("tool"), "tool".into()));
        assert_eq!(job.arguments, ["x"]);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for name in ["no-such-command-of-fil", "./no-such-command-of-fil", ""] {
            assert!(matches!(find(name, "/bin:/usr/bin"), Err(CliError::CommandNotFound(_))), "{name}");
        }
    }

    #[test]
    fn a_folder_cannot_be_run() {
        assert!(matches!(find("/usr/bin", ""), Err(CliError::CommandNotExecutable { .. })));
    }
}
