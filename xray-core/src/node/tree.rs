//! One segment with its subsegments while they are open: nodes in an arena, their items in one buffer.
//!
//! All of a tree lies behind one lock, taken for a few hundred instructions at a time and never while
//! foreign code runs. A node is *open*, then *ended*, then *sent*:
//!
//! - A *top* is a node whose document travels by itself: the segment, or a *lone* subsegment whose parent
//!   was sent before it. When a top ends it is sent at once, with every ended node that hangs on it by
//!   ended nodes. What is still open below is cut off and becomes lone.
//! - Past the stream threshold, finished subtrees leave early as lone subsegments.
//! - A sent node keeps its id for as long as something may still open a child of it.
//!
//! Nothing here is recursive: the depth of a tree is the host's to choose.

mod data;
mod leaving;
mod outcome;

pub(crate) use data::{Label, NO_NODE, NodeData, flag};
pub(crate) use leaving::Leaving;
pub(crate) use outcome::Outcome;

use super::handle::Handle;
use super::head::{Head, Kind, Late};
use super::items::{ALL_BUT_EVENTS, AllItems, Class, Draft, EVENTS, ItemBuffer, ItemsOf, Runs};
use super::record::{Admitted, give_back, take_draft};
use crate::document::limits::{LINKED_TRACES, LINKS};
use crate::id::hex;

/// A segment and what is below it, open or on its way out.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) head: Head,
    nodes: Vec<NodeData>,
    items: ItemBuffer,
    /// First free node, chained by `next`.
    free: u32,
    open: u32,
    /// Ended and not sent.
    finished: u32,
    /// References to any of its nodes.
    refs: u32,
    annotations: u16,
    /// `finished` at which finished subtrees are looked for next.
    stream_at: u32,
    abandoned: bool,
    /// How it went, for a sampler that asks. Apart: few do, and every open request would hold it.
    outcome: Option<Box<Outcome>>,
}

impl Tree {
    pub(crate) fn new(head: Head) -> Tree {
        Tree {
            head,
            nodes: Vec::new(),
            items: ItemBuffer::default(),
            free: NO_NODE,
            open: 0,
            finished: 0,
            refs: 0,
            annotations: 0,
            stream_at: 0,
            abandoned: false,
            outcome: None,
        }
    }

    /// Empties the tree for another request; its buffers stay.
    pub(crate) fn reset(&mut self, head: Head) {
        // Field by field: to make a new one and move it here copies some 400 bytes twice.
        let Tree { head: place, nodes, items, free, open, finished, refs, annotations, stream_at, abandoned, outcome } =
            self;
        *place = head;
        nodes.clear();
        items.clear();
        *free = NO_NODE;
        (*open, *finished, *refs, *annotations, *stream_at) = (0, 0, 0, 0, 0);
        *abandoned = false;
        if let Some(outcome) = outcome {
            **outcome = Outcome::default();
        }
    }

    /// Bytes its buffers hold on to.
    pub(crate) fn capacity(&self) -> usize {
        self.nodes.capacity() * size_of::<NodeData>() + self.items.capacity()
    }

