//! The real `fil`, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Ended, Peak, behind, run, testdata};

/// The `fil` binary under test.
pub(crate) const FIL: &str = env!("CARGO_BIN_EXE_fil");

/// Copies the `fil` binary. Another process does it: were the file open for writing here, a command
/// that another test starts meanwhile would inherit it, and a file that is written to cannot be run.
pub(crate) fn copy_fil(to: &Path) {
    assert!(Command::new("cp").arg(FIL).arg(to).status().expect("cp is there").success());
}

/// A folder for one test, with `trace.fil` in it once something was recorded. Gone with the value.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Names of all that is in it, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.path()).expect("readable");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// `fil` in this folder. Variables of fil that the caller's shell may have are not passed on.
    pub(crate) fn fil(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(FIL);
        command.current_dir(self.path()).args(arguments);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FIL_") {
                command.env_remove(name);
            }
        }
        command
    }

    /// `fil record -- PROGRAM ARGUMENTS`.
    pub(crate) fn record_command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = self.fil(&["record", "--"]);
        command.arg(program).args(arguments);
        command
    }

    /// The same where addresses and hashes are equal each time, and with them what Python takes for itself.
    pub(crate) fn record_reproducibly(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = behind(&["setarch", "-R"], &self.record_command(program, arguments));
        command.env("PYTHONHASHSEED", "0");
        command
    }

    /// Records a program of `testdata/`, which must succeed.
    pub(crate) fn record_testdata(&self, python: &Path, name: &str) -> Ended {
        let program = testdata(name);
        run(&mut self.record_command(python, &[program.to_str().expect("UTF-8")])).success()
    }

    /// Records Python code, however it ends.
    pub(crate) fn record_code(&self, python: &Path, code: &str) -> Ended {
        run(&mut self.record_command(python, &["-c", code]))
    }

    /// What `fil analyze` prints, which must succeed.
    pub(crate) fn analyze(&self, arguments: &[&str]) -> String {
        run(self.fil(&["analyze"]).args(arguments)).success().stdout
    }

    /// The answer of `fil analyze --peak --json`, checked against its own promise: all parts add up.
    pub(crate) fn peak(&self) -> Peak {
        Peak::new(&self.analyze(&["--peak", "--json"]))
    }
}
