//! What the fuzz targets share: traces built from anything, and everything that can be asked of a trace.

mod questions;
mod story;

pub use questions::ask_everything;
pub use story::{Story, header, line_table_format_of};
