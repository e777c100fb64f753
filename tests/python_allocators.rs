//! Whichever allocator Python is told to use, its objects are recorded as what was asked for.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{Folder, Peak, Python, for_each_python, library, line_of, run, testdata};

const PROGRAM: &str = "allocators.py";

/// A way to choose an allocator.
#[derive(Clone, Copy, Debug)]
enum Setting {
    Default,
    /// `PYTHONMALLOC`.
    Variable(&'static str),
    /// `-X dev`.
    Development,
    /// Hooks that the job itself installs when it runs.
    OwnHooks,
}

impl Setting {
    /// Those that this Python has.
    fn all(python: &Python) -> Vec<Setting> {
        const VARIABLES: [&str; 8] =
            ["default", "malloc", "debug", "malloc_debug", "pymalloc", "pymalloc_debug", "mimalloc", "mimalloc_debug"];
        let is_known = |name: &&str| {
            let mut command = std::process::Command::new(&python.path);
            run(command.args(["-c", "pass"]).env("PYTHONMALLOC", name)).status.success()
        };
        let variables = VARIABLES.into_iter().filter(is_known).map(Setting::Variable);
        [Setting::Default, Setting::Development, Setting::OwnHooks].into_iter().chain(variables).collect()
    }
}

/// Records the program, which prints what its lines hold.
fn record(folder: &Folder, python: &Python, setting: Setting) -> BTreeMap<String, u64> {
    let program = testdata(PROGRAM);
    let program = program.to_str().expect("UTF-8");
    let mut command = match setting {
        Setting::Development => folder.record_command(&python.path, &["-X", "dev", program]),
        _ => folder.record_command(&python.path, &[program]),
    };
    match setting {
        Setting::Default | Setting::Development => {}
        Setting::Variable(name) => drop(command.env("PYTHONMALLOC", name)),
        Setting::OwnHooks => drop(command.arg(library(folder, "allocator_hooks.c"))),
    }
    let ended = run(&mut command).success();
    let lines: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    let lines = lines.as_object().expect("an object");
    lines.iter().map(|(line, bytes)| (line.clone(), bytes.as_u64().expect("bytes"))).collect()
}

fn category(peak: &Peak, name: &str) -> u64 {
    peak.value()["categories"][name].as_u64().expect("bytes")
}

#[test]
fn every_allocator_gives_the_same_exact_answer() {
    for_each_python(|python| {
        let settings = Setting::all(python);
        assert!(settings.len() >= 9, "{}: {settings:?}", python.name);
        for setting in settings {
            let folder = Folder::new();
            let expected = record(&folder, python, setting);
            let raw = expected["raw"];
            let peak = folder.peak();
            let line = |variable: &String| {
                (variable.clone(), peak.bytes_at(PROGRAM, line_of(PROGRAM, &format!("{variable} = "))))
            };
            let recorded: BTreeMap<String, u64> = expected.keys().map(line).collect();
            assert_eq!(recorded, expected, "{} {setting:?}", python.name);

            // All but the raw domain's block is Python's, and no arena stands beside the objects in it.
            let objects = expected.values().sum::<u64>() - raw;
            let (of_python, heap) = (category(&peak, "python"), category(&peak, "heap"));
            assert!(of_python > objects, "{} {setting:?}: {of_python}", python.name);
            assert!((raw..raw + 400_000).contains(&heap), "{} {setting:?}: {heap}", python.name);
            let mapped = category(&peak, "mmap");
            assert!(mapped < 256 << 10, "{} {setting:?}: {mapped}, as much as an arena", python.name);
        }
    });
}
