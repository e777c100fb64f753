//! What can be had from the spool of a process that ended, in whatever state it left it.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use format::spool::{
    SLOT_BYTES, SLOT_CAPACITY, SLOT_CHUNK_NUMBER, SLOT_FIRST_NS, SLOT_FIRST_TURN, SLOT_FREE, SLOT_HEADER_BYTES,
    SLOT_IN_USE, SLOT_KIND, SLOT_LENGTH, SLOT_STATE, SLOT_THREAD, SPOOL_ALIVE_NS, SPOOL_HEADER_BYTES,
    SPOOL_SILENT_CHILDREN, SpoolHeader, salvage, silent_children, slot_offset,
};
use format::{
    ChunkKind, ChunkWriter, Domain, Event, EventDecoder, EventEncoder, FormatError, PathId, StackId, ThreadNumber,
};
use proptest::prelude::*;
use support::{PROCESS, encode_definitions, every_definition, read_chunks};

/// A slot as the recorder leaves it.
#[derive(Clone)]
struct Slot {
    state: u32,
    kind: u32,
    thread: u32,
    length: u32,
    chunk_number: u64,
    content: Vec<u8>,
}

impl Slot {
    fn events(thread: u32, chunk_number: u64, content: Vec<u8>) -> Slot {
        Slot { state: SLOT_IN_USE, kind: 1, thread, length: content.len() as u32, chunk_number, content }
    }

