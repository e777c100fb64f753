//! Tells whether a process still runs. Process ids are used again, so its start time belongs to it.

use std::fs;

use rustix::process::{Pid, getpid};

/// A process of this machine since its last boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessIdentity {
    pub(crate) pid: u32,
    /// Start in clock ticks since boot.
    pub(crate) start_ticks: u64,
}

impl ProcessIdentity {
    /// The process that calls.
    pub(crate) fn own() -> ProcessIdentity {
        let pid = Pid::as_raw(Some(getpid())).cast_unsigned();
        // Without /proc nothing can be told about processes, and a start of 0 fits none.
        let start_ticks = Stat::of(pid).map_or(0, |stat| stat.start_ticks);
        ProcessIdentity { pid, start_ticks }
    }

    /// Whether it still runs. One that ended and was not yet waited for does not.
    pub(crate) fn runs(&self) -> bool {
        Stat::of(self.pid).is_some_and(|stat| stat.start_ticks == self.start_ticks && !stat.ended)
    }
}

/// What is needed of `/proc/PID/stat` (see proc_pid_stat(5)).
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    start_ticks: u64,
    ended: bool,
}

impl Stat {
    fn of(pid: u32) -> Option<Stat> {
        Stat::parse(&fs::read(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The second field is the program's name in parentheses and may hold any byte, so counting
    /// begins behind the last parenthesis, with field 3.
    fn parse(line: &[u8]) -> Option<Stat> {
        let behind_name = line.iter().rposition(|&byte| byte == b')')? + 1;
        let text = str::from_utf8(&line[behind_name..]).ok()?;
        let mut fields = text.split_ascii_whitespace();
        let state = fields.next()?;
        let threads: u64 = fields.nth(20 - 4)?.parse().ok()?;
        let start_ticks = fields.nth(22 - 21)?.parse().ok()?;
        // A process whose first thread has ended is a zombie to look at while its other threads work.
        let ended = matches!(state, "Z" | "X") && threads <= 1;
        Some(Stat { start_ticks, ended })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse() {
        let line = b"7 (a) S 3 (x) R 1 7 7 0 -1 4194304 90 0 0 0 0 0 0 0 20 0 1 0 4711 2830336 90";
        assert_eq!(Stat::parse(line), Some(Stat { start_ticks: 4711, ended: false }));
        let line = b"7 (python) Z 1 7 7 0 -1 4194304 90 0 0 0 0 0 0 0 20 0 1 0 4711 0 0";
        assert_eq!(Stat::parse(line), Some(Stat { start_ticks: 4711, ended: true }));
        let line = b"7 (python) Z 1 7 7 0 -1 4194304 90 0 0 0 0 0 0 0 20 0 2 0 4711 0 0";
        assert_eq!(Stat::parse(line), Some(Stat { start_ticks: 4711, ended: false }), "a thread of it works");
        assert_eq!(Stat::parse(b"7 (python"), None);
    }

    #[test]
    fn this_process_runs_and_an_earlier_one_of_the_same_id_does_not() {
        let own = ProcessIdentity::own();
        assert!(own.runs());
        assert!(!ProcessIdentity { start_ticks: own.start_ticks - 1, ..own }.runs());
    }
}
