//! What the kernel tells of this process in `/proc/self` (proc(5)). Fields of `stat` have the numbers that
//! the manual page gives them.

use std::os::unix::fs::MetadataExt;

const STATE: usize = 3;
const THREAD_COUNT: usize = 20;
const START_TICKS: usize = 22;
/// The second field is the name in parentheses, which may hold anything; this is the one after it.
const FIRST_AFTER_NAME: usize = 3;

/// Start of this process in clock ticks since boot.
pub(crate) fn start_ticks() -> u64 {
    number(&stat(), START_TICKS).unwrap_or(0)
}

/// Whether of all threads that the process ever had only the calling one is left, and its first
/// thread was another. That one stays a zombie until then, and is counted.
pub(crate) fn only_this_thread_is_left() -> bool {
    let stat = stat();
    field(&stat, STATE) == Some("Z") && number(&stat, THREAD_COUNT) == Some(2)
}

/// Inode number of the namespace in which process ids of this process are unique; 0 where /proc is missing.
pub(crate) fn pid_namespace() -> u64 {
    std::fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino())
}

fn stat() -> Vec<u8> {
    std::fs::read("/proc/self/stat").unwrap_or_default()
}

fn number(stat: &[u8], number: usize) -> Option<u64> {
    field(stat, number)?.parse().ok()
}

fn field(stat: &[u8], number: usize) -> Option<&str> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(stat.get(name_end + 1..)?).ok()?;
    rest.split_ascii_whitespace().nth(number - FIRST_AFTER_NAME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_behind_the_name() {
        let stat = b"4711 (a) Z (b)) Z 1 4711 4711 0 -1 4194560 90 0 0 0 0 0 0 0 20 0 2 0 853 0 0\n";
        assert_eq!(field(stat, STATE), Some("Z"));
        assert_eq!(number(stat, THREAD_COUNT), Some(2));
        assert_eq!(number(stat, START_TICKS), Some(853));
        assert_eq!(number(stat, 99), None);
        assert_eq!(number(b"", STATE), None);
    }

    #[test]
    fn a_process_whose_first_thread_lives_has_others() {
        assert!(!only_this_thread_is_left());
        assert!(start_ticks() > 0);
    }
}