    fn definitions(chunk_number: u64, content: Vec<u8>) -> Slot {
        Slot { kind: 2, ..Slot::events(0, chunk_number, content) }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; SLOT_BYTES];
        for (at, value) in
            [(SLOT_STATE, self.state), (SLOT_KIND, self.kind), (SLOT_THREAD, self.thread), (SLOT_LENGTH, self.length)]
        {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in
            [(SLOT_CHUNK_NUMBER, self.chunk_number), (SLOT_FIRST_TURN, FIRST_TURN), (SLOT_FIRST_NS, FIRST_NS)]
        {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes[SLOT_HEADER_BYTES..SLOT_HEADER_BYTES + self.content.len()].copy_from_slice(&self.content);
        bytes
    }
}

const FIRST_TURN: u64 = 40;
const FIRST_NS: u64 = 5_000;

fn spool(slots: &[Slot]) -> Vec<u8> {
    let mut bytes = SpoolHeader { process: PROCESS, start_ticks: 12_345 }.encode().to_vec();
    bytes.resize(SPOOL_HEADER_BYTES, 0);
    for (index, slot) in slots.iter().enumerate() {
        assert_eq!(bytes.len(), slot_offset(index));
        bytes.extend_from_slice(&slot.bytes());
    }
    bytes
}

/// Three events and two marks.
fn some_events() -> (Vec<Event>, Vec<u8>) {
    let events = vec![
        Event::Alloc {
            domain: Domain::Heap,
            address: 0x7f00_0000_1230,
            size: 1 << 20,
            stack: StackId { path: PathId(2), instruction: 11 },
        },
        Event::Time { ns: 7_000 },
        Event::Free { address: 0x7f00_0000_1230 },
        Event::Turn { turn: 41 },
        Event::Alloc {
            domain: Domain::Python,
            address: 0x7f00_0000_5670,
            size: 48,
            stack: StackId { path: PathId(2), instruction: 11 },
        },
    ];
    let mut encoder = EventEncoder::new(FIRST_NS, FIRST_TURN);
    let mut bytes = Vec::new();
    events.iter().for_each(|&event| encoder.encode(&mut bytes, event));
    (events, bytes)
}

#[test]
fn a_spool_header_comes_back() {
    let header = SpoolHeader { process: PROCESS, start_ticks: u64::MAX };
    let bytes = header.encode();
    assert_eq!(SpoolHeader::decode(&bytes), Ok(header));
    assert_eq!(bytes[..8], *b"FILspool");
    assert_eq!(bytes[8..16], [1, 0, 0, 0, 0x67, 0x12, 0, 0]);

    for cut in 0..bytes.len() {
        assert_eq!(SpoolHeader::decode(&bytes[..cut]), Err(FormatError::Truncated { needed: 32, available: cut }));
    }
    let mut other_file = bytes;
    other_file[0] = b'f';
    assert_eq!(SpoolHeader::decode(&other_file), Err(FormatError::NotATrace));
    let mut other_version = bytes;
    other_version[8] = 2;
    assert_eq!(SpoolHeader::decode(&other_version), Err(FormatError::NewerVersion { found: 2, supported: 1 }));
}

#[test]
fn what_is_in_use_is_salvaged_and_becomes_a_chunk_that_reads_back() {
    let (events, bytes) = some_events();
    let definitions = encode_definitions(&every_definition());
    let free = Slot { state: SLOT_FREE, ..Slot::events(1, 6, bytes.clone()) };
    let spool = spool(&[
        Slot::events(2, 0, bytes.clone()),
        free,
        Slot::events(1, 7, bytes.clone()),
        Slot::definitions(3, definitions.clone()),
        Slot::events(1, 5, bytes.clone()),
    ]);
    let salvaged = salvage(&spool).expect("a spool");

    // Definitions first, then each thread's chunks in their order.
    let order: Vec<_> = salvaged.iter().map(|(header, _)| (header.kind, header.thread, header.chunk_number)).collect();
    let events_of = |thread, number| (ChunkKind::Events, ThreadNumber(thread), number);
    assert_eq!(
        order,
        [(ChunkKind::Definitions, ThreadNumber(0), 3), events_of(1, 5), events_of(1, 7), events_of(2, 0)]
    );

    let mut writer = ChunkWriter::new(1).expect("zstd has level 1");
    let mut trace = Vec::new();
    for (header, raw) in &salvaged {
        trace.extend_from_slice(writer.chunk(*header, raw).expect("fits"));
    }
    let chunks: Vec<_> = read_chunks(&trace).into_iter().map(|chunk| chunk.expect("reads")).collect();
    assert_eq!(chunks[0].raw, definitions);
    for chunk in &chunks[1..] {
        let header = chunk.header;
        assert_eq!((header.process, header.event_count), (PROCESS, 3), "marks are not counted");
        assert_eq!((header.first_turn, header.first_ns, header.last_ns), (FIRST_TURN, FIRST_NS, 7_000));
        let decoded: Vec<Event> = EventDecoder::new(&chunk.raw, header.first_ns, header.first_turn)
            .collect::<Result<_, _>>()
            .expect("decodes");
        assert_eq!(decoded, events);
    }
}

#[test]
fn the_file_header_tells_of_the_end_and_of_children() {
    let definitions = encode_definitions(&every_definition());
    let mut spool = spool(&[Slot::definitions(3, definitions), Slot::events(1, 0, some_events().1)]);
    assert_eq!(silent_children(&spool), 0);
    spool[SPOOL_ALIVE_NS..SPOOL_ALIVE_NS + 8].copy_from_slice(&9_000_000u64.to_le_bytes());
    spool[SPOOL_SILENT_CHILDREN..SPOOL_SILENT_CHILDREN + 4].copy_from_slice(&2u32.to_le_bytes());
    let ends: Vec<u64> = salvage(&spool).expect("a spool").iter().map(|(header, _)| header.last_ns).collect();
    assert_eq!(ends, [9_000_000, 7_000], "of the definitions, and of the events");
    assert_eq!(silent_children(&spool), 2);
    assert_eq!(silent_children(&spool[..40]), 0);
}

#[test]
fn a_slot_without_content_or_with_an_impossible_length_is_passed_over() {
    let (_, bytes) = some_events();
    let with_length = |length| Slot { length, ..Slot::events(1, 0, bytes.clone()) };
    let with_state = |state| Slot { state, ..Slot::events(1, 0, bytes.clone()) };
    let spool = spool(&[
        with_length(0),
        with_length(SLOT_CAPACITY as u32 + 1),
        with_length(u32::MAX),
        with_state(2),
        with_state(u32::MAX),
    ]);
    assert_eq!(salvage(&spool), Ok(vec![]));
}

#[test]
fn a_full_slot_is_salvaged_to_its_last_byte() {
    let content = vec![3 | 2 << 2; SLOT_CAPACITY];
    let spool = spool(&[Slot::events(1, 0, content.clone())]);
    let salvaged = salvage(&spool).expect("a spool");
    assert_eq!(salvaged[0].0.event_count, SLOT_CAPACITY as u32);
    assert_eq!(salvaged[0].1, content);
}

/// Cut at every byte, events are kept up to the last whole one.
#[test]
fn events_are_cut_at_the_last_whole_one() {
    let (_, bytes) = some_events();
    let mut lengths = Vec::new();
    for cut in 1..=bytes.len() {
        let spool = spool(&[Slot::events(1, 0, bytes[..cut].to_vec())]);
        let salvaged = salvage(&spool).expect("a spool");
        let (header, raw) = salvaged[0];
        assert!(raw.len() <= cut);
        let events: Result<Vec<Event>, _> = EventDecoder::new(raw, header.first_ns, header.first_turn).collect();
        assert!(events.is_ok());
        lengths.push(raw.len());
    }
    lengths.dedup();
    assert_eq!(lengths.len(), 6, "nothing, and the end of each of five events: {lengths:?}");
}

/// What stands behind the published length was never published: it is not read.
#[test]
fn what_is_behind_the_published_length_is_ignored() {
    let (_, bytes) = some_events();
    let published = bytes.len();
    let mut content = bytes;
    content.extend_from_slice(&[0xff; 100]);
    let slot = Slot { length: published as u32, ..Slot::events(1, 0, content) };
    let spool = spool(&[slot]);
    let salvaged = salvage(&spool).expect("a spool");
    assert_eq!(salvaged[0].1.len(), published);
    assert_eq!(salvaged[0].0.event_count, 3);
}

#[test]
fn a_spool_cut_anywhere_gives_its_whole_slots() {
    let (_, bytes) = some_events();
    let spool = spool(&[Slot::events(1, 0, bytes.clone()), Slot::events(1, 1, bytes)]);
    for (cut, slots) in [
        (32, 0),
        (SPOOL_HEADER_BYTES - 1, 0),
        (SPOOL_HEADER_BYTES, 0),
        (slot_offset(1) - 1, 0),
        (slot_offset(1), 1),
        (slot_offset(2) - 1, 1),
        (slot_offset(2), 2),
    ] {
        assert_eq!(salvage(&spool[..cut]).expect("a spool").len(), slots, "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in the slots, salvaging ends, and what it gives can be written and read.
    #[test]
    fn garbage_is_survived(
        slots in prop::collection::vec(
            (
                prop_oneof![3 => Just(1u32), 1 => any::<u32>()],
                prop_oneof![3 => 1u32..5, 1 => any::<u32>()],
                prop_oneof![3 => 0u32..SLOT_CAPACITY as u32, 1 => any::<u32>()],
                prop::collection::vec(any::<u8>(), 0..3000),
            ),
            0..4,
        ),
        tail in prop::collection::vec(any::<u8>(), 0..100),
    ) {
        let slots: Vec<Slot> = slots
            .into_iter()
            .map(|(state, kind, length, content)| Slot { state, kind, thread: 1, length, chunk_number: 0, content })
            .collect();
        let mut bytes = spool(&slots);
        bytes.extend_from_slice(&tail);
        let mut writer = ChunkWriter::new(1).expect("zstd has level 1");
        for (header, raw) in salvage(&bytes).expect("a spool") {
            prop_assert!(raw.len() <= SLOT_CAPACITY);
            let chunk = writer.chunk(header, raw).expect("fits").to_vec();
            let read = read_chunks(&chunk);
            prop_assert!(matches!(&read[..], [Ok(read)] if read.raw == raw), "{:?}", read);
        }
    }
}
