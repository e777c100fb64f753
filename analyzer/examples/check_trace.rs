//! Finds the peak of a generated trace, and compares it with the known answer that `generate_trace` printed. Tells how long
//! that took, on as many processors as `RAYON_NUM_THREADS` says; fails if anything differs.
//!
//! ```text
//! cargo run --release -p analyzer --no-default-features --example check_trace -- big.fil known-answer.json
//! ```

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use analyzer::{Peak, Trace, peak};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [trace, known] = &arguments[..] else { return Err("usage: check_trace TRACE KNOWN_ANSWER".into()) };
    let known: Value = serde_json::from_reader(BufReader::new(File::open(known)?))?;
    let start = Instant::now();
    let trace = Trace::open(Path::new(trace))?;
    let opened = start.elapsed().as_secs_f64();
    let peak = peak(&trace)?;
    let seconds = start.elapsed().as_secs_f64();
    let rate = peak.event_count as f64 / seconds / 1e6;
    println!("{rate:.1} million events per second: {seconds:.1} s, {opened:.1} s of them to open the trace");
    let found = found(&trace, &peak);
    let differing: Vec<&str> =
        found.iter().filter(|(name, value)| known[*name] != *value).map(|(name, _)| *name).collect();
    for name in &differing {
        println!("{name} differs: {} is found, {} is true", found_text(&found, name), known[*name]);
    }
    if differing.is_empty() { Ok(()) } else { Err("the answer is not the known one".into()) }
}

/// The analyzer's answer in the words of the known one.
fn found(trace: &Trace, peak: &Peak) -> Vec<(&'static str, Value)> {
    let blocks: u64 = peak.call_sites.iter().map(|site| site.live_blocks).sum();
    vec![
        ("events", json!(peak.event_count)),
        ("processes", json!(trace.process_count())),
        ("peak_bytes", json!(peak.peak_bytes)),
        ("peak_time_ns", json!(peak.peak_time_ns)),
        ("peak_blocks", json!(blocks)),
        ("end_bytes", json!(peak.end_bytes)),
        ("categories", json!(peak.categories)),
        ("call_sites", json!(peak.call_sites)),
    ]
}

fn found_text(found: &[(&str, Value)], name: &str) -> String {
    found.iter().find(|(found, _)| *found == name).map_or_else(String::new, |(_, value)| value.to_string())
}
