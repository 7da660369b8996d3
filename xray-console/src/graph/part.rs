//! What one trace adds to the service graph.
//!
//! Computed once for each revision of a trace and kept beside it, so that the graph of a hundred thousand traces is a sum
//! and reads no document. Parts of many traces can be put side by side (`parts.rs`). Nodes take their numbers from their own segments, edges from the subsegment of the caller: the
//! difference is the way between the two. Where a message waits in a queue, which has no view of its own, the edge to the
//! consumer says how long the message waited.
//!
//! Source: X-Ray API Reference, "GetServiceGraph", "Edge"; X-Ray Developer Guide, "Getting data from X-Ray".

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use xray_core::document::Document;

use super::call::Call;
use super::named::Shared;
use super::parts::{Head, Parts, index};
use crate::Trace;
use crate::trace::{Node, Segment};

/// The type of the node that stands for whoever sent a trace's first request.
pub const CLIENT: &str = "client";

/// What one trace adds to a [`ServiceGraph`](super::ServiceGraph).
///
/// # Examples
///
/// ```
/// use xray_console::{Trace, graph::{Part, ServiceGraph}};
/// use xray_core::document::Document;
///
/// let document = Document::parse(r#"{"name":"shop","id":"000000000000000a","start_time":1.0,"end_time":1.5}"#).unwrap();
/// let trace = Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", [document]);
/// let part = Part::of(&trace);
///
/// let services = ServiceGraph::of([&part]).services();
/// let names: Vec<_> = services.iter().map(|service| service.name.as_str()).collect();
/// assert_eq!(names, ["shop", "shop"], "the client, and the service");
/// ```
#[derive(Clone)]
pub struct Part {
    /// Those of this trace, and perhaps of others.
    pub(super) parts: Arc<Parts>,
    /// Which trace of them it is.
    pub(super) at: usize,
}

/// One node in one trace.
#[derive(Clone, Debug)]
pub(super) struct PartNode {
    pub(super) node: Shared,
    pub(super) span: Span,
    /// It was where the trace began.
    pub(super) root: bool,
    /// It sent segments of its own.
    pub(super) sent: bool,
    /// How many of the part's calls are this node's.
    pub(super) calls: u32,
}

/// All calls from one node to another in one trace.
#[derive(Clone, Debug)]
pub(super) struct PartEdge {
    /// Index of the caller's node.
    pub(super) from: u32,
    /// Index of the called node.
    pub(super) to: u32,
    pub(super) kind: EdgeKind,
    pub(super) span: Span,
    /// How many of the part's calls are this edge's.
    pub(super) calls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum EdgeKind {
    /// The caller waited for the answer; calls last as long as it did.
    Call,
    /// A message came later; calls last as long as the message was on its way.
    Link,
}

/// Another name by which the target of an edge was called.
#[derive(Clone, Debug)]
pub(super) struct PartAlias {
    pub(super) edge: u32,
    pub(super) name: Shared,
}

/// A link of a segment to another trace.
#[derive(Clone, Debug)]
pub(super) struct PartLink {
    pub(super) trace: Box<str>,
    pub(super) id: u64,
    /// Index of the node that has the link.
    pub(super) to: u32,
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) call: Option<Call>,
}

/// Where a link ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) id: u64,
    /// Index of the node that holds the message: the queue of a call to one, else the node that called.
    pub(super) node: u32,
    /// Seconds since the epoch at which the message was on its way.
    pub(super) sent: f64,
}

impl Place {
    fn new(id: &str, node: u32, sent: Option<f64>) -> Option<Place> {
        Some(Place { id: u64::from_str_radix(id, 16).ok()?, node, sent: sent? })
    }
}

/// Seconds since the epoch from the first to the last of something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) end: f64,
}

impl Span {
    pub(super) const NONE: Span = Span { start: f64::INFINITY, end: f64::NEG_INFINITY };

    pub(super) fn of(document: &Document) -> Span {
        let start = document.start_time.filter(|time| time.is_finite());
        let Some(start) = start else { return Span::NONE };
        Span { start, end: document.end_time.filter(|end| end.is_finite()).unwrap_or(start).max(start) }
    }

    pub(super) fn widen(&mut self, other: Span) {
        self.start = self.start.min(other.start);
        self.end = self.end.max(other.end);
    }
}

