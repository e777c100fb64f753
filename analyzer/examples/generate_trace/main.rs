//! Writes a trace of any size, of a job that is made up, and prints what an analyzer must find in it.
//!
//! ```text
//! cargo run --release -p analyzer --no-default-features --example generate_trace -- \
//!     --events 1000000000 --live-blocks 1000000 --output big.fil > known-answer.json
//! ```
//!
//! What it prints is one JSON object, see `generator/known_answer.rs`. Equal arguments give equal bytes and equal answers.
//! Memory is a few hundred bytes per live block, and nothing per event.

mod generator;

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use clap::Parser;
use generator::{Plan, generate};

/// Writes a trace of a made-up job, and prints as JSON what an analyzer must find in it.
#[derive(Parser)]
struct Arguments {
    /// Events, of all processes and threads.
    #[arg(long, default_value_t = 10_000_000)]
    events: u64,
    /// Blocks that are alive at the peak, about. With fewer than 30 events for each, not all come to life in time.
    #[arg(long, default_value_t = 100_000)]
    live_blocks: u64,
    /// Threads of each process.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    threads: u32,
    /// Processes; all of them are there at the peak.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    processes: u32,
    /// Lines of Python that allocate.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    call_sites: u32,
    /// Other seeds give other jobs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The trace.
    #[arg(long)]
    output: PathBuf,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Arguments { events, live_blocks, threads, processes, call_sites, seed, output } = Arguments::parse();
    let start = Instant::now();
    let file = File::create(&output)?;
    let (answer, file) = generate(&Plan { events, live_blocks, threads, processes, call_sites, seed }, file)?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes = file.metadata()?.len();
    eprintln!(
        "{} events in {bytes} bytes, {:.3} bytes each; {seconds:.1} s, {:.1} million events per second",
        answer.events,
        bytes as f64 / answer.events as f64,
        answer.events as f64 / seconds / 1e6
    );
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &answer)?;
    writeln!(out)?;
    Ok(())
}
