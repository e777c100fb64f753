//! What the trace keeps of a code object.
#![allow(unsafe_code)]

use format::CodeId;

use super::layout::Layout;
use super::text::{bytes, text};
use crate::definitions::{CodeDescription, DefinitionLog};

/// Writes the definition of the code object at `code`.
///
/// # Safety
/// `code` is the address of a live code object of this layout's version.
pub(super) unsafe fn define(log: &mut DefinitionLog, id: CodeId, code: usize, layout: &Layout) {
    let code = code as *const u8;
    // SAFETY: a live code object keeps its names and its line table alive, and they never change.
    unsafe {
        let object = |offset: usize| code.add(offset).cast::<*const u8>().read();
        log.add_code(
            id,
            &CodeDescription {
                function: &text(object(layout.code_function), layout),
                file: &text(object(layout.code_file), layout),
                first_line: code.add(layout.code_first_line).cast::<u32>().read(),
                line_table_format: layout.line_table_format,
                line_table: bytes(object(layout.code_line_table), layout),
            },
        );
    }
}
