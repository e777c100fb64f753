//! A profile for the Firefox Profiler (profiler.firefox.com), in its "processed profile" format.
//!
//! Each thread has a sample per call stack, at the time of the peak, whose weight is in bytes: the profiler's call tree
//! and flame graph show them as it shows time. Its tables of native allocations would say more by their name, but
//! [`fxprof_processed_profile`] puts those of all threads of a process into its first thread, with numbers of stacks
//! that mean others there. Its weights are of 32 bits, so a stack that holds more has several samples.
//!
//! A frame is a label, `function (file:line)`: fxprof_processed_profile gives files and lines to native frames only.
//! There is no room for blocks. Stacks of no bytes have no sample.

use std::io::{self, Write};
use std::time::Duration;

use fxprof_processed_profile::{
    CategoryColor, CategoryHandle, CategoryPairHandle, CpuDelta, Frame, FrameFlags, FrameInfo, ProcessHandle, Profile,
    ReferenceTimestamp, SamplingInterval, StackHandle, ThreadHandle, Timestamp, WeightType,
};

use crate::error::AnalyzerError;
use crate::export::memory_tree::MemoryTree;
use crate::export::texts;
use crate::export::threads::Threads;
use crate::image::MAIN_THREAD;
use crate::peak::Peak;
use crate::trace::Trace;

/// What a process can have: an address is of 47 bits. More is damage, and would be very many samples.
const MOST_BYTES: u64 = 1 << 47;

/// Threads that the profiler shows at once. It lists the others.
const VISIBLE_THREADS: usize = 10;

/// Writes the peak.
pub fn write(peak: &Peak, trace: &Trace, mut out: impl Write) -> Result<(), AnalyzerError> {
    let threads = Threads::of(peak);
    let started =
        ReferenceTimestamp::from_duration_since_unix_epoch(Duration::from_nanos(trace.header().wall_clock_start_ns));
    let start = Timestamp::from_nanos_since_reference(0);
    let product = format!("Peak memory: {}", peak.command.join(" "));
    let mut profile = Profile::new(&product, started, SamplingInterval::from_millis(1));
    // There is nothing to ask a symbol server for.
    profile.set_symbolicated(true);
    let python = profile.add_category("Python", CategoryColor::Yellow).into();
    let peak_time = Timestamp::from_nanos_since_reference(peak.peak_time_ns);
    // Threads of a process are next to each other.
    let mut last_process: Option<(usize, ProcessHandle)> = None;
    for (at, thread) in threads.list.iter().enumerate() {
        let process = match last_process {
            Some((index, handle)) if index == thread.process_index => handle,
            _ => profile.add_process(&thread.process, thread.pid, start),
        };
        last_process = Some((thread.process_index, process));
        // The profiler calls a main thread by the name of its process.
        let handle = profile.add_thread(process, at as u32 + 1, start, thread.name == MAIN_THREAD);
        profile.set_thread_name(handle, thread.name);
        profile.set_thread_samples_weight_type(handle, WeightType::Bytes);
        if at == 0 {
            profile.add_initial_selected_thread(handle);
        }
        if at < VISIBLE_THREADS {
            profile.add_initial_visible_thread(handle);
        }
        add_samples(&mut profile, handle, python, peak_time, &thread.tree());
    }
    serde_json::to_writer(&mut out, &profile).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

fn add_samples(
    profile: &mut Profile,
    thread: ThreadHandle,
    python: CategoryPairHandle,
    time: Timestamp,
    tree: &MemoryTree<'_>,
) {
    let mut stacks: Vec<StackHandle> = Vec::new();
    let mut room = MOST_BYTES;
    for (parent, node) in tree.all() {
        let label = profile.intern_string(&texts::frame(node.frame.map(|(_, frame)| frame)));
        let category_pair = if node.frame.is_some() { python } else { CategoryHandle::OTHER.into() };
        let frame = FrameInfo { frame: Frame::Label(label), category_pair, flags: FrameFlags::empty() };
        let frame = profile.intern_frame(thread, frame);
        let stack = profile.intern_stack(thread, parent.map(|parent| stacks[parent]), frame);
        stacks.push(stack);
        let mut rest = node.own.total().live_bytes.min(room);
        room -= rest;
        while rest > 0 {
            let weight = i32::try_from(rest).unwrap_or(i32::MAX);
            profile.add_sample(thread, time, Some(stack), CpuDelta::ZERO, weight);
            rest -= u64::from(weight.unsigned_abs());
        }
    }
}
