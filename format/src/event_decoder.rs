//! Bytes to events: the inverse of `event_encoder.rs`, for bytes that may be damaged.

use crate::error::FormatError;
use crate::event::{Domain, Event, MappingKind};
use crate::event_encoder::{
    LIKELY_ADDRESS, OTHER_FREE, OTHER_FREE_IN_REGION, OTHER_MAP, OTHER_PROTECT, OTHER_REMAP, OTHER_TIME, OTHER_TURN,
    OTHER_UNDO_FREE, OTHER_UNMAP, SAME_STACK, STACK_OF_SAME_PATH, STACK_SPELLED_OUT, TAG_ALLOC_HEAP, TAG_ALLOC_PYTHON,
    TAG_FREE,
};
use crate::event_model::{Class, EventModel, SIZE_SPELLED_OUT, unrotate};
use crate::ids::{PathId, StackId};
use crate::varint::{read, unzigzag};

/// Goes through the events of one decompressed chunk.
///
/// The time and turn in force at the beginning are those of the chunk's header; they are not
/// repeated as events.
pub struct EventDecoder<'a> {
    bytes: &'a [u8],
    at: usize,
    model: EventModel,
}

impl<'a> EventDecoder<'a> {
    /// Begins a chunk whose header says this time (nanoseconds) and turn.
    pub fn new(bytes: &'a [u8], first_ns: u64, first_turn: u64) -> EventDecoder<'a> {
        EventDecoder { bytes, at: 0, model: EventModel::new(first_ns, first_turn) }
    }

    /// The last time stamp in nanoseconds.
    pub fn last_ns(&self) -> u64 {
        self.model.last_ns
    }

    /// Offset of the next event: after an error, that of the event that could not be read.
    pub fn offset(&self) -> usize {
        self.at
    }

    #[inline]
    fn decode(&mut self, at: &mut usize) -> Result<Event, FormatError> {
        let offset = *at;
        let tag = self.bytes[offset];
        *at += 1;
        match tag & 3 {
            TAG_ALLOC_PYTHON => self.alloc(at, tag, Domain::Python),
            TAG_ALLOC_HEAP => self.alloc(at, tag, Domain::Heap),
            TAG_FREE => Ok(Event::Free { address: self.model.take_recent_by_code(tag >> 2) }),
            _ => self.other(at, tag, offset),
        }
    }

    #[inline]
    fn alloc(&mut self, at: &mut usize, tag: u8, domain: Domain) -> Result<Event, FormatError> {
        let code = tag >> 4;
        let size = if code == SIZE_SPELLED_OUT {
            let size = read(self.bytes, at)?;
            self.model.note_size(size);
            size
        } else {
            self.model.size_of_code(code)
        };
        let class = Class::of(domain, size);
        let likely = self.model.take_likely_address(class);
        let address = if tag & LIKELY_ADDRESS != 0 {
            likely
        } else {
            unrotate(self.model.alloc_base(class).wrapping_add(unzigzag(read(self.bytes, at)?)))
        };
        let stack = if tag & SAME_STACK != 0 { self.model.last_stack() } else { self.stack(at)? };
        self.model.note_alloc(class, address);
        Ok(Event::Alloc { domain, address, size, stack })
    }

    #[inline]
    fn free(&mut self, at: &mut usize, region: Option<u8>) -> Result<Event, FormatError> {
        let base = self.model.free_base_by_code(region);
        let address = unrotate(base.wrapping_add(unzigzag(read(self.bytes, at)?)));
        self.model.note_free(address);
        Ok(Event::Free { address })
    }

    fn other(&mut self, at: &mut usize, tag: u8, offset: usize) -> Result<Event, FormatError> {
        match tag >> 2 {
            OTHER_TURN => {
                self.model.last_turn = self.model.last_turn.wrapping_add(read(self.bytes, at)?);
                Ok(Event::Turn { turn: self.model.last_turn })
            }
            OTHER_TIME => {
                self.model.last_ns = self.model.last_ns.saturating_add(read(self.bytes, at)?);
                Ok(Event::Time { ns: self.model.last_ns })
            }
            OTHER_UNDO_FREE => Ok(Event::UndoFree),
            OTHER_UNMAP => {
                let (address, length) = self.range(at)?;
                Ok(Event::Unmap { address, length })
            }
            code @ OTHER_MAP..OTHER_PROTECT => {
                let kind = MappingKind::ALL[usize::from(code - OTHER_MAP) / 2];
                let ((address, length), stack) = (self.range(at)?, self.stack(at)?);
                Ok(Event::Map { kind, accessible: (code - OTHER_MAP) % 2 == 1, address, length, stack })
            }
            code @ OTHER_PROTECT..OTHER_REMAP => {
                let ((address, length), stack) = (self.range(at)?, self.stack(at)?);
                Ok(Event::Protect { accessible: code > OTHER_PROTECT, address, length, stack })
            }
            OTHER_REMAP => {
                let ((address, length), stack) = (self.range(at)?, self.stack(at)?);
                Ok(Event::Remap { address, length, stack })
            }
            OTHER_FREE => self.free(at, None),
            code @ OTHER_FREE_IN_REGION.. => self.free(at, Some(code - OTHER_FREE_IN_REGION)),
            _ => Err(FormatError::UnknownEvent { tag, offset }),
        }
    }

    fn range(&self, at: &mut usize) -> Result<(u64, u64), FormatError> {
        Ok((read(self.bytes, at)?, read(self.bytes, at)?))
    }

    #[inline]
    fn stack(&mut self, at: &mut usize) -> Result<StackId, FormatError> {
        let offset = *at;
        let Some(&code) = self.bytes.get(offset) else {
            return Err(FormatError::Truncated { needed: offset + 1, available: self.bytes.len() });
        };
        *at += 1;
        if code < STACK_OF_SAME_PATH {
            return Ok(self.model.stack_of_code(code));
        }
        let last = self.model.last_stack().path;
        let path = match code {
            STACK_OF_SAME_PATH => last,
            // A damaged number may leave 32 bits; the cut makes it some other id, as damage does.
            STACK_SPELLED_OUT => PathId(u64::from(last.0).wrapping_add(unzigzag(read(self.bytes, at)?)) as u32),
            _ => return Err(FormatError::UnknownStack { code, offset }),
        };
        let stack = StackId { path, instruction: read(self.bytes, at)? as u32 };
        self.model.note_stack(stack);
        Ok(stack)
    }
}

impl Iterator for EventDecoder<'_> {
    type Item = Result<Event, FormatError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let mut at = self.at;
        match self.decode(&mut at) {
            Ok(event) => {
                self.at = at;
                Some(Ok(event))
            }
            Err(error) => {
                // Nothing after this can be believed: the iteration ends with the error.
                self.bytes = &self.bytes[..self.at];
                Some(Err(error))
            }
        }
    }
}
