//! Bytes to events: the inverse of `event_encoder.rs`, for bytes that may be damaged.

use crate::distance::{DISTANCE_BYTES, MOST_DISTANCE, NO_DISTANCE, at_distance, at_far_distance};
use crate::error::FormatError;
use crate::event::{Domain, Event, MappingKind};
use crate::event_encoder::{
    ALLOC_CODE_SHIFT, ALLOC_DISTANCE, FREE_CODE_SHIFT, FREE_DISTANCE, HEAD_ALLOC, HEAD_FREE, OTHER_ALLOC_HEAP,
    OTHER_ALLOC_HEAP_NEARBY, OTHER_ALLOC_PYTHON, OTHER_ALLOC_PYTHON_NEARBY, OTHER_FAILED, OTHER_FREE, OTHER_MAP,
    OTHER_PROTECT, OTHER_REMAP, OTHER_TIME, OTHER_TURN, OTHER_UNDO_FREE, OTHER_UNMAP, STACK_OF_SAME_PATH,
    STACK_SPELLED_OUT,
};
use crate::event_model::{Class, EventModel, SITE_CODES};
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

    /// Tells all events that are left, up to one that cannot be read. The same as going through them one by one, and twice as
    /// fast: what most of them are need not be asked again, nor whose they are.
    #[inline]
    pub fn tell<L: EventListener>(mut self, listener: &mut L) -> Result<(), FormatError> {
        let mut sites: [Option<L::Site>; SITE_CODES] = [None; SITE_CODES];
        while self.at < self.bytes.len() {
            let mut at = self.at;
            match self.decode(&mut at)? {
                Decoded::Alloc(Alloc { code, domain, address, size, stack }) => {
                    let known = &mut sites[usize::from(code) % SITE_CODES];
                    let site = known.unwrap_or_else(|| *known.insert(listener.site(domain, stack)));
                    listener.alloc(site, address, size);
                }
                Decoded::Free { address } => listener.free(address),
                Decoded::Other(event) => {
                    if let Event::Alloc { domain, size, stack, .. } = event
                        && let Some(codes) = EventModel::site_codes(domain, size, stack)
                    {
                        // From here on they may stand for others.
                        codes.iter().for_each(|&code| sites[code] = None);
                    }
                    listener.event(event);
                }
            }
            self.at = at;
        }
        Ok(())
    }

    #[inline(always)]
    fn decode(&mut self, at: &mut usize) -> Result<Decoded, FormatError> {
        let offset = *at;
        let first = self.bytes[offset];
        Ok(if u16::from(first) & 1 == HEAD_ALLOC {
            Decoded::Alloc(self.alloc_at_site(at)?)
        } else if u16::from(first) & 3 == HEAD_FREE {
            Decoded::Free { address: self.free_nearby(at)? }
        } else {
            *at += 1;
            Decoded::Other(self.other(at, first, offset)?)
        })
    }

    #[inline(always)]
    fn alloc_at_site(&mut self, at: &mut usize) -> Result<Alloc, FormatError> {
        let (head, distance) = self.head_and_distance(at, ALLOC_DISTANCE)?;
        let code = head >> ALLOC_CODE_SHIFT;
        let (domain, size, stack) = self.model.site_of_code(code);
        let (class, room) = Class::of(domain, size);
        let address = at_distance(self.model.likely_address(class), distance);
        self.model.note_alloc(class, room, address);
        Ok(Alloc { code, domain, address, size, stack })
    }

    #[inline(always)]
    fn free_nearby(&mut self, at: &mut usize) -> Result<u64, FormatError> {
        let (head, distance) = self.head_and_distance(at, FREE_DISTANCE)?;
        let address = at_distance(self.model.last_of_region(head >> FREE_CODE_SHIFT), distance);
        self.model.note_free(address);
        Ok(address)
    }

    #[inline]
    fn alloc_nearby(&mut self, at: &mut usize, domain: Domain) -> Result<Event, FormatError> {
        let offset = *at;
        let [code] = self.bytes_at(at)?;
        let size = u64::from(self.word(at)?);
        let (class, room) = Class::of(domain, size);
        let address = at_distance(self.model.likely_address(class), self.distance(at)?);
        if code >= STACK_OF_SAME_PATH {
            return Err(FormatError::UnknownStack { code, offset });
        }
        let stack = self.model.stack_of_code(code);
        self.model.note_alloc(class, room, address);
        self.model.note_site(domain, size, stack);
        Ok(Event::Alloc { domain, address, size, stack })
    }

    fn spelled_alloc(&mut self, at: &mut usize, domain: Domain) -> Result<Event, FormatError> {
        let size = read(self.bytes, at)?;
        let (class, room) = Class::of(domain, size);
        let address = at_far_distance(self.model.likely_address(class), unzigzag(read(self.bytes, at)?));
        let stack = self.stack(at)?;
        self.model.note_alloc(class, room, address);
        self.model.note_site(domain, size, stack);
        Ok(Event::Alloc { domain, address, size, stack })
    }

    fn spelled_free(&mut self, at: &mut usize) -> Result<Event, FormatError> {
        let address = at_far_distance(self.model.last_far_free, unzigzag(read(self.bytes, at)?));
        self.model.last_far_free = address;
        self.model.note_free(address);
        Ok(Event::Free { address })
    }

    /// Two bytes, and the three of a distance behind them if this flag is set in the first ones. Whether it is can hardly be
    /// foreseen, so there is no branch for that, but at the end of a chunk.
    #[inline(always)]
    fn head_and_distance(&self, at: &mut usize, flag: u16) -> Result<(u16, u32), FormatError> {
        let Some(bytes) = self.bytes.get(*at..).and_then(|rest| rest.first_chunk()) else {
            let head = self.word(at)?;
            let distance = if head & flag == 0 { NO_DISTANCE } else { self.distance(at)? };
            return Ok((head, distance));
        };
        let word = u64::from_le_bytes(*bytes);
        let head = word as u16;
        let is_set = head & flag != 0;
        let mask = u32::from(is_set).wrapping_neg();
        *at += size_of::<u16>() + DISTANCE_BYTES * usize::from(is_set);
        Ok((head, (word >> u16::BITS) as u32 & MOST_DISTANCE & mask | NO_DISTANCE & !mask))
    }

    /// A number of two bytes, the lowest one first.
    #[inline]
    fn word(&self, at: &mut usize) -> Result<u16, FormatError> {
        Ok(u16::from_le_bytes(self.bytes_at(at)?))
    }

    /// A number of three bytes, the lowest one first.
    #[inline]
    fn distance(&self, at: &mut usize) -> Result<u32, FormatError> {
        let [low, middle, high]: [u8; DISTANCE_BYTES] = self.bytes_at(at)?;
        Ok(u32::from_le_bytes([low, middle, high, 0]))
    }

    #[inline]
    fn bytes_at<const COUNT: usize>(&self, at: &mut usize) -> Result<[u8; COUNT], FormatError> {
        let bytes = self.bytes.get(*at..).and_then(|rest| rest.first_chunk());
        let Some(&bytes) = bytes else {
            return Err(FormatError::Truncated { needed: *at + COUNT, available: self.bytes.len() });
        };
        *at += COUNT;
        Ok(bytes)
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
            OTHER_FREE => self.spelled_free(at),
            OTHER_ALLOC_PYTHON => self.spelled_alloc(at, Domain::Python),
            OTHER_ALLOC_HEAP => self.spelled_alloc(at, Domain::Heap),
            OTHER_ALLOC_PYTHON_NEARBY => self.alloc_nearby(at, Domain::Python),
            OTHER_ALLOC_HEAP_NEARBY => self.alloc_nearby(at, Domain::Heap),
            OTHER_FAILED => {
                let (size, stack) = (read(self.bytes, at)?, self.stack(at)?);
                Ok(Event::Failed { size, stack })
            }
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

/// Who is told events, those by themselves that most events are.
pub trait EventListener {
    /// What it calls a call stack that allocates in a domain. It is asked again and again, but seldom: what it said is remembered
    /// with the short code by which the chunk tells the stack.
    type Site: Copy;
    /// What it calls this one.
    fn site(&mut self, domain: Domain, stack: StackId) -> Self::Site;
    /// Most of [`Event::Alloc`].
    fn alloc(&mut self, site: Self::Site, address: u64, size: u64);
    /// Most of [`Event::Free`].
    fn free(&mut self, address: u64);
    /// All others: of these two, those that are spelled out.
    fn event(&mut self, event: Event);
}

/// An event, by what it is told by.
enum Decoded {
    Alloc(Alloc),
    Free { address: u64 },
    Other(Event),
}

/// An [`Event::Alloc`] at a site that has a code.
struct Alloc {
    code: u16,
    domain: Domain,
    address: u64,
    size: u64,
    stack: StackId,
}

impl From<Decoded> for Event {
    #[inline]
    fn from(decoded: Decoded) -> Event {
        match decoded {
            Decoded::Alloc(Alloc { domain, address, size, stack, .. }) => Event::Alloc { domain, address, size, stack },
            Decoded::Free { address } => Event::Free { address },
            Decoded::Other(event) => event,
        }
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
            Ok(decoded) => {
                self.at = at;
                Some(Ok(decoded.into()))
            }
            Err(error) => {
                // Nothing after this can be believed: the iteration ends with the error.
                self.bytes = &self.bytes[..self.at];
                Some(Err(error))
            }
        }
    }
}
