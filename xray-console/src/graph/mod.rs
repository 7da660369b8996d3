//! The service graph: who calls whom, how often, how fast, how well.
//!
//! [`Part::of`] says what one trace adds, [`ServiceGraph`] sums parts, and [`ServiceGraph::services`] is the answer of
//! `GetServiceGraph` and `GetTraceGraph`. [`TimeSeries`] sums the same parts by periods.
//!
//! A node is a name, a type and an account. What services sent becomes active nodes; what only callers spoke of becomes
//! inferred ones; before each root stands a client. A queue stays a node between sender and consumer.
//!
//! Source: X-Ray API Reference, "GetServiceGraph", "GetTraceGraph", "GetTimeSeriesServiceStatistics".

mod call;
mod health;
mod named;
mod part;
mod parts;
mod series;
mod shapes;
mod sum;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hash, Hasher};

use call::Call;
use named::{ByNode, Given, Shared};
use part::{EdgeKind, PartLink, PartNode, Place, Span};
use sum::Sum;
pub use sum::percentile;

use crate::trace::Node;

pub use health::Health;
pub use part::{CLIENT, Part};
pub(crate) use part::{Callers, callers};
pub(crate) use parts::Parts;
pub use series::{NodeRef, Selector, TimeSeries};
pub use shapes::{
    Alias, Edge, ErrorStatistics, FaultStatistics, HistogramEntry, Service, SummaryStatistics,
    TimeSeriesServiceStatistics,
};

/// The sum of the [parts](Part) of many traces.
///
/// Parts can be added at any time and in any order; the answer depends only on which they are.
#[derive(Clone, Debug, Default)]
pub struct ServiceGraph {
    nodes: Vec<GraphNode>,
    node_of: ByNode<usize>,
    edges: Vec<GraphEdge>,
    edge_of: HashMap<EdgeKey, usize, BuildHasherDefault<Given>>,
    /// Links whose trace has not been added, by its id.
    open: HashMap<Box<str>, Vec<OpenLink>>,
}

#[derive(Clone, Debug)]
struct GraphNode {
    node: Shared,
    span: Span,
    root: bool,
    sent: bool,
    sum: Sum,
}

#[derive(Clone, Debug)]
struct GraphEdge {
    from: usize,
    to: usize,
    kind: EdgeKind,
    span: Span,
    sum: Sum,
    aliases: BTreeSet<Node>,
}

/// An edge by the places of its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct EdgeKey {
    from: usize,
    to: usize,
    kind: EdgeKind,
}

impl Hash for EdgeKey {
    /// Places are numbers of our own, so a multiplication is enough: it is asked for every edge of every trace.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let both = ((self.from as u64) << 32) ^ ((self.to as u64) << 1) ^ (self.kind as u64);
        let spread = both.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        state.write_u64((spread ^ (spread >> 32)).wrapping_mul(0x94d0_49bb_1331_11eb));
    }
}

/// A link whose end is not known yet.
#[derive(Clone, Debug)]
struct OpenLink {
    to: usize,
    link: PartLink,
}

/// How many names of a called node are kept for each edge, the first by order: callers can make up any number.
const ALIASES: usize = 10;

