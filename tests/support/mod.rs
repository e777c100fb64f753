//! What the end-to-end tests share: Pythons to run jobs with, the real `fil` in a folder of its own,
//! and its answers as values.
//!
//! Nothing here sleeps. A test waits for a line that the job prints or for a process to end, and a
//! watchdog kills what hangs, so that a hang is a failure and not a run without end.

// Each test file is a program of its own and uses a part of this.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

/// Far more than anything here takes, on however busy a machine.
const HANGS_AFTER: Duration = Duration::from_secs(180);

/// Copies the `fil` binary. Another process does it: were the file open for writing here, a command
/// that another test starts meanwhile would inherit it, and a file that is written to cannot be run.
pub(crate) fn copy_fil(to: &Path) {
    assert!(Command::new("cp").arg(FIL).arg(to).status().expect("cp is there").success());
}

/// A Python that jobs are run with.
pub(crate) struct Python {
    /// Version and kind, for messages.
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

/// The Pythons whose call stacks fil reads. `scripts/setup-test-environment` made them.
pub(crate) fn pythons() -> Vec<Python> {
    let found: Vec<Python> = ["3.11-shared", "3.11-static"]
        .into_iter()
        .filter(|name| is_there(name, &format!("{name}/stamp")))
        .map(|name| Python { name, path: environment(&format!("{name}/bin/python")) })
        .collect();
    assert!(!found.is_empty(), "the end-to-end tests need a Python 3.11");
    found
}

/// One of them, for tests in which the kind of Python plays no part.
pub(crate) fn python() -> PathBuf {
    pythons().swap_remove(0).path
}

/// A Python that is recorded without call stacks, if the machine has one.
pub(crate) fn unsupported_python() -> Option<PathBuf> {
    is_there("unsupported", "unsupported").then(|| environment("unsupported"))
}

/// Whether Fortran can be compiled here.
pub(crate) fn has_fortran() -> bool {
    is_there("fortran", "fortran")
}

/// A file of the test environment.
fn environment(name: &str) -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("FIL_CACHE").unwrap_or_else(|| {
        let caches = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        caches.expect("HOME is set").join("fil")
    });
    cache.join("test-environment").join(name)
}

/// Whether the machine has it. If it cannot, that is said; if nobody looked, that is a failure.
fn is_there(name: &str, made: &str) -> bool {
    if environment(made).exists() {
        return true;
    }
    match std::fs::read_to_string(environment(&format!("{name}.missing"))) {
        Ok(reason) => {
            eprintln!("NOT TESTED with {name}: {}", reason.trim());
            false
        }
        Err(_) => panic!("no test environment for {name}: run ./scripts/setup-test-environment first"),
    }
}

/// A program in `testdata/`.
pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name).canonicalize().expect("is in testdata/")
}

/// Number of the only line of a program in `testdata/` that contains `text`.
pub(crate) fn line_of(name: &str, text: &str) -> u64 {
    let source = std::fs::read_to_string(testdata(name)).expect("is in testdata/");
    let mut lines = source.lines().enumerate().filter(|(_, line)| line.contains(text)).map(|(index, _)| index + 1);
    let line = lines.next().expect("the line is there");
    assert_eq!(lines.next(), None, "more than one line of {name} contains {text:?}");
    line as u64
}

/// The `fil` binary under test.
pub(crate) const FIL: &str = env!("CARGO_BIN_EXE_fil");

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

/// How a command ended, and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn success(self) -> Ended {
        assert!(self.status.success(), "{self:#?}");
        self
    }

    pub(crate) fn code(&self) -> i32 {
        assert_eq!(self.status.signal(), None, "fil itself must not be killed: {self:#?}");
        self.status.code().expect("not killed, so it has a code")
    }

    /// The lines that fil added to the job's stderr.
    pub(crate) fn fil_lines(&self) -> Vec<&str> {
        self.stderr.lines().filter_map(|line| line.strip_prefix("fil: ")).collect()
    }

    /// Asserts a user error: exit code 2 and one line that says all of `words`, nothing else.
    pub(crate) fn assert_one_line_error(&self, words: &[&str]) {
        assert_eq!(self.code(), 2, "{self:#?}");
        assert_eq!(self.stdout, "", "{self:#?}");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "{self:#?}");
        assert!(lines[0].starts_with("fil: "), "{self:#?}");
        for word in words {
            assert!(lines[0].contains(word), "{word:?} is missing: {self:#?}");
        }
    }
}

/// Runs a command to its end without input.
pub(crate) fn run(command: &mut Command) -> Ended {
    run_with_input(command, b"")
}

/// Runs a command to its end; it reads `input`.
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Ended {
    let mut running = Running::start(command);
    let mut stdin = running.child.stdin.take().expect("piped");
    let input = input.to_vec();
    // A command that reads nothing closes the pipe, which is its right.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let ended = running.end();
    writer.join().expect("does not panic");
    ended
}

/// A command that runs, in a process group of its own as a shell starts it.
pub(crate) struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: JoinHandle<String>,
    watchdog: Watchdog,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().expect("can be started");
        let watchdog = Watchdog::of(group(&child));
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut stderr = child.stderr.take().expect("piped");
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            stderr.read_to_end(&mut bytes).expect("a pipe can be read");
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Running { child, stdout, stderr, watchdog }
    }

    /// Waits for the next line on stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a pipe can be read");
        assert!(line.ends_with('\n'), "ended early, after {line:?}");
        line.trim_end().to_owned()
    }

    /// Signals the whole process group, as a terminal does it for Ctrl-C.
    pub(crate) fn signal_group(&self, signal: Signal) {
        kill_process_group(group(&self.child), signal).expect("it runs");
    }

    /// Signals only the process that was started.
    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(group(&self.child), signal).expect("it runs");
    }

    /// Waits until it has ended and its outputs are closed.
    pub(crate) fn end(mut self) -> Ended {
        let mut bytes = Vec::new();
        self.stdout.read_to_end(&mut bytes).expect("a pipe can be read");
        let status = self.child.wait().expect("it is ours to wait for");
        let stderr = self.stderr.join().expect("does not panic");
        self.watchdog.call_off();
        Ended { status, stdout: String::from_utf8_lossy(&bytes).into_owned(), stderr }
    }
}

