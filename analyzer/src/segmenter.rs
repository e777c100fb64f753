//! Cuts the ordered events into segments, and does at once what needs their order and is rare: mapped memory, failed
//! calls, the ends of processes.

use std::sync::Arc;

use format::{Event, ThreadNumber};

use crate::birth::{Birth, Instant};
use crate::change::Change;
use crate::event_chunk::{EventChunk, Run};
use crate::image::{Image, ImageIndex};
use crate::mapped_memory::MappedMemory;
use crate::mappings::MappingChange;
use crate::order::EventSink;
use crate::replay::Failure;
use crate::segment::{Extra, Mark, Segment, UndoneFree};
use crate::site::{Site, SiteIds};

/// Segments that are longer are cut in the middle of stretches, too: positions have 32 bits.
const MOST_EVENTS: u32 = 1 << 24;

/// See the module.
pub(crate) struct Segmenter<B> {
    segment_events: u32,
    /// Images whose memory stops to count, the next one last.
    departures: Vec<Departure>,
    departed: Vec<bool>,
    job_ended: bool,
    clock_ns: u64,
    mapped: Vec<MappedMemory>,
    sites: SiteIds,
    /// Sites that somebody else knows of.
    told_sites: usize,
    segments: Vec<Segment<B>>,
    current: Segment<B>,
    /// Events before `current`.
    order: u64,
    /// Events of `current`.
    position: u32,
    spares: Vec<Segment<B>>,
}

#[derive(Clone, Copy)]
struct Departure {
    ns: u64,
    image: ImageIndex,
    ends_job: bool,
}

impl<B: Birth> Segmenter<B> {
    /// Makes segments of at most so many events, or of as many more as belong to stretches that have begun.
    pub(crate) fn new(images: &[Image], segment_events: u32) -> Segmenter<B> {
        let indexes = || (0..images.len()).map(|at| ImageIndex(at as u32));
        let departure = |image: ImageIndex| {
            let Image { departure_ns, ends_job, .. } = images[image.index()];
            Departure { ns: departure_ns, image, ends_job }
        };
        let mut departures: Vec<Departure> = indexes().map(departure).collect();
        departures.sort_by_key(|departure| std::cmp::Reverse((departure.ns, departure.image)));
        Segmenter {
            segment_events: segment_events.max(1),
            departures,
            departed: vec![false; images.len()],
            job_ended: false,
            clock_ns: 0,
            mapped: indexes().map(MappedMemory::new).collect(),
            sites: SiteIds::default(),
            told_sites: 0,
            segments: Vec::new(),
            current: Segment::default(),
            order: 0,
            position: 0,
            spares: Vec::new(),
        }
    }

    /// Tells a decoded chunk what its sites are called.
    pub(crate) fn name_sites(&mut self, image: ImageIndex, thread: ThreadNumber, chunk: &mut EventChunk) {
        let mut id_of = self.sites.of_thread(image, thread);
        chunk.site_ids = chunk.sites().iter().map(|&(stack, category)| id_of(stack, category)).collect();
    }

    /// The segments that are complete, in their order, and the sites that appear in them for the first time.
    pub(crate) fn take(&mut self) -> (Vec<Segment<B>>, Vec<Site>) {
        self.close();
        let new_sites = self.sites.sites()[self.told_sites..].to_vec();
        self.told_sites += new_sites.len();
        (std::mem::take(&mut self.segments), new_sites)
    }

    /// Takes segments that are done with.
    pub(crate) fn reuse(&mut self, segments: impl IntoIterator<Item = Segment<B>>) {
        for mut segment in segments {
            segment.clear();
            self.spares.push(segment);
        }
    }

    /// All events have come. Unless others went on, the job ends here with what it holds. The rest goes, or stays.
    pub(crate) fn end(&mut self, rest_goes: bool) {
        let job = self.departures.iter().find(|departure| departure.ends_job).copied();
        if let Some(job) = job {
            self.depart_until(job.ns.saturating_sub(1));
        }
        self.end_job();
        while let Some(Departure { ns, image, .. }) = self.departures.pop() {
            self.mark(Mark::Departure { image, ns: ns.max(self.clock_ns), clear: rest_goes });
            if rest_goes {
                self.drop_mappings(image);
            }
        }
    }

    pub(crate) fn into_sites(self) -> Vec<Site> {
        self.sites.into_sites()
    }

    /// Drops the memory of all images that are gone at this instant.
    fn depart_until(&mut self, ns: u64) {
        while let Some(departure) = self.departures.pop_if(|departure| departure.ns <= ns) {
            if departure.ends_job {
                self.end_job();
            }
            self.clock_ns = departure.ns.max(self.clock_ns);
            let image = departure.image;
            self.departed[image.index()] = true;
            self.mark(Mark::Departure { image, ns: self.clock_ns, clear: true });
            self.drop_mappings(image);
        }
    }

    fn drop_mappings(&mut self, image: ImageIndex) {
        for change in self.mapped[image.index()].clear() {
            self.push_change(0, &change);
        }
    }

    fn end_job(&mut self) {
        if !self.job_ended {
            self.job_ended = true;
            self.mark(Mark::JobEnd { ns: self.clock_ns });
        }
    }

    /// Begins a segment with a mark.
    fn mark(&mut self, mark: Mark) {
        self.close();
        self.current.mark = Some(mark);
    }

    /// Begins a segment, unless one has just begun.
    fn close(&mut self) {
        if !self.current.is_empty() {
            let next = self.spares.pop().unwrap_or_default();
            self.segments.push(std::mem::replace(&mut self.current, next));
            self.order += u64::from(self.position);
            self.current.first_order = self.order;
            self.position = 0;
        }
    }

    fn push_change(&mut self, position: u32, change: &MappingChange) {
        let &MappingChange { site, bytes, blocks, kind, birth } = change;
        let birth = B::at(birth.order, birth.ns);
        self.current.extras.push((position, Extra::Change(Change { bytes, site, blocks, kind, birth })));
    }

    fn apply_rare(&mut self, position: u32, image: ImageIndex, thread: ThreadNumber, chunk: &EventChunk, event: Event) {
        match event {
            Event::Failed { size, stack } => {
                let failure = Failure { image, thread, stack, size, ns: self.clock_ns };
                self.current.extras.push((position, Extra::Failure(failure)));
            }
            Event::UndoFree => {
                let undone = chunk.undone.map(|address| UndoneFree { position, image, thread, address });
                self.current.undone.extend(undone);
            }
            mapping => {
                let now = Instant { order: self.current.first_order + u64::from(position), ns: self.clock_ns };
                for change in self.mapped[image.index()].apply(thread, mapping, now, &mut self.sites) {
                    self.push_change(position, &change);
                }
            }
        }
    }
}

impl<B: Birth> EventSink for Segmenter<B> {
    fn run(&mut self, image: ImageIndex, thread: ThreadNumber, clock_ns: u64, chunk: &Arc<EventChunk>, run: &Run) {
        self.depart_until(clock_ns);
        self.clock_ns = clock_ns;
        if self.departed[image.index()] {
            return;
        }
        let events = run.events.end - run.events.start;
        let is_full = self.segment_events.saturating_sub(self.position) < events;
        let is_overfull = self.position > MOST_EVENTS;
        if is_full && run.begins_stretch || is_overfull || self.current.mark.is_some() {
            self.close();
        }
        for &(at, event) in chunk.rare(run) {
            self.apply_rare(self.position + at - run.events.start, image, thread, chunk, event);
        }
        self.current.push(image, thread, clock_ns, self.position, chunk, run);
        self.position += events;
    }
}