impl ServiceGraph {
    /// The graph of these parts, links between them included.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a Part, IntoIter: Clone>) -> ServiceGraph {
        let mut graph = ServiceGraph::default();
        let parts = parts.into_iter();
        for part in parts.clone() {
            graph.add(part);
        }
        if !graph.open.is_empty() {
            for part in parts {
                graph.resolve(part);
            }
        }
        graph
    }

    /// Adds what one trace did. Links it has to other traces wait until [`resolve`](ServiceGraph::resolve) is given the
    /// part of theirs.
    pub fn add(&mut self, part: &Part) {
        let places: Vec<usize> = part.part_nodes().iter().map(|node| self.node(node)).collect();
        let mut calls = part.calls().iter().copied();
        for (node, place) in part.part_nodes().iter().zip(&places) {
            let Some(sums) = self.nodes.get_mut(*place) else { continue };
            calls.by_ref().take(node.calls as usize).for_each(|call| sums.sum.add(call));
        }
        let mut edges = Vec::with_capacity(part.edges().len());
        for edge in part.edges() {
            let (Some(from), Some(to)) = (places.get(edge.from as usize), places.get(edge.to as usize)) else {
                continue;
            };
            let place = self.edge(*from, *to, edge.kind);
            edges.push(place);
            let Some(sums) = self.edges.get_mut(place) else { continue };
            sums.span.widen(edge.span);
            calls.by_ref().take(edge.calls as usize).for_each(|call| sums.sum.add(call));
        }
        for alias in part.aliases() {
            let Some(edge) = edges.get(alias.edge as usize).and_then(|edge| self.edges.get_mut(*edge)) else {
                continue;
            };
            if !edge.aliases.contains(alias.name.node()) {
                edge.aliases.insert(alias.name.node().clone());
                if edge.aliases.len() > ALIASES {
                    edge.aliases.pop_last();
                }
            }
        }
        for link in part.links() {
            let Some(to) = places.get(link.to as usize) else { continue };
            self.open.entry(link.trace.clone()).or_default().push(OpenLink { to: *to, link: link.clone() });
        }
    }

    /// Ids of the traces that links lead to and that have not been seen, in no order.
    pub fn unresolved(&self) -> impl Iterator<Item = &str> {
        self.open.keys().map(|id| &**id)
    }

    /// Joins the links to this trace, which need not be one that was [added](ServiceGraph::add).
    pub fn resolve(&mut self, part: &Part) {
        let Some(links) = self.open.remove(part.trace_id()) else { return };
        for OpenLink { to, link } in links {
            let Some(Place { node, sent, .. }) = part.places().iter().find(|place| place.id == link.id) else {
                continue;
            };
            let Some(node) = part.part_nodes().get(*node as usize) else { continue };
            let from = self.node(&PartNode { root: false, sent: false, span: Span::NONE, ..node.clone() });
            let edge = self.edge(from, to, EdgeKind::Link);
            let Some(edge) = self.edges.get_mut(edge) else { continue };
            edge.span.widen(Span { start: link.start, end: link.end });
            if let Some(call) = link.call {
                edge.sum.add(call.with_seconds((link.start - sent).max(0.0)));
            }
        }
    }

    /// The answer: nodes by name, then type, then account; edges by the number of their target.
    pub fn services(&self) -> Vec<Service> {
        let mut order: Vec<usize> = (0..self.nodes.len()).collect();
        order.sort_by_key(|place| self.nodes.get(*place).map(|node| node.node.node()));
        let mut number = vec![0_i64; self.nodes.len()];
        for (id, place) in (0_i64..).zip(&order) {
            if let Some(number) = number.get_mut(*place) {
                *number = id;
            }
        }
        let mut edges: HashMap<usize, Vec<Edge>> = HashMap::new();
        for edge in &self.edges {
            edges.entry(edge.from).or_default().push(edge.answer(number.get(edge.to).copied().unwrap_or_default()));
        }
        let service = |place: usize| {
            let mut edges = edges.remove(&place).unwrap_or_default();
            edges.sort_by(|left, right| {
                (left.reference_id, &left.edge_type).cmp(&(right.reference_id, &right.edge_type))
            });
            Some(self.nodes.get(place)?.answer(*number.get(place)?, edges))
        };
        order.iter().copied().filter_map(service).collect()
    }

    fn node(&mut self, node: &PartNode) -> usize {
        let place = *self.node_of.entry(node.node.clone()).or_insert_with(|| {
            let node = node.node.clone();
            self.nodes.push(GraphNode { node, span: Span::NONE, root: false, sent: false, sum: Sum::default() });
            self.nodes.len() - 1
        });
        if let Some(known) = self.nodes.get_mut(place) {
            known.span.widen(node.span);
            known.root |= node.root;
            known.sent |= node.sent;
        }
        place
    }

    fn edge(&mut self, from: usize, to: usize, kind: EdgeKind) -> usize {
        *self.edge_of.entry(EdgeKey { from, to, kind }).or_insert_with(|| {
            let (span, sum) = (Span::NONE, Sum::default());
            self.edges.push(GraphEdge { from, to, kind, span, sum, aliases: BTreeSet::new() });
            self.edges.len() - 1
        })
    }
}

impl GraphNode {
    fn answer(&self, reference_id: i64, edges: Vec<Edge>) -> Service {
        let node = self.node.node();
        let is_client = node.kind.as_deref() == Some(CLIENT);
        let histogram = if is_client { Vec::new() } else { self.sum.histogram() };
        Service {
            reference_id,
            name: node.name.clone(),
            names: vec![node.name.clone()],
            root: self.root.then_some(true),
            account_id: node.account.clone(),
            kind: node.kind.clone(),
            state: Some(if self.sent { "active" } else { "unknown" }.to_owned()),
            start_time: self.span.start(),
            end_time: self.span.end(),
            edges,
            summary_statistics: (!is_client).then(|| self.sum.statistics()),
            duration_histogram: histogram.clone(),
            response_time_histogram: histogram,
        }
    }
}

impl GraphEdge {
    fn answer(&self, reference_id: i64) -> Edge {
        let is_link = self.kind == EdgeKind::Link;
        let mut statistics = self.sum.statistics();
        let (mut response_time_histogram, mut received_event_age_histogram) = (Vec::new(), Vec::new());
        if is_link {
            // Nobody waited for an answer.
            statistics.total_response_time = 0.0;
            received_event_age_histogram = self.sum.histogram();
        } else {
            response_time_histogram = self.sum.histogram();
        }
        let alias =
            |node: &Node| Alias { name: node.name.clone(), names: vec![node.name.clone()], kind: node.kind.clone() };
        Edge {
            reference_id,
            start_time: self.span.start(),
            end_time: self.span.end(),
            summary_statistics: Some(statistics),
            response_time_histogram,
            aliases: self.aliases.iter().map(alias).collect(),
            edge_type: is_link.then(|| shapes::LINK.to_owned()),
            received_event_age_histogram,
        }
    }
}

impl Span {
    fn start(self) -> Option<f64> {
        self.start.is_finite().then_some(self.start)
    }

    fn end(self) -> Option<f64> {
        self.end.is_finite().then_some(self.end)
    }
}

impl Call {
    fn with_seconds(self, seconds: f64) -> Call {
        Call::new(self.start, seconds, self.outcome())
    }
}
