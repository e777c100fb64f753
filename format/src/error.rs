//! What can be wrong with a trace, one variant per failure, with the offending values inside.

/// A failure to read (or, for the last two, to write) a part of a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The file does not begin with the magic of a trace.
    #[error("not a fil trace: it does not begin with fil's magic bytes")]
    NotATrace,
    /// The file was written by a later fil.
    #[error("trace format version {found} is newer than this fil understands ({supported})")]
    NewerVersion {
        /// Version in the file.
        found: u32,
        /// Newest version this crate reads.
        supported: u32,
    },
    /// Fewer bytes than the structure needs.
    #[error("cut short: {needed} bytes needed, {available} there")]
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes there.
        available: usize,
    },
    /// No chunk begins here.
    #[error("no chunk begins here")]
    NotAChunk,
    /// The checksum does not fit the bytes.
    #[error("checksum {computed:#010x} does not fit the stored {stored:#010x}")]
    Checksum {
        /// Checksum in the file.
        stored: u32,
        /// Checksum of the bytes.
        computed: u32,
    },
    /// A length that no writer produces.
    #[error("{what} of {length} bytes, at most {limit} are allowed")]
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length in bytes.
        length: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// zstd could not decompress the chunk.
    #[error("cannot decompress: {0}")]
    Decompress(String),
    /// zstd could not compress the chunk.
    #[error("cannot compress: {0}")]
    Compress(String),
    /// An event whose tag has no meaning in this version.
    #[error("event tag {tag:#04x} at offset {offset} is unknown")]
    UnknownEvent {
        /// The tag byte.
        tag: u8,
        /// Its offset in the decompressed chunk.
        offset: usize,
    },
    /// A stack whose code has no meaning in this version.
    #[error("the code {code:#04x} of a call stack at offset {offset} is unknown")]
    UnknownStack {
        /// The code.
        code: u8,
        /// Its offset in the decompressed chunk.
        offset: usize,
    },
    /// A varint that does not end within ten bytes.
    #[error("a number at offset {offset} does not end")]
    Varint {
        /// Offset in the decompressed chunk.
        offset: usize,
    },
    /// A bincode block that does not decode or encode.
    #[error("record does not decode: {0}")]
    Record(String),
}
