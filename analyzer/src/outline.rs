//! What a trace holds, but for its events, read chunk by chunk while it grows.
//!
//! Whoever finishes a recording needs to know little of it, and nobody waits for a look at gigabytes of events. So this
//! hops from chunk to chunk, reads definitions, and passes over the rest by their headers. What is damaged it leaves to
//! [`Trace`]: then it is behind for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use format::constants::CHUNK_HEADER_BYTES;
use format::{ChunkHeader, ChunkKind, Definition, DefinitionReader, TraceHeader, decompress, verify};

use crate::catalogue::{Catalogue, ImageOrder};
use crate::chunk_index::ChunkPlace;
use crate::definitions::{Definitions, ProcessStart};
use crate::image::KernelProcess;
use crate::notices::{each_once, sentences};
use crate::trace::Trace;

/// See the module.
pub struct Outline {
    /// When the job began, nanoseconds of the monotonic clock.
    job_start_ns: u64,
    /// Offset of the first chunk that was not looked at.
    next_chunk: u64,
    catalogue: Catalogue,
    /// Those that have definitions. Of these only the starts of processes, and notices.
    images: BTreeMap<ImageOrder, Definitions>,
    /// Names of the files that code objects come from, each once, in the order in which they came.
    code_files: Vec<String>,
    known_code_files: BTreeSet<String>,
}

/// What there is to say of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Events of all processes.
    pub event_count: u64,
    /// How many processes there were, as [`Trace::process_count`] counts them.
    pub process_count: usize,
    /// What processes have to say of their recording, one sentence each, every one once.
    pub notices: Vec<String>,
    /// What calls asked for that got no memory, in bytes: the first of each process.
    pub failed_allocations: Vec<u64>,
}

impl Outline {
    /// Of a trace with this header, whose chunks begin at this offset.
    pub fn new(header: &TraceHeader, first_chunk: u64) -> Outline {
        Outline {
            job_start_ns: header.monotonic_start_ns,
            next_chunk: first_chunk,
            catalogue: Catalogue::default(),
            images: BTreeMap::new(),
            code_files: Vec::new(),
            known_code_files: BTreeSet::new(),
        }
    }

    /// Looks at the chunks that have come since the last time. True if that was all the file holds: there is nothing
    /// behind the last whole chunk.
    pub fn read_on(&mut self, trace: &File) -> io::Result<bool> {
        let mut bytes = Vec::new();
        let mut raw = Vec::new();
        let length = trace.metadata()?.len();
        while length.saturating_sub(self.next_chunk) >= CHUNK_HEADER_BYTES as u64 {
            bytes.resize(CHUNK_HEADER_BYTES, 0);
            trace.read_exact_at(&mut bytes, self.next_chunk)?;
            let Ok(header) = ChunkHeader::decode(&bytes) else { return Ok(false) };
            let end = self.next_chunk + header.total_bytes() as u64;
            if end > length {
                return Ok(false);
            }
            if header.kind == ChunkKind::Definitions {
                bytes.resize(header.total_bytes(), 0);
                trace.read_exact_at(&mut bytes, self.next_chunk)?;
                if verify(&bytes).and_then(|()| decompress(&header, &bytes, &mut raw)).is_err() {
                    return Ok(false);
                }
            }
            self.catalogue.add(ChunkPlace { header, offset: self.next_chunk });
            if header.kind == ChunkKind::Definitions {
                self.read_definitions(ImageOrder::of(&header), &raw);
            }
            self.next_chunk = end;
        }
        Ok(length == self.next_chunk)
    }

    fn read_definitions(&mut self, image: ImageOrder, raw: &[u8]) {
        let definitions = self.images.entry(image).or_default();
        for definition in DefinitionReader::new(raw).flatten() {
            match definition {
                Definition::Code { file, .. } if !self.known_code_files.contains(file) => {
                    self.known_code_files.insert(file.to_owned());
                    self.code_files.push(file.to_owned());
                }
                Definition::ProcessStart { .. } | Definition::Notice { .. } | Definition::AllocationFailed { .. } => {
                    definitions.add(definition);
                }
                _ => {}
            }
        }
    }

    /// Names of the files that code objects come from, each once, in the order in which they came.
    pub fn code_files(&self) -> &[String] {
        &self.code_files
    }

    /// What there is to say of what was read.
    pub fn summary(&self) -> Summary {
        let unknown = ProcessStart::default();
        let process_of = |order: &ImageOrder| {
            let start = self.images.get(order).map_or(&unknown, |definitions| &definitions.start);
            KernelProcess::of(order.key(), start)
        };
        let processes: BTreeSet<KernelProcess> = self.catalogue.images.keys().map(process_of).collect();
        Summary {
            event_count: self.catalogue.event_count(),
            process_count: processes.len(),
            notices: told(self.images.values(), self.job_start_ns),
            failed_allocations: failed(self.images.values()),
        }
    }
}

impl Trace {
    /// What there is to say of it when its recording has ended.
    pub fn summary(&self) -> Summary {
        Summary {
            event_count: self.event_count(),
            process_count: self.process_count(),
            notices: told(self.images().iter().map(|image| &image.definitions), self.header().monotonic_start_ns),
            failed_allocations: failed(self.images().iter().map(|image| &image.definitions)),
        }
    }
}

fn failed<'a>(images: impl Iterator<Item = &'a Definitions>) -> Vec<u64> {
    images.flat_map(|definitions| definitions.failed_sizes.iter().copied()).collect()
}

/// Notices of all images, each once.
fn told<'a>(images: impl Iterator<Item = &'a Definitions>, job_start_ns: u64) -> Vec<String> {
    let all = images.flat_map(|definitions| sentences(&definitions.notices).into_iter().map(|notice| (0, notice)));
    each_once(all, job_start_ns).map(|(_, notice)| notice).collect()
}
