//! Builds traces from text, so that tests read like the stories they tell.
//!
//! One line, one thing that happens. Lines of different threads may be mixed as they like; the order
//! of lines in one thread is that of its events, and turns say the rest.
//!
//! ```text
//! process 10 start=0 [fork=PID] [codes=N] [paths=N] command=python,job.py
//! in 10                                   (back to the process that began with this pid)
//! code 1 main job.py 5                    (id, function, file, first line)
//! path 1 0 1                              (call path: id, caller, code)
//! thread 1                                (the lines that follow are this thread's)
//! name worker 77                          (the thread's name and kernel id)
//! turn 3 / time 1000                      (marks; time in ns since the start of the job)
//! late-turn 3                             (a mark, even where a chunk's header would do)
//! alloc 1000 64 stack=1 / pyalloc ... / free 1000 / undo
//!                                         (a stack or caller is PATH or PATH@INSTRUCTION)
//! map 4096 8192 [reserved] stack=1 / map-shared ... / map-file ... / arena ... / unmap 4096 4096
//! open 4096 4096 stack=1 / close ...      (mprotect)
//! remap 4096 8192 stack=1                 (what the last unmap took away)
//! failed 64 stack=1                       (a call asked for 64 bytes and got none)
//! rss 1000 5000                           (time, bytes)
//! source job.py a line|another line
//! notice TEXT / stopped TEXT              (recorded without stacks; recording stopped)
//! ended 3000                              (the process has called exit)
//! cut                                     (the thread's chunk ends here, the next begins)
//! end [at=NS] [killed] [signal=N] [code=N] [oom-kills=N]
//! ```

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used)]

pub mod budgets;
pub mod history;
pub mod steps;

use std::collections::BTreeMap;

use analyzer::Trace;
use format::*;

/// Start of all test jobs: not 0, so that nobody confuses the two clocks.
pub const JOB_START_NS: u64 = 5_000_000;

pub fn header() -> TraceHeader {
    TraceHeader {
        fil_version: "test".into(),
        command: vec![b"python".to_vec(), b"job.py".to_vec()],
        working_directory: b"/work".to_vec(),
        host: "host".into(),
        wall_clock_start_ns: 0,
        monotonic_start_ns: JOB_START_NS,
        spool_directory: Vec::new(),
    }
}

/// Bytes of a trace.
pub fn trace_bytes(story: &str) -> Vec<u8> {
    let mut builder = TraceBuilder::new();
    for line in story.lines().map(str::trim).filter(|line| !line.is_empty()) {
        builder.line(line);
    }
    builder.finish()
}

/// An opened trace.
pub fn open(story: &str) -> Trace {
    Trace::from_bytes("test.fil".into(), trace_bytes(story)).unwrap()
}

struct OpenChunk {
    encoder: EventEncoder,
    bytes: Vec<u8>,
    header: ChunkHeader,
    turn: u64,
}

/// `PATH` or `PATH@INSTRUCTION`.
fn parse_stack(text: &str) -> StackId {
    let (path, instruction) = text.split_once('@').unwrap_or((text, "0"));
    StackId { path: PathId(path.parse().unwrap()), instruction: instruction.parse().unwrap() }
}

pub struct TraceBuilder {
    bytes: Vec<u8>,
    writer: ChunkWriter,
    process: ProcessKey,
    thread: ThreadNumber,
    events: u64,
    definitions: BTreeMap<ProcessKey, Vec<u8>>,
    open: BTreeMap<(ProcessKey, ThreadNumber), OpenChunk>,
}

