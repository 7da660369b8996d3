//! Eight bytes that name an open node: which tree, which node of it, and in which life of the slot.

use std::fmt;

/// Names a node from the outside: held by guards, frames and the span table.
///
/// Layout, from the top: 24 bits generation, 1 bit alias, 20 bits slot, 19 bits node. A slot's generation
/// changes whenever it is used again, so a handle that outlives its tree finds nothing instead of
/// somebody else's request. Generation 0 is never given out; its values are the two marks below, whose node is the one
/// that no tree has: so that one look tells what is recorded, which every span and event asks several times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(u64);

impl Handle {
    /// A span with no node above it: what it opens starts from nothing.
    pub(crate) const NOTHING: Handle = Handle(NODE_MASK);
    /// A span of an unsampled trace that has no entry of its own; its decision is found by climbing.
    pub(crate) const QUIET: Handle = Handle(1 << NODE_BITS | NODE_MASK);

    /// Slots there can be, and so trees open at one time.
    pub(crate) const MAX_SLOTS: u32 = 1 << SLOT_BITS;
    /// Nodes a tree can hold at one time.
    pub(crate) const MAX_NODES: u32 = (1 << NODE_BITS) - 1;
    /// Generations before they repeat; 0 is left out.
    pub(crate) const MAX_GENERATION: u32 = (1 << 24) - 1;

    pub(crate) fn new(slot: u32, generation: u32, node: u32) -> Handle {
        Handle(u64::from(generation) << 40 | u64::from(slot) << NODE_BITS | u64::from(node))
    }

    /// The handle of an unsampled tree, which has no nodes.
    pub(crate) fn unsampled(slot: u32, generation: u32) -> Handle {
        Handle::new(slot, generation, Handle::MAX_NODES)
    }

    /// The same node, held by a span that is not recorded itself.
    pub(crate) fn as_alias(self) -> Handle {
        Handle(self.0 | ALIAS)
    }

    pub(crate) fn as_own(self) -> Handle {
        Handle(self.0 & !ALIAS)
    }

    pub(crate) fn at_node(self, node: u32) -> Handle {
        Handle((self.0 & !(ALIAS | NODE_MASK)) | u64::from(node))
    }

    pub(crate) fn is_alias(self) -> bool {
        self.0 & ALIAS != 0
    }

    pub(crate) fn is_mark(self) -> bool {
        self.generation() == 0
    }

    pub(crate) fn is_unsampled(self) -> bool {
        !self.is_mark() && self.0 & NODE_MASK == NODE_MASK
    }

    /// A node of a recorded tree.
    pub(crate) fn is_recorded(self) -> bool {
        self.0 & NODE_MASK != NODE_MASK
    }

    /// A segment itself, or its unsampled stand-in.
    pub(crate) fn is_segment(self) -> bool {
        self.is_unsampled() || (self.is_recorded() && self.node() == 0)
    }

    pub(crate) fn slot(self) -> u32 {
        (self.0 >> NODE_BITS) as u32 & (Handle::MAX_SLOTS - 1)
    }

    pub(crate) fn generation(self) -> u32 {
        (self.0 >> 40) as u32
    }

    pub(crate) fn node(self) -> u32 {
        (self.0 & NODE_MASK) as u32
    }

    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Handle {
        Handle(bits)
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Handle::NOTHING => f.write_str("Handle(nothing)"),
            Handle::QUIET => f.write_str("Handle(quiet)"),
            handle => write!(f, "Handle({}.{}.{})", handle.slot(), handle.generation(), handle.node()),
        }
    }
}

const NODE_BITS: u32 = 19;
const SLOT_BITS: u32 = 20;
const NODE_MASK: u64 = (1 << NODE_BITS) - 1;
const ALIAS: u64 = 1 << (NODE_BITS + SLOT_BITS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_comes_back() {
        let handle = Handle::new(Handle::MAX_SLOTS - 1, Handle::MAX_GENERATION, 7);
        assert_eq!(
            (handle.slot(), handle.generation(), handle.node()),
            (Handle::MAX_SLOTS - 1, Handle::MAX_GENERATION, 7)
        );
        assert!(handle.is_recorded() && !handle.is_alias() && !handle.is_unsampled() && !handle.is_mark());
        let alias = handle.as_alias();
        assert!(alias.is_alias() && alias.is_recorded());
        assert_eq!(alias.as_own(), handle);
        assert_eq!(
            (alias.slot(), alias.generation(), alias.node()),
            (handle.slot(), handle.generation(), handle.node())
        );
        assert_eq!(alias.at_node(9).node(), 9);
    }

    #[test]
    fn an_unsampled_tree_and_the_marks_are_never_taken_for_a_node() {
        let unsampled = Handle::unsampled(3, 1);
        assert!(unsampled.is_unsampled() && !unsampled.is_recorded());
        for mark in [Handle::NOTHING, Handle::QUIET] {
            assert!(mark.is_mark() && !mark.is_recorded() && !mark.is_unsampled());
        }
    }
}
