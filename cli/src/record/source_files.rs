//! The source files that appear in the job's stacks, read and appended to the trace while the job runs: nobody waits for
//! that at its end, and what is stored is the code that ran, should somebody edit it meanwhile.
//!
//! `source_follower.rs` is the thread that does it. Processes append their code objects to the trace as they go. Here
//! the trace is read behind them, as an outline, for the names of files. Whatever goes wrong meanwhile is left to the
//! end, where the trace tells which files are missing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use analyzer::{Outline, Summary, Trace};
use bytesize::ByteSize;
use format::constants::MAX_SOURCE_BYTES;
use format::{ChunkKind, SourceFile, TraceHeader, encode_source_file};
use rustix::fs::OFlags;

use crate::error::CliError;
use crate::record::finish::whole_recording;
use crate::record::trace_file::TraceFile;

/// See the module.
pub(crate) struct SourceFiles {
    working_directory: PathBuf,
    outline: Outline,
    /// How many of the outline's files were looked for.
    looked_for: usize,
    /// Names of files that are in the trace.
    stored: BTreeSet<String>,
    /// Nothing is appended to a trace of this size or more.
    max_trace_bytes: u64,
}

impl SourceFiles {
    /// For a trace with this header, behind which its chunks begin at `first_chunk`.
    pub(crate) fn new(header: &TraceHeader, first_chunk: u64) -> SourceFiles {
        SourceFiles {
            working_directory: Path::new(OsStr::from_bytes(&header.working_directory)).to_owned(),
            outline: Outline::new(header, first_chunk),
            looked_for: 0,
            stored: BTreeSet::new(),
            max_trace_bytes: u64::MAX,
        }
    }

    /// The same, for a trace that is not to be larger than that.
    pub(crate) fn up_to(self, max_trace_size: Option<ByteSize>) -> SourceFiles {
        SourceFiles { max_trace_bytes: max_trace_size.map_or(u64::MAX, |size| size.as_u64()), ..self }
    }

    /// Looks at what has been appended to the trace since the last time, and appends the sources. Between two files it asks
    /// whether it is to stop. After an error nothing more is to be appended while the job runs.
    pub(crate) fn follow(&mut self, file: &mut TraceFile, mut stop: impl FnMut() -> bool) -> Result<(), CliError> {
        // The end looks at everything again.
        let _ = File::open(file.path()).and_then(|trace| self.outline.read_on(&trace));
        while let Some(name) = self.outline.code_files().get(self.looked_for)
            && !stop()
        {
            let name = name.clone();
            self.looked_for += 1;
            self.append_source(file, &name)?;
        }
        Ok(())
    }

    /// Appends what is missing of the sources of the trace that was followed, to which nobody else appends any more, and
    /// sums it up. `None`, and nothing is appended, if that takes a look at all of it.
    pub(crate) fn append_followed(&mut self, file: &mut TraceFile) -> Result<Option<Summary>, CliError> {
        let is_whole = File::open(file.path()).and_then(|trace| self.outline.read_on(&trace));
        if !is_whole.is_ok_and(|is_whole| is_whole) {
            return Ok(None);
        }
        // Those that were not there before may be now.
        for name in self.outline.code_files().to_vec() {
            self.append_source(file, &name)?;
        }
        Ok(Some(self.outline.summary()))
    }

    /// Appends what is missing of the sources of this trace, whoever has appended others.
    pub(crate) fn append(mut self, file: &mut TraceFile, trace: &Trace) -> Result<(), CliError> {
        self.stored = trace.source_files();
        for name in trace.code_files() {
            self.append_source(file, &name)?;
        }
        Ok(())
    }

    /// Appends a file that is not stored. Code need not come from one: `<string>`, `<frozen importlib._bootstrap>`.
    fn append_source(&mut self, file: &mut TraceFile, name: &str) -> Result<(), CliError> {
        if self.stored.contains(name) {
            return Ok(());
        }
        let Ok(text) = read_source(&self.working_directory.join(name)) else { return Ok(()) };
        if file.length().saturating_add(text.len() as u64) > self.max_trace_bytes {
            return Ok(());
        }
        let source = encode_source_file(&SourceFile { file: name, text: &text })?;
        // As many as there are, whoever appended them: after a write that was cut short the number is the same again, by
        // which readers know that the torn chunk has come whole.
        let chunk_number = self.stored.len() as u64;
        file.append(whole_recording(ChunkKind::Source, chunk_number), &source)?;
        self.stored.insert(name.to_owned());
        Ok(())
    }
}

