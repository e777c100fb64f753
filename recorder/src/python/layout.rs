//! Where each version of CPython keeps what a stack walk needs: offsets in bytes. The one place to
//! add a version.
//!
//! The numbers are `offsetof` with the headers of the patch release named at each table. CPython
//! keeps these structures as they are over the patch releases of a minor version. From 3.13 on the
//! interpreter describes itself, and `debug_offsets.rs` takes what it says instead.

use format::LineTableFormat;

/// Offsets for one minor version.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// In `PyThreadState`: pointer to the innermost frame (`frame`, from 3.13 on `current_frame`), or,
    /// with a `cframe_frame`, to the `_PyCFrame` that has it (`cframe`).
    pub(super) thread_frame: usize,
    /// Until 3.11: where `_PyRuntime` has the thread state that Python is running with, `gilstate.tstate_current`.
    pub(super) runtime_thread_state: Option<usize>,
    /// 3.11 and 3.12: `_PyCFrame.current_frame`.
    pub(super) cframe_frame: Option<usize>,
    /// Pointer to the frame's code object: `f_code`, from 3.13 on `f_executable`.
    pub(super) frame_code: usize,
    /// Pointer to the frame that waits for this one: `f_back`, from 3.11 on `previous`.
    pub(super) frame_previous: usize,
    /// `f_localsplus`, from 3.11 on `localsplus`: pointers to the local variables, arguments first.
    pub(super) frame_locals: usize,
    /// Where in its code the frame is.
    pub(super) position: Position,
    /// Where a frame is marked as one that was seen: what `marker.rs` needs. `None` if there are to be no markers.
    pub(super) mark: Option<MarkPlace>,
    /// How a frame waits for another that the same loop of the interpreter runs, 3.11 to 3.13: the same.
    pub(super) waiting: Option<Waiting>,
    /// `PyCodeObject.co_firstlineno`, 32 bits.
    pub(super) code_first_line: usize,
    /// `PyCodeObject.co_filename`.
    pub(super) code_file: usize,
    /// `PyCodeObject.co_qualname`; before 3.11 a code object has only `co_name`.
    pub(super) code_function: usize,
    /// `PyCodeObject.co_linetable`, in 3.9 `co_lnotab`.
    pub(super) code_line_table: usize,
    /// How to read it.
    pub(super) line_table_format: LineTableFormat,
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

/// How a frame says where in its code it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Position {
    /// Until 3.10, where a frame is a `PyFrameObject`: a number of 32 bits, -1 before the first
    /// instruction.
    LastInstruction {
        /// `f_lasti`.
        last_instruction: usize,
        /// What it counts for a code unit: 2 where it counts bytes.
        per_unit: u32,
    },
    /// From 3.11 on, where a frame is a `_PyInterpreterFrame`: the address of a code unit.
    Address {
        /// `prev_instr`, from 3.13 on `instr_ptr`.
        instruction: usize,
        /// `owner`, one byte.
        owner: usize,
        /// `frame_obj`: the frame's object, null until somebody asks for it.
        object: usize,
        /// `PyCodeObject._co_firsttraceable`, 32 bits: frames before it are not complete.
        code_first_traceable: usize,
        /// `PyCodeObject.co_code_adaptive`: the code units themselves, two bytes each.
        code_units: usize,
    },
}

/// Where a frame has room for a mark.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MarkPlace {
    /// 3.9: one byte, `f_executing`, 1 while the frame runs or waits for a function of C. Python asks whether it is 0.
    Executing(usize),
    /// 3.10 to 3.13: 32 bits, `f_stackdepth`, from 3.11 on `stacktop`, -1 while the frame runs or waits for a function
    /// of C. Python asks whether it is 0, and what lies below it.
    StackTop(usize),
    /// From 3.14 on: eight bytes that are aligned. Two, `return_offset`, are Python's own; then come `owner`;
    /// `visited`, which is 0 at the beginning of every call; and four of padding.
    Visited(usize),
}

impl MarkPlace {
    /// [`MarkPlace::Visited`] of a frame with these two offsets, if that is how its parts lie.
    pub(super) fn visited(owner: usize, frame_locals: usize) -> Option<MarkPlace> {
        let start = owner.checked_sub(2)?;
        (start % 8 == 0 && frame_locals == start + 8).then_some(MarkPlace::Visited(start))
    }
}

/// How a frame says that it waits for another one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// `owner`, one byte.
    pub(super) owner: usize,
    /// `stacktop`, 32 bits: where the top of its value stack is, as an index in its local variables and what follows. Not
    /// positive while the frame runs, and while it waits for C.
    pub(super) stack_top: usize,
    /// 3.11: `is_entry`, one byte, of the frame that is waited for.
    pub(super) is_entry: Option<usize>,
    /// Instructions that wait with a top above which they have taken nothing. See `marker.rs`.
    pub(super) unmarkable: Option<Instructions>,
}

/// Instructions of 3.12: `LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN` and `LOAD_ATTR_PROPERTY` of its opcode.h. For an
/// attribute that is then called, they leave one value on the stack for the one that they take.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Instructions {
    /// Their numbers.
    pub(super) opcodes: [u8; 2],
    /// How many code units a waiting frame's position is behind them.
    pub(super) units_behind: usize,
}

