//! What a process tells of itself: its start, its threads, its functions and how they call each other, and its end.

use format::constants::MAX_LINE_TABLE_PIECE;
use format::spool::SLOT_CAPACITY;
use format::{
    ChunkHeader, ChunkKind, CodeId, Definition, LineTableFormat, PathId, ProcessKey, ThreadNumber, encode_definition,
};

use super::GenerateError;
use super::chunk_file::ChunkSender;
use super::program::Program;

/// The chunks of definitions of one process.
pub(crate) struct Definitions {
    header: ChunkHeader,
    raw: Vec<u8>,
    length: usize,
}

impl Definitions {
    pub(crate) fn new(process: ProcessKey) -> Definitions {
        let mut header = ChunkHeader::new(ChunkKind::Definitions, process, ThreadNumber(0), 0);
        (header.first_ns, header.last_ns) = (process.start_ns, process.start_ns);
        Definitions { header, raw: vec![0; SLOT_CAPACITY], length: 0 }
    }

    /// Adds a definition.
    pub(crate) fn add(&mut self, definition: &Definition<'_>, output: &mut ChunkSender) -> Result<(), GenerateError> {
        let mut length = encode_definition(definition, &mut self.raw[self.length..]);
        if length.is_none() {
            self.send(output);
            length = encode_definition(definition, &mut self.raw);
        }
        self.length += length.ok_or(GenerateError::DefinitionTooLong)?;
        Ok(())
    }

    /// Adds all that the program is made of. Its first code object and its first call path get the id `first_id`.
    pub(crate) fn add_program(
        &mut self,
        program: &Program,
        first_id: u32,
        output: &mut ChunkSender,
    ) -> Result<(), GenerateError> {
        for (at, code) in program.codes.iter().enumerate() {
            let id = CodeId(first_id + at as u32);
            let definition = Definition::Code {
                id,
                function: &code.function,
                file: &code.file,
                first_line: code.first_line,
                line_table_format: LineTableFormat::Locations,
                line_table_bytes: code.line_table.len() as u32,
            };
            self.add(&definition, output)?;
            let mut offset = 0;
            for bytes in code.line_table.chunks(MAX_LINE_TABLE_PIECE) {
                self.add(&Definition::LineTable { code: id, offset, bytes }, output)?;
                offset += bytes.len() as u32;
            }
        }
        for (at, path) in program.paths.iter().enumerate() {
            let (caller, instruction) = match path.caller {
                Some((caller, instruction)) => (PathId(first_id + caller), instruction),
                None => (PathId::EMPTY, 0),
            };
            let (id, code) = (PathId(first_id + at as u32), CodeId(first_id + path.code));
            self.add(&Definition::CallPath { id, caller, instruction, code }, output)?;
        }
        Ok(())
    }

    /// The process ends now.
    pub(crate) fn end(&mut self, time_ns: u64, output: &mut ChunkSender) -> Result<(), GenerateError> {
        self.add(&Definition::EndedItself { time_ns }, output)?;
        self.header.last_ns = time_ns;
        self.send(output);
        Ok(())
    }

    /// Passes the chunk on, if there is anything in it.
    pub(crate) fn send(&mut self, output: &mut ChunkSender) {
        if self.length > 0 {
            output.send(self.header, &self.raw[..self.length]);
            self.header.chunk_number += 1;
            self.length = 0;
        }
    }
}