    /// Bytes in use, for the queue's bound.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Tree>() + self.nodes.len() * size_of::<NodeData>() + self.items.len()
    }

    pub(crate) fn nodes(&self) -> &[NodeData] {
        &self.nodes
    }

    pub(crate) fn node(&self, node: u32) -> Option<&NodeData> {
        self.nodes.get(node as usize)
    }

    fn node_mut(&mut self, node: u32) -> Option<&mut NodeData> {
        self.nodes.get_mut(node as usize)
    }

    pub(crate) fn items(&self, node: &NodeData) -> impl Iterator<Item = (Class, &[u8])> {
        self.items.items(node.runs)
    }

    /// The items of one class.
    pub(crate) fn items_of(&self, node: &NodeData, class: Class) -> ItemsOf<'_> {
        // Without any, the others need not be looked through: a segment asks for many that it does not have.
        let runs = if node.classes & class.bit() != 0 { node.runs } else { Runs::EMPTY };
        self.items.items_of(runs, class)
    }

    /// All of them, dead ones too, for the writer.
    pub(crate) fn all_items(&self, node: &NodeData) -> AllItems<'_> {
        self.items.all(node.runs)
    }

    /// The children of a node, oldest first.
    pub(crate) fn children(&self, node: u32) -> impl Iterator<Item = u32> {
        let mut child = self.node(node).map_or(NO_NODE, |node| node.first_child);
        std::iter::from_fn(move || {
            let found = child;
            child = self.node(found)?.next;
            Some(found)
        })
    }

    /// Nodes whose documents are to be written: not sent, and without a parent here.
    pub(crate) fn tops(&self) -> impl Iterator<Item = u32> {
        self.nodes
            .iter()
            .enumerate()
            .filter(|(_, node)| node.parent == NO_NODE && !node.is(flag::SENT | flag::FREE))
            .map(|(index, _)| index as u32)
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    /// Late capture has forgotten what was recorded.
    pub(crate) fn is_dropped(&self) -> bool {
        self.head.late == Late::Dropped
    }

    /// Drops what was recorded, for good; late capture has nothing to decide any more. References stay counted.
    pub(crate) fn abandon(&mut self) {
        self.abandoned = true;
        if self.head.late == Late::Undecided {
            self.head.late = Late::No;
        }
        self.items.clear();
        self.open = 0;
        self.finished = 0;
        for node in &mut self.nodes {
            node.flags |= flag::SENT | flag::ENDED;
            node.runs = Runs::EMPTY;
        }
    }

    // --- references ---

    /// Something more can name this node (or, of an unsampled tree, the tree).
    pub(crate) fn retain(&mut self, node: u32) {
        self.refs += 1;
        if let Some(node) = self.node_mut(node) {
            node.refs = node.refs.saturating_add(1);
        }
    }

    #[inline(always)]
    pub(crate) fn release(&mut self, node: u32) {
        self.refs = self.refs.saturating_sub(1);
        let Some(data) = self.node_mut(node) else { return };
        // A count that ran into its ceiling is never trusted again: the node then stays for the tree's life.
        if data.refs != u16::MAX {
            data.refs = data.refs.saturating_sub(1);
        }
        if data.is(flag::SENT) {
            self.reuse(node);
        }
    }

    /// True when nothing is open and nothing can name the tree: its slot is free.
    pub(crate) fn is_done(&self) -> bool {
        self.refs == 0 && self.open == 0
    }

    // --- opening ---

    /// Opens the segment itself, the first node of a tree.
    pub(crate) fn open_segment(&mut self, id: u64, start: u64, label: Option<&'static Label>) -> Option<u32> {
        self.push(NodeData::new(id, start, label, flag::SEGMENT))
    }

    /// Opens a subsegment beneath `parent`, with what a draft holds and one reference; `None` when the tree holds all it
    /// may.
    #[inline(always)] // under the lock, once a span
    pub(crate) fn open_child(&mut self, parent: u32, node: NodeData, draft: &mut Draft) -> Option<u32> {
        if self.abandoned {
            return None;
        }
        let above = self.nodes.get(parent as usize)?;
        let (parent_id, sent) = (above.id, above.is(flag::SENT));
        let child = self.push(NodeData { refs: 1, parent, ..node })?;
        self.refs += 1;
        if let Some(node) = self.nodes.get_mut(child as usize).filter(|_| !draft.is_empty()) {
            add(&mut self.items, &mut self.annotations, node, draft, false);
        }
        if sent {
            self.make_lone(child, parent_id);
        } else {
            self.link_last(parent, child);
        }
        Some(child)
    }

    /// A node that stands for a segment someone else sends: children of it travel alone.
    pub(crate) fn open_facade(&mut self, id: u64, start: u64) -> Option<u32> {
        let mut facade = NodeData::new(id, start, None, flag::SEGMENT | flag::SENT | flag::ENDED);
        // It keeps its place for the tree's life: what is set on the segment goes nowhere, not to another node.
        facade.refs = u16::MAX;
        let node = self.push(facade)?;
        self.open -= 1;
        Some(node)
    }

    #[inline(always)]
    fn push(&mut self, node: NodeData) -> Option<u32> {
        // Handed to another function the node would be built in memory and copied from there: 20 instructions more.
        let index = if self.free == NO_NODE { self.nodes.len() as u32 } else { self.take_free()? };
        if index >= Handle::MAX_NODES {
            return None;
        }
        match self.nodes.get_mut(index as usize) {
            Some(place) => *place = node,
            None => {
                if self.nodes.len() == self.nodes.capacity() {
                    self.grow();
                }
                self.nodes.push(node);
            }
        }
        self.open += 1;
        Some(index)
    }

    /// Makes room for half as many nodes more. A vector of its own accord starts with four and doubles: most open requests
    /// have few, and a twentieth of what they held was room for more.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        self.nodes.reserve_exact((self.nodes.len() / 2).max(1));
    }

    #[cold]
    #[inline(never)]
    fn take_free(&mut self) -> Option<u32> {
        let index = self.free;
        self.free = self.node(index)?.next;
        Some(index)
    }

    fn link(&mut self, parent: u32, child: u32) {
        if self.node(parent).is_none() {
            return;
        }
        if let Some(child) = self.node_mut(child) {
            child.parent = parent;
            child.next = NO_NODE;
        }
        self.link_last(parent, child);
    }

    /// Hangs on a node that names `parent` already, and no next one.
    #[inline(always)]
    fn link_last(&mut self, parent: u32, child: u32) {
        let Some(above) = self.nodes.get_mut(parent as usize) else { return };
        let last = std::mem::replace(&mut above.last_child, child);
        if last == NO_NODE {
            above.first_child = child;
        } else if let Some(last) = self.nodes.get_mut(last as usize) {
            last.next = child;
        }
    }

    #[cold]
    fn make_lone(&mut self, node: u32, parent_id: u64) {
        let mut draft = take_draft();
        draft.push(Class::ParentId, &hex(parent_id));
        let Some(data) = self.nodes.get_mut(node as usize) else { return };
        data.parent = NO_NODE;
        data.next = NO_NODE;
        data.flags |= flag::LONE;
        // However full the tree is: X-Ray refuses a subsegment that comes alone and names no parent.
        self.items.append_anyway(&mut data.runs, &mut draft, ALL_BUT_EVENTS);
        data.classes |= Class::ParentId.bit();
        give_back(draft);
    }

    /// Puts a node on the free list once it is sent and nothing can name it.
    #[cold]
    #[inline(never)]
    fn reuse(&mut self, node: u32) {
        // These two are also named by their place: the segment, and the span that an implicit one stands for.
        if node == 0 || (node == 1 && self.head.kind == Kind::Implicit) {
            return;
        }
        let free = self.free;
        let Some(data) = self.node_mut(node) else { return };
        if data.refs == 0 && data.is(flag::SENT) && !data.is(flag::FREE) {
            data.flags |= flag::FREE;
            data.next = free;
            data.runs = Runs::EMPTY;
            self.free = node;
        }
    }

    // --- recording ---

    /// Marks a node and adds the one event that a draft holds, if it has room.
    #[inline(always)] // under the lock, once an event
    pub(crate) fn append_event(&mut self, node: u32, flags: u16, draft: &mut Draft) {
        let Some(data) = self.nodes.get_mut(node as usize) else { return };
        data.flags |= flags;
        if data.is(flag::SENT) {
            return;
        }
        if data.events >= MAX_EVENTS {
            draft.losses.event_dropped = true;
            return;
        }
        data.events += 1;
        data.classes |= Class::Event.bit();
        draft.losses.refused = !self.items.append(&mut data.runs, draft, EVENTS);
    }

    /// Adds items to a node. With `replace`, a later value takes the place of an earlier one of its key.
    pub(crate) fn append(&mut self, node: u32, draft: &mut Draft, replace: bool) {
        let Some(data) = self.nodes.get_mut(node as usize).filter(|data| !data.is(flag::SENT)) else { return };
        // Where nothing of these classes is there yet, nothing can be replaced: the usual case.
        let replace = replace && data.classes & draft.classes() != 0;
        add(&mut self.items, &mut self.annotations, data, draft, replace);
        if replace {
            self.compact();
        }
    }

    /// Counts a chain of `length` exceptions in, as far as the node takes them.
    pub(crate) fn admit_exceptions(&mut self, node: u32, length: u8) -> Admitted {
        let Some(data) = self.node_mut(node).filter(|data| !data.is(flag::SENT)) else { return Admitted::default() };
        let taken = length.min(MAX_CHAIN).min(MAX_EXCEPTIONS.saturating_sub(data.exceptions));
        data.exceptions += taken;
        Admitted { taken, skipped: length - taken }
    }

    /// Whether the segment may link to one trace more: `link` is the object's text up to the trace id's end.
    pub(crate) fn admits_link(&self, link: &[u8]) -> bool {
        let Some(segment) = self.node(0) else { return false };
        let links = self.items(segment).filter(|(class, _)| *class == Class::Link);
        let mut traces: Vec<&[u8]> = links.map(|(_, item)| item.get(..link.len()).unwrap_or(item)).collect();
        let all = traces.len();
        traces.sort_unstable();
        traces.dedup();
        all < LINKS && (traces.len() < LINKED_TRACES || traces.binary_search(&link).is_ok())
    }

    pub(crate) fn mark(&mut self, node: u32, flags: u16) {
        if let Some(data) = self.node_mut(node) {
            data.flags |= flags;
        }
    }

    /// True for the first panic of a node.
    pub(crate) fn note_panic(&mut self, node: u32) -> bool {
        let Some(data) = self.node_mut(node) else { return false };
        let first = !data.is(flag::PANICKED);
        data.flags |= flag::PANICKED;
        first
    }

    /// Takes back a span's reference and ends its node. The one span of an implicit segment ends that with it.
    #[inline(always)] // under the lock, once a span
    pub(crate) fn close_span(&mut self, node: u32, at: u64, stream_after: u32) -> Leaving {
        self.release(node);
        // Node 0 is the segment, node 1 the span that it was opened for.
        if node == 1 && self.head.kind == Kind::Implicit {
            return self.close_implicit(at);
        }
        self.end(node, at, stream_after)
    }

    #[cold]
    #[inline(never)]
    fn close_implicit(&mut self, at: u64) -> Leaving {
        self.end(1, at, u32::MAX);
        let end = self.node(1).map_or(at, |node| node.end);
        self.release(0);
        self.end(0, end, u32::MAX)
    }
}

