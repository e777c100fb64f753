//! Measures how fast a trace is replayed.
//!
//! ```text
//! cargo run --release -p analyzer --example replay_speed [million events] [threads] [events per turn]
//! ```
//!
//! The job is made up: a million live blocks of sizes as Python has them, most of them freed soon
//! after they were allocated, a hundred call stacks, and with several threads a new turn every so
//! many events (by default 100). The numbers are for comparing one version of the analyzer with another.

use std::error::Error;
use std::time::Instant;

use analyzer::{Trace, peak};
use format::{
    ChunkHeader, ChunkKind, ChunkWriter, Domain, Event, EventEncoder, PathId, ProcessKey, StackId, ThreadNumber,
    TraceHeader,
};

const PROCESS: ProcessKey = ProcessKey { pid: 10, start_ns: 1000 };
const CHUNK_BYTES: usize = 65_400;
const LIVE_BLOCKS: u64 = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let events = arguments.next().transpose()?.unwrap_or(20) * 1_000_000;
    let threads = arguments.next().transpose()?.unwrap_or(1).max(1) as usize;
    let events_per_turn = arguments.next().transpose()?.unwrap_or(100).max(2);
    let bytes = made_up_trace(events, threads, events_per_turn)?;
    println!("{} events in {} MB", events, bytes.len() / 1_000_000);
    for processors in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(processors).build()?;
        let bytes = bytes.clone();
        let start = Instant::now();
        let answer = pool.install(|| peak(&Trace::from_bytes("made up".into(), bytes)?))?;
        let rate = events as f64 / start.elapsed().as_secs_f64() / 1e6;
        println!("{processors} processors: {rate:.1} million events per second, peak {} bytes", answer.peak_bytes);
    }
    Ok(())
}

struct JobThread {
    encoder: EventEncoder,
    raw: Vec<u8>,
    header: ChunkHeader,
}

fn made_up_trace(events: u64, threads: usize, events_per_turn: u64) -> Result<Vec<u8>, Box<dyn Error>> {
    let header = TraceHeader {
        fil_version: String::new(),
        command: Vec::new(),
        working_directory: Vec::new(),
        host: String::new(),
        wall_clock_start_ns: 0,
        monotonic_start_ns: PROCESS.start_ns,
        spool_directory: Vec::new(),
    };
    let mut bytes = header.encode()?;
    let mut writer = ChunkWriter::new(1)?;
    let mut job: Vec<JobThread> = (0..threads).map(JobThread::new).collect();
    let (mut random, mut next_address, mut turn) = (1u64, 0x7f00_0000_0000u64, 0);
    let mut live = vec![0; LIVE_BLOCKS as usize];
    let mut freed = Vec::new();
    for event in 0..events / 2 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (event / (events_per_turn / 2)) as usize % threads;
        if threads > 1 && event % (events_per_turn / 2) == 0 {
            turn += 1;
            job[at].push(Event::Turn { turn });
        }
        // Nine of ten blocks replace the one before, the tenth an old one.
        let place = if (random >> 60) < 14 { event % 8 } else { (random >> 20) % LIVE_BLOCKS } as usize;
        let old = std::mem::take(&mut live[place]);
        if old != 0 {
            freed.push(old);
        }
        job[at].push(Event::Free { address: old });
        let address = freed.pop().unwrap_or_else(|| {
            next_address += 64;
            next_address
        });
        live[place] = address;
        let size = 16 + (random >> 40) % 6 * 8;
        let stack = StackId { path: PathId((random >> 33) as u32 % 20), instruction: (random >> 38) as u32 % 5 };
        job[at].push(Event::Alloc { domain: Domain::Python, address, size, stack });
        if event % 32 == 0 {
            job[at].push(Event::Time { ns: PROCESS.start_ns + event * 20 });
        }
        job[at].cut(&mut writer, &mut bytes, turn, CHUNK_BYTES)?;
    }
    for thread in &mut job {
        thread.cut(&mut writer, &mut bytes, turn, 1)?;
    }
    Ok(bytes)
}

impl JobThread {
    fn new(index: usize) -> JobThread {
        let header = ChunkHeader {
            kind: ChunkKind::Events,
            thread: ThreadNumber(index as u32 + 1),
            raw_bytes: 0,
            compressed_bytes: 0,
            event_count: 0,
            process: PROCESS,
            chunk_number: 0,
            first_turn: 0,
            first_ns: PROCESS.start_ns,
            last_ns: PROCESS.start_ns,
        };
        JobThread { encoder: EventEncoder::new(header.first_ns, 0), raw: Vec::new(), header }
    }

    fn push(&mut self, event: Event) {
        self.header.event_count += u32::from(!event.is_mark());
        self.encoder.encode(&mut self.raw, event);
    }

    /// Writes the chunk once it has this many bytes.
    fn cut(
        &mut self,
        writer: &mut ChunkWriter,
        trace: &mut Vec<u8>,
        turn: u64,
        at_least: usize,
    ) -> Result<(), Box<dyn Error>> {
        if self.raw.len() >= at_least {
            self.header.last_ns = self.encoder.last_ns();
            trace.extend_from_slice(writer.chunk(self.header, &self.raw)?);
            let (chunk_number, first_ns) = (self.header.chunk_number + 1, self.header.last_ns);
            self.header = ChunkHeader { chunk_number, first_ns, first_turn: turn, event_count: 0, ..self.header };
            self.encoder.restart(first_ns, turn);
            self.raw.clear();
        }
        Ok(())
    }
}
