//! The parts of some traces, each kind of all of them in one list: a graph of a hundred thousand traces adds them up
//! without waiting for memory at each. The same is done for what filters read, see `query/facts/columns.rs`.

use std::sync::Arc;

use super::call::Call;
use super::named::Shared;
use super::part::{Part, PartAlias, PartEdge, PartLink, PartNode, Place};

/// The parts of some traces.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(super) heads: Box<[Head]>,
    pub(super) traces: Box<str>,
    pub(super) nodes: Box<[PartNode]>,
    pub(super) edges: Box<[PartEdge]>,
    /// Completed requests of a trace's nodes, then of its edges, in their order.
    pub(super) calls: Box<[Call]>,
    pub(super) aliases: Box<[PartAlias]>,
    pub(super) links: Box<[PartLink]>,
    /// What a link from another trace can lead to, by id: the segments and calls of a trace.
    pub(super) places: Box<[Place]>,
}

/// Where a trace's share of each list ends. It begins where that of the trace before ends; what is in it counts from there.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Head {
    pub(super) trace: u32,
    pub(super) nodes: u32,
    pub(super) edges: u32,
    pub(super) calls: u32,
    pub(super) aliases: u32,
    pub(super) links: u32,
    pub(super) places: u32,
}

impl Parts {
    /// The same parts side by side, in this order.
    pub(crate) fn pack(all: &[Part]) -> Parts {
        let (mut heads, mut traces) = (Vec::with_capacity(all.len()), String::new());
        let (mut nodes, mut edges, mut calls) = (Vec::new(), Vec::new(), Vec::new());
        let (mut aliases, mut links, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for part in all {
            traces.push_str(part.trace_id());
            nodes.extend_from_slice(part.part_nodes());
            edges.extend_from_slice(part.edges());
            calls.extend_from_slice(part.calls());
            aliases.extend_from_slice(part.aliases());
            links.extend_from_slice(part.links());
            places.extend_from_slice(part.places());
            heads.push(Head {
                trace: index(traces.len()),
                nodes: index(nodes.len()),
                edges: index(edges.len()),
                calls: index(calls.len()),
                aliases: index(aliases.len()),
                links: index(links.len()),
                places: index(places.len()),
            });
        }
        Parts {
            heads: heads.into(),
            traces: traces.into(),
            nodes: nodes.into(),
            edges: edges.into(),
            calls: calls.into(),
            aliases: aliases.into(),
            links: links.into(),
            places: places.into(),
        }
    }

    /// The part of the trace at this place.
    pub(crate) fn part(self: &Arc<Parts>, at: usize) -> Part {
        Part { parts: Arc::clone(self), at }
    }

    /// Bytes of memory they take, themselves included; of nodes only such as are not shared.
    pub(crate) fn bytes(&self) -> usize {
        let names = self.nodes.iter().map(|node| &node.node).chain(self.aliases.iter().map(|alias| &alias.name));
        size_of_val(self)
            + size_of_val(&*self.heads)
            + self.traces.len()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.edges)
            + size_of_val(&*self.calls)
            + size_of_val(&*self.aliases)
            + size_of_val(&*self.places)
            + size_of_val(&*self.links)
            + self.links.iter().map(|link| link.trace.len()).sum::<usize>()
            + names.map(Shared::bytes).sum::<usize>()
    }
}

/// A place in a list. What does not fit in 32 bits is not reached: a page of traces is bounded, and so is a trace.
pub(super) fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

impl Part {
    /// All parts that lie beside this one, and this.
    pub(crate) fn into_parts(self) -> Arc<Parts> {
        self.parts
    }

    /// Becomes that of the trace at another place of the same parts.
    pub(crate) fn turn(&mut self, at: usize) {
        self.at = at;
    }

    /// Id of the trace it is of.
    pub fn trace_id(&self) -> &str {
        self.range(|head| head.trace).and_then(|range| self.parts.traces.get(range)).unwrap_or_default()
    }

    /// The nodes, the root's first.
    pub(super) fn part_nodes(&self) -> &[PartNode] {
        self.share(&self.parts.nodes, |head| head.nodes)
    }

    pub(super) fn edges(&self) -> &[PartEdge] {
        self.share(&self.parts.edges, |head| head.edges)
    }

    /// Completed requests of the nodes, then of the edges, in their order.
    pub(super) fn calls(&self) -> &[Call] {
        self.share(&self.parts.calls, |head| head.calls)
    }

    pub(super) fn aliases(&self) -> &[PartAlias] {
        self.share(&self.parts.aliases, |head| head.aliases)
    }

    pub(super) fn links(&self) -> &[PartLink] {
        self.share(&self.parts.links, |head| head.links)
    }

    pub(super) fn places(&self) -> &[Place] {
        self.share(&self.parts.places, |head| head.places)
    }

    fn share<'a, T>(&self, list: &'a [T], end: impl Fn(&Head) -> u32) -> &'a [T] {
        self.range(end).and_then(|range| list.get(range)).unwrap_or_default()
    }

    fn range(&self, end: impl Fn(&Head) -> u32) -> Option<std::ops::Range<usize>> {
        let before = self.at.checked_sub(1).and_then(|before| self.parts.heads.get(before));
        let from = before.map_or(0, &end);
        let to = end(self.parts.heads.get(self.at)?);
        Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?)
    }
}