impl TraceBuilder {
    pub fn new() -> TraceBuilder {
        TraceBuilder {
            bytes: header().encode().unwrap(),
            writer: ChunkWriter::new(1).unwrap(),
            process: ProcessKey { pid: 10, start_ns: JOB_START_NS },
            thread: ThreadNumber(1),
            events: 0,
            definitions: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    pub fn line(&mut self, line: &str) {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let (named, plain): (Vec<&str>, Vec<&str>) = words.partition(|word| word.contains('='));
        let option =
            |name: &str| named.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned);
        let number = |at: usize| -> u64 { plain[at].parse().unwrap() };
        let stack = option("stack").map_or(StackId::EMPTY, |text| parse_stack(&text));
        match verb {
            "process" => self.begin_process(number(0) as u32, &option),
            "in" => self.process = self.process_of_pid(number(0) as u32).unwrap(),
            "thread" => self.thread = ThreadNumber(number(0) as u32),
            "name" => {
                let kernel_id = number(1) as u32;
                self.define(&Definition::ThreadStart { thread: self.thread, kernel_id, name: plain[0] });
            }
            "code" => self.define(&Definition::Code {
                id: CodeId(number(0) as u32),
                function: plain[1],
                file: plain[2],
                first_line: number(3) as u32,
                line_table_format: LineTableFormat::Locations,
                line_table_bytes: 0,
            }),
            "path" => {
                let caller = parse_stack(plain[1]);
                self.define(&Definition::CallPath {
                    id: PathId(number(0) as u32),
                    caller: caller.path,
                    instruction: caller.instruction,
                    code: CodeId(number(2) as u32),
                });
            }
            "rss" => self.define(&Definition::ResidentMemory { time_ns: JOB_START_NS + number(0), bytes: number(1) }),
            "notice" | "stopped" => {
                let kind = if verb == "notice" { NoticeKind::NoStacks } else { NoticeKind::RecordingStopped };
                self.define(&Definition::Notice { kind, time_ns: JOB_START_NS, text: plain[0] });
            }
            "source" => {
                let text = line.splitn(3, ' ').nth(2).unwrap().replace('|', "\n");
                let source = SourceFile { file: plain[0], text: text.as_bytes() };
                self.append(ChunkKind::Source, 0, &encode_source_file(&source).unwrap());
            }
            "turn" => self.event(Event::Turn { turn: number(0) }),
            "late-turn" => self.encode(Event::Turn { turn: number(0) }),
            "time" => self.event(Event::Time { ns: JOB_START_NS + number(0) }),
            "alloc" => self.event(Event::Alloc { domain: Domain::Heap, address: number(0), size: number(1), stack }),
            "pyalloc" => {
                self.event(Event::Alloc { domain: Domain::Python, address: number(0), size: number(1), stack })
            }
            "free" => self.event(Event::Free { address: number(0) }),
            "undo" => self.event(Event::UndoFree),
            "map" | "map-shared" | "map-file" | "arena" => {
                let kind = match verb {
                    "map" => MappingKind::Private,
                    "map-shared" => MappingKind::Shared,
                    "map-file" => MappingKind::File,
                    _ => MappingKind::PythonArena,
                };
                let accessible = !plain.contains(&"reserved");
                self.event(Event::Map { kind, accessible, address: number(0), length: number(1), stack });
            }
            "unmap" => self.event(Event::Unmap { address: number(0), length: number(1) }),
            "open" | "close" => {
                let accessible = verb == "open";
                self.event(Event::Protect { accessible, address: number(0), length: number(1), stack });
            }
            "remap" => self.event(Event::Remap { address: number(0), length: number(1), stack }),
            "failed" => {
                self.define(&Definition::AllocationFailed { time_ns: JOB_START_NS, size: number(0) });
                self.event(Event::Failed { size: number(0), stack });
            }
            "ended" => self.define(&Definition::EndedItself { time_ns: JOB_START_NS + number(0) }),
            "cut" => self.cut((self.process, self.thread)),
            "end" => {
                let option = |name: &str| option(name).map(|value| value.parse::<u64>().unwrap());
                let signal = if plain.contains(&"killed") { Some(9) } else { option("signal") };
                let code = option("code").unwrap_or(0) as i32;
                let job_end = signal.map_or(JobEnd::Exited(code), |signal| JobEnd::Killed(signal as i32));
                let end_ns = JOB_START_NS + option("at").unwrap_or(1_000_000);
                let oom_kills = option("oom-kills").unwrap_or(0);
                self.end(RecordingEnd { job_end, end_ns, event_count: 0, oom_kills });
            }
            other => panic!("no such line: {other}"),
        }
    }

    fn begin_process(&mut self, pid: u32, option: &dyn Fn(&str) -> Option<String>) {
        let number = |name: &str| option(name).map_or(0, |value| value.parse::<u64>().unwrap());
        self.process = ProcessKey { pid, start_ns: JOB_START_NS + number("start") };
        self.thread = ThreadNumber(1);
        let command = option("command").unwrap_or_default();
        let parent = option("fork").and_then(|pid| self.process_of_pid(pid.parse().unwrap()));
        self.define(&Definition::ProcessStart {
            command: command.split(',').map(str::as_bytes).collect(),
            parent_pid: 1,
            pid_namespace: number("namespace"),
            start_ticks: number("ticks"),
            forked_from: parent,
            inherited_codes: number("codes") as u32,
            inherited_paths: number("paths") as u32,
            python_version: Some("3.11.7"),
        });
    }

    fn process_of_pid(&self, pid: u32) -> Option<ProcessKey> {
        self.definitions.keys().copied().find(|key| key.pid == pid)
    }

    pub fn define(&mut self, definition: &Definition<'_>) {
        let mut out = vec![0; 64 << 10];
        let length = encode_definition(definition, &mut out).unwrap();
        self.definitions.entry(self.process).or_default().extend_from_slice(&out[..length]);
    }

    /// One event. As in the recorder, marks at the beginning of a chunk go into its header.
    pub fn event(&mut self, event: Event) {
        let chunk = self.open_chunk();
        let header = &mut chunk.header;
        match event {
            Event::Time { ns } if chunk.bytes.is_empty() => header.first_ns = ns.max(header.first_ns),
            Event::Turn { turn } if chunk.bytes.is_empty() => (header.first_turn, chunk.turn) = (turn, turn),
            event => return self.encode(event),
        }
        chunk.encoder.restart(chunk.header.first_ns, chunk.turn);
    }

    /// One event that goes into the chunk in any case.
    fn encode(&mut self, event: Event) {
        let chunk = self.open_chunk();
        if let Event::Turn { turn } = event {
            chunk.turn = turn;
        }
        chunk.encoder.encode(&mut chunk.bytes, event);
        if !event.is_mark() {
            chunk.header.event_count += 1;
            self.events += 1;
        }
    }

    fn open_chunk(&mut self) -> &mut OpenChunk {
        let key = (self.process, self.thread);
        let first_ns = self.process.start_ns;
        self.open.entry(key).or_insert_with(|| OpenChunk {
            encoder: EventEncoder::new(first_ns, 0),
            bytes: Vec::new(),
            header: chunk_header(ChunkKind::Events, key.0, key.1, 0, first_ns),
            turn: 0,
        })
    }

    /// Ends the chunk of a thread and begins the next.
    fn cut(&mut self, key: (ProcessKey, ThreadNumber)) {
        let Some(chunk) = self.open.get_mut(&key) else { return };
        let last_ns = chunk.encoder.last_ns();
        let header = ChunkHeader { last_ns, ..chunk.header };
        self.bytes.extend_from_slice(self.writer.chunk(header, &chunk.bytes).unwrap());
        chunk.encoder.restart(last_ns, chunk.turn);
        chunk.bytes.clear();
        chunk.header = ChunkHeader {
            chunk_number: header.chunk_number + 1,
            first_turn: chunk.turn,
            first_ns: last_ns,
            event_count: 0,
            ..header
        };
    }

    fn append(&mut self, kind: ChunkKind, number: u64, raw: &[u8]) {
        let mut header = chunk_header(kind, self.process, ThreadNumber(0), 0, JOB_START_NS);
        header.chunk_number = number;
        self.bytes.extend_from_slice(self.writer.chunk(header, raw).unwrap());
    }

    fn flush(&mut self) {
        for key in self.open.keys().copied().collect::<Vec<_>>() {
            self.cut(key);
        }
        self.open.clear();
        for (process, raw) in std::mem::take(&mut self.definitions) {
            self.process = process;
            self.append(ChunkKind::Definitions, 0, &raw);
        }
    }

    fn end(&mut self, end: RecordingEnd) {
        self.flush();
        let end = RecordingEnd { event_count: self.events, ..end };
        self.append(ChunkKind::End, 0, &encode_recording_end(&end).unwrap());
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.bytes
    }
}

fn chunk_header(
    kind: ChunkKind,
    process: ProcessKey,
    thread: ThreadNumber,
    first_turn: u64,
    first_ns: u64,
) -> ChunkHeader {
    ChunkHeader {
        kind,
        thread,
        raw_bytes: 0,
        compressed_bytes: 0,
        event_count: 0,
        process,
        chunk_number: 0,
        first_turn,
        first_ns,
        last_ns: first_ns,
    }
}

/// `function=bytes` of every call site, in the order of the answer.
pub fn call_sites(peak: &analyzer::Peak) -> Vec<String> {
    peak.call_sites.iter().map(|site| format!("{}={}/{}", site.function, site.live_bytes, site.live_blocks)).collect()
}

/// `function>function=bytes/blocks` of every stack, in the order of the answer.
pub fn stacks(peak: &analyzer::Peak) -> Vec<String> {
    let text = |stack: &analyzer::StackMemory| {
        let frames: Vec<&str> = stack.frames.frames().iter().map(|frame| frame.function.as_str()).collect();
        let frames = frames.join(">");
        format!("{} {} {frames}={}/{}", stack.process, stack.thread, stack.live_bytes, stack.live_blocks)
    };
    peak.stacks.iter().map(text).collect()
}

/// A job of three functions: one that holds much twice, and two that hold little.
pub const STORY: &str = "process 10 command=python,job.py
    name python 10
    code 1 <module> /home/job.py 1
    code 2 big /home/job.py 2
    code 3 small /home/job.py 3
    code 4 tiny /home/job.py 4
    path 1 0 1
    path 2 1 2
    path 3 1 3
    path 4 1 4
    source /home/job.py first|  big = 5; x = 7|small <&> 'x'
    rss 150 5000
    rss 390 7000
    time 100
    alloc 1000 700 stack=2
    time 150
    alloc 2000 20 stack=3
    alloc 3000 10 stack=4
    time 180
    free 2000
    alloc 4000 25 stack=4
    time 300
    free 1000
    time 301
    alloc 1000 100 stack=2
    end at=400";

/// A recursion in which every level holds 100 bytes.
pub fn recursion(levels: usize) -> String {
    let mut story = "process 10\ncode 1 <module> job.py 1\ncode 2 deeper job.py 2\npath 1 0 1\n".to_owned();
    for level in 2..=levels {
        story += &format!("path {level} {} 2\n", level - 1);
    }
    for level in 1..=levels {
        story += &format!("alloc {} 100 stack={level}\n", level * 1000);
    }
    story + "end"
}
