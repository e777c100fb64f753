//! Events come back as they were written, however odd, and the likely ones are small.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use format::constants::MAX_EVENT_BYTES;
use format::{Domain, Event, EventDecoder, EventEncoder, EventListener, FormatError, MappingKind, PathId, StackId};
use proptest::prelude::*;
use support::{encode_events, every_event};

/// Addresses that come again, as allocators hand them out, unaligned ones, and the extremes.
fn address() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0u64..96).prop_map(|block| 0x7f12_3456_7000 + 16 * block),
        2 => (0u64..512).prop_map(|offset| 0x5555_0000_0000 + offset),
        // As far as is near, and a little farther.
        1 => (0u64..64).prop_map(|block| 0x7f12_3456_7000 + (1 << 27) - 512 + 16 * block),
        1 => any::<u64>(),
        1 => prop::sample::select(vec![0, 1, 15, 16, 1 << 47, 1 << 63, u64::MAX - 15, u64::MAX]),
    ]
}

fn size() -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => (0u64..40).prop_map(|class| 8 * class),
        2 => 0u64..2000,
        1 => any::<u64>(),
        1 => prop::sample::select(vec![0, 1, 24, 25, 1008, 1024, 1040, 65_535, 65_536, u64::MAX - 8, u64::MAX]),
    ]
}

fn stack() -> impl Strategy<Value = StackId> {
    let edges = || prop::sample::select(vec![65_535, 65_536, u32::MAX]);
    let number = || prop_oneof![4 => 0u32..4, 2 => 0u32..100_000, 1 => edges(), 1 => any::<u32>()];
    (number(), number()).prop_map(|(path, instruction)| StackId { path: PathId(path), instruction })
}

fn event() -> impl Strategy<Value = Event> {
    let domain = prop_oneof![3 => Just(Domain::Python), 1 => Just(Domain::Heap)];
    let kind = prop::sample::select(MappingKind::ALL.to_vec());
    prop_oneof![
        20 => (domain, address(), size(), stack())
            .prop_map(|(domain, address, size, stack)| Event::Alloc { domain, address, size, stack }),
        16 => address().prop_map(|address| Event::Free { address }),
        1 => Just(Event::UndoFree),
        1 => (kind, any::<bool>(), address(), size(), stack()).prop_map(
            |(kind, accessible, address, length, stack)| Event::Map { kind, accessible, address, length, stack }
        ),
        1 => (address(), size()).prop_map(|(address, length)| Event::Unmap { address, length }),
        1 => (any::<bool>(), address(), size(), stack()).prop_map(
            |(accessible, address, length, stack)| Event::Protect { accessible, address, length, stack }
        ),
        1 => (address(), size(), stack())
            .prop_map(|(address, length, stack)| Event::Remap { address, length, stack }),
        1 => (size(), stack()).prop_map(|(size, stack)| Event::Failed { size, stack }),
        1 => any::<u64>().prop_map(|ns| Event::Time { ns }),
        4 => prop_oneof![(0u64..100_000), any::<u64>()].prop_map(|turn| Event::Turn { turn }),
    ]
}

/// What must come out: the same, but for a clock that goes back, which is written as standing still.
fn expected(events: &[Event], first_ns: u64) -> Vec<Event> {
    let mut last_ns = first_ns;
    let mut clock = |event: &Event| match *event {
        Event::Time { ns } => {
            last_ns = last_ns.max(ns);
            Event::Time { ns: last_ns }
        }
        other => other,
    };
    events.iter().map(&mut clock).collect()
}

/// Writes down what it is told.
#[derive(Default)]
struct Told(Vec<Event>);

impl EventListener for Told {
    type Site = (Domain, StackId);

    fn site(&mut self, domain: Domain, stack: StackId) -> (Domain, StackId) {
        (domain, stack)
    }

    fn alloc(&mut self, (domain, stack): (Domain, StackId), address: u64, size: u64) {
        self.0.push(Event::Alloc { domain, address, size, stack });
    }

    fn free(&mut self, address: u64) {
        self.0.push(Event::Free { address });
    }

    fn event(&mut self, event: Event) {
        self.0.push(event);
    }
}

