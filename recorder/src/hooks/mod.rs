//! The functions that stand in front of the real ones. Each is a guard, one real call, and one
//! safe call of `record`.
//!
//! A free is recorded before the real free and an allocation after the real call returned, so an
//! address is never in use again before its free is in the log. A realloc is recorded as a free in
//! front and an allocation behind; if it fails, the free is undone. Ranges of mapped memory likewise.

pub(crate) mod exit;
pub(crate) mod heap;
pub(crate) mod jump;
pub(crate) mod mapping;
mod mapping_kind;
pub(crate) mod namespace;
mod python;
pub(crate) mod python_domains;
pub(crate) mod thread;
