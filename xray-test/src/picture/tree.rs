//! Putting the documents of traces together.

use std::cmp::Ordering;
use std::collections::HashMap;

use xray_core::document::Document;

/// One segment or subsegment.
#[derive(Debug)]
pub(super) struct Node<'a> {
    pub(super) document: &'a Document,
    /// Came as a document of its own, rather than within one.
    pub(super) is_top: bool,
    trace: Option<&'a str>,
    parent: Parent<'a>,
    standing: Standing,
}

#[derive(Clone, Copy, Debug)]
enum Parent<'a> {
    None,
    Id(&'a str),
    /// The node it is nested in.
    Around(usize),
}

/// Which of two of the same id to believe: the later in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    InProgress,
    /// Complete, but told by something in progress, which will tell it again.
    Interim,
    Complete,
}

/// All nodes of all documents.
#[derive(Debug)]
pub(super) struct Forest<'a> {
    nodes: Vec<Node<'a>>,
    /// The believed node of each id in each trace.
    believed: HashMap<Key<'a>, usize>,
    /// By node: whether another one is believed instead.
    replaced: Vec<bool>,
}

type Key<'a> = (Option<&'a str>, &'a str);

/// The nodes of one trace.
#[derive(Debug)]
pub(super) struct Trace<'a> {
    pub(super) id: Option<&'a str>,
    roots: Vec<(Top<'a>, usize)>,
    children: HashMap<usize, Vec<usize>>,
}

