//! How nodes leave their tree: at their end, ahead of it, because of size, or as still open.
//!
//! What leaves is copied to a tree of its own, which the sender writes; what stays keeps its place. A whole tree is
//! handed over as it is.

use super::{NO_NODE, NodeData, Tree, flag};
use crate::node::head::Late;
use crate::node::items::{ItemBuffer, Runs};

/// What ending a node gives to send.
#[derive(Debug)]
pub(crate) enum Leaving {
    /// Nothing yet.
    Nothing,
    /// A top with what hangs on it, copied out.
    Part(Box<Tree>),
    /// Finished subtrees, copied out ahead of their segment.
    Streamed(Box<Tree>),
    /// All of the tree: whoever holds it may take it as it is.
    Whole,
}

impl Tree {
    /// Ends a node. Ending twice changes nothing.
    #[inline(always)] // under the lock, once a span
    pub(crate) fn end(&mut self, node: u32, at: u64, stream_after: u32) -> Leaving {
        let Some(data) = self.nodes.get_mut(node as usize) else { return Leaving::Nothing };
        if !data.is_open() {
            return Leaving::Nothing;
        }
        data.end = at.max(data.start);
        data.flags |= flag::ENDED;
        let top = data.parent == NO_NODE;
        self.open -= 1;
        self.finished += 1;
        if top {
            return if self.is_done() { Leaving::Whole } else { self.part(node) };
        }
        if self.finished > stream_after.max(self.stream_at) && self.head.late != Late::Undecided {
            return self.stream(stream_after);
        }
        Leaving::Nothing
    }

    /// A top leaves, something else of its tree does not.
    #[cold]
    #[inline(never)]
    fn part(&mut self, top: u32) -> Leaving {
        let mut part = Box::new(Tree::new(self.head.clone()));
        self.extract(top, &mut part);
        self.compact();
        Leaving::Part(part)
    }

    /// Moves `top` and every ended node that hangs on it by ended nodes to `out`; cuts off what is open.
    fn extract(&mut self, top: u32, out: &mut Tree) {
        // `out` itself is the queue: nodes are copied breadth first, `origin` says where each came from.
        let first = out.nodes.len();
        let mut origin = vec![top];
        out.adopt(self, top);
        let mut at = 0;
        while let Some(old) = origin.get(at).copied() {
            let new = (first + at) as u32;
            let mut child = self.node(old).map_or(NO_NODE, |data| data.first_child);
            let id = self.node(old).map_or(0, |data| data.id);
            while let Some(data) = self.node(child).copied() {
                if data.is(flag::ENDED) {
                    let copy = out.adopt(self, child);
                    out.link(new, copy);
                    origin.push(child);
                } else {
                    self.make_lone(child, id);
                }
                child = data.next;
            }
            at += 1;
        }
        for old in origin {
            self.forget(old);
        }
    }

    /// Copies a node without its links; the copy is ended exactly when the original is.
    fn adopt(&mut self, from: &Tree, node: u32) -> u32 {
        let index = self.nodes.len() as u32;
        let Some(data) = from.node(node) else { return index };
        let runs = from.items.copy(data.runs, &mut self.items);
        self.nodes.push(NodeData {
            parent: NO_NODE,
            first_child: NO_NODE,
            last_child: NO_NODE,
            next: NO_NODE,
            runs,
            ..*data
        });
        index
    }

    /// A node's content is gone out; its id stays while something can name it.
    fn forget(&mut self, node: u32) {
        let Some(data) = self.nodes.get_mut(node as usize) else { return };
        self.items.forget(data.runs);
        data.flags |= flag::SENT;
        data.runs = Runs::EMPTY;
        data.first_child = NO_NODE;
        data.last_child = NO_NODE;
        data.parent = NO_NODE;
        data.next = NO_NODE;
        self.finished = self.finished.saturating_sub(1);
        self.reuse(node);
    }

    /// Takes out every finished subtree: a node that has ended, all below it ended, and something open above.
    #[inline(never)]
    fn stream(&mut self, stream_after: u32) -> Leaving {
        let mut unfinished = vec![false; self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            let mut above = if node.is_open() { index as u32 } else { NO_NODE };
            while let Some(mark) = unfinished.get_mut(above as usize) {
                if std::mem::replace(mark, true) {
                    break;
                }
                above = self.node(above).map_or(NO_NODE, |node| node.parent);
            }
        }
        let is_unfinished = |node: u32| unfinished.get(node as usize).copied().unwrap_or(false);
        let mut out = Box::new(Tree::new(self.head.clone()));
        for parent in (0..self.nodes.len() as u32).filter(|node| is_unfinished(*node)) {
            let Some(above) = self.node_mut(parent) else { continue };
            let id = above.id;
            let mut child = std::mem::replace(&mut above.first_child, NO_NODE);
            above.last_child = NO_NODE;
            while let Some(next) = self.node(child).map(|data| data.next) {
                if is_unfinished(child) {
                    self.link(parent, child);
                } else {
                    self.make_lone(child, id);
                    self.extract(child, &mut out);
                }
                child = next;
            }
        }
        self.compact();
        // Where little could leave, looking again after each end would make the cost quadratic.
        self.stream_at = self.finished + stream_after;
        if out.nodes.is_empty() { Leaving::Nothing } else { Leaving::Streamed(out) }
    }