/// Adds what a draft holds to a node, no events; `annotations` are those of its tree.
#[inline(always)]
fn add(items: &mut ItemBuffer, annotations: &mut u16, node: &mut NodeData, draft: &mut Draft, replace: bool) {
    if replace || annotations.saturating_add(draft.annotations()) > MAX_ANNOTATIONS {
        let (moved, killed) = make_room(items, node.runs, *annotations, draft, replace);
        draft.losses.annotations_moved = moved;
        *annotations = annotations.saturating_sub(killed);
        if draft.losses.refused {
            return;
        }
    }
    let classes = draft.classes();
    if items.append(&mut node.runs, draft, ALL_BUT_EVENTS) {
        node.classes |= classes;
        *annotations += draft.annotations();
    } else {
        draft.losses.refused = true;
    }
}

/// Marks dead what a draft has later values for, and makes metadata of the annotations beyond those a trace holds.
/// Says how many annotations it moved and how many earlier ones died; and, in the draft, that the node takes no more.
#[inline(never)]
fn make_room(items: &mut ItemBuffer, runs: Runs, annotations: u16, draft: &mut Draft, replace: bool) -> (u16, u16) {
    if !items.has_room(draft) {
        // What is there stays, for nothing can take its place.
        draft.losses.refused = true;
        return (0, 0);
    }
    let mut killed = 0;
    if replace {
        let superseded = items.supersede(runs, draft);
        if superseded.full {
            draft.losses.refused = true;
            return (0, 0);
        }
        killed = superseded.annotations;
    }
    let room = MAX_ANNOTATIONS.saturating_sub(annotations.saturating_sub(killed));
    if draft.annotations() <= room {
        return (0, killed);
    }
    let moved = draft.demote_annotations(room);
    // There may be metadata of that key, in the draft or from before.
    draft.drop_doubles();
    draft.losses.refused = items.supersede(runs, draft).full;
    (moved, killed)
}

/// Annotations X-Ray indexes for one trace. Source: X-Ray Developer Guide, "Segment documents", annotations.
const MAX_ANNOTATIONS: u16 = 50;
/// Events kept of one node; the rest are counted.
pub(crate) const MAX_EVENTS: u8 = 32;
/// Exceptions kept of one node, causes included; the rest are counted.
const MAX_EXCEPTIONS: u8 = 16;
/// Exceptions kept of one chain of causes.
const MAX_CHAIN: u8 = 8;
