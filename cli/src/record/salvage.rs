//! Appends to the trace what processes that ended had not yet appended themselves.
//!
//! A chunk that is in the trace already is known by its identity and dropped by readers, so doing
//! this twice, or being stopped in the middle, harms nothing. A spool file is removed when all of
//! it is in the trace, never earlier.
//!
//! A spool is taken only when its process is certainly gone: nobody holds the lock that a process
//! keeps on its spool as long as it has it mapped, and the process that it names does not run (or
//! became another program). The lock alone tells on file systems that keep such locks; the process
//! alone tells where they are not kept, but not from another namespace of process ids.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use format::spool::{self, SPOOL_HEADER_BYTES, SpoolHeader};
use format::{ChunkKind, Definition, NoticeKind, encode_definition};

use crate::error::CliError;
use crate::process_identity::ProcessIdentity;
use crate::record::spool_directory::{SpoolDirectory, is_locked};
use crate::record::start::monotonic_ns;
use crate::record::trace_file::TraceFile;

/// Helper processes (multiprocessing's resource tracker, say) notice the end of their parent by a
/// closed pipe and are gone within milliseconds. What runs longer was meant to.
pub(crate) const GRACE: Duration = Duration::from_millis(500);
/// How often to look meanwhile.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Salvaged {
    /// Chunks appended.
    pub(crate) chunks: usize,
    /// Processes of the job that still run, and go on recording by themselves.
    pub(crate) still_running: usize,
}

/// Appends the content of all spools whose processes ended, or end within `grace`.
pub(crate) fn salvage(
    directory: &SpoolDirectory,
    trace: &mut TraceFile,
    grace: Duration,
) -> Result<Salvaged, CliError> {
    let deadline = Instant::now() + grace;
    let mut salvaged = Salvaged::default();
    loop {
        let spools = spool_files(directory)?;
        let (running, ended): (Vec<&SpoolFile>, Vec<&SpoolFile>) =
            spools.iter().partition(|spool| !spool.is_left(&spools));
        for spool in ended {
            salvaged.chunks += append(&spool.path, trace)?;
        }
        if running.is_empty() || Instant::now() >= deadline {
            salvaged.still_running = running.len();
            return Ok(salvaged);
        }
        thread::sleep(LOOK_AGAIN);
    }
}

/// A spool file and whose it is.
#[derive(Debug, PartialEq, Eq)]
struct SpoolFile {
    path: PathBuf,
    process: ProcessIdentity,
    /// When recording began in this program.
    start_ns: u64,
}

impl SpoolFile {
    /// Whether its process is certainly gone.
    fn is_left(&self, spools: &[SpoolFile]) -> bool {
        !is_locked(&self.path) && (!self.process.runs() || self.is_replaced(spools))
    }

    /// Whether exec(2) put another program into its process, which has a spool of its own.
    fn is_replaced(&self, spools: &[SpoolFile]) -> bool {
        spools.iter().any(|other| other.process == self.process && other.start_ns > self.start_ns)
    }
}

/// The spool files that can be read. Others are not fil's.
fn spool_files(directory: &SpoolDirectory) -> Result<Vec<SpoolFile>, CliError> {
    let paths = directory.spool_files().map_err(|error| CliError::input(directory.path(), &error))?;
    Ok(paths.into_iter().filter_map(read_spool_header).collect())
}

fn read_spool_header(path: PathBuf) -> Option<SpoolFile> {
    let mut bytes = Vec::new();
    File::open(&path).ok()?.take(SPOOL_HEADER_BYTES as u64).read_to_end(&mut bytes).ok()?;
    let header = SpoolHeader::decode(&bytes).ok()?;
    let process = ProcessIdentity { pid: header.process.pid, start_ticks: header.start_ticks };
    Some(SpoolFile { path, process, start_ns: header.process.start_ns })
}

fn append(path: &Path, trace: &mut TraceFile) -> Result<usize, CliError> {
    let bytes = fs::read(path).map_err(|error| CliError::input(path, &error))?;
    let chunks = spool::salvage(&bytes)?;
    let last_definitions = chunks.iter().rposition(|(header, _)| header.kind == ChunkKind::Definitions);
    let ends = [notice_of_silent_children(&bytes), notice_of_want_of_memory(&bytes), end_of_process(&bytes)].concat();
    for (at, (header, raw)) in chunks.iter().enumerate() {
        if last_definitions == Some(at) {
            trace.append(*header, &[raw, &*ends].concat())?;
        } else {
            trace.append(*header, raw)?;
        }
    }
    fs::remove_file(path).map_err(|error| CliError::output(path, &error))?;
    Ok(chunks.len())
}