fn group(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Kills a process group that does not end.
struct Watchdog {
    stop: Sender<()>,
    thread: JoinHandle<bool>,
}

impl Watchdog {
    fn of(group: Pid) -> Watchdog {
        let (stop, stopped) = mpsc::channel();
        let thread = thread::spawn(move || {
            let hangs = stopped.recv_timeout(HANGS_AFTER) == Err(RecvTimeoutError::Timeout);
            if hangs {
                // If it ends this very moment, so much the better.
                let _ = kill_process_group(group, Signal::KILL);
            }
            hangs
        });
        Watchdog { stop, thread }
    }

    fn call_off(self) {
        drop(self.stop);
        assert!(!self.thread.join().expect("does not panic"), "hung and was killed");
    }
}

/// The answer of `fil analyze --peak --json`.
pub(crate) struct Peak(Value);

impl Peak {
    fn new(json: &str) -> Peak {
        let peak = Peak(serde_json::from_str(json).expect("JSON"));
        peak.assert_adds_up();
        peak
    }

    pub(crate) fn value(&self) -> &Value {
        &self.0
    }

    pub(crate) fn number(&self, name: &str) -> u64 {
        number(&self.0, name)
    }

    pub(crate) fn warnings(&self) -> Vec<String> {
        let warnings = self.0["warnings"].as_array().expect("a list");
        warnings.iter().map(|warning| warning.as_str().expect("text").to_owned()).collect()
    }

    pub(crate) fn call_sites(&self) -> Vec<CallSite> {
        list(&self.0, "call_sites")
            .iter()
            .map(|site| CallSite {
                function: text(site, "function").to_owned(),
                file: text(site, "file").to_owned(),
                line: number(site, "line"),
                live_bytes: number(site, "live_bytes"),
                live_blocks: number(site, "live_blocks"),
            })
            .collect()
    }

    /// Live bytes of a function in files of this name, over all its lines.
    pub(crate) fn bytes_of(&self, file: &str, function: &str) -> u64 {
        let sites = self.call_sites();
        sites.iter().filter(|site| site.is_in(file) && site.function == function).map(|site| site.live_bytes).sum()
    }

    /// Live bytes of a line in files of this name, over all functions in it.
    pub(crate) fn bytes_at(&self, file: &str, line: u64) -> u64 {
        let sites = self.call_sites();
        sites.iter().filter(|site| site.is_in(file) && site.line == line).map(|site| site.live_bytes).sum()
    }

    /// The stacks, greatest first: their bytes, and their frames, outermost first.
    pub(crate) fn stacks(&self) -> Vec<(u64, Vec<Place>)> {
        let frame = |frame: &Value| {
            let file = Path::new(text(frame, "file")).file_name().unwrap_or_default();
            (text(frame, "function").to_owned(), file.to_string_lossy().into_owned(), number(frame, "line"))
        };
        let mut stacks: Vec<_> = list(&self.0, "stacks")
            .iter()
            .map(|stack| (number(stack, "live_bytes"), list(stack, "frames").iter().map(frame).collect()))
            .collect();
        stacks.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        stacks
    }

    fn assert_adds_up(&self) {
        let total = self.number("peak_bytes");
        let sum = |name: &str| list(&self.0, name).iter().map(|part| number(part, "live_bytes")).sum::<u64>();
        assert_eq!(sum("call_sites"), total, "call sites must add up to the peak");
        assert_eq!(sum("stacks"), total, "stacks must add up to the peak");
        assert_eq!(sum("processes"), total, "processes must add up to the peak");
        let categories = self.0["categories"].as_object().expect("an object");
        let categories: u64 = categories.values().map(|bytes| bytes.as_u64().expect("bytes")).sum();
        assert_eq!(categories, total, "categories must add up to the peak");
    }
}

/// A frame of a stack: function, name of the file without its folder, line.
pub(crate) type Place = (String, String, u64);

/// A row of `call_sites`.
#[derive(Debug)]
pub(crate) struct CallSite {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) live_bytes: u64,
    pub(crate) live_blocks: u64,
}

impl CallSite {
    pub(crate) fn is_in(&self, file: &str) -> bool {
        Path::new(&self.file).file_name().is_some_and(|name| name == file)
    }
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name].as_array().unwrap_or_else(|| panic!("{name} is no list in {value}"))
}

pub(crate) fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} is no whole number in {value}"))
}

pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {value}"))
}

/// Runs code in a plain Python, without fil, and reads the JSON it prints: for what Python reads best.
pub(crate) fn ask_python(code: &str, arguments: &[&str], input: &[u8]) -> Value {
    let ended = run_with_input(Command::new(python()).args(["-c", code]).args(arguments), input).success();
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:#?}"))
}

/// The rows of a CSV table with a header line, read by Python's csv module.
pub(crate) fn read_csv(table: &str) -> Vec<Value> {
    let code = "import csv, json, sys; print(json.dumps(list(csv.DictReader(sys.stdin))))";
    let rows = ask_python(code, &[], table.as_bytes());
    rows.as_array().expect("a list").clone()
}
