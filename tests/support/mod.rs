//! What the end-to-end tests share: Pythons to run jobs with, the real `fil` in a folder of its own,
//! and its answers as values.

// Each test file is a program of its own and uses a part of this.
#![allow(dead_code, unused_imports)]

mod folder;
mod guest;
mod held;
mod json;
mod peak;
mod process;
mod programs;
mod pythons;

pub(crate) use folder::{FIL, Folder, copy_fil};
pub(crate) use guest::assert_the_same_as_without_fil;
pub(crate) use held::{HOLD, blocks, held, held_by};
pub(crate) use json::{ask_python, list, number, read_csv, text};
pub(crate) use peak::{CallSite, Peak, Place, Row};
pub(crate) use process::{Ended, Running, behind, run, run_with_input, wait_for_end};
pub(crate) use programs::{has_program, library, line_of, not_tested, python_of, testdata};
pub(crate) use pythons::{
    Python, Unsupported, for_each_python, for_each_python_that, for_each_version, python, pythons, unsupported_pythons,
};