/// What children would have said themselves, as a definition. It goes behind the last definitions that there are: a
/// chunk of its own would need a number that the process may have used.
fn notice_of_silent_children(spool: &[u8]) -> Vec<u8> {
    let children = spool::silent_children(spool);
    if children == 0 {
        return Vec::new();
    }
    let text = match children {
        1 => "a forked child, which could make no spool and could not say so".to_owned(),
        _ => format!("{children} forked children, which could make no spool and could not say so"),
    };
    encoded_notice(NoticeKind::NotAllRecorded, monotonic_ns(), &text)
}

/// The same of a recorder that got no memory to say it with.
fn notice_of_want_of_memory(spool: &[u8]) -> Vec<u8> {
    if spool::had_no_memory(spool) {
        encoded_notice(NoticeKind::RecordingStopped, spool::alive_ns(spool), "there was no memory left for it")
    } else {
        Vec::new()
    }
}

/// That the process ended itself, if it did.
fn end_of_process(spool: &[u8]) -> Vec<u8> {
    if spool::ended_itself(spool) {
        encoded(&Definition::EndedItself { time_ns: spool::alive_ns(spool) })
    } else {
        Vec::new()
    }
}

fn encoded_notice(kind: NoticeKind, time_ns: u64, text: &str) -> Vec<u8> {
    encoded(&Definition::Notice { kind, time_ns, text })
}

