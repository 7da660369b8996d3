//! A trace becomes facts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use xray_core::document::{self, Document};

use super::causes::causes;
use super::columns::{Columns, Head};
use super::text::Collector;
use super::tree::{NONE, Place, Tree, u32_of, usize_of};
use super::{Annotation, Call, Facts, Flags, Label, Owned, Record, Segment, Value};
use crate::Trace;
use crate::trace::Node;

/// Keys of annotations that are indexed for a trace. Source: X-Ray Developer Guide, "Segment documents", annotations.
const ANNOTATION_KEYS: usize = 50;

impl Facts {
    /// What there is to ask of this trace.
    ///
    /// Of annotations the first 50 keys count, in the order of segments, as X-Ray indexes no more. A queue between a
    /// sender and a segment that consumed its message is a segment here, as it is a node of the service map.
    pub fn of(trace: &Trace) -> Facts {
        let tree = Tree::of(trace);
        let mut texts = Collector::default();
        let queues = Queues::of(trace, &tree);

        let mut segments = Vec::with_capacity(trace.segments.len() + queues.nodes.len());
        for (index, segment) in trace.segments.iter().enumerate() {
            let mut record = record(&segment.document);
            record.flags.set(Flags::INFERRED, segment.document.inferred);
            record.flags.set(Flags::ROOT, index == 0);
            segments.push(Segment::new(&mut texts, &segment.node, record));
        }
        for (node, call) in &queues.nodes {
            let mut record = record(call);
            record.flags.set(Flags::INFERRED, true);
            segments.push(Segment::new(&mut texts, node, record));
        }
        let (calls, mut labels) = calls(trace, &tree, &queues, segments.len(), &mut texts);
        for (index, segment) in trace.segments.iter().enumerate() {
            label(&segment.document, u32_of(index), &mut texts, &mut labels);
        }
        labels.sort_by_key(|owned| owned.owner);
        let annotations = annotations(&tree, &mut texts);
        let causes = causes(&tree, &mut texts);
        for place in tree.places() {
            if place.document.in_progress
                && let Some(segment) = segments.get_mut(usize_of(place.segment))
            {
                segment.record.flags.set(Flags::PARTIAL, true);
            }
        }
        let head = Head {
            start: trace.start_time().unwrap_or(f64::NAN),
            end: trace.end_time().unwrap_or(f64::NAN),
            partial: trace.is_partial(),
            throttled: tree.places().iter().any(|place| place.document.throttle),
            segments: u32_of(segments.len()),
            calls: u32_of(calls.len()),
            labels: u32_of(labels.len()),
            annotations: u32_of(annotations.len()),
            causes: u32_of(causes.causes.len()),
            entities: u32_of(causes.entities.len()),
            exceptions: u32_of(causes.exceptions.len()),
        };
        let columns = Columns {
            heads: Box::new([head]),
            texts: texts.finish(),
            segments: segments.into(),
            calls: calls.into(),
            labels: labels.into(),
            annotations: annotations.into(),
            causes: causes.causes.into(),
            entities: causes.entities.into(),
            exceptions: causes.exceptions.into(),
        };
        Arc::new(columns).facts(0)
    }
}

impl Segment {
    fn new<'a>(texts: &mut Collector<'a>, node: &'a Node, record: Record) -> Segment {
        Segment {
            name: texts.add(&node.name),
            kind: texts.add_if(node.kind.as_deref()),
            account: texts.add_if(node.account.as_deref()),
            record,
        }
    }
}

fn record(document: &Document) -> Record {
    let mut flags = Flags::default();
    flags.set(Flags::ERROR, document.error);
    flags.set(Flags::FAULT, document.fault);
    flags.set(Flags::THROTTLE, document.throttle);
    flags.set(Flags::PARTIAL, document.in_progress);
    let status = document.http_status().and_then(|status| i32::try_from(status).ok());
    Record {
        start: document.start_time.unwrap_or(f64::NAN),
        end: document.end_time.unwrap_or(f64::NAN),
        status: status.unwrap_or(-1),
        flags,
    }
}

/// Queues that lie between two segments of the trace.
#[derive(Default)]
struct Queues<'a> {
    nodes: Vec<(Node, &'a Document)>,
    /// By the place of the sending call, the index in `nodes`.
    by_call: HashMap<u32, usize>,
}

