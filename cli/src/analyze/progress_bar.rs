//! A bar on a terminal for answers that take a while. It is gone before the answer is written.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use analyzer::Progress;
use indicatif::{ProgressBar as Bar, ProgressStyle};

/// An answer that is there by then needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// A bar that shows how far an answer is, until it is cleared or dropped.
#[derive(Default)]
pub(crate) struct ProgressBar {
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl ProgressBar {
    /// None but where standard error is a terminal.
    pub(crate) fn of(progress: &Arc<Progress>) -> ProgressBar {
        if !io::stderr().is_terminal() {
            return ProgressBar::default();
        }
        let (over, is_over) = channel();
        let progress = Arc::clone(progress);
        // Without a thread there is no bar, and the answer all the same.
        let thread = Builder::new().name("fil-progress".to_owned()).spawn(move || show(&progress, &is_over));
        ProgressBar { shown: thread.ok().map(|thread| (over, thread)) }
    }

    /// Takes it away.
    pub(crate) fn clear(&mut self) {
        if let Some((over, thread)) = self.shown.take() {
            drop(over);
            let _ = thread.join();
        }
    }
}

impl Drop for ProgressBar {
    fn drop(&mut self) {
        self.clear();
    }
}

fn show(progress: &Progress, is_over: &Receiver<()>) {
    if is_over.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
        return;
    }
    let bar = Bar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {percent}%, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    loop {
        let (done, of) = progress.chunks();
        if bar.length() != Some(of) || done < bar.position() {
            bar.reset_eta();
        }
        bar.set_length(of);
        bar.set_position(done);
        bar.set_message(format!("reading the trace, pass {}", progress.pass()));
        if is_over.recv_timeout(BETWEEN_LOOKS) != Err(RecvTimeoutError::Timeout) {
            break;
        }
    }
    bar.finish_and_clear();
}
