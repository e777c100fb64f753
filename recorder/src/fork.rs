//! fork: the child is a process of its own, with the parent's code objects and stacks.
//!
//! Before the fork the background thread is stopped and every lock is taken, so the child finds none
//! half-held. The child then starts a session of its own. What is recorded between fork and the
//! child's start is nothing: the handlers run inside fork, with the calling thread silenced.
//!
//! Never a deadlock, and why: the locks are taken in the order of `before`, whoever holds a later one
//! never waits for an earlier one, and none is held while its holder waits for the background thread
//! (see [`Session::wait_for_slot`]). A second thread that forks waits for the first one's background
//! thread to be let go, with nothing of fil's in its hands. A copy that began without these handlers, when others
//! may have held the locks, takes none and is no longer recorded when it forks.
#![allow(unsafe_code)]

use std::cell::Cell;

use crate::definitions::DefinitionLog;
use crate::guard::{self, Guard};
use crate::process::Start;
use crate::session::Session;
use crate::thread_words::thread_words;
use crate::{background, process, python, threads};

thread_local! {
    // No destructor and plain data: this is a bare word of the forking thread's.
    static FORKING: Cell<Forking> = const { Cell::new(Forking { activity: 0, background_ran: false, held: false }) };
}

#[derive(Clone, Copy)]
struct Forking {
    activity: u64,
    background_ran: bool,
    /// The locks are.
    held: bool,
}

/// Called once, before the job runs.
pub(crate) fn prepare() {
    // SAFETY: three functions of the right type that stay loaded.
    unsafe { libc::pthread_atfork(Some(before), Some(after_in_parent), Some(after_in_child)) };
}

extern "C" fn before() {
    let activity = thread_words().activity.get();
    Guard::silence_thread();
    let mut forking = Forking { activity, background_ran: false, held: false };
    if let Some(session) = Session::of_this_process() {
        forking.held = true;
        forking.background_ran = background::hold(session);
        threads::hold_for_fork();
        DefinitionLog::lock_for_fork().hold();
        session.spool.lock_for_fork().hold();
        session.trace.hold();
    } else {
        guard::switch_off();
    }
    FORKING.set(forking);
}

extern "C" fn after_in_parent() {
    let forking = FORKING.get();
    if let (true, Some(session)) = (forking.held, Session::current()) {
        let_go(session);
        if forking.background_ran {
            background::ensure_running(session);
        }
    }
    thread_words().activity.set(forking.activity);
}

extern "C" fn after_in_child() {
    let forking = FORKING.get();
    if let (true, Some(parent)) = (forking.held, Session::current()) {
        let_go(parent);
        threads::restart_in_child();
        python::restart_in_child();
        DefinitionLog::lock().restart();
        parent.spool.abandon();
        let start = if guard::is_on() { process::start_after_fork(parent) } else { Start::NotWanted };
        if start != Start::Recorded {
            guard::switch_off();
        }
        parent.spool.header.abandon(start == Start::Silent);
    }
    thread_words().activity.set(forking.activity);
}

fn let_go(session: &Session) {
    session.trace.let_go();
    session.spool.lock_for_fork().let_go();
    DefinitionLog::lock_for_fork().let_go();
    threads::let_go_after_fork();
    background::let_go();
}
