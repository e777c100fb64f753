//! The answer of `fil analyze --peak --json` as a value.

use std::path::Path;

use serde_json::Value;

use super::{list, number, text};

/// The answer of `fil analyze --peak --json`.
pub(crate) struct Peak(Value);

impl Peak {
    pub(super) fn new(json: &str) -> Peak {
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
        let mut stacks: Vec<_> = self.rows().into_iter().map(|row| (row.live_bytes, row.frames)).collect();
        stacks.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
        stacks
    }

    /// The stacks with their processes and threads.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let place = |frame: &Value| {
            let file = Path::new(text(frame, "file")).file_name().unwrap_or_default();
            (text(frame, "function").to_owned(), file.to_string_lossy().into_owned(), number(frame, "line"))
        };
        let row = |stack: &Value| Row {
            process: number(stack, "process"),
            thread: text(stack, "thread").to_owned(),
            live_bytes: number(stack, "live_bytes"),
            frames: list(stack, "frames").iter().map(place).collect(),
        };
        list(&self.0, "stacks").iter().map(row).collect()
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

/// A row of `stacks`.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) process: u64,
    pub(crate) thread: String,
    pub(crate) live_bytes: u64,
    /// Outermost first.
    pub(crate) frames: Vec<Place>,
}

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
