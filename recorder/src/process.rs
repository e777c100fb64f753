//! The beginning of recording in a process: at its start, or in the child after a fork.

use std::ffi::CStr;
use std::io;

use format::constants::MAX_COMMAND_BYTES;
use format::{Definition, ProcessKey};

use crate::definitions::DefinitionLog;
use crate::session::{Configuration, Session};
use crate::{guard, hooks, python, threads};

/// Starts recording if this process is to be recorded: if it runs Python, or is the command itself.
/// A failure leaves the job as it would be without fil. Says whether recording has started.
pub(crate) fn start(arguments: &[&CStr]) -> bool {
    let Some(configuration) = Configuration::from_environment() else { return false };
    let python_version = python::version_text();
    if python_version.is_none() && !configuration.is_command_itself() {
        return false;
    }
    if Session::start(configuration).is_err() {
        return false;
    }
    introduce(arguments, None);
    threads::prepare();
    if let Some(version) = python_version {
        python::prepare(version);
        hooks::python_domains::install();
    }
    guard::switch_on();
    true
}

/// Starts recording in the child after a fork, whose parent recorded. Copies of a process without
/// Python (a shell, say) are not the command itself and are left alone.
pub(crate) fn start_after_fork(parent: &Session) -> io::Result<()> {
    if python::version_text().is_none() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Session::start(parent.configuration.clone())?;
    introduce(&[], Some(parent.process));
    Ok(())
}

/// Writes the first definition of this process.
fn introduce(arguments: &[&CStr], forked_from: Option<ProcessKey>) {
    let (codes, stacks) = python::next_ids();
    DefinitionLog::write(&Definition::ProcessStart {
        command: cut(arguments),
        parent_pid: std::os::unix::process::parent_id(),
        forked_from,
        inherited_codes: codes.0,
        inherited_stacks: stacks.0,
        python_version: python::version_text(),
    });
}

/// As many of the arguments as the trace keeps, the last one cut off.
fn cut<'a>(arguments: &[&'a CStr]) -> Vec<&'a [u8]> {
    let mut room = MAX_COMMAND_BYTES;
    let mut command = Vec::new();
    for argument in arguments {
        let kept = argument.to_bytes();
        let kept = &kept[..kept.len().min(room)];
        command.push(kept);
        // Two bytes more, about what an argument takes beside its text.
        room = room.saturating_sub(kept.len() + 2);
        if room == 0 {
            break;
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_is_cut_and_a_short_one_is_not() {
        assert_eq!(cut(&[c"python", c"job.py"]), [b"python", b"job.py"]);
        let long = std::ffi::CString::new(vec![b'x'; 3 * MAX_COMMAND_BYTES]).expect("no zero byte");
        let command = cut(&[c"python", &long, c"not reached"]);
        assert_eq!(command.iter().map(|argument| argument.len() + 2).sum::<usize>(), MAX_COMMAND_BYTES + 2);
        let many = vec![c""; MAX_COMMAND_BYTES];
        assert_eq!(cut(&many).len(), MAX_COMMAND_BYTES / 2);
    }
}
