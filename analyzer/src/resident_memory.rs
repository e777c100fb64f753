//! Resident memory of the job, from the samples of its processes. It is shown beside the counted
//! memory and never mixed with it.

use crate::image::Image;

/// The sum over the processes that run at `ns` (monotonic clock) of the last sample of each; `None`
/// before the first sample of all. Only of processes with these ids, unless there are none.
pub(crate) fn resident_bytes_at(images: &[Image], ns: u64, processes: &[u32]) -> Option<u64> {
    let samples = |image: &Image| {
        let samples = &image.definitions.resident_samples;
        let behind = samples.partition_point(|sample| sample.time_ns <= ns);
        samples[..behind].last().copied()
    };
    let selected = images.iter().filter(|image| processes.is_empty() || processes.contains(&image.key.pid));
    let sampled = selected.filter_map(|image| Some((image, samples(image)?)));
    sampled.fold(None, |sum, (image, sample)| {
        let runs = ns < image.gone_ns;
        Some(sum.unwrap_or(0u64).saturating_add(if runs { sample.bytes } else { 0 }))
    })
}