impl Part {
    /// Works it out.
    pub fn of(trace: &Trace) -> Part {
        let mut draft = Draft::default();
        let nodes: Vec<u32> = trace.segments.iter().map(|segment| draft.segment(segment)).collect();
        if let (Some(root), Some(node)) = (trace.root(), nodes.first()) {
            draft.client(root, *node);
        }
        let callers = callers(trace, |_| true);
        for (segment, to) in trace.segments.iter().zip(&nodes) {
            let Some(parent) = &segment.parent else { continue };
            let (Some(from), Some(caller)) = (nodes.get(parent.segment), callers.get(parent.id.as_str())) else {
                continue;
            };
            draft.call(segment, *to, caller, *from, trace.segments.get(parent.segment));
        }
        draft.links(trace, &nodes);
        draft.finish(trace, &nodes)
    }

    /// The nodes it passes, the root's first, each once; clients are not among them.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.part_nodes().iter().map(|node| node.node.node()).filter(|node| node.kind.as_deref() != Some(CLIENT))
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<_> = self.nodes().map(|node| node.name.as_str()).collect();
        to.debug_struct("Part").field("trace", &self.trace_id()).field("nodes", &nodes).finish_non_exhaustive()
    }
}

/// Documents by their id.
pub(crate) type Callers<'a> = HashMap<&'a str, &'a Document>;

/// The documents that are the parent of some segment of these.
pub(crate) fn callers(trace: &Trace, of: impl Fn(&Segment) -> bool) -> Callers<'_> {
    let called = trace.segments.iter().filter(|segment| of(segment));
    let parents = called.filter_map(|segment| Some((segment.parent.as_ref()?.id.as_str(), None)));
    let mut callers: HashMap<&str, Option<&Document>> = parents.collect();
    if !callers.is_empty() {
        for document in trace.segments.iter().flat_map(Segment::walk) {
            if let Some(caller) = callers.get_mut(document.id.as_str()) {
                *caller = Some(document);
            }
        }
    }
    callers.into_iter().filter_map(|(id, caller)| Some((id, caller?))).collect()
}

/// How long a consumed message was on its way: what the consumer says, else from the end of sending to its beginning.
fn wait(consumer: &Document, sent: f64) -> f64 {
    let told = consumer.annotations.get("queue_wait_ms").and_then(|wait| wait.as_f64()).map(|millis| millis / 1e3);
    told.filter(|wait| wait.is_finite()).unwrap_or_else(|| consumer.start_time.unwrap_or(sent) - sent).max(0.0)
}

/// A part that is being worked out.
#[derive(Default)]
struct Draft<'a> {
    nodes: Vec<(PartNode, Vec<Call>)>,
    node_of: HashMap<Shared, u32>,
    edges: Vec<(PartEdge, Vec<Call>)>,
    edge_of: HashMap<(u32, u32, EdgeKind), u32>,
    /// Which calls have been counted for which edge: one call may be answered by several segments.
    counted: HashSet<(u32, &'a str)>,
    aliases: Vec<PartAlias>,
    links: Vec<PartLink>,
    places: Vec<Place>,
}

impl<'a> Draft<'a> {
    fn node(&mut self, node: Node) -> (u32, &mut (PartNode, Vec<Call>)) {
        let node = Shared::new(node);
        let place = *self.node_of.entry(node.clone()).or_insert_with(|| {
            let new = PartNode { node, span: Span::NONE, root: false, sent: false, calls: 0 };
            self.nodes.push((new, Vec::new()));
            index(self.nodes.len() - 1)
        });
        // Every place in the map is one of the list.
        #[allow(clippy::indexing_slicing)]
        (place, &mut self.nodes[place as usize])
    }

    fn edge(&mut self, from: u32, to: u32, kind: EdgeKind) -> (u32, &mut (PartEdge, Vec<Call>)) {
        let place = *self.edge_of.entry((from, to, kind)).or_insert_with(|| {
            self.edges.push((PartEdge { from, to, kind, span: Span::NONE, calls: 0 }, Vec::new()));
            index(self.edges.len() - 1)
        });
        // Every place in the map is one of the list.
        #[allow(clippy::indexing_slicing)]
        (place, &mut self.edges[place as usize])
    }

    fn segment(&mut self, segment: &Segment) -> u32 {
        let (place, (node, calls)) = self.node(segment.node.clone());
        node.span.widen(Span::of(&segment.document));
        node.sent |= !segment.document.inferred;
        calls.extend(Call::of(&segment.document));
        place
    }

    fn client(&mut self, root: &Segment, to: u32) {
        if let Some((node, _)) = self.nodes.get_mut(to as usize) {
            node.root = true;
        }
        let span = Span::of(&root.document);
        let (from, (client, _)) = self.node(Node { kind: Some(CLIENT.to_owned()), ..root.node.clone() });
        client.span.widen(span);
        let (_, (edge, calls)) = self.edge(from, to, EdgeKind::Call);
        edge.span.widen(span);
        calls.extend(Call::of(&root.document));
    }