/// What stands above a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Top<'a> {
    Nothing,
    Missing(&'a str),
    Loop(&'a str),
}

/// A place in the drawing, in the order of lines.
#[derive(Debug)]
pub(super) struct Branch<'f, 'a> {
    /// The lines that lead here.
    pub(super) prefix: String,
    pub(super) place: Place<'f, 'a>,
}

#[derive(Debug)]
pub(super) enum Place<'f, 'a> {
    Node(&'f Node<'a>),
    /// The parent of the roots beneath is not here.
    Missing(&'a str),
    /// The parent of the root beneath lies under it.
    Loop(&'a str),
}

impl<'a> Forest<'a> {
    pub(super) fn new(documents: &'a [Document]) -> Forest<'a> {
        let mut forest = Forest { nodes: Vec::new(), believed: HashMap::new(), replaced: Vec::new() };
        for document in documents {
            forest.add(document);
        }
        for index in 0..forest.nodes.len() {
            forest.believe(index);
        }
        forest
    }

    /// Adds a document and all that is nested in it, parents first.
    fn add(&mut self, top: &'a Document) {
        let parent = top.parent_id.as_deref().map_or(Parent::None, Parent::Id);
        let mut open = vec![(top, parent, Standing::Complete)];
        while let Some((document, parent, around)) = open.pop() {
            let own = if document.in_progress { Standing::InProgress } else { around };
            let within = if document.in_progress { Standing::Interim } else { around };
            let index = self.nodes.len();
            let (is_top, trace) = (std::ptr::eq(document, top), top.trace_id.as_deref());
            self.nodes.push(Node { document, is_top, trace, parent, standing: own });
            let nested = document.subsegments.iter().rev();
            open.extend(nested.map(|nested| (nested, Parent::Around(index), within)));
        }
        self.replaced.resize(self.nodes.len(), false);
    }

    /// Decides between this node and an earlier one of the same id.
    fn believe(&mut self, index: usize) {
        let Some(node) = self.nodes.get(index) else {
            return;
        };
        if node.document.id.is_empty() {
            return;
        }
        let key = (node.trace, node.document.id.as_str());
        let standing = |index: usize| self.nodes.get(index).map(|node| node.standing);
        let loser = match self.believed.get(&key) {
            None => None,
            Some(&other) => match standing(index).cmp(&standing(other)) {
                Ordering::Less => Some(index),
                // Both complete: a fault of the sender, to be seen.
                Ordering::Equal if standing(index) == Some(Standing::Complete) => return,
                Ordering::Equal | Ordering::Greater => Some(other),
            },
        };
        if loser != Some(index) {
            self.believed.insert(key, index);
        }
        if let Some(replaced) = loser.and_then(|loser| self.replaced.get_mut(loser)) {
            *replaced = true;
        }
    }

    /// The node that stands for this one.
    fn standing_for(&self, index: usize) -> usize {
        let key = self.nodes.get(index).map(|node| (node.trace, node.document.id.as_str()));
        let other = key.and_then(|key| self.believed.get(&key)).copied();
        match (self.replaced.get(index), other) {
            (Some(true), Some(other)) => other,
            _ => index,
        }
    }

    /// The traces, the earliest first.
    pub(super) fn traces(&self) -> Vec<Trace<'a>> {
        let mut traces: Vec<Trace<'a>> = Vec::new();
        let mut places: HashMap<Option<&str>, usize> = HashMap::new();
        let live = self.nodes.iter().enumerate().zip(&self.replaced);
        for ((index, node), _) in live.filter(|(_, replaced)| !**replaced) {
            let place = *places.entry(node.trace).or_insert_with(|| {
                traces.push(Trace { id: node.trace, roots: vec![], children: HashMap::new() });
                traces.len() - 1
            });
            let Some(trace) = traces.get_mut(place) else {
                continue;
            };
            match node.parent {
                Parent::None => trace.roots.push((Top::Nothing, index)),
                Parent::Around(parent) => {
                    trace.children.entry(self.standing_for(parent)).or_default().push(index);
                }
                Parent::Id(id) => match self.believed.get(&(node.trace, id)) {
                    None => trace.roots.push((Top::Missing(id), index)),
                    Some(parent) => trace.children.entry(*parent).or_default().push(index),
                },
            }
        }
        for trace in &mut traces {
            self.break_loops(trace);
            trace.roots.sort_by(|(_, a), (_, b)| self.order(*a, *b));
            trace.children.values_mut().for_each(|nodes| nodes.sort_by(|a, b| self.order(*a, *b)));
        }
        // Stable: traces that start together stay in the order of arrival.
        let start = |trace: &Trace<'a>| {
            let starts = trace.roots.iter().map(|(_, root)| self.start(*root));
            starts.min_by(f64::total_cmp).unwrap_or(f64::INFINITY)
        };
        traces.sort_by(|a, b| start(a).total_cmp(&start(b)));
        traces
    }

    /// Makes a root of the first node, in order of arrival, that no root leads to, until there is none.
    fn break_loops(&self, trace: &mut Trace<'a>) {
        let mut reached = vec![false; self.nodes.len()];
        let mut open: Vec<usize> = trace.roots.iter().map(|(_, root)| *root).collect();
        let mut unreached: Vec<usize> = trace.children.values().flatten().copied().collect();
        unreached.sort_unstable_by(|a, b| b.cmp(a));
        loop {
            while let Some(index) = open.pop() {
                if let Some(reached) = reached.get_mut(index) {
                    *reached = true;
                }
                open.extend(trace.children.get(&index).into_iter().flatten());
            }
            let Some(next) = unreached.pop() else { return };
            if reached.get(next) == Some(&true) {
                continue;
            }
            for siblings in trace.children.values_mut() {
                siblings.retain(|index| *index != next);
            }
            let parent = match self.nodes.get(next).map(|node| node.parent) {
                Some(Parent::Id(id)) => id,
                _ => "",
            };
            trace.roots.push((Top::Loop(parent), next));
            open.push(next);
        }
    }

    fn start(&self, index: usize) -> f64 {
        let start = self.nodes.get(index).and_then(|node| node.document.start_time);
        start.unwrap_or(f64::INFINITY)
    }

    fn order(&self, a: usize, b: usize) -> Ordering {
        self.start(a).total_cmp(&self.start(b)).then(a.cmp(&b))
    }

    /// The lines of a trace, top to bottom.
    pub(super) fn branches(&self, trace: &Trace<'a>) -> Vec<Branch<'_, 'a>> {
        let mut branches = Vec::new();
        let mut roots = trace.roots.clone();
        while let Some(&(top, _)) = roots.first() {
            // Those without the same parent are drawn together, the others one by one.
            let (now, later): (Vec<_>, Vec<_>) = match top {
                Top::Missing(_) => roots.into_iter().partition(|(other, _)| *other == top),
                Top::Nothing | Top::Loop(_) => {
                    let rest = roots.split_off(1);
                    (roots, rest)
                }
            };
            roots = later;
            let place = match top {
                Top::Nothing => None,
                Top::Missing(parent) => Some(Place::Missing(parent)),
                Top::Loop(parent) => Some(Place::Loop(parent)),
            };
            let beneath = place.is_some();
            branches.extend(place.map(|place| Branch { prefix: String::new(), place }));
            let now: Vec<usize> = now.into_iter().map(|(_, root)| root).collect();
            self.draw(&now, beneath, trace, &mut branches);
        }
        branches
    }

    /// Draws siblings and what is beneath them: at the margin, or beneath something there.
    fn draw<'f>(&'f self, siblings: &[usize], beneath: bool, trace: &Trace<'a>, branches: &mut Vec<Branch<'f, 'a>>) {
        // The next to draw is the last. A stack of our own: chains may be as long as they like.
        let mut open = Vec::new();
        push(&mut open, siblings, "", beneath);
        while let Some((index, prefix, within)) = open.pop() {
            let Some(node) = self.nodes.get(index) else {
                continue;
            };
            branches.push(Branch { prefix, place: Place::Node(node) });
            push(&mut open, trace.children.get(&index).map_or(&[], Vec::as_slice), &within, true);
        }
    }
}

/// Adds siblings, each with its own prefix and that of what is beneath it, the first on top.
fn push(open: &mut Vec<(usize, String, String)>, siblings: &[usize], prefix: &str, beneath: bool) {
    for (place, index) in siblings.iter().rev().enumerate() {
        let (own, within) = match (beneath, place) {
            (false, _) => ("", ""),
            (true, 0) => ("└ ", "  "),
            (true, _) => ("├ ", "│ "),
        };
        open.push((*index, format!("{prefix}{own}"), format!("{prefix}{within}")));
    }
}
