//! The Pythons that jobs are run with. `scripts/setup-test-environment` made them.
//!
//! A Python that a machine does not have is named once by each test program, even if its tests pass.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Condvar, LazyLock, Mutex};
use std::thread;

/// The Pythons whose call stacks fil reads, by version: each with its interpreter in a libpython and in itself.
const SUPPORTED: [&str; 14] = [
    "3.9-shared",
    "3.9-static",
    "3.10-shared",
    "3.10-static",
    "3.11-shared",
    "3.11-static",
    "3.12-shared",
    "3.12-static",
    "3.13-shared",
    "3.13-static",
    "3.14-shared",
    "3.14-static",
    "3.15-shared",
    "3.15-static",
];

/// The Pythons that are recorded without call stacks, and why.
const UNSUPPORTED: [(&str, &str); 3] = [
    ("unsupported-unknown", "a version that fil does not know"),
    ("unsupported-free-threaded", "a free-threaded build"),
    ("unsupported-debug", "a debug build"),
];

/// A Python that jobs are run with.
#[derive(Clone, Debug)]
pub(crate) struct Python {
    /// Version and kind, for messages.
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
}

impl Python {
    /// Major and minor version: (3, 11).
    pub(crate) fn version(&self) -> (u32, u32) {
        let version = self.name.split('-').next().and_then(|version| version.split_once('.'));
        let (major, minor) = version.expect("a supported Python is named by its version");
        (major.parse().expect("a number"), minor.parse().expect("a number"))
    }
}

/// A Python that is recorded without call stacks.
#[derive(Clone, Debug)]
pub(crate) struct Unsupported {
    pub(crate) name: &'static str,
    pub(crate) path: PathBuf,
    pub(crate) why: &'static str,
}

/// The Pythons of this machine whose call stacks fil reads, oldest version first.
pub(crate) fn pythons() -> Vec<Python> {
    static FOUND: LazyLock<Vec<Python>> = LazyLock::new(|| {
        let found: Vec<Python> =
            SUPPORTED.into_iter().filter_map(|name| Some(Python { name, path: interpreter(name)? })).collect();
        assert!(!found.is_empty(), "the end-to-end tests need one of {SUPPORTED:?}");
        found
    });
    FOUND.clone()
}

/// One of them, for tests in which the kind of Python plays no part: 3.11, or else the newest.
pub(crate) fn python() -> PathBuf {
    let mut pythons = pythons();
    let index = pythons.iter().position(|python| python.version() == (3, 11)).unwrap_or(pythons.len() - 1);
    pythons.swap_remove(index).path
}

/// The Pythons of this machine that are recorded without call stacks.
pub(crate) fn unsupported_pythons() -> Vec<Unsupported> {
    static FOUND: LazyLock<Vec<Unsupported>> = LazyLock::new(|| {
        let found = |(name, why)| Some(Unsupported { name, path: interpreter(name)?, why });
        UNSUPPORTED.into_iter().filter_map(found).collect()
    });
    FOUND.clone()
}

/// Tests with each of [`pythons`], in parallel. All are tested, whichever fail, and the panic message of a
/// thread of its name tells what failed with a Python. Loops like this are not to be nested.
pub(crate) fn for_each_python(test: impl Fn(&Python) + Sync) {
    for_each_of(&pythons(), test);
}

/// Like [`for_each_python`], with those that can be tested so. docs/COVERAGE.md names the others.
pub(crate) fn for_each_python_that(can: impl Fn(&Python) -> bool, test: impl Fn(&Python) + Sync) {
    let mut pythons = pythons();
    pythons.retain(can);
    for_each_of(&pythons, test);
}

/// Like [`for_each_python`], with one Python of each version: for what takes minutes, and where the interpreter's
/// place, in a libpython or in itself, plays no part.
pub(crate) fn for_each_version(test: impl Fn(&Python) + Sync) {
    let mut pythons = pythons();
    pythons.dedup_by_key(|python| python.version());
    for_each_of(&pythons, test);
}

fn for_each_of(pythons: &[Python], test: impl Fn(&Python) + Sync) {
    let test_in_turn = |python| {
        let _turn = Turn::wait();
        test(python);
    };
    let failed: Vec<&str> = thread::scope(|scope| {
        let mut running = Vec::new();
        for python in pythons {
            let thread = thread::Builder::new().name(format!("with {}", python.name));
            let thread = thread.spawn_scoped(scope, || test_in_turn(python)).expect("a thread can be started");
            running.push((python.name, thread));
        }
        running.into_iter().filter_map(|(name, thread)| thread.join().is_err().then_some(name)).collect()
    });
    assert!(failed.is_empty(), "failed with {}", failed.join(", "));
}

/// The right to run something, for as many threads at a time as the machine has cores, over all tests.
struct Turn;

static TURNS_LEFT: LazyLock<Mutex<usize>> =
    LazyLock::new(|| Mutex::new(thread::available_parallelism().map_or(1, usize::from)));
static TURN_ENDED: Condvar = Condvar::new();

impl Turn {
    fn wait() -> Turn {
        let left = TURNS_LEFT.lock().expect("nothing panics that holds it");
        let mut left = TURN_ENDED.wait_while(left, |left| *left == 0).expect("nothing panics that holds it");
        *left -= 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *TURNS_LEFT.lock().expect("nothing panics that holds it") += 1;
        TURN_ENDED.notify_one();
    }
}

/// The interpreter of an environment, if it is wanted and the machine has it. If the machine cannot have
/// it, that is said; if nobody looked, that is a failure.
fn interpreter(name: &str) -> Option<PathBuf> {
    if wanted().is_some_and(|wanted| !wanted.iter().any(|one| one == name)) {
        return None;
    }
    if environment(&format!("{name}/stamp")).exists() {
        return Some(environment(&format!("{name}/bin/python")));
    }
    match std::fs::read_to_string(environment(&format!("{name}.missing"))) {
        Ok(reason) => {
            // Not eprintln, which libtest shows for a failed test only.
            let reason = reason.lines().last().unwrap_or("no reason is known");
            writeln!(std::io::stderr(), "NOT TESTED with {name}: {reason}").expect("stderr can be written");
            None
        }
        Err(_) => panic!("no test environment for {name}: run ./scripts/setup-test-environment first"),
    }
}

/// The names in `FIL_TEST_PYTHONS`, which restricts the tests to these, or nothing: then all are wanted.
fn wanted() -> Option<Vec<String>> {
    let names = std::env::var("FIL_TEST_PYTHONS").ok().filter(|names| !names.is_empty())?;
    let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
    for name in &names {
        let known = SUPPORTED.contains(&&**name) || UNSUPPORTED.iter().any(|(known, _)| known == name);
        assert!(known, "FIL_TEST_PYTHONS names {name}, which is none of {SUPPORTED:?} and {UNSUPPORTED:?}");
    }
    Some(names)
}

/// A file of the test environments.
pub(super) fn environment(name: &str) -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("FIL_CACHE").unwrap_or_else(|| {
        let caches = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        caches.expect("HOME is set").join("fil")
    });
    cache.join("test-pythons").join(name)
}
