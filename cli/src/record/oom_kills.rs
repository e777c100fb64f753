//! How many processes the kernel kills for want of memory while the job runs.
//!
//! Who is killed so dies by SIGKILL, like anybody who is killed. But the kernel counts such deaths, by control group
//! (memory.events and memory.oom_control in Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/memory.rst), whichever
//! limit was reached: the group's own, that of one around it, or the machine's.

use std::fs;

/// Where control groups are mounted on Linux systems; a container sees its own as the root of it.
const GROUPS: &str = "/sys/fs/cgroup";

/// A count of the kernel's, and what it was when the job began.
pub(crate) struct OomKills {
    file: String,
    before: u64,
}

impl OomKills {
    /// Begins to count in the control group of this process, which the job's are in too unless they leave it; where the
    /// kernel has no such count, on the whole machine.
    pub(crate) fn begin() -> Option<OomKills> {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let files = candidates(&membership).into_iter();
        files.filter_map(|file| read(&file).map(|before| OomKills { file, before })).next()
    }

    /// Those since it was begun.
    pub(crate) fn count(&self) -> u64 {
        read(&self.file).unwrap_or(self.before).saturating_sub(self.before)
    }
}

/// Files that may have the count, the best first. `membership` is what `/proc/self/cgroup` says (see cgroups(7)): lines of
/// a hierarchy's number, its controllers, which version 2 does not name, and the path in it.
fn candidates(membership: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in membership.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let path = path.trim_end_matches('/');
        if controllers.is_empty() {
            files.extend([path, ""].map(|path| format!("{GROUPS}{path}/memory.events")));
        } else if controllers.split(',').any(|controller| controller == "memory") {
            files.extend([path, ""].map(|path| format!("{GROUPS}/memory{path}/memory.oom_control")));
        }
    }
    files.push("/proc/vmstat".to_owned());
    files
}

/// The line `oom_kill N` of such a file.
fn read(file: &str) -> Option<u64> {
    parse(&fs::read_to_string(file).ok()?)
}

fn parse(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_the_own_group_comes_first() {
        assert_eq!(
            candidates("0::/job.slice/night.scope\n"),
            ["/sys/fs/cgroup/job.slice/night.scope/memory.events", "/sys/fs/cgroup/memory.events", "/proc/vmstat"]
        );
        let version_1 = candidates("9:name=systemd:/\n4:cpu,memory:/docker/1:2\n0::/\n");
        assert_eq!(version_1[0], "/sys/fs/cgroup/memory/docker/1:2/memory.oom_control");
        assert_eq!(version_1[1], "/sys/fs/cgroup/memory/memory.oom_control");
        assert_eq!(candidates("not such a file"), ["/proc/vmstat"]);
    }

    #[test]
    fn a_count_is_read_where_there_is_one() {
        assert_eq!(parse("low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\n"), Some(3));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"), Some(1));
        assert_eq!(parse("oom_kill_disable 0\nunder_oom 0\n"), None);
    }

    #[test]
    fn nobody_is_killed_meanwhile() {
        assert!(OomKills::begin().is_some_and(|kills| kills.count() == 0), "Linux counts since 4.13");
    }
}
