//! What of a service graph is on the page: the nodes and edges that are drawn, each with a key that outlives its number.
//!
//! Numbers of nodes change with every answer, so URLs and the page's script name them by [`key`]: ten hex digits of a
//! hash of name, type and account.
//!
//! Limits, ours to choose: 200 nodes and 600 edges, those with the most requests; the page says how many are not shown.
//! A program that makes up a name for each request would else make a page that no browser opens.

use std::collections::{HashMap, HashSet};

use crate::graph::{Edge, Service};
use crate::layout::{Layout, Place};

/// Most nodes that are drawn.
const NODES: usize = 200;
/// Most edges that are drawn.
const EDGES: usize = 600;

/// The graph as the page shows it.
#[derive(Debug)]
pub(super) struct View<'s> {
    pub(super) nodes: Vec<Node<'s>>,
    pub(super) edges: Vec<Link<'s>>,
    /// Nodes there are beyond those shown, clients not counted.
    pub(super) more: usize,
    /// How many nodes have this name, clients not counted: an ambiguous one is told apart by its type.
    named: HashMap<&'s str, usize>,
}

/// A node that is shown.
#[derive(Debug)]
pub(super) struct Node<'s> {
    pub(super) service: &'s Service,
    pub(super) key: String,
    /// Its column from the left.
    pub(super) layer: usize,
    /// Its height, downwards, in rows.
    pub(super) y: f64,
}

/// An edge that is shown, by the places of its nodes in [`View::nodes`].
#[derive(Debug)]
pub(super) struct Link<'s> {
    pub(super) edge: &'s Edge,
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) key: String,
}

/// What is looked at more closely.
#[derive(Clone, Copy, Debug)]
pub(super) enum Selected<'v, 's> {
    Node(&'v Node<'s>),
    Edge(&'v Link<'s>),
}

impl<'s> View<'s> {
    /// Of this graph; `heights` is where nodes stood, as [`heights`](View::heights) wrote it.
    pub(super) fn of(services: &'s [Service], heights: Option<&str>) -> View<'s> {
        let shown = busiest(services);
        let layout = seeded(&shown, heights);
        let keys: Vec<String> = shown.iter().map(key).collect();
        let by_id: HashMap<i64, &'s Service> = services.iter().map(|service| (service.reference_id, service)).collect();
        let index: HashMap<i64, usize> =
            shown.iter().enumerate().map(|(index, service)| (service.reference_id, index)).collect();
        let mut nodes = Vec::with_capacity(shown.len());
        let mut edges = Vec::new();
        for (from, (place, drawn)) in layout.places.iter().zip(&shown).enumerate() {
            // The graph's own, not the copies that the layout was made of.
            let Some(service) = by_id.get(&drawn.reference_id) else { continue };
            let key = keys.get(from).cloned().unwrap_or_default();
            for edge in &service.edges {
                let Some(to) = index.get(&edge.reference_id).copied() else { continue };
                let end = keys.get(to).map_or("", String::as_str);
                let mark = if edge.is_link() { "~" } else { "-" };
                edges.push(Link { edge, from, to, key: format!("{key}{mark}{end}") });
            }
            nodes.push(Node { service, key, layer: place.layer, y: place.y });
        }
        edges.sort_by_key(|link| std::cmp::Reverse(calls_of_edge(link.edge)));
        edges.truncate(EDGES);
        let by_place = |link: &Link<'_>| {
            let place = |node: usize| nodes.get(node).map_or((0, 0.0), |node| (node.layer, node.y));
            (place(link.from), place(link.to))
        };
        edges.sort_by(|left, right| {
            let ((a, b), (c, d)) = (by_place(left), by_place(right));
            (a.0, b.0).cmp(&(c.0, d.0)).then(a.1.total_cmp(&c.1)).then(b.1.total_cmp(&d.1))
        });
        let mut named = HashMap::new();
        for service in services.iter().filter(|service| !service.is_client()) {
            *named.entry(service.name.as_str()).or_default() += 1;
        }
        let clients = |services: &[Service]| services.iter().filter(|service| service.is_client()).count();
        let more = (services.len() - clients(services)).saturating_sub(shown.len() - clients(&shown));
        View { nodes, edges, more, named }
    }

    /// What the key names, if it is shown.
    pub(super) fn selected(&self, key: &str) -> Option<Selected<'_, 's>> {
        let node = self.nodes.iter().find(|node| node.key == key).map(Selected::Node);
        node.or_else(|| self.edges.iter().find(|edge| edge.key == key).map(Selected::Edge))
    }