fn encoded(definition: &Definition<'_>) -> Vec<u8> {
    let mut encoded = vec![0; 256];
    let length = encode_definition(definition, &mut encoded).unwrap_or(0);
    encoded.truncate(length);
    encoded
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use super::*;
    use crate::record::output_place::OutputPlace;
    use crate::record::start::Start;
    use format::spool::{
        SLOT_BYTES, SLOT_CHUNK_NUMBER, SLOT_HEADER_BYTES, SLOT_IN_USE, SLOT_KIND, SLOT_LENGTH, SLOT_STATE, SLOT_THREAD,
    };
    use format::{ChunkHeader, ProcessKey, TraceHeader, decompress, verify};
    use rustix::fs::{FlockOperation, flock};

    /// A recording with a trace and a spool folder, and no job.
    struct Recording {
        /// Goes with this value.
        _folder: tempfile::TempDir,
        spools: SpoolDirectory,
        trace: TraceFile,
    }

    impl Recording {
        fn begin() -> Recording {
            let folder = tempfile::tempdir().expect("folder");
            let place = OutputPlace::check(&folder.path().join("trace.fil")).expect("usable");
            let start = Start::now();
            let spools =
                SpoolDirectory::create(&place.trace, start.monotonic_ns, Path::new("/nowhere")).expect("created");
            let header = start.header(&["job".into()], &spools).expect("header");
            let trace = TraceFile::begin(&place, &header).expect("begun");
            Recording { _folder: folder, spools, trace }
        }

        /// Leaves a spool whose only slot holds one definition.
        fn leave_spool(&self, process: ProcessIdentity, start_ns: u64) -> PathBuf {
            let key = ProcessKey { pid: process.pid, start_ns };
            let mut bytes = SpoolHeader { process: key, start_ticks: process.start_ticks }.encode().to_vec();
            bytes.resize(SPOOL_HEADER_BYTES + SLOT_BYTES, 0);
            let slot = &mut bytes[SPOOL_HEADER_BYTES..];
            let memory = Definition::ResidentMemory { time_ns: start_ns, bytes: 4096 };
            let length = encode_definition(&memory, &mut slot[SLOT_HEADER_BYTES..]).expect("fits");
            for (at, value) in [
                (SLOT_STATE, SLOT_IN_USE),
                (SLOT_KIND, ChunkKind::Definitions.number()),
                (SLOT_THREAD, 0),
                (SLOT_LENGTH, length as u32),
                (SLOT_CHUNK_NUMBER, 7),
            ] {
                slot[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            let path = self.spools.path().join(format!("{}-{start_ns}.spool", process.pid));
            fs::write(&path, bytes).expect("written");
            path
        }

        fn header(&self) -> TraceHeader {
            TraceHeader::decode(&fs::read(self.trace.path()).expect("trace")).expect("header").0
        }

        fn chunks(&self) -> Vec<ChunkHeader> {
            let bytes = fs::read(self.trace.path()).expect("trace");
            let (_, mut at) = TraceHeader::decode(&bytes).expect("header");
            let mut chunks = Vec::new();
            while at < bytes.len() {
                let header = ChunkHeader::decode(&bytes[at..]).expect("chunk");
                let chunk = &bytes[at..at + header.total_bytes()];
                verify(chunk).expect("checksum");
                decompress(&header, chunk, &mut Vec::new()).expect("payload");
                chunks.push(header);
                at += header.total_bytes();
            }
            chunks
        }
    }

    impl Drop for Recording {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(self.spools.path());
        }
    }

    /// A process that ran when this machine booted, if ever.
    const ENDED: ProcessIdentity = ProcessIdentity { pid: 4_000_000, start_ticks: 1 };

    #[test]
    fn what_ended_processes_left_is_appended_and_their_spools_removed() {
        let mut recording = Recording::begin();
        let spool = recording.leave_spool(ENDED, 5);
        let salvaged = salvage(&recording.spools, &mut recording.trace, Duration::ZERO).expect("salvaged");
        assert_eq!(salvaged, Salvaged { chunks: 1, still_running: 0 });
        assert!(!spool.exists());
        let chunks = recording.chunks();
        assert_eq!(chunks.len(), 1);
        assert_eq!(chunks[0].process, ProcessKey { pid: ENDED.pid, start_ns: 5 });
        assert_eq!((chunks[0].kind, chunks[0].chunk_number), (ChunkKind::Definitions, 7));

        recording.spools.remove();
        assert!(!recording.spools.path().exists());
    }

    #[test]
    fn a_process_that_was_killed_while_it_made_its_spool_leaves_nothing() {
        let recording = Recording::begin();
        let unfinished = recording.spools.path().join("4000000-5.spool.new");
        let making = File::create(&unfinished).expect("made");
        flock(&making, FlockOperation::NonBlockingLockExclusive).expect("locked");
        recording.spools.remove();
        assert!(SpoolDirectory::of_trace(&recording.header()).is_some(), "a process is about to have a spool");
        drop(making);
        recording.spools.remove();
        assert!(!recording.spools.path().exists());
    }

    #[test]
    fn a_process_that_runs_keeps_its_spool() {
        let mut recording = Recording::begin();
        let replaced = recording.leave_spool(ProcessIdentity::own(), 5);
        let running = recording.leave_spool(ProcessIdentity::own(), 6);
        let salvaged = salvage(&recording.spools, &mut recording.trace, Duration::ZERO).expect("salvaged");
        assert_eq!(salvaged, Salvaged { chunks: 1, still_running: 1 });
        assert!(!replaced.exists(), "the program before exec has ended");
        assert!(running.exists());
        recording.spools.remove();
        assert!(recording.spools.path().exists(), "a spool is still in it");
    }

    /// As when the process lives where its number is another one's (a container in the job).
    #[test]
    fn a_spool_that_is_locked_is_left_alone_whoever_wrote_it() {
        let mut recording = Recording::begin();
        let spool = recording.leave_spool(ENDED, 5);
        let mapped = File::open(&spool).expect("opened");
        flock(&mapped, FlockOperation::NonBlockingLockExclusive).expect("locked");
        let mut look = || salvage(&recording.spools, &mut recording.trace, Duration::ZERO).expect("salvaged");
        assert_eq!(look(), Salvaged { chunks: 0, still_running: 1 });
        drop(mapped);
        assert_eq!(look(), Salvaged { chunks: 1, still_running: 0 });
    }

    #[test]
    fn files_that_are_no_spools_are_left_alone() {
        let mut recording = Recording::begin();
        let other = recording.spools.path().join("thesis.spool");
        fs::write(&other, "not of fil").expect("written");
        assert_eq!(
            salvage(&recording.spools, &mut recording.trace, Duration::ZERO).expect("salvaged"),
            Salvaged::default()
        );
        assert!(other.exists());
    }

    #[test]
    fn a_trace_finds_its_spools_again() {
        let recording = Recording::begin();
        let mut header = recording.header();
        let found = SpoolDirectory::of_trace(&header).expect("found");
        assert_eq!(found.path(), recording.spools.path());
        assert!(found.launcher_runs(), "this test stands for fil record");

        header.monotonic_start_ns += 1;
        assert!(SpoolDirectory::of_trace(&header).is_none(), "the folder is another recording's");
    }
}
