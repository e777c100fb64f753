//! Every number of the trace format, each with its reason.

/// First bytes of a trace. The byte over 127 shows a file that went through a 7-bit channel, the
/// line ends show one that a text-mode copy rewrote (the idea is PNG's).
pub const TRACE_MAGIC: [u8; 8] = *b"\x89FIL\r\n\x1a\n";

/// Version of the trace format. A reader refuses newer versions; every change of the bytes raises it, once fil
/// 1.0 is released.
pub const FORMAT_VERSION: u32 = 1;

/// First bytes of a chunk. Readers look for them to find their way again behind damage.
pub const CHUNK_MAGIC: [u8; 4] = *b"FILc";

/// Length of a chunk header in bytes: a multiple of 8, so that all its fields are aligned.
pub const CHUNK_HEADER_BYTES: usize = 72;

/// Offset in a chunk from which on the CRC32C counts: all but the magic and the checksum itself.
pub const CHUNK_CRC_START: usize = 8;

/// Largest decompressed chunk a reader accepts. Events and definitions come from slots of
/// [`crate::spool::SLOT_BYTES`]; only source files are larger, and those are cut off at
/// [`MAX_SOURCE_BYTES`]. A reader thus never allocates more than this for one damaged chunk.
pub const MAX_CHUNK_RAW_BYTES: usize = 4 << 20;

/// Largest file header block a reader accepts: a command line may have 2 MiB of arguments on
/// Linux (`MAX_ARG_STRLEN` and a quarter of the stack limit), the rest is small.
pub const MAX_HEADER_BYTES: usize = 8 << 20;

/// A source file longer than this is stored up to here, which leaves room for its name.
pub const MAX_SOURCE_BYTES: usize = 2 << 20;

/// No event takes more bytes than this. The longest has a tag, two varints of at most 10 bytes, one byte, two varints of at
/// most 5: 32 bytes.
pub const MAX_EVENT_BYTES: usize = 40;

/// A name of a function, file or thread is stored up to this many bytes (a path has at most 4096).
pub const MAX_NAME_BYTES: usize = 8 << 10;

/// A process's command line is stored up to this many bytes, so that it fits into a slot. (The job's
/// own stands in the file header, whole.)
pub const MAX_COMMAND_BYTES: usize = 16 << 10;

/// A line table is stored in pieces of at most this many bytes, so that a piece fits into a slot.
pub const MAX_LINE_TABLE_PIECE: usize = 16 << 10;

/// Calls that asked for memory and got none are told as definitions up to this many per process.
pub const MAX_TOLD_FAILURES: u32 = 2;

/// Bytes of events between two time stamps: as many as 300 events take, most often, which are over in some 20
/// microseconds. A clock is read in 7 to 50 ns, and what it shows hardly compresses: with 192 bytes it took a fifth of
/// what recording costs, and a sixth of a trace.
pub const BYTES_PER_TIME_STAMP: usize = 1024;

/// An allocation of this many bytes or more is always time-stamped: those make peaks, and touching
/// their pages costs more than the clock.
pub const TIME_STAMP_SIZE: u64 = 64 << 10;
