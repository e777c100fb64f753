//! Any bytes as what is in a chunk. What decodes as events can be encoded, and is the same then.
#![no_main]

use format::{DefinitionReader, Event, EventDecoder, EventEncoder};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let events: Vec<Event> = EventDecoder::new(bytes, 0, 0).map_while(Result::ok).collect();
    let mut encoder = EventEncoder::new(0, 0);
    let mut encoded = Vec::new();
    events.iter().for_each(|&event| encoder.encode(&mut encoded, event));
    let again: Vec<Event> = EventDecoder::new(&encoded, 0, 0).map(|event| event.expect("was just encoded")).collect();
    assert_eq!(again, events);

    for definition in DefinitionReader::new(bytes).flatten() {
        let mut room = vec![0; bytes.len() + 64];
        let length = format::encode_definition(&definition, &mut room).expect("there is room");
        let again = DefinitionReader::new(&room[..length]).next().expect("there is one");
        assert_eq!(again.as_ref(), Ok(&definition));
    }
    let _ = format::decode_source_file(bytes);
    let _ = format::decode_recording_end(bytes);
    let _ = format::TraceHeader::decode(bytes);
    let _ = format::ChunkHeader::decode(bytes);
});
