//! Builds the recorder library, which the `fil` binary carries inside.
//!
//! A package cannot depend on another's cdylib, so this runs a second cargo for it, with the
//! `recorder` profile of the workspace and a target directory of its own: the two cargos never wait
//! for each other's lock, and the inner build stays incremental from one build of `cli` to the next.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// What clippy, rustdoc and the outer cargo set for the outer build only. With them the inner build
/// would only be checked, be compiled with other flags, or write to another place.
const OUTER_BUILD_ONLY: [&str; 11] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "CLIPPY_ARGS",
    "CLIPPY_CONF_DIR",
    "CLIPPY_TERMINAL_WIDTH",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

fn main() -> ExitCode {
    match build_recorder() {
        Ok(library) => {
            println!("cargo::rustc-env=FIL_RECORDER_LIBRARY={}", library.display());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            println!("cargo::error={problem}");
            ExitCode::FAILURE
        }
    }
}

fn build_recorder() -> Result<PathBuf, String> {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = package.parent().ok_or("cli/ is not in a workspace")?;
    // Relative to this package: another checkout that shares the target directory has to look at its own files.
    for input in ["../recorder", "../format", "../Cargo.toml", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={input}");
    }
    // The profile's; `scripts/bench instructions` wants symbols.
    println!("cargo::rerun-if-env-changed=CARGO_PROFILE_RECORDER_STRIP");

    let target = variable("TARGET")?;
    let target_directory = target_directory(Path::new(&variable("OUT_DIR")?))?;
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.current_dir(workspace).args(["build", "--package", "recorder", "--profile", "recorder"]);
    cargo.arg("--target").arg(&target).arg("--target-dir").arg(&target_directory);
    if workspace.join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    for name in OUTER_BUILD_ONLY {
        cargo.env_remove(name);
    }

    let status = cargo.status().map_err(|error| format!("cannot run cargo for the recorder: {error}"))?;
    let library = target_directory.join(target).join("recorder").join("librecorder.so");
    if status.success() && library.is_file() {
        Ok(library)
    } else {
        Err(format!("the recorder library was not built (cargo: {status}), see its messages above"))
    }
}

/// A folder that stays the same: `OUT_DIR` is `PROFILE/build/cli-HASH/out`, and its hash changes
/// with features and compilers.
fn target_directory(out_directory: &Path) -> Result<PathBuf, String> {
    let profile_directory = out_directory.ancestors().nth(3);
    profile_directory.map(|directory| directory.join("recorder-build")).ok_or_else(|| "OUT_DIR is too short".to_owned())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
