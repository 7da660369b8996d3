//! Where the nodes of a service map stand.
//!
//! Layers from left to right, callers before those they call; within a layer the order with few crossings that
//! barycentres find. The same map gives the same places, and a node that was there before keeps its height: while traces
//! come in, a map grows and does not jump.
//!
//! Circles are cut where a walk from the roots meets its own way. No recursion; the time grows with nodes and edges.
//!
//! Source: Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures" (1981).

mod heights;
mod layers;

use std::collections::HashMap;

use crate::graph::Service;
use crate::trace::Node;

/// Places of the nodes of a service map.
///
/// # Examples
///
/// ```
/// use xray_console::{Trace, graph::{Part, ServiceGraph}, layout::Layout};
/// use xray_core::document::Document;
///
/// let document = Document::parse(
///     r#"{"name":"shop","id":"000000000000000a","start_time":1.0,"end_time":1.5,"subsegments":[
///         {"name":"api.stripe.com","id":"000000000000000b","namespace":"remote","start_time":1.0,"end_time":1.5}]}"#,
/// )
/// .unwrap();
/// let trace = Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", [document]);
/// let services = ServiceGraph::of([&Part::of(&trace)]).services();
///
/// let layout = Layout::of(&services, None);
/// let columns: Vec<_> = layout.places.iter().map(|place| (place.node.name.as_str(), place.layer)).collect();
/// assert_eq!(columns, [("api.stripe.com", 2), ("shop", 1), ("shop", 0)], "the last is the client");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Layout {
    /// One for each node, in the order of the nodes.
    pub places: Vec<Place>,
}

/// Where a node stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// The node.
    pub node: Node,
    /// Its column from the left, from 0.
    pub layer: usize,
    /// Its height, downwards; nodes of a layer are 1 apart at least. Negative heights occur.
    pub y: f64,
}

impl Layout {
    /// Of this map, near to where the nodes stood before.
    pub fn of(services: &[Service], before: Option<&Layout>) -> Layout {
        let indices: HashMap<i64, usize> =
            services.iter().enumerate().map(|(index, service)| (service.reference_id, index)).collect();
        let targets = |service: &Service| {
            service.edges.iter().filter_map(|edge| indices.get(&edge.reference_id).copied()).collect::<Vec<_>>()
        };
        let calls: Vec<Vec<usize>> = services.iter().map(targets).collect();
        let clients: Vec<usize> =
            (0..services.len()).filter(|at| services.get(*at).is_some_and(Service::is_client)).collect();
        let (layers, calls) = layers::of(&calls, &clients);

        let known: HashMap<&Node, f64> =
            before.map(|before| before.places.iter().map(|place| (&place.node, place.y)).collect()).unwrap_or_default();
        let nodes: Vec<Node> = services.iter().map(Service::node).collect();
        let old: Vec<Option<f64>> = nodes.iter().map(|node| known.get(node).copied()).collect();
        let heights = heights::of(&layers, &calls, &old);
        let places = nodes.into_iter().zip(layers).zip(heights).map(|((node, layer), y)| Place { node, layer, y });
        Layout { places: places.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Services by number, with the numbers they call.
    fn services(edges: &[(i64, i64)], count: i64) -> Vec<Service> {
        let targets = |from: i64| {
            let targets = edges.iter().filter(|edge| edge.0 == from).map(|edge| edge.1);
            targets.map(|to| serde_json::json!({"ReferenceId": to, "Aliases": []})).collect::<Vec<_>>()
        };
        let service = |id: i64| serde_json::json!({"ReferenceId": id, "Name": format!("n{id}"), "Edges": targets(id)});
        serde_json::from_value(serde_json::Value::Array((0..count).map(service).collect())).unwrap()
    }

    fn layers(layout: &Layout) -> Vec<usize> {
        layout.places.iter().map(|place| place.layer).collect()
    }

    #[test]
    fn who_calls_stands_before_whom_it_calls_and_circles_are_cut() {
        assert_eq!(layers(&Layout::of(&services(&[(0, 1), (0, 2), (1, 3), (2, 1)], 4), None)), [0, 2, 1, 3]);
        assert_eq!(layers(&Layout::of(&services(&[(0, 1), (1, 2), (2, 1), (2, 2)], 3), None)), [0, 1, 2]);
        assert_eq!(layers(&Layout::of(&services(&[(0, 1), (1, 0)], 2), None)), [0, 1]);
        assert_eq!(layers(&Layout::of(&services(&[(0, 9)], 1), None)), [0], "a call to nobody");
    }

    #[test]
    fn crossings_are_undone() {
        // Two callers, each with two of its own, named so that their order by name would cross.
        let layout = Layout::of(&services(&[(0, 1), (0, 2), (1, 4), (1, 6), (2, 3), (2, 5)], 7), None);
        let y = |node: usize| layout.places[node].y;
        assert!((y(1) < y(2)) == (y(4).max(y(6)) < y(3).min(y(5))), "{layout:?}");
    }

    #[test]
    fn nodes_keep_their_height_when_others_come() {
        let before = Layout::of(&services(&[(0, 1), (0, 2), (1, 3)], 4), None);
        let after = Layout::of(&services(&[(0, 1), (0, 2), (1, 3), (0, 4), (1, 5), (5, 6)], 7), Some(&before));
        for (old, new) in before.places.iter().zip(&after.places) {
            assert_eq!((old.y, old.layer), (new.y, new.layer), "{old:?}");
        }
        for layer in 0..4 {
            let mut heights: Vec<f64> =
                after.places.iter().filter(|place| place.layer == layer).map(|place| place.y).collect();
            heights.sort_by(f64::total_cmp);
            assert!(heights.windows(2).all(|pair| pair[1] - pair[0] >= 1.0), "{heights:?}");
        }
    }

    #[test]
    fn a_chain_of_thousands_and_a_fan_of_thousands_are_laid_out() {
        let chain: Vec<_> = (0..3_000).map(|node| (node, node + 1)).collect();
        let fan: Vec<_> = (3_001..6_000).map(|node| (0, node)).collect();
        let layout = Layout::of(&services(&[chain, fan].concat()[..], 6_000), None);
        assert_eq!(layout.places[3_000].layer, 3_000);
    }
}
