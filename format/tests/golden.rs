//! The golden trace: a trace of format version 1 as it was written when that version came out.
//! Every later fil must read it, and must still write the same content.
//!
//! `testdata/golden/v1.fil` is the trace, `testdata/golden/v1.txt` says what is in it, to the byte of
//! every chunk's content. The compressed bytes are not compared: another zstd may pack them better.
//!
//! The recipe is this file. `FIL_BLESS=1 cargo test -p format --test golden` writes both files anew,
//! which is right only while version 1 has not been released; after that a change of the bytes is
//! version 2, with a golden trace of its own.

#![allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use format::{ChunkKind, DefinitionReader, EventDecoder, TraceHeader, decode_recording_end, decode_source_file};
use support::{ReadChunk, read_chunks, small_trace};

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/golden").join(name)
}

fn read_golden(name: &str) -> Vec<u8> {
    let path = golden(name);
    fs::read(&path).unwrap_or_else(|error| {
        panic!("{}: {error}. Write it with FIL_BLESS=1 cargo test -p format --test golden", path.display())
    })
}

/// All that a trace says, as text.
fn describe(bytes: &[u8]) -> String {
    let (header, header_end) = TraceHeader::decode(bytes).expect("a trace");
    let mut text = describe_header(&header);
    for chunk in read_chunks(&bytes[header_end..]) {
        describe_chunk(&mut text, &chunk.expect("an intact chunk")).expect("strings take what is written to them");
    }
    text
}

fn describe_header(header: &TraceHeader) -> String {
    let command: Vec<String> = header.command.iter().map(|argument| argument.escape_ascii().to_string()).collect();
    format!(
        "fil version {}\ncommand {command:?}\nworking directory {}\nhost {}\nstart {} ns wall clock, {} ns monotonic\n\
         spool directory {}\n",
        header.fil_version,
        header.working_directory.escape_ascii(),
        header.host,
        header.wall_clock_start_ns,
        header.monotonic_start_ns,
        header.spool_directory.escape_ascii(),
    )
}

fn describe_chunk(text: &mut String, chunk: &ReadChunk) -> std::fmt::Result {
    let ReadChunk { header, raw } = chunk;
    // All of the header but the compressed length, which is zstd's.
    writeln!(
        text,
        "\n{:?}: thread {}, {} bytes, {} events, process {} from {} ns, number {}, turn {}, {} to {} ns",
        header.kind,
        header.thread.0,
        header.raw_bytes,
        header.event_count,
        header.process.pid,
        header.process.start_ns,
        header.chunk_number,
        header.first_turn,
        header.first_ns,
        header.last_ns,
    )?;
    match header.kind {
        ChunkKind::Events => {
            let mut decoder = EventDecoder::new(raw, header.first_ns, header.first_turn);
            let mut start = 0;
            while let Some(event) = decoder.next() {
                let end = decoder.offset();
                writeln!(text, "  {:<24} {:?}", hex(&raw[start..end]), event.expect("decodes"))?;
                start = end;
            }
        }
        ChunkKind::Definitions => {
            for definition in DefinitionReader::new(raw) {
                writeln!(text, "  {:?}", definition.expect("decodes"))?;
            }
            describe_bytes(text, raw)?;
        }
        ChunkKind::Source => {
            writeln!(text, "  {:?}", decode_source_file(raw).expect("decodes"))?;
            describe_bytes(text, raw)?;
        }
        ChunkKind::End => {
            writeln!(text, "  {:?}", decode_recording_end(raw).expect("decodes"))?;
            describe_bytes(text, raw)?;
        }
        ChunkKind::Unknown(_) => describe_bytes(text, raw)?,
    }
    Ok(())
}

fn describe_bytes(text: &mut String, raw: &[u8]) -> std::fmt::Result {
    raw.chunks(32).try_for_each(|line| writeln!(text, "  {}", hex(line)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn the_golden_trace_reads_and_writes_as_ever() {
    let (fresh, _) = small_trace();
    if std::env::var_os("FIL_BLESS").is_some_and(|value| value == "1") {
        fs::create_dir_all(golden("")).expect("testdata can be written");
        fs::write(golden("v1.fil"), &fresh).expect("testdata can be written");
        fs::write(golden("v1.txt"), describe(&fresh)).expect("testdata can be written");
    }
    let expected = String::from_utf8(read_golden("v1.txt")).expect("text");
    let read = describe(&read_golden("v1.fil"));
    assert!(read == expected, "the golden trace now reads as:\n{read}");
    let written = describe(&fresh);
    assert!(written == expected, "the recipe of the golden trace now writes:\n{written}");
}
