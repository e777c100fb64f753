//! The beginning of recording in a process: at its start, or in the child after a fork.

use std::error::Error;
use std::ffi::CStr;

use format::constants::MAX_COMMAND_BYTES;
use format::spool::{SLOT_CAPACITY, SpoolHeader};
use format::{ChunkHeader, ChunkKind, Definition, NoticeKind, ProcessKey, ThreadNumber, encode_definition};

use crate::clock::now_ns;
use crate::configuration::Configuration;
use crate::definitions::DefinitionLog;
use crate::session::Session;
use crate::trace_file::{SizeReached, TraceFile};
use crate::{background, guard, hooks, operator_new, process_status, python, threads};

/// Starts recording if this process is to be recorded: if it runs Python, or is the command itself.
/// A failure leaves the job as it would be without fil. Says whether recording has started.
pub(crate) fn start(arguments: &[&CStr]) -> bool {
    let Some(configuration) = Configuration::beside_the_library() else { return false };
    let python_version = python::version_text();
    if python_version.is_none() && !configuration.is_command_itself() {
        return false;
    }
    let Ok(trace) = configuration.open_trace() else { return false };
    if start_session(configuration, trace, arguments, None) != Start::Recorded {
        return false;
    }
    if let Some(library) = operator_new::beside_malloc() {
        let text = format!("what C++ code allocates by the operator new of {library}, but for what that has mapped");
        DefinitionLog::write_notice(NoticeKind::NotAllRecorded, &text);
    }
    threads::prepare();
    if let Some(version) = python_version {
        python::prepare(version, hooks::python_domains::are_first);
        hooks::python_domains::install();
    }
    guard::switch_on();
    true
}

/// What becomes of a process that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// It is recorded.
    Recorded,
    /// It is not, and the trace says why.
    Refused,
    /// It is not, and could not say so.
    Silent,
    /// It need not be.
    NotWanted,
}

/// Notes that the process ends itself at this instant.
pub(crate) fn note_end() {
    if let Some(session) = Session::current() {
        session.spool.header.note_alive(now_ns());
        session.spool.header.note_end();
    }
}

/// Starts recording in the child after a fork, whose parent recorded. Copies of a process without
/// Python (a shell, say) are not the command itself and are left alone. The trace is the parent's
/// open file, which still works where its path does not.
pub(crate) fn start_after_fork(parent: &Session) -> Start {
    let trace = parent.trace.lock().clone();
    if python::version_text().is_none() {
        return Start::NotWanted;
    }
    start_session(parent.configuration.clone(), trace, &[], Some(parent.process))
}

/// A process that cannot be recorded says so in the trace, if it can.
fn start_session(
    configuration: Configuration,
    mut trace: TraceFile,
    arguments: &[&CStr],
    forked_from: Option<ProcessKey>,
) -> Start {
    let (codes, paths) = python::next_ids();
    let process = ProcessKey { pid: std::process::id(), start_ns: now_ns() };
    let start_ticks = process_status::start_ticks();
    let introduction = Definition::ProcessStart {
        command: cut(configuration.recorded(arguments)),
        parent_pid: std::os::unix::process::parent_id(),
        pid_namespace: process_status::pid_namespace(),
        start_ticks,
        forked_from,
        inherited_codes: codes.0,
        inherited_paths: paths.0,
        python_version: python::version_text(),
    };
    if trace.is_full() {
        let kind = NoticeKind::RecordingStopped;
        let notice = Definition::Notice { kind, time_ns: process.start_ns, text: &SizeReached.to_string() };
        // Whoever reads the trace knows by others that it is full, if this cannot be written.
        let _ = append_definitions(&mut trace.without_limit(), process, &[introduction, notice]);
        return Start::Refused;
    }
    match Session::start(configuration, SpoolHeader { process, start_ticks }, trace.clone()) {
        Ok(()) => {
            DefinitionLog::write(&introduction);
            Start::Recorded
        }
        Err(error) => {
            let text = format!("the process, whose spool cannot be made: {error}");
            let kind = NoticeKind::NotAllRecorded;
            let notice = Definition::Notice { kind, time_ns: process.start_ns, text: &text };
            match append_definitions(&mut trace, process, &[introduction, notice]) {
                Ok(()) => Start::Refused,
                Err(_) => Start::Silent,
            }
        }
    }
}

/// Appends definitions without a spool.
fn append_definitions(
    trace: &mut TraceFile,
    process: ProcessKey,
    definitions: &[Definition<'_>],
) -> Result<(), Box<dyn Error>> {
    let mut content = vec![0; SLOT_CAPACITY];
    let mut length = 0;
    for definition in definitions {
        length += encode_definition(definition, &mut content[length..]).unwrap_or(0);
    }
    let header = ChunkHeader::new(ChunkKind::Definitions, process, ThreadNumber(0), 0);
    trace.append(background::new_chunk_writer()?.chunk(header, &content[..length])?)?;
    Ok(())
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
