//! Answers about calls: a measure by group (call site, unless said otherwise) and by call stack.
//!
//! Invariant: rows and stacks each add up to the total, and all are in an order that depends on nothing but the trace.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use rayon::prelude::*;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::call_stack::{CallStack, NodeId};
use crate::groups::{GroupName, Grouping, Groups};
use crate::image::ImageIndex;
use crate::measure::{Measure, Unit};
use crate::site::Site;
use crate::stack_order::StackOrder;
use crate::stack_resolver::StackResolver;
use crate::thread_names::ThreadNames;
use crate::trace::Trace;

/// A measure by group and by call stack. `A` is what else the view has to tell.
///
/// In JSON `about` and the numbers of `total` stand beside the other fields, and the rows are called by what they are:
/// `call_sites`, `functions` and so on.
#[derive(Clone, Debug, PartialEq)]
pub struct CallView<M, A> {
    /// Name and version of the contract, such as `fil.churn/1`.
    pub schema: &'static str,
    /// Name of the trace.
    pub trace: String,
    /// The job's command line, lossily decoded.
    pub command: Vec<String>,
    /// Whether the recording ended in order and nothing is damaged or lost.
    pub complete: bool,
    /// What a reader of this must know, one sentence each.
    pub warnings: Vec<String>,
    /// What the view is about.
    pub about: A,
    /// What the rows add up to.
    pub total: M,
    /// What the rows are.
    pub grouping: Grouping,
    /// By group, largest first.
    pub rows: Vec<Row<M>>,
    /// By process, thread and call stack, largest first.
    pub stacks: Vec<StackRow<M>>,
}

/// What a group has.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<M> {
    /// Which group.
    pub group: GroupName,
    /// Its numbers.
    pub measure: M,
}

/// What a call stack of one thread has.
#[derive(Clone, Debug, PartialEq)]
pub struct StackRow<M> {
    /// The frames; none for memory allocated outside Python code.
    pub frames: CallStack,
    /// Process id.
    pub process: u32,
    /// Which of the processes that is: several may have had this id.
    pub process_index: usize,
    /// The thread's name.
    pub thread: String,
    /// Its numbers.
    pub measure: M,
}

impl<M: Measure, A> CallView<M, A> {
    /// What each site has, by [`crate::site::SiteId`], as an answer.
    pub(crate) fn new(
        schema: &'static str,
        trace: &Trace,
        about: A,
        grouping: Grouping,
        measures: Vec<(Site, M)>,
    ) -> CallView<M, A> {
        let (complete, warnings) = trace.judged();
        let mut total = M::default();
        measures.iter().for_each(|(_, measure)| total.add(measure));
        let (rows, stacks) = by_call(trace, grouping, &measures);
        CallView {
            schema,
            trace: trace.name().to_owned(),
            command: trace.command(),
            complete,
            warnings,
            about,
            total,
            grouping,
            rows,
            stacks,
        }
    }
}

impl<M: Measure, A> CallView<M, A> {
    /// Leaves out rows and stacks of which the first number of bytes is less. The total stays what it is.
    pub fn leave_out_less_than(&mut self, bytes: u64) {
        let Some(column) = M::COLUMNS.iter().position(|column| column.unit == Unit::Bytes) else { return };
        let is_enough = |measure: &M| measure.values()[column].is_some_and(|value| value >= bytes);
        self.rows.retain(|row| is_enough(&row.measure));
        self.stacks.retain(|stack| is_enough(&stack.measure));
    }
}

