//! The definitions of this process, in a slot of their own: they are rare, so one lock serves all
//! threads, and they stay out of the way of the events.

use format::constants::{MAX_LINE_TABLE_PIECE, MAX_NAME_BYTES, MAX_TOLD_FAILURES};
use format::spool::SLOT_CAPACITY;
use format::{ChunkKind, CodeId, Definition, LineTableFormat, NoticeKind, ThreadNumber, encode_definition};

use crate::clock::now_ns;
use crate::guard;
use crate::lock::{Lock, Locked};
use crate::session::Session;
use crate::spool::Slot;

/// The lock is also that of inserting into the tables of code objects and stacks.
static LOG: Lock<DefinitionLog> = Lock::new(DefinitionLog::EMPTY);

/// See the module.
pub(crate) struct DefinitionLog {
    slot: Option<Slot>,
    first_ns: u64,
    chunk_number: u64,
    told_failures: u32,
    /// Why recording stopped while the lock was held, until that is written.
    stop_reason: Option<String>,
}

/// What is to be known of a code object.
pub(crate) struct CodeDescription<'a> {
    pub(crate) function: &'a str,
    pub(crate) file: &'a str,
    pub(crate) first_line: u32,
    pub(crate) line_table_format: LineTableFormat,
    pub(crate) line_table: &'a [u8],
}

impl DefinitionLog {
    const EMPTY: DefinitionLog =
        DefinitionLog { slot: None, first_ns: 0, chunk_number: 0, told_failures: 0, stop_reason: None };

    /// Takes the lock.
    pub(crate) fn lock() -> Locked<'static, DefinitionLog> {
        LOG.lock()
    }

    /// Writes one definition unless that would have to wait, and says whether it did. For the background
    /// thread: a job's thread that holds the lock may be waiting for it.
    pub(crate) fn write_without_waiting(definition: &Definition<'_>) -> bool {
        let log = LOG.try_lock();
        let free = log.is_some();
        if let Some(mut log) = log {
            log.add_with(definition, |_, session| session.spool.take_beyond_comfort());
        }
        free
    }

    /// Writes that a call asked for `size` bytes and got none, of the first such calls only.
    pub(crate) fn tell_of_failure(size: u64) {
        let mut log = LOG.lock();
        if log.told_failures < MAX_TOLD_FAILURES {
            log.told_failures += 1;
            log.add(&Definition::AllocationFailed { time_ns: now_ns(), size });
        }
    }

    /// Writes a notice of this instant.
    pub(crate) fn write_notice(kind: NoticeKind, text: &str) {
        DefinitionLog::write(&Definition::Notice { kind, time_ns: now_ns(), text });
    }

    /// Held while the process forks.
    pub(crate) fn lock_for_fork() -> &'static Lock<DefinitionLog> {
        &LOG
    }

    /// Writes one definition.
    pub(crate) fn write(definition: &Definition<'_>) {
        LOG.lock().add(definition);
    }

    /// The child after a fork starts its own log; the slot stays the parent's.
    pub(crate) fn restart(&mut self) {
        *self = DefinitionLog::EMPTY;
    }

    /// Adds one definition. When recording has stopped for want of slots it is dropped.
    pub(crate) fn add(&mut self, definition: &Definition<'_>) {
        self.add_with(definition, |log, session| {
            session.wait_for_slot().unwrap_or_else(|reason| {
                guard::switch_off();
                log.stop_reason = Some(reason);
                session.spool.take_beyond_comfort()
            })
        });
        if let Some(reason) = self.stop_reason.take() {
            let kind = NoticeKind::RecordingStopped;
            self.add(&Definition::Notice { kind, time_ns: now_ns(), text: &reason });
        }
    }

    /// Recording ends here, the job goes on: what [`crate::background::give_up`] does, for one who has the lock.
    pub(crate) fn stop(&mut self, reason: &str) {
        if guard::is_on() {
            guard::switch_off();
            self.add(&Definition::Notice { kind: NoticeKind::RecordingStopped, time_ns: now_ns(), text: reason });
        }
    }

    fn add_with(
        &mut self,
        definition: &Definition<'_>,
        take: fn(&mut DefinitionLog, &'static Session) -> Option<Slot>,
    ) {
        for _ in 0..2 {
            if let Some(slot) = &mut self.slot
                && let Some(written) = encode_definition(definition, slot.rest())
            {
                slot.publish(written);
                return;
            }
            self.next_slot(take);
        }
    }

    /// Adds a code object and its line table.
    pub(crate) fn add_code(&mut self, id: CodeId, code: &CodeDescription<'_>) {
        self.add(&Definition::Code {
            id,
            function: cut(code.function),
            file: cut(code.file),
            first_line: code.first_line,
            line_table_format: code.line_table_format,
            line_table_bytes: code.line_table.len() as u32,
        });
        for (index, bytes) in code.line_table.chunks(MAX_LINE_TABLE_PIECE).enumerate() {
            let offset = (index * MAX_LINE_TABLE_PIECE) as u32;
            self.add(&Definition::LineTable { code: id, offset, bytes });
        }
    }

    #[cold]
    fn next_slot(&mut self, take: fn(&mut DefinitionLog, &'static Session) -> Option<Slot>) {
        let Some(session) = Session::current() else { return };
        let process = ThreadNumber(0);
        if let Some(slot) = self.slot.take() {
            let header = session.chunk_header(ChunkKind::Definitions, process, self.chunk_number, 0, self.first_ns);
            session.hand_over(slot, header);
            self.chunk_number += 1;
        }
        self.slot = take(self, session);
        if let Some(slot) = &mut self.slot {
            self.first_ns = now_ns();
            slot.begin(ChunkKind::Definitions, process, self.chunk_number, 0, self.first_ns);
        }
    }
}

const _: () =
    assert!(2 * MAX_NAME_BYTES + MAX_LINE_TABLE_PIECE < SLOT_CAPACITY, "any definition fits into an empty slot");

/// The beginning of a text, cut between characters.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_NAME_BYTES)]
}
