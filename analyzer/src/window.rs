//! A window that moves over the bytes of a trace: who goes through all of a trace has a few MiB of it in memory.

use std::io;

use crate::trace_bytes::TraceBytes;

/// See the module.
pub(crate) struct Window<'t> {
    trace: &'t TraceBytes,
    /// Bytes that are read at once.
    size: u64,
    buffer: Vec<u8>,
    /// Offset of the first byte in the buffer.
    start: u64,
    /// Offset behind the last byte in the buffer.
    end: u64,
}

impl<'t> Window<'t> {
    /// At the beginning of the trace, still empty.
    pub(crate) fn new(trace: &'t TraceBytes, size: u64) -> Window<'t> {
        Window { trace, size, buffer: Vec::new(), start: 0, end: 0 }
    }

    /// Bytes of the whole trace.
    pub(crate) fn trace_length(&self) -> u64 {
        self.trace.length()
    }

    /// The bytes from `offset` to where the window ends: at least `least`, or all up to the end of the trace. If it has
    /// fewer, the window first moves there.
    pub(crate) fn from(&mut self, offset: u64, least: u64) -> io::Result<&[u8]> {
        let length = self.trace.length();
        if !self.trace.may_change() {
            return self.trace.read(offset.min(length)..length, &mut self.buffer);
        }
        let needed = offset.saturating_add(least).min(length);
        if offset < self.start || needed > self.end {
            // If it cannot be read, nothing is there.
            (self.start, self.end) = (0, 0);
            let end = offset.saturating_add(self.size.max(least)).min(length);
            self.trace.read(offset.min(end)..end, &mut self.buffer)?;
            (self.start, self.end) = (offset.min(end), end);
        }
        let from = offset.min(self.end) - self.start;
        Ok(&self.buffer[from as usize..(self.end - self.start) as usize])
    }

    /// The first bytes from `offset` on: `most`, or fewer at the end of the trace.
    pub(crate) fn first(&mut self, offset: u64, most: u64) -> io::Result<&[u8]> {
        let bytes = self.from(offset, most)?;
        Ok(&bytes[..bytes.len().min(most as usize)])
    }
}
