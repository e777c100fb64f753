//! Parts of JSON values, and values that Python reads.

use std::process::Command;

use serde_json::Value;

use super::{python, run_with_input};

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
