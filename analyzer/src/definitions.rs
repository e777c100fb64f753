//! What a process said of itself, its threads, its code objects and its call paths, as owned
//! tables. Ids are numbers of 32 bits and may come in any order.

use format::{CodeId, Definition, DefinitionReader, LineTableFormat, NoticeKind, ProcessKey, StackId, ThreadNumber};
use hashbrown::HashMap;

use crate::id_map::IdMap;

/// All definitions of one process.
#[derive(Default)]
pub(crate) struct Definitions {
    pub(crate) start: ProcessStart,
    pub(crate) threads: HashMap<ThreadNumber, Thread>,
    pub(crate) codes: HashMap<CodeId, Code>,
    pub(crate) paths: IdMap<CallPath>,
    pub(crate) resident_samples: Vec<ResidentSample>,
    pub(crate) notices: Vec<Notice>,
    /// What the first calls asked for that got no memory.
    pub(crate) failed_sizes: Vec<u64>,
    /// The process called exit, _exit or abort.
    pub(crate) ended_itself: bool,
    /// Records that could not be read.
    pub(crate) unreadable: u64,
    line_table_pieces: HashMap<CodeId, Vec<LineTablePiece>>,
}

/// How recording began in a process.
#[derive(Default)]
pub(crate) struct ProcessStart {
    pub(crate) command: Vec<String>,
    /// Unknown if the definition of the start is lost.
    pub(crate) parent_pid: Option<u32>,
    pub(crate) pid_namespace: u64,
    pub(crate) start_ticks: u64,
    pub(crate) forked_from: Option<ProcessKey>,
    pub(crate) inherited_codes: u32,
    pub(crate) inherited_paths: u32,
    pub(crate) python_version: Option<String>,
}

pub(crate) struct Thread {
    pub(crate) kernel_id: u32,
    pub(crate) name: String,
}

pub(crate) struct Code {
    pub(crate) function: String,
    pub(crate) file: String,
    pub(crate) first_line: u32,
    pub(crate) line_table_format: LineTableFormat,
    line_table_bytes: u32,
}

/// How a frame came to be called.
#[derive(Clone, Copy)]
pub(crate) struct CallPath {
    /// The stack of the caller.
    pub(crate) caller: StackId,
    /// The code object of the frame.
    pub(crate) code: CodeId,
}

#[derive(Clone, Copy)]
pub(crate) struct ResidentSample {
    /// Nanoseconds of the monotonic clock.
    pub(crate) time_ns: u64,
    pub(crate) bytes: u64,
}

pub(crate) struct Notice {
    pub(crate) kind: NoticeKind,
    /// Nanoseconds of the monotonic clock.
    pub(crate) time_ns: u64,
    pub(crate) text: String,
}

struct LineTablePiece {
    offset: u32,
    bytes: Box<[u8]>,
}

impl Definitions {
    /// Adds the definitions of one decompressed chunk. Of two with the same id the later one counts.
    pub(crate) fn read(&mut self, raw: &[u8]) {
        for definition in DefinitionReader::new(raw) {
            match definition {
                Ok(definition) => self.add(definition),
                Err(_) => self.unreadable += 1,
            }
        }
    }

    /// Adds one.
    pub(crate) fn add(&mut self, definition: Definition<'_>) {
        match definition {
            Definition::ProcessStart {
                command,
                parent_pid,
                pid_namespace,
                start_ticks,
                forked_from,
                inherited_codes,
                inherited_paths,
                python_version,
            } => {
                let command = command.iter().map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
                let python_version = python_version.map(str::to_owned);
                self.start = ProcessStart {
                    command,
                    parent_pid: Some(parent_pid),
                    pid_namespace,
                    start_ticks,
                    forked_from,
                    inherited_codes,
                    inherited_paths,
                    python_version,
                };
            }
            Definition::ThreadStart { thread, kernel_id, name } => {
                self.threads.insert(thread, Thread { kernel_id, name: name.to_owned() });
            }
            Definition::Code { id, function, file, first_line, line_table_format, line_table_bytes } => {
                let (function, file) = (function.to_owned(), file.to_owned());
                self.codes.insert(id, Code { function, file, first_line, line_table_format, line_table_bytes });
            }
            Definition::LineTable { code, offset, bytes } => {
                self.line_table_pieces.entry(code).or_default().push(LineTablePiece { offset, bytes: bytes.into() });
            }
            Definition::CallPath { id, caller, instruction, code } => {
                self.paths.insert(id.0, CallPath { caller: StackId { path: caller, instruction }, code });
            }
            Definition::ResidentMemory { time_ns, bytes } => {
                self.resident_samples.push(ResidentSample { time_ns, bytes });
            }
            Definition::ThreadName { thread, name } => {
                if let Some(thread) = self.threads.get_mut(&thread) {
                    name.clone_into(&mut thread.name);
                }
            }
            Definition::Notice { kind, time_ns, text } => {
                self.notices.push(Notice { kind, time_ns, text: text.to_owned() });
            }
            Definition::AllocationFailed { size, .. } => self.failed_sizes.push(size),
            Definition::EndedItself { .. } => self.ended_itself = true,
        }
    }

    /// The line table of a code object up to the first piece that is missing. Its stated length is
    /// only an upper bound: nothing is allocated on its word.
    pub(crate) fn line_table(&self, id: CodeId) -> Vec<u8> {
        let stated = self.codes.get(&id).map_or(0, |code| code.line_table_bytes as usize);
        let mut pieces: Vec<&LineTablePiece> = self.line_table_pieces.get(&id).into_iter().flatten().collect();
        pieces.sort_by_key(|piece| piece.offset);
        let mut table = Vec::new();
        for piece in pieces {
            if piece.offset as usize == table.len() {
                table.extend_from_slice(&piece.bytes);
            }
        }
        table.truncate(stated);
        table
    }
}