    /// Where each node stands, for the next [`of`](View::of): `KEY:HALVES,KEY:HALVES`.
    pub(super) fn heights(&self) -> String {
        // Heights are counts of nodes.
        #[allow(clippy::cast_possible_truncation)]
        let height = |node: &Node<'_>| format!("{}:{}", node.key, (node.y * 2.0).round() as i64);
        self.nodes.iter().map(height).collect::<Vec<_>>().join(",")
    }

    /// In the order in which people read: by column, then downwards.
    pub(super) fn in_reading_order(&self) -> Vec<&Node<'s>> {
        let mut nodes: Vec<_> = self.nodes.iter().collect();
        nodes.sort_by(|left, right| left.layer.cmp(&right.layer).then_with(|| left.y.total_cmp(&right.y)));
        nodes
    }

    /// Nodes shown, clients not counted.
    pub(super) fn services(&self) -> usize {
        self.nodes.iter().filter(|node| !node.service.is_client()).count()
    }

    /// Whether the name alone says which node is meant.
    pub(super) fn is_only(&self, service: &Service) -> bool {
        self.named.get(service.name.as_str()).is_none_or(|count| *count == 1)
    }

    /// The edges that leave a node.
    pub(super) fn calls<'v>(&'v self, node: &Node<'s>) -> impl Iterator<Item = &'v Link<'s>> {
        let key = node.key.clone();
        self.edges.iter().filter(move |link| self.nodes.get(link.from).is_some_and(|from| from.key == key))
    }

    /// The edges that lead to a node.
    pub(super) fn callers<'v>(&'v self, node: &Node<'s>) -> impl Iterator<Item = &'v Link<'s>> {
        let key = node.key.clone();
        self.edges.iter().filter(move |link| self.nodes.get(link.to).is_some_and(|to| to.key == key))
    }

    /// The two nodes of an edge.
    pub(super) fn ends(&self, link: &Link<'s>) -> Option<(&Node<'s>, &Node<'s>)> {
        Some((self.nodes.get(link.from)?, self.nodes.get(link.to)?))
    }
}

/// The services with the most requests, in the graph's order; clients with whom they call.
fn busiest(services: &[Service]) -> Vec<Service> {
    if services.len() <= NODES {
        return services.to_vec();
    }
    let mut order: Vec<usize> = (0..services.len()).collect();
    order.sort_by_key(|at| std::cmp::Reverse(services.get(*at).map_or(0, calls_of)));
    let kept: HashSet<usize> = order.into_iter().take(NODES).collect();
    let is_kept = |(at, service): (usize, &Service)| kept.contains(&at).then(|| service.clone());
    services.iter().enumerate().filter_map(is_kept).collect()
}

fn calls_of(service: &Service) -> u64 {
    match service.summary_statistics {
        Some(statistics) => statistics.total_count,
        None => service.edges.iter().map(calls_of_edge).fold(0, u64::saturating_add),
    }
}

fn calls_of_edge(edge: &Edge) -> u64 {
    edge.summary_statistics.map_or(0, |statistics| statistics.total_count)
}

/// Ten hex digits that name a node, whatever its number. FNV-1a, which is the same everywhere and always; two names with
/// one key would be a nuisance, not a danger.
fn key(service: &Service) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let parts = [Some(&service.name), service.kind.as_ref(), service.account_id.as_ref()];
    // A byte that no UTF-8 holds stands between the parts.
    let bytes = parts.iter().flat_map(|part| part.map_or(&b""[..], |part| part.as_bytes()).iter().chain(&[0xff_u8]));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    format!("{:010x}", (hash ^ (hash >> 40)) & 0xff_ffff_ffff)
}

/// The layout near to where nodes stood; what is no such text counts for nothing.
fn seeded(services: &[Service], heights: Option<&str>) -> Layout {
    let known: HashMap<&str, f64> = heights
        .into_iter()
        .flat_map(|heights| heights.split(',').take(NODES))
        .filter_map(|height| height.split_once(':'))
        .filter_map(|(key, halves)| Some((key, f64::from(halves.parse::<i16>().ok()?) / 2.0)))
        .collect();
    let place =
        |service: &Service| Some(Place { node: service.node(), layer: 0, y: *known.get(key(service).as_str())? });
    let before = Layout { places: services.iter().filter_map(place).collect() };
    Layout::of(services, Some(&before).filter(|before| !before.places.is_empty()))
}