    fn call(&mut self, segment: &'a Segment, to: u32, caller: &'a Document, from: u32, holder: Option<&Segment>) {
        if let Some(queue) = Node::of_queue(caller).filter(|_| !segment.document.inferred) {
            self.message(segment, to, caller, from, queue);
            return;
        }
        // A parent that is a segment (Lambda's, of the function's) has no view of the call but the callee's own.
        let is_segment = holder.is_some_and(|holder| holder.document.id == caller.id);
        let view = if is_segment { &segment.document } else { caller };
        let (place, (edge, _)) = self.edge(from, to, EdgeKind::Call);
        edge.span.widen(Span::of(view));
        let call = Call::of(view);
        if self.counted.insert((place, &view.id)) {
            self.edges.get_mut(place as usize).into_iter().for_each(|(_, calls)| calls.extend(call));
        }
        if !is_segment && !segment.document.inferred && caller.name != segment.node.name {
            let name = Shared::new(Node::of_call(caller));
            if !self.aliases.iter().any(|alias| alias.edge == place && alias.name == name) {
                self.aliases.push(PartAlias { edge: place, name });
            }
        }
    }

    /// A call that put a message into a queue, and what somebody did with it later.
    fn message(&mut self, segment: &'a Segment, to: u32, caller: &'a Document, from: u32, queue: Node) {
        let first = self.counted.insert((u32::MAX, &caller.id));
        let (queue, (node, calls)) = self.node(queue);
        let call = Call::of(caller);
        if first {
            node.span.widen(Span::of(caller));
            calls.extend(call);
            let (_, (edge, calls)) = self.edge(from, queue, EdgeKind::Call);
            edge.span.widen(Span::of(caller));
            calls.extend(call);
            self.places.extend(Place::new(&caller.id, queue, caller.end_time.or(caller.start_time)));
        }
        let sent = caller.end_time.or(caller.start_time).unwrap_or_default();
        let (_, (edge, calls)) = self.edge(queue, to, EdgeKind::Link);
        edge.span.widen(Span::of(&segment.document));
        calls.extend(Call::lasting(&segment.document, wait(&segment.document, sent)));
    }

    fn links(&mut self, trace: &Trace, nodes: &[u32]) {
        for (segment, to) in trace.segments.iter().zip(nodes) {
            let document = &segment.document;
            let span = Span::of(document);
            let links = document.links.iter().take(LINKS).filter_map(|link| {
                let id = u64::from_str_radix(&link.id, 16).ok()?;
                let (trace, call) = (link.trace_id.as_str().into(), Call::lasting(document, 0.0));
                Some(PartLink { trace, id, to: *to, start: span.start, end: span.end, call })
            });
            self.links.extend(links);
        }
    }

    fn finish(self, trace: &Trace, nodes: &[u32]) -> Part {
        let mut places = self.places;
        for (segment, node) in trace.segments.iter().zip(nodes) {
            // A link names the call that sent the message; the inferred segment knows it, and stands for the queue.
            let document = &segment.document;
            let (id, sent) = match &document.parent_id {
                Some(call) if document.inferred => (call, document.end_time),
                _ => (&document.id, document.start_time),
            };
            places.extend(Place::new(id, *node, sent.or(document.start_time)));
        }
        let counted = |calls: &Vec<Call>| index(calls.len());
        let calls = self.nodes.iter().map(|(_, calls)| calls).chain(self.edges.iter().map(|(_, calls)| calls));
        let calls: Box<[Call]> = calls.flatten().copied().collect();
        let nodes = self.nodes.into_iter().map(|(node, calls)| PartNode { calls: counted(&calls), ..node });
        let edges = self.edges.into_iter().map(|(edge, calls)| PartEdge { calls: counted(&calls), ..edge });
        let (nodes, edges): (Box<[PartNode]>, Box<[PartEdge]>) = (nodes.collect(), edges.collect());
        let head = Head {
            trace: index(trace.id.as_str().len()),
            nodes: index(nodes.len()),
            edges: index(edges.len()),
            calls: index(calls.len()),
            aliases: index(self.aliases.len()),
            links: index(self.links.len()),
            places: index(places.len()),
        };
        let parts = Parts {
            heads: Box::new([head]),
            traces: trace.id.as_str().into(),
            nodes,
            edges,
            calls,
            aliases: self.aliases.into(),
            links: self.links.into(),
            places: places.into(),
        };
        Arc::new(parts).part(0)
    }
}

/// How many links of a segment count. Source: X-Ray API Reference; it links 20 traces to a segment.
const LINKS: usize = 20;
