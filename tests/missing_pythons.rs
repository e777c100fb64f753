//! A Python that the tests should have and do not is told of, and in CI a failure.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::{Ended, Folder, run};

/// Makes the environment of a Python where there is no pyenv.
fn set_up(cache: &Folder, ci: &str) -> Ended {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/setup-test-environment");
    let mut command = Command::new(script);
    command.env("FIL_CACHE", cache.path()).env("PYENV_ROOT", cache.path()).env("CI", ci);
    run(command.env("FIL_TEST_PYTHONS", "3.10-shared"))
}

#[test]
fn a_missing_python_is_named_and_a_failure_in_ci() {
    let cache = Folder::new();
    let elsewhere = set_up(&cache, "").success();
    assert!(elsewhere.stdout.contains("3.10-shared is NOT TESTED: "), "{elsewhere:#?}");
    let reason = fs::read_to_string(cache.join("test-pythons/3.10-shared.missing")).expect("is written");
    assert!(reason.contains("no Python 3.10 in "), "{reason}");

    let in_ci = set_up(&cache, "true");
    assert_eq!(in_ci.code(), 1, "{in_ci:#?}");
    // What reads tables back is of pyenv's Pythons, too.
    assert!(in_ci.stdout.contains("readers is missing, and tables are not read back"), "{in_ci:#?}");
    assert!(in_ci.stdout.contains("2 missing, and CI must test them all"), "{in_ci:#?}");
}
