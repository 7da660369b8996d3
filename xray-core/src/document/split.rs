//! Documents that fit a datagram: what is too large is divided, and only what cannot be divided is trimmed.
//!
//! First subtrees leave as lone subsegments, the deepest that bring enough first; a node that is too large by
//! itself then loses its longest metadata values and events, each replaced by a mark, and at worst all but its
//! name, times and flags. Nothing is lost uncounted. Almost every document fits as it is; only then is none of this run.

use super::limits::NESTED_SUBSEGMENTS;
use super::writer::{self, Stamp, Trim};
use crate::node::Tree;

/// What writing a tree's documents came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Divided {
    /// Subsegments that left in a document of their own because of size.
    pub(crate) detached: u32,
    /// Documents that lost metadata values or events.
    pub(crate) trimmed: u32,
    /// Documents that do not fit even so, and were not written.
    pub(crate) lost: u32,
    /// Largest document before any of this, bytes.
    pub(crate) largest: usize,
}

impl Divided {
    /// Something did not fit as it was.
    pub(crate) fn was_needed(&self) -> bool {
        self.detached + self.trimmed + self.lost > 0
    }
}

/// Writes every document of a tree, each within `limit` bytes, and hands them to `send`.
///
/// `send` answers with a lower limit when the transport refused the size: the document is then divided further.
/// `scratch` is the buffer to write to; its content is lost.
pub(crate) fn documents(
    tree: &mut Tree,
    stamp: &Stamp,
    mut limit: usize,
    scratch: &mut Vec<u8>,
    send: &mut dyn FnMut(&[u8]) -> Option<usize>,
) -> Divided {
    let mut divided = Divided::default();
    // Almost always there is one top, and nothing to allocate for.
    let mut waiting = tree.tops();
    let mut first = waiting.next();
    let mut tops: Vec<u32> = waiting.collect();
    // Parents go first: a reader that takes documents one by one then rarely meets an unknown parent.
    tops.reverse();
    while let Some(top) = first.take().or_else(|| tops.pop()) {
        scratch.clear();
        let depth = writer::write(scratch, tree, top, stamp);
        divided.largest = divided.largest.max(scratch.len());
        let mut detached = Vec::new();
        let mut trimmed = false;
        if scratch.len() > limit || depth > NESTED_SUBSEGMENTS {
            detached = detach(tree, top, stamp, limit, scratch);
            divided.detached += detached.len() as u32;
            scratch.clear();
            writer::write(scratch, tree, top, stamp);
            trimmed = scratch.len() > limit && trim(tree, top, stamp, limit, scratch);
            divided.trimmed += u32::from(trimmed);
        }
        tops.extend(detached.into_iter().rev());
        if scratch.len() > limit {
            divided.lost += 1;
        } else if let Some(lower) = send(scratch) {
            if lower < scratch.len() {
                // What was cut off stays cut off: only this document is divided again.
                limit = lower;
                divided.trimmed -= u32::from(trimmed);
                tops.push(top);
            } else {
                divided.lost += 1;
            }
        }
    }
    divided
}

/// Cuts subtrees off until what is left of `top` fits, or is `top` alone. Says which.
fn detach(tree: &mut Tree, top: u32, stamp: &Stamp, limit: usize, scratch: &mut Vec<u8>) -> Vec<u32> {
    // Breadth first; what is too deep is cut off, and counts its own depth from there. All at once: a chain of many
    // thousands would else be written whole again for each of its pieces.
    let mut order = vec![(top, 0)];
    let mut cut = Vec::new();
    let mut at = 0;
    while let Some((node, depth)) = order.get(at).copied() {
        if depth < NESTED_SUBSEGMENTS {
            order.extend(tree.children(node).map(|child| (child, depth + 1)));
        } else {
            cut.extend(tree.children(node));
            order.extend(tree.children(node).map(|child| (child, 0)));
        }
        at += 1;
    }
    // Sizes bottom-up: a node's own text plus that of the children that stay with it.
    let mut sizes = vec![0_usize; tree.nodes().len()];
    for (node, depth) in order.iter().rev().copied() {
        scratch.clear();
        writer::write_alone(scratch, tree, node, stamp, &Trim::default());
        let own = scratch.len() + DOCUMENT_OVERHEAD;
        let mut children: Vec<u32> =
            if depth < NESTED_SUBSEGMENTS { tree.children(node).collect() } else { Vec::new() };
        let of = |child: &u32, sizes: &[usize]| sizes.get(*child as usize).copied().unwrap_or(0) + 1;
        let mut total = own + children.iter().map(|child| of(child, &sizes)).sum::<usize>();
        // The largest go first: fewest documents for the most room.
        children.sort_by_key(|child| of(child, &sizes));
        while total > limit {
            let Some(largest) = children.pop() else { break };
            total -= of(&largest, &sizes);
            cut.push(largest);
        }
        if let Some(size) = sizes.get_mut(node as usize) {
            *size = total;
        }
    }
    tree.detach(&cut);
    let mut is_cut = vec![false; sizes.len()];
    for node in cut {
        if let Some(mark) = is_cut.get_mut(node as usize) {
            *mark = true;
        }
    }
    // From the top downwards: parents go first.
    let nodes = order.into_iter().map(|(node, _)| node);
    nodes.filter(|node| is_cut.get(*node as usize) == Some(&true)).collect()
}

/// Writes `top` alone with ever shorter values until it fits.
fn trim(tree: &Tree, top: u32, stamp: &Stamp, limit: usize, scratch: &mut Vec<u8>) -> bool {
    let mut trim = Trim { from: limit, ..Trim::default() };
    loop {
        trim.from /= 2;
        // Past the smallest, values are not what makes it too large: there are too many of them. And where it is not
        // the metadata at all, what is left says at least that there was something, when, and how it ended.
        trim.bare = trim.all;
        trim.all = trim.from < SMALLEST_TRIM;
        scratch.clear();
        writer::write_alone(scratch, tree, top, stamp, &trim);
        if scratch.len() <= limit || trim.bare {
            return scratch.len() <= limit;
        }
    }
}

/// Room for what stands around a node: its parent's id once it is lone, `,"subsegments":[]`, a comma.
const DOCUMENT_OVERHEAD: usize = 160;
/// Values shorter than this are never what makes a document too large.
const SMALLEST_TRIM: usize = 48;
