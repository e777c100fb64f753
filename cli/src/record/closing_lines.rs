//! The two or three lines on stderr when a recording is over: how the job ended, what was recorded,
//! and what to type next.

use std::path::Path;

use analyzer::bytes::human_bytes;
use format::JobEnd;
use signal_hook::consts::SIGKILL;
use signal_hook::low_level::signal_name;

use crate::DEFAULT_TRACE;
use crate::error::{CliError, FAILED};
use crate::messages::{say, warn};
use crate::quantities::{count, count_of, duration};
use crate::record::finish::Finished;
use crate::record::launch::EndedJob;
use crate::record::start::Start;

/// Says how the job ended and what was recorded; returns the exit code for the caller of fil.
pub(crate) fn tell(trace: &Path, start: &Start, job: &EndedJob, finished: &Result<Finished, CliError>) -> u8 {
    say(&format!("{} after {}", how_it_ended(job.end), duration(job.end_ns.saturating_sub(start.monotonic_ns))));
    want_of_memory(job, finished).iter().for_each(|line| say(line));
    match finished {
        Ok(finished) if finished.summary.process_count > 0 => {
            say(&what_was_recorded(trace, finished));
            return exit_code(job.end);
        }
        Ok(_) => {
            say("nothing was recorded: the command never loaded the recorder, or ended before it could start");
            say("it may be statically linked, setuid, clear LD_PRELOAD, or leave no room for a spool; \
                 record the Python inside it: fil record -- python job.py");
        }
        Err(error @ CliError::TraceRemoved(_)) => say(&error.to_string()),
        Err(error) => {
            say(&format!("the trace is not finished: {error}"));
            say(&format!("what was recorded is kept; solve this, then type: {}", analyze_command(trace)));
        }
    }
    own_code_if_success(job.end)
}

/// That the job wanted memory that it did not get, if anything shows it.
fn want_of_memory(job: &EndedJob, finished: &Result<Finished, CliError>) -> Vec<String> {
    let killed = match (job.end, job.oom_kills) {
        (_, 0) => None,
        (JobEnd::Killed(SIGKILL), _) => Some("the kernel killed it for want of memory".to_owned()),
        (_, kills) => {
            Some(format!("the kernel killed {} for want of memory meanwhile", count_of(kills, "process", "processes")))
        }
    };
    let failed = finished.as_ref().map_or(&[][..], |finished| &finished.summary.failed_allocations);
    let failed = match failed {
        [] => None,
        [bytes] => Some(format!("an allocation of {} failed", human_bytes(*bytes))),
        [first, ..] => Some(format!("allocations failed, the first one of {}", human_bytes(*first))),
    };
    killed.into_iter().chain(failed).collect()
}

/// Says where the recorder's code is: without it a debugger does not see who called malloc, free or abort.
pub(crate) fn tell_of_core(library: &Path) {
    say(&format!("the job left a core; debuggers need {}, which is kept", library.display()));
}

/// Says what else to know of the recording, and what to type next.
pub(crate) fn tell_next(trace: &Path, finished: &Finished) {
    finished.summary.notices.iter().for_each(|notice| warn(notice));
    let command = analyze_command(trace);
    say(&match finished.still_running {
        0 => format!("next, type: {command}"),
        1 => format!("1 process of the job still runs and goes on recording; when it has ended, type: {command}"),
        running => format!("{running} processes of the job still run and go on recording; later, type: {command}"),
    });
}

fn what_was_recorded(trace: &Path, finished: &Finished) -> String {
    let of_processes = match finished.summary.process_count {
        1 => String::new(),
        processes => format!(" of {} processes", count(processes as u64)),
    };
    let per_event = finished.trace_bytes as f64 / finished.summary.event_count.max(1) as f64;
    format!(
        "recorded {}{of_processes} in {}: {}, {per_event:.2} bytes per event",
        count_of(finished.summary.event_count, "event", "events"),
        trace.display(),
        human_bytes(finished.trace_bytes),
    )
}

/// The end of a job in words.
pub(crate) fn how_it_ended(end: JobEnd) -> String {
    match end {
        JobEnd::Exited(code) => format!("the job exited with code {code}"),
        JobEnd::Killed(signal) => {
            format!("the job was killed by {} ({signal})", signal_name(signal).unwrap_or("a signal"))
        }
    }
}

/// The job's exit code as shells tell it.
fn exit_code(end: JobEnd) -> u8 {
    match end {
        // The kernel keeps eight bits of an exit code.
        JobEnd::Exited(code) => (code & 0xff) as u8,
        JobEnd::Killed(signal) => 128u8.wrapping_add((signal & 0x7f) as u8),
    }
}

/// The job's failure goes before fil's.
fn own_code_if_success(end: JobEnd) -> u8 {
    match exit_code(end) {
        0 => FAILED,
        code => code,
    }
}

/// What to type to analyze this trace.
pub(crate) fn analyze_command(trace: &Path) -> String {
    if trace == Path::new(DEFAULT_TRACE) {
        return "fil analyze".to_owned();
    }
    let mut path = trace.to_string_lossy().into_owned();
    if path.starts_with('-') {
        path.insert_str(0, "./");
    }
    let is_plain = |character: char| character.is_alphanumeric() || "/._-+=:,@%".contains(character);
    if path.chars().all(is_plain) {
        format!("fil analyze {path}")
    } else {
        format!("fil analyze '{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_jobs() {
        assert_eq!(exit_code(JobEnd::Exited(0)), 0);
        assert_eq!(exit_code(JobEnd::Exited(255)), 255);
        assert_eq!(exit_code(JobEnd::Killed(9)), 137);
        assert_eq!(own_code_if_success(JobEnd::Exited(0)), 2);
        assert_eq!(own_code_if_success(JobEnd::Exited(7)), 7);
    }

    #[test]
    fn ends_are_told_in_words() {
        assert_eq!(how_it_ended(JobEnd::Exited(3)), "the job exited with code 3");
        assert_eq!(how_it_ended(JobEnd::Killed(9)), "the job was killed by SIGKILL (9)");
        assert_eq!(how_it_ended(JobEnd::Killed(40)), "the job was killed by a signal (40)");
    }

    #[test]
    fn want_of_memory_is_told_of_who_was_killed_for_it() {
        let told = |end, oom_kills| {
            let job = EndedJob { end, end_ns: 0, core_dumped: false, oom_kills };
            want_of_memory(&job, &Err(CliError::Usage(String::new())))
        };
        assert_eq!(told(JobEnd::Killed(9), 0), Vec::<String>::new());
        assert_eq!(told(JobEnd::Killed(9), 1), ["the kernel killed it for want of memory"]);
        assert_eq!(told(JobEnd::Exited(1), 2), ["the kernel killed 2 processes for want of memory meanwhile"]);
    }

    #[test]
    fn the_next_command_can_be_copied_into_a_shell() {
        assert_eq!(analyze_command(Path::new("trace.fil")), "fil analyze");
        assert_eq!(analyze_command(Path::new("/data/night.fil")), "fil analyze /data/night.fil");
        assert_eq!(analyze_command(Path::new("it's mine.fil")), r"fil analyze 'it'\''s mine.fil'");
        assert_eq!(analyze_command(Path::new("-x")), "fil analyze ./-x");
    }
}