    /// Cuts nodes off their parents, each to be a document of its own. For trees on their way out.
    pub(crate) fn detach(&mut self, nodes: &[u32]) {
        let mut cut = vec![false; self.nodes.len()];
        for node in nodes {
            if let Some(mark) = cut.get_mut(*node as usize) {
                *mark = true;
            }
        }
        for parent in 0..self.nodes.len() as u32 {
            let children: Vec<u32> = self.children(parent).collect();
            let is_cut = |child: &u32| cut.get(*child as usize).copied().unwrap_or(false);
            if !children.iter().any(is_cut) {
                continue;
            }
            let Some(above) = self.node_mut(parent) else { continue };
            let id = above.id;
            above.first_child = NO_NODE;
            above.last_child = NO_NODE;
            for child in children {
                if is_cut(&child) {
                    self.make_lone(child, id);
                } else {
                    self.link(parent, child);
                }
            }
        }
    }

    /// Gives the room of sent and overwritten items back once it is the larger half.
    pub(super) fn compact(&mut self) {
        let garbage = self.items.garbage();
        if garbage < COMPACT_FROM || garbage * 2 < self.items.len() {
            return;
        }
        let mut kept = ItemBuffer::default();
        for node in &mut self.nodes {
            node.runs = self.items.copy(node.runs, &mut kept);
        }
        self.items = kept;
    }

    // --- what is still open ---

    /// Copies what has been open since before `before` and was not announced yet, with what is open below.
    pub(crate) fn announce(&mut self, before: u64) -> Option<Box<Tree>> {
        let waits = |node: &NodeData| node.is_open() && !node.is(flag::ANNOUNCED);
        if self.is_held_back() || !self.nodes.iter().any(|node| waits(node) && node.start <= before) {
            return None;
        }
        let mut out = Box::new(Tree::new(self.head.clone()));
        for index in 0..self.nodes.len() as u32 {
            let Some(data) = self.node(index).copied() else { continue };
            if !waits(&data) || data.start > before {
                continue;
            }
            let copy = out.adopt(self, index);
            if !data.is(flag::SEGMENT | flag::LONE) {
                let parent_id = self.node(data.parent).map_or(0, |above| above.id);
                out.make_lone(copy, parent_id);
            }
            self.mark(index, flag::ANNOUNCED);
            self.announce_below(index, copy, &mut out);
        }
        Some(out)
    }

    fn announce_below(&mut self, top: u32, copy: u32, out: &mut Tree) {
        let mut pending = vec![(top, copy)];
        while let Some((old, new)) = pending.pop() {
            let waiting = |node: &NodeData| node.is_open() && !node.is(flag::ANNOUNCED);
            let below: Vec<u32> = self.children(old).filter(|child| self.node(*child).is_some_and(waiting)).collect();
            for child in below {
                let copy = out.adopt(self, child);
                out.link(new, copy);
                self.mark(child, flag::ANNOUNCED);
                pending.push((child, copy));
            }
        }
    }

    /// A copy of everything that was not sent, for the last word at shutdown: what is open stays open, passes its trace on
    /// as before, and ends as it would have. `None` when all that is open was in such a copy before.
    pub(crate) fn copy_rest(&mut self) -> Option<Box<Tree>> {
        let untold = |node: &NodeData| node.is_open() && !node.is(flag::LAST_WORD);
        if self.is_held_back() || !self.nodes.iter().any(untold) {
            return None;
        }
        let mut out = Box::new(Tree::new(self.head.clone()));
        out.nodes.clone_from(&self.nodes);
        out.items.clone_from(&self.items);
        for node in self.nodes.iter_mut().filter(|node| node.is_open()) {
            node.flags |= flag::LAST_WORD | flag::ANNOUNCED;
        }
        Some(out)
    }

    /// Nothing of it leaves, now or ever.
    fn is_held_back(&self) -> bool {
        self.abandoned || self.head.late == Late::Undecided
    }

    pub(crate) fn open_nodes(&self) -> u32 {
        self.open
    }
}

/// Bytes below which sent items are not worth moving the rest for.
const COMPACT_FROM: usize = 4096;