/// By group and by call stack, each with the largest first. What has nothing is left out.
pub(crate) fn by_call<M: Measure>(
    trace: &Trace,
    grouping: Grouping,
    measures: &[(Site, M)],
) -> (Vec<Row<M>>, Vec<StackRow<M>>) {
    let mut resolver = StackResolver::new(trace.images());
    let mut groups = Groups::new(grouping);
    let mut by_group: Vec<M> = Vec::new();
    let mut by_stack = HashMap::<_, M>::new();
    for (site, measure) in measures.iter().filter(|(_, measure)| *measure != M::default()) {
        let stack = resolver.resolve(site.image, site.stack);
        by_stack.entry((site.image, site.thread, stack)).or_default().add(measure);
        let group = groups.of_site(site, stack, trace.images(), &resolver);
        by_group.resize(groups.names().len(), M::default());
        by_group[group.index()].add(measure);
    }
    let mut rows: Vec<Row<M>> =
        groups.names().iter().cloned().zip(by_group).map(|(group, measure)| Row { group, measure }).collect();
    rows.sort_by(|one, other| {
        (Reverse(one.measure.values()), &one.group).cmp(&(Reverse(other.measure.values()), &other.group))
    });
    let tree = Arc::new(resolver.finish());
    let order = StackOrder::of(&tree);
    let threads = ThreadNames::of(trace.images(), by_stack.keys().map(|&(image, thread, _)| (image, thread)));
    let mut stacks: Vec<_> = by_stack.into_iter().collect();
    stacks.par_sort_by_cached_key(|((image, thread, node), measure)| {
        let process = trace.images()[image.index()].key.pid;
        let name = threads.place(*image, *thread);
        // No two stacks are equal in all of this.
        let who = (process, *image, name, order.place(*node), *thread);
        (Reverse(measure.weight()), Reverse(measure.values()), who)
    });
    let stack = |((image, thread, node), measure): ((ImageIndex, _, NodeId), M)| StackRow {
        frames: CallStack::new(Arc::clone(&tree), node),
        process: trace.images()[image.index()].key.pid,
        process_index: image.index(),
        thread: threads.name(threads.place(image, thread)).to_owned(),
        measure,
    };
    let stacks = stacks.into_iter().map(stack).collect();
    (rows, stacks)
}

impl<M: Measure, A: Serialize> Serialize for CallView<M, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(bound = "A: Serialize, M: Measure")]
        struct Head<'a, M, A> {
            schema: &'static str,
            trace: &'a str,
            command: &'a [String],
            #[serde(flatten)]
            about: &'a A,
            #[serde(flatten)]
            total: Numbers<'a, M>,
            complete: bool,
            warnings: &'a [String],
            #[serde(flatten)]
            rows: BTreeMap<&'static str, &'a [Row<M>]>,
            stacks: &'a [StackRow<M>],
        }
        Head {
            schema: self.schema,
            trace: &self.trace,
            command: &self.command,
            about: &self.about,
            total: Numbers(&self.total),
            complete: self.complete,
            warnings: &self.warnings,
            rows: BTreeMap::from([(self.grouping.plural(), self.rows.as_slice())]),
            stacks: &self.stacks,
        }
        .serialize(serializer)
    }
}

impl<M: Measure> Serialize for Row<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Flat { group: &self.group, measure: Numbers(&self.measure) }.serialize(serializer)
    }
}

impl<M: Measure> Serialize for StackRow<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(bound = "M: Measure")]
        struct Flat<'a, M> {
            frames: &'a CallStack,
            process: u32,
            thread: &'a str,
            #[serde(flatten)]
            measure: Numbers<'a, M>,
        }
        let StackRow { frames, process, thread, measure, .. } = self;
        Flat { frames, process: *process, thread, measure: Numbers(measure) }.serialize(serializer)
    }
}

/// The fields of a group and its numbers as one object.
#[derive(Serialize)]
#[serde(bound = "M: Measure")]
struct Flat<'a, M> {
    #[serde(flatten)]
    group: &'a GroupName,
    #[serde(flatten)]
    measure: Numbers<'a, M>,
}

/// A measure as an object: names of columns and values.
struct Numbers<'a, M>(&'a M);

impl<M: Measure> Serialize for Numbers<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(M::COLUMNS.len()))?;
        for (column, value) in M::COLUMNS.iter().zip(self.0.values()) {
            map.serialize_entry(column.name, &value)?;
        }
        map.end()
    }
}