impl<'a> Queues<'a> {
    fn of(trace: &Trace, tree: &Tree<'a>) -> Queues<'a> {
        let mut queues = Queues::default();
        for (index, segment) in trace.segments.iter().enumerate() {
            let Some((at, caller)) = caller(tree, index) else { continue };
            if segment.document.inferred || queues.by_call.contains_key(&at) {
                continue;
            }
            if let Some(node) = Node::of_queue(caller.document) {
                queues.by_call.insert(at, queues.nodes.len());
                queues.nodes.push((node, caller.document));
            }
        }
        queues
    }
}

/// The place that called this segment.
fn caller<'a, 't>(tree: &'t Tree<'a>, segment: usize) -> Option<(u32, &'t Place<'a>)> {
    let above = tree.get(tree.segment(segment)?)?.above;
    Some((above, tree.get(above)?))
}

fn calls<'a>(
    trace: &'a Trace,
    tree: &Tree<'a>,
    queues: &Queues<'_>,
    segments: usize,
    texts: &mut Collector<'a>,
) -> (Vec<Call>, Vec<Owned>) {
    let mut calls = Vec::new();
    let mut labels = Vec::new();
    let mut sent = HashSet::new();
    for index in 0..trace.segments.len() {
        let Some((at, caller)) = caller(tree, index) else { continue };
        let (from, to) = (caller.segment, u32_of(index));
        let queue = queues.by_call.get(&at).map(|queue| u32_of(trace.segments.len() + queue));
        let hops = match queue {
            None => [Some((from, to)), None],
            Some(queue) => [sent.insert(at).then_some((from, queue)), Some((queue, to))],
        };
        for (from, to) in hops.into_iter().flatten() {
            label(caller.document, u32_of(segments + calls.len()), texts, &mut labels);
            calls.push(Call { from, to, record: record(caller.document) });
        }
    }
    (calls, labels)
}

fn label<'a>(document: &'a Document, owner: u32, texts: &mut Collector<'a>, labels: &mut Vec<Owned>) {
    let request = document.http.as_ref().and_then(|http| http.request.as_ref());
    let aws = |group: &str, key: &str| document.aws.as_ref()?.0.get(group)?.get(key)?.as_str();
    for (label, text) in [
        (Label::Url, request.and_then(|request| request.url.as_deref())),
        (Label::Method, request.and_then(|request| request.method.as_deref())),
        (Label::UserAgent, request.and_then(|request| request.user_agent.as_deref())),
        (Label::ClientIp, request.and_then(|request| request.client_ip.as_deref())),
        (Label::User, document.user.as_deref()),
        (Label::Zone, aws("ec2", "availability_zone").or_else(|| aws("ecs", "availability_zone"))),
        (Label::Instance, aws("ec2", "instance_id")),
        (Label::Arn, document.resource_arn.as_deref()),
    ] {
        if let Some(text) = text {
            labels.push(Owned { owner, label, text: texts.add(text) });
        }
    }
}

fn annotations<'a>(tree: &Tree<'a>, texts: &mut Collector<'a>) -> Vec<Annotation> {
    let mut keys: HashMap<&str, usize> = HashMap::new();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for place in tree.places() {
        let segment = if tree.is_orphan(place) { NONE } else { place.segment };
        for (key, value) in &place.document.annotations {
            let value = match value {
                document::Annotation::String(text) => Value::Text(texts.add(text)),
                document::Annotation::Number(number) => match number.as_f64() {
                    Some(number) => Value::Number(number),
                    None => continue,
                },
                document::Annotation::Bool(value) => Value::Bool(*value),
                document::Annotation::Other(_) => continue,
            };
            let order = match keys.get(key.as_str()) {
                Some(order) => *order,
                None if keys.len() < ANNOTATION_KEYS => {
                    let order = keys.len();
                    keys.insert(key, order);
                    order
                }
                None => continue,
            };
            if seen.insert((order, fingerprint(value), segment)) {
                found.push((order, Annotation { key: texts.add(key), value, segment }));
            }
        }
    }
    found.sort_by_key(|(order, _)| *order);
    found.into_iter().map(|(_, annotation)| annotation).collect()
}

/// Equal for equal values only.
fn fingerprint(value: Value) -> (u8, u64) {
    match value {
        Value::Text(text) => (0, text.place()),
        Value::Number(number) => (1, number.to_bits()),
        Value::Bool(value) => (2, u64::from(value)),
    }
}