proptest! {
    /// Damaged chunks, too, and those of more sites than have a code, so that codes change.
    #[test]
    fn a_listener_is_told_the_same(
        bytes in prop::collection::vec(any::<u8>(), 0..2000),
        events in prop::collection::vec(event(), 0..600),
        instructions in prop::collection::vec(0u32..1200, 0..3000),
    ) {
        let of_many_sites = instructions.into_iter().map(|instruction| {
            let stack = StackId { path: PathId(1), instruction };
            Event::Alloc { domain: Domain::Python, address: 16 * u64::from(instruction), size: 8, stack }
        });
        for bytes in [bytes, encode_events(&events), encode_events(&of_many_sites.collect::<Vec<Event>>())] {
            let mut told = Told::default();
            let ended = EventDecoder::new(&bytes, 0, 0).tell(&mut told);
            let (events, errors): (Vec<_>, Vec<_>) = EventDecoder::new(&bytes, 0, 0).partition(Result::is_ok);
            prop_assert_eq!(told.0, events.into_iter().flatten().collect::<Vec<Event>>());
            prop_assert_eq!(ended.err(), errors.into_iter().find_map(Result::err));
        }
    }

    #[test]
    fn events_come_back(
        events in prop::collection::vec(event(), 0..600),
        first_ns in prop_oneof![Just(0), any::<u64>()],
        first_turn: u64,
    ) {
        let mut encoder = EventEncoder::new(first_ns, first_turn);
        let mut bytes = Vec::new();
        for &event in &events {
            let before = bytes.len();
            encoder.encode(&mut bytes, event);
            prop_assert!(bytes.len() - before <= MAX_EVENT_BYTES);
        }
        let mut decoder = EventDecoder::new(&bytes, first_ns, first_turn);
        let decoded: Vec<Event> = decoder.by_ref().collect::<Result<_, _>>().expect("decodes");
        prop_assert_eq!(decoded, expected(&events, first_ns));
        prop_assert_eq!(decoder.offset(), bytes.len());
        prop_assert_eq!(decoder.last_ns(), encoder.last_ns());
    }

    /// A chunk begins afresh: nothing of the one before is needed to read it.
    #[test]
    fn a_restarted_encoder_is_a_new_one(
        first in prop::collection::vec(event(), 0..100),
        second in prop::collection::vec(event(), 0..100),
        first_ns: u64,
        first_turn: u64,
    ) {
        let mut encoder = EventEncoder::new(0, 0);
        let mut dropped = Vec::new();
        first.iter().for_each(|&event| encoder.encode(&mut dropped, event));
        encoder.restart(first_ns, first_turn);
        let mut fresh = EventEncoder::new(first_ns, first_turn);
        let (mut restarted_bytes, mut fresh_bytes) = (Vec::new(), Vec::new());
        for &event in &second {
            encoder.encode(&mut restarted_bytes, event);
            fresh.encode(&mut fresh_bytes, event);
        }
        prop_assert_eq!(restarted_bytes, fresh_bytes);
    }

    /// A chunk cut anywhere gives the events in front of the cut, then at most one error.
    #[test]
    fn a_cut_loses_only_what_is_behind_it(events in prop::collection::vec(event(), 1..60)) {
        let mut encoder = EventEncoder::new(0, 0);
        let mut bytes = Vec::new();
        let ends: Vec<usize> = events.iter().map(|&event| { encoder.encode(&mut bytes, event); bytes.len() }).collect();
        let whole = expected(&events, 0);
        for cut in 0..bytes.len() {
            let kept = ends.partition_point(|&end| end <= cut);
            let mut decoder = EventDecoder::new(&bytes[..cut], 0, 0);
            for event in &whole[..kept] {
                prop_assert_eq!(decoder.next(), Some(Ok(*event)));
            }
            let kept_bytes = if kept == 0 { 0 } else { ends[kept - 1] };
            if kept_bytes == cut {
                prop_assert_eq!(decoder.next(), None);
            } else {
                let error = decoder.next();
                prop_assert!(matches!(error, Some(Err(FormatError::Truncated { .. }))), "{:?}", error);
                prop_assert_eq!(decoder.offset(), kept_bytes);
                prop_assert_eq!(decoder.next(), None);
            }
        }
    }

    /// Any bytes at all end in order: each step moves on, an error is the last one.
    #[test]
    fn garbage_ends(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let mut decoder = EventDecoder::new(&bytes, u64::MAX, u64::MAX);
        let mut steps = 0;
        while let Some(event) = decoder.next() {
            steps += 1;
            prop_assert!(steps <= bytes.len());
            if event.is_err() {
                prop_assert_eq!(decoder.next(), None);
            }
        }
    }
}

#[test]
fn every_way_through_the_encoder_comes_back() {
    let events = every_event();
    let bytes = encode_events(&events);
    let decoded: Vec<Event> = EventDecoder::new(&bytes, 0, 0).collect::<Result<_, _>>().expect("decodes");
    assert_eq!(decoded, events);
}