/// At most [`MAX_SOURCE_BYTES`] of a regular file. Others are only opened, which does not wait for the other end of a pipe.
fn read_source(path: &Path) -> io::Result<Vec<u8>> {
    let without_waiting = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(without_waiting.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // With room for one more byte, its end is found without another allocation.
    let mut text = Vec::with_capacity((metadata.len() as usize).min(MAX_SOURCE_BYTES) + 1);
    file.take(MAX_SOURCE_BYTES as u64).read_to_end(&mut text)?;
    Ok(text)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test may stop at what cannot happen")]
mod tests {
    use std::io::Write;

    use super::*;
    use format::{
        ChunkHeader, ChunkWriter, CodeId, Definition, LineTableFormat, ProcessKey, ThreadNumber, encode_definition,
    };

    /// A trace with one chunk of definitions, of which so many bytes at the end are still missing, and these.
    fn trace_naming(file: &Path, folder: &Path, missing: usize) -> (TraceHeader, PathBuf, Vec<u8>) {
        let header = TraceHeader {
            fil_version: "0".to_owned(),
            command: Vec::new(),
            working_directory: b"/".to_vec(),
            host: "here".to_owned(),
            wall_clock_start_ns: 0,
            monotonic_start_ns: 0,
            spool_directory: Vec::new(),
        };
        let code = Definition::Code {
            id: CodeId(1),
            function: "f",
            file: file.to_str().expect("UTF-8"),
            first_line: 1,
            line_table_format: LineTableFormat::Locations,
            line_table_bytes: 0,
        };
        let mut raw = vec![0; 1 << 12];
        let length = encode_definition(&code, &mut raw).expect("fits");
        raw.truncate(length);
        let process = ProcessKey { pid: 7, start_ns: 1 };
        let chunk_header = ChunkHeader::new(ChunkKind::Definitions, process, ThreadNumber(0), 0);
        let mut bytes = header.encode().expect("encodes");
        bytes.extend_from_slice(ChunkWriter::new(1).expect("level 1").chunk(chunk_header, &raw).expect("encodes"));
        let rest = bytes.split_off(bytes.len() - missing);
        let path = folder.join("trace.fil");
        std::fs::write(&path, bytes).expect("written");
        (header, path, rest)
    }

    /// The first line of the file that the trace has when it is finished, which was rewritten before that.
    fn stored_line(missing: usize, before_it_is_looked_at: impl Fn(&Path)) -> String {
        let folder = tempfile::tempdir().expect("folder");
        let program = folder.path().join("job.py");
        std::fs::write(&program, "as it ran\n").expect("written");
        let (header, path, rest) = trace_naming(&program, folder.path(), missing);
        let mut file = TraceFile::open(&path).expect("opens");
        let first_chunk = header.encode().expect("encodes").len() as u64;
        let mut sources = SourceFiles::new(&header, first_chunk);
        before_it_is_looked_at(&program);
        sources.follow(&mut file, || false).expect("appended");
        OpenOptions::new().append(true).open(&path).and_then(|mut trace| trace.write_all(&rest)).expect("written");
        std::fs::write(&program, "as it is now\n").expect("written");
        // Looked at again, it is still the same.
        sources.follow(&mut file, || false).expect("appended");
        sources.append(&mut file, &Trace::open(&path).expect("opens")).expect("appended");
        let trace = Trace::open(&path).expect("opens");
        assert_eq!(trace.source_files().len(), 1);
        trace.source_line(program.to_str().expect("UTF-8"), 1).expect("is there")
    }

    #[test]
    fn what_is_stored_is_the_code_that_ran() {
        assert_eq!(stored_line(0, |_| ()), "as it ran");
    }

    /// Code may be made first and written then.
    #[test]
    fn a_file_that_is_not_there_yet_is_looked_for_again() {
        assert_eq!(stored_line(0, |program| std::fs::remove_file(program).expect("removed")), "as it is now");
    }

    #[test]
    fn who_is_to_stop_stops_between_two_files() {
        let folder = tempfile::tempdir().expect("folder");
        let program = folder.path().join("job.py");
        std::fs::write(&program, "text").expect("written");
        let (header, path, _) = trace_naming(&program, folder.path(), 0);
        let mut file = TraceFile::open(&path).expect("opens");
        let mut sources = SourceFiles::new(&header, header.encode().expect("encodes").len() as u64);
        for stops in [true, false] {
            sources.follow(&mut file, || stops).expect("appended");
            assert_eq!(sources.stored.is_empty(), stops);
        }
    }

    /// A process may just be writing it.
    #[test]
    fn a_chunk_that_is_not_whole_is_looked_at_later() {
        assert_eq!(stored_line(1, |_| ()), "as it is now");
    }

    #[test]
    fn source_is_read_from_regular_files_only_and_cut_off() {
        let folder = tempfile::tempdir().expect("folder");
        let long = folder.path().join("long.py");
        std::fs::write(&long, vec![b'#'; MAX_SOURCE_BYTES + 1]).expect("written");
        assert_eq!(read_source(&long).expect("read").len(), MAX_SOURCE_BYTES);
        assert!(read_source(folder.path()).is_err());
        assert!(read_source(Path::new("/dev/zero")).is_err());
        assert!(read_source(&folder.path().join("<string>")).is_err());
        let pipe = folder.path().join("pipe");
        let owner = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, owner).expect("made");
        assert!(read_source(&pipe).is_err());
    }
}
