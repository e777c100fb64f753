//! The thread that looks after source files while the job runs. A file system may take its time: neither the job's end nor
//! the signals that are passed on wait for it.

use std::sync::mpsc::{self, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::record::source_files::SourceFiles;
use crate::record::trace_file::TraceFile;

/// Time between two looks at the trace.
const INTERVAL: Duration = Duration::from_millis(25);

/// See the module.
pub(crate) struct SourceFollower {
    /// Dropped to stop the thread.
    keep_on: Sender<()>,
    thread: JoinHandle<SourceFiles>,
}

impl SourceFollower {
    /// Follows this trace. Where fil may have no more threads, nobody does: `None`.
    pub(crate) fn start(mut trace: TraceFile, mut sources: SourceFiles) -> Option<SourceFollower> {
        let (keep_on, kept_on) = mpsc::channel();
        let thread = thread::Builder::new().spawn(move || {
            while kept_on.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                let followed = sources.follow(&mut trace, || kept_on.try_recv() == Err(TryRecvError::Disconnected));
                if followed.is_err() {
                    break;
                }
            }
            sources
        });
        Some(SourceFollower { keep_on, thread: thread.ok()? })
    }

    /// What it has read. `None` if something went wrong with that.
    pub(crate) fn stop(self) -> Option<SourceFiles> {
        drop(self.keep_on);
        self.thread.join().ok()
    }
}
