//! When each process of the job runs, and how much it holds at which time. Times are parts of the job, from 0 to 1, in
//! events.
//!
//! ```text
//!   blocks      ^
//!             /   \         the job's own process: from the beginning to the end
//!           /   /\  \ _
//!         /   /    \|       another one
//!       0         0.6    1
//! ```

/// When most is alive.
const PEAK: f64 = 0.6;
/// What a process holds in the end, as a part of its most.
const REST: f64 = 0.2;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime {
    pub(crate) start: f64,
    pub(crate) end: f64,
}

impl Lifetime {
    /// That of process number `process` of `processes`; 0 is the job's own. All run at the peak.
    pub(crate) fn of(process: u32, processes: u32) -> Lifetime {
        let place = f64::from(process) / f64::from(processes);
        match process {
            0 => Lifetime { start: 0.0, end: 1.0 },
            _ => Lifetime { start: 0.05 + 0.4 * place, end: 0.7 + 0.25 * place },
        }
    }

    /// How much it shall hold, as a part of its most.
    pub(crate) fn level(&self, now: f64) -> f64 {
        let level = if now < PEAK {
            (now - self.start) / (PEAK - self.start)
        } else {
            1.0 - (1.0 - REST) * (now - PEAK) / (self.end - PEAK)
        };
        level.clamp(0.0, 1.0)
    }
}