impl Layout {
    /// The layout of a version, if fil knows it.
    pub(super) fn of((major, minor): (u32, u32)) -> Option<Layout> {
        match (major, minor) {
            (3, 9) => Some(PYTHON_3_9),
            (3, 10) => Some(PYTHON_3_10),
            (3, 11) => Some(PYTHON_3_11),
            (3, 12) => Some(PYTHON_3_12),
            (3, 13) => Some(PYTHON_3_13),
            (3, 14) => Some(PYTHON_3_14),
            (3, 15) => Some(PYTHON_3_15),
            _ => None,
        }
    }
}

/// Of 3.9.18.
const PYTHON_3_9: Layout = Layout {
    thread_frame: 24,
    runtime_thread_state: Some(568),
    cframe_frame: None,
    frame_code: 32,
    frame_previous: 24,
    frame_locals: 360,
    position: Position::LastInstruction { last_instruction: 104, per_unit: 2 },
    mark: Some(MarkPlace::Executing(116)),
    waiting: None,
    code_first_line: 40,
    code_file: 104,
    code_function: 112,
    code_line_table: 120,
    line_table_format: LineTableFormat::Lnotab,
    type_dealloc: 48,
    bytes_length: 16,
    bytes_content: 32,
    text_length: 16,
    text_state: 32,
    text_ascii: 48,
    text_compact: 72,
};

/// Of 3.10.13.
const PYTHON_3_10: Layout = Layout {
    frame_locals: 352,
    position: Position::LastInstruction { last_instruction: 96, per_unit: 1 },
    mark: Some(MarkPlace::StackTop(80)),
    line_table_format: LineTableFormat::LineRanges,
    ..PYTHON_3_9
};

/// Of 3.11.7; 3.11.0 to 3.11.14 are the same.
const PYTHON_3_11: Layout = Layout {
    thread_frame: 56,
    runtime_thread_state: Some(576),
    cframe_frame: Some(8),
    frame_code: 32,
    frame_previous: 48,
    frame_locals: 72,
    position: Position::Address { instruction: 56, owner: 69, object: 40, code_first_traceable: 168, code_units: 184 },
    mark: Some(MarkPlace::StackTop(64)),
    waiting: Some(Waiting { owner: 69, stack_top: 64, is_entry: Some(68), unmarkable: None }),
    code_first_line: 72,
    code_file: 112,
    code_function: 128,
    code_line_table: 136,
    line_table_format: LineTableFormat::Locations,
    ..PYTHON_3_9
};

/// Of 3.12.1.
const PYTHON_3_12: Layout = Layout {
    runtime_thread_state: None,
    cframe_frame: Some(0),
    frame_code: 0,
    frame_previous: 8,
    position: Position::Address { instruction: 56, owner: 70, object: 48, code_first_traceable: 176, code_units: 192 },
    waiting: Some(Waiting {
        owner: 70,
        stack_top: 64,
        is_entry: None,
        unmarkable: Some(Instructions { opcodes: [72, 77], units_behind: 9 }),
    }),
    code_first_line: 68,
    text_ascii: 40,
    text_compact: 56,
    ..PYTHON_3_11
};

/// Of 3.13.0.
const PYTHON_3_13: Layout = Layout {
    thread_frame: 72,
    cframe_frame: None,
    position: Position::Address { instruction: 56, owner: 70, object: 48, code_first_traceable: 184, code_units: 200 },
    waiting: Some(Waiting { owner: 70, stack_top: 64, is_entry: None, unmarkable: None }),
    ..PYTHON_3_12
};

/// Of 3.14.10.
const PYTHON_3_14: Layout = Layout {
    frame_locals: 80,
    position: Position::Address { instruction: 56, owner: 74, object: 48, code_first_traceable: 192, code_units: 208 },
    mark: Some(MarkPlace::Visited(72)),
    waiting: None,
    ..PYTHON_3_13
};

/// Of 3.15.2.
const PYTHON_3_15: Layout = PYTHON_3_14;

/// Where a walk gets its layout from.
pub(super) trait LayoutSource: Copy {
    /// The layout.
    fn layout(&self) -> &Layout;
}

/// Any.
impl LayoutSource for &Layout {
    #[inline(always)]
    fn layout(&self) -> &Layout {
        self
    }
}

/// Those of this file are known while compiling: a walk with one of them has its offsets in its instructions.
macro_rules! known_layouts {
    ($($name:ident: $layout:ident;)*) => {
        $(
            #[derive(Clone, Copy)]
            pub(super) struct $name;

            impl LayoutSource for $name {
                #[inline(always)]
                fn layout(&self) -> &Layout {
                    const { &$layout }
                }
            }
        )*

        /// A layout, and whether it is one of this file's. As a number it is its place in [`KnownLayout::ALL`].
        #[derive(Clone, Copy, Default)]
        pub(crate) enum KnownLayout {
            $($name,)*
            /// Another one.
            #[default]
            Other,
        }

        impl KnownLayout {
            /// All of them.
            pub(crate) const ALL: &[KnownLayout] = &[$(KnownLayout::$name,)* KnownLayout::Other];

            /// Which one it is.
            pub(super) fn of(layout: &Layout) -> KnownLayout {
                $(if *layout == $layout { return KnownLayout::$name; })*
                KnownLayout::Other
            }
        }
    };
}

known_layouts! {
    Python3_9: PYTHON_3_9;
    Python3_10: PYTHON_3_10;
    Python3_11: PYTHON_3_11;
    Python3_12: PYTHON_3_12;
    Python3_13: PYTHON_3_13;
    Python3_14: PYTHON_3_14;
}
