//! What frames, threads and processes are called in exported files.

use crate::call_site::NO_PYTHON_FRAME;
use crate::call_stack::Frame;
use crate::held::ProcessMemory;

/// The function of a frame; None stands for memory allocated outside Python code.
pub(super) fn function(frame: Option<&Frame>) -> &str {
    frame.map_or(NO_PYTHON_FRAME, |frame| &frame.function)
}

/// `function (file:line)`, for formats that have one text for a frame. The file is as Python says it.
pub(super) fn frame(frame: Option<&Frame>) -> String {
    match frame {
        Some(frame) if !frame.file.is_empty() => format!("{} ({}:{})", frame.function, frame.file, frame.line),
        _ => function(frame).to_owned(),
    }
}

/// `python job.py (pid 10)`, or `pid 10` if the command is not known.
pub(super) fn process(process: Option<&ProcessMemory>, pid: u32) -> String {
    let command = process.map(|process| process.command.join(" ")).unwrap_or_default();
    if command.is_empty() { format!("pid {pid}") } else { format!("{command} (pid {pid})") }
}
