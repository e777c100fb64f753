//! The one place that knows how rare records become bytes: bincode 2.0.1, its standard
//! configuration (little-endian, varints), with a limit on what decoding may allocate.
//!
//! bincode is no longer maintained; its encoding is simple, documented, and spoken by other crates
//! (see `deny.toml`), so this file is all that would change.

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::{Deserialize, Serialize, Serializer};

use crate::constants::MAX_HEADER_BYTES;
use crate::error::FormatError;

const CONFIGURATION: Configuration<LittleEndian, Varint, Limit<MAX_HEADER_BYTES>> =
    bincode::config::standard().with_limit::<MAX_HEADER_BYTES>();

/// For serde: all bytes at once. In the trace they are what they would be one by one.
pub(crate) fn bytes_at_once<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

/// Encodes into a fresh vector.
pub(crate) fn encode<T: Serialize>(record: &T) -> Result<Vec<u8>, FormatError> {
    bincode::serde::encode_to_vec(record, CONFIGURATION).map_err(|error| FormatError::Record(error.to_string()))
}

/// Encodes into `out` without allocating and returns the length; `None` if it does not fit.
pub(crate) fn encode_into<T: Serialize>(record: &T, out: &mut [u8]) -> Option<usize> {
    bincode::serde::encode_into_slice(record, out, CONFIGURATION).ok()
}

/// Decodes a record that may borrow from `bytes`.
pub(crate) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FormatError> {
    bincode::serde::borrow_decode_from_slice(bytes, CONFIGURATION)
        .map(|(record, _)| record)
        .map_err(|error| FormatError::Record(error.to_string()))
}
