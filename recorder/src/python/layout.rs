//! Where each version of CPython keeps what a stack walk needs: offsets in bytes. The one place to
//! add a version.

use format::LineTableFormat;

/// Offsets for one minor version, which CPython keeps stable over its patch releases.
pub(super) struct Layout {
    /// `PyThreadState.cframe`: pointer to the innermost `_PyCFrame`.
    pub(super) thread_cframe: usize,
    /// `_PyCFrame.current_frame`: pointer to the innermost `_PyInterpreterFrame`.
    pub(super) cframe_frame: usize,
    /// `_PyInterpreterFrame.f_code`.
    pub(super) frame_code: usize,
    /// `_PyInterpreterFrame.previous`.
    pub(super) frame_previous: usize,
    /// `_PyInterpreterFrame.prev_instr`: the code unit last begun.
    pub(super) frame_instruction: usize,
    /// `_PyInterpreterFrame.localsplus`: pointers to the local variables, arguments first.
    pub(super) frame_locals: usize,
    /// `_PyInterpreterFrame.owner`, one byte.
    pub(super) frame_owner: usize,
    /// Value of the owner for which a frame counts as complete from its start.
    pub(super) owner_generator: u8,
    /// `PyCodeObject.co_firstlineno`, 32 bits.
    pub(super) code_first_line: usize,
    /// `PyCodeObject.co_filename`.
    pub(super) code_file: usize,
    /// `PyCodeObject.co_qualname`.
    pub(super) code_function: usize,
    /// `PyCodeObject.co_linetable`.
    pub(super) code_line_table: usize,
    /// How to read it.
    pub(super) line_table_format: LineTableFormat,
    /// `PyCodeObject._co_firsttraceable`, 32 bits: frames before it are not complete.
    pub(super) code_first_traceable: usize,
    /// `PyCodeObject.co_code_adaptive`: the code units themselves, two bytes each.
    pub(super) code_units: usize,
    /// `PyTypeObject.tp_dealloc`.
    pub(super) type_dealloc: usize,
    /// `PyVarObject.ob_size` of a bytes object, and where its bytes begin.
    pub(super) bytes_length: usize,
    /// See above.
    pub(super) bytes_content: usize,
    /// `PyASCIIObject.length`, in characters.
    pub(super) text_length: usize,
    /// `PyASCIIObject.state`: a bit field of 32 bits.
    pub(super) text_state: usize,
    /// Size of `PyASCIIObject`: where the characters of an ASCII string begin.
    pub(super) text_ascii: usize,
    /// Size of `PyCompactUnicodeObject`: where the characters of any other compact string begin.
    pub(super) text_compact: usize,
}

impl Layout {
    /// The layout of a version, if fil knows it.
    pub(super) fn of((major, minor): (u32, u32)) -> Option<&'static Layout> {
        match (major, minor) {
            (3, 11) => Some(&PYTHON_3_11),
            _ => None,
        }
    }
}

/// From `offsetof` with the headers of 3.11.7; 3.11.0 to 3.11.14 are the same.
static PYTHON_3_11: Layout = Layout {
    thread_cframe: 56,
    cframe_frame: 8,
    frame_code: 32,
    frame_previous: 48,
    frame_instruction: 56,
    frame_locals: 72,
    frame_owner: 69,
    owner_generator: 1,
    code_first_line: 72,
    code_file: 112,
    code_function: 128,
    code_line_table: 136,
    line_table_format: LineTableFormat::Locations,
    code_first_traceable: 168,
    code_units: 184,
    type_dealloc: 48,
    bytes_length: 16,
    bytes_content: 32,
    text_length: 16,
    text_state: 32,
    text_ascii: 48,
    text_compact: 72,
};