/// The longest of each sort, measured: what a writer of slots must keep free.
#[test]
fn no_event_is_longer_than_promised() {
    let stack = StackId { path: PathId(u32::MAX), instruction: u32::MAX };
    let address = u64::MAX / 3 * 2;
    let longest = [
        Event::Alloc { domain: Domain::Heap, address, size: u64::MAX - 1, stack },
        Event::Free { address },
        Event::UndoFree,
        Event::Map { kind: MappingKind::Private, accessible: true, address: u64::MAX, length: u64::MAX, stack },
        Event::Unmap { address: u64::MAX, length: u64::MAX },
        Event::Protect { accessible: true, address: u64::MAX, length: u64::MAX, stack },
        Event::Remap { address: u64::MAX, length: u64::MAX, stack },
        Event::Failed { size: u64::MAX, stack },
        Event::Time { ns: u64::MAX },
        Event::Turn { turn: u64::MAX },
    ];
    let lengths = longest.map(|event| encode_events(&[event]).len());
    assert_eq!(lengths, [32, 11, 1, 32, 21, 32, 32, 22, 11, 11]);
    assert!(lengths.iter().all(|&length| length <= MAX_EVENT_BYTES));
}

/// The worked example of docs/FORMAT.md, byte by byte.
#[test]
fn the_example_of_the_document() {
    let alloc = |address, size, instruction| {
        let stack = StackId { path: PathId(3), instruction };
        Event::Alloc { domain: Domain::Python, address, size, stack }
    };
    let events = [
        (
            alloc(0x7f00_0000_1000, 32, 40),
            &[0x43, 0x20, 0x80, 0x84, 0x80, 0x80, 0x80, 0xfc, 0x03, 0x81, 0x06, 0x28][..],
        ),
        (alloc(0x7f00_0000_1020, 32, 40), &[0x98, 0x04]),
        (Event::Free { address: 0x7f00_0000_1020 }, &[0xc1, 0x00]),
        (alloc(0x7f00_0000_1020, 32, 44), &[0x43, 0x20, 0x00, 0x80, 0x2c]),
        (alloc(0x7f00_0000_1080, 32, 40), &[0x9a, 0x04, 0x04, 0x00, 0x80]),
        (alloc(0x10, 48, 40), &[0x4b, 0x1b, 0x30, 0x00, 0x01, 0x00, 0x80]),
        (Event::Free { address: 0x7f00_0000_1000 }, &[0xc5, 0x00, 0xf8, 0xff, 0x7f]),
        (Event::Free { address: 0x7f00_0000_8000 }, &[0x3f, 0x80, 0xa0, 0x80, 0x80, 0x80, 0xfc, 0x03]),
        (Event::Free { address: 0x7f00_0000_8040 }, &[0xad, 0x02, 0x04, 0x00, 0x80]),
        (Event::Turn { turn: 12 }, &[0x03, 0x0c]),
        (Event::Time { ns: 1000 }, &[0x07, 0xe8, 0x07]),
    ];
    let mut encoder = EventEncoder::new(0, 0);
    for (event, bytes) in events {
        let mut encoded = Vec::new();
        encoder.encode(&mut encoded, event);
        assert_eq!(encoded, bytes, "{event:?}");
    }
}

#[test]
fn marks_are_not_events_of_the_job() {
    assert!(Event::Time { ns: 0 }.is_mark());
    assert!(Event::Turn { turn: 0 }.is_mark());
    assert!(!Event::UndoFree.is_mark());
    assert!(!Event::Free { address: 0 }.is_mark());
}

#[test]
fn what_is_unknown_is_named() {
    let tag = 3 | 21 << 2;
    let bytes = [0x0f, 0x01, 0x01, tag, 0, 0];
    let mut decoder = EventDecoder::new(&bytes, 0, 0);
    assert_eq!(decoder.next(), Some(Ok(Event::Unmap { address: 1, length: 1 })));
    assert_eq!(decoder.next(), Some(Err(FormatError::UnknownEvent { tag, offset: 3 })));
    assert_eq!(decoder.next(), None);

    let stack = 130;
    let bytes = [0x43, 0x20, 0x02, stack, 0, 0];
    let mut decoder = EventDecoder::new(&bytes, 0, 0);
    assert_eq!(decoder.next(), Some(Err(FormatError::UnknownStack { code: stack, offset: 3 })));
    assert_eq!(decoder.next(), None);
}
