//! One node of a tree: what it is, what hangs on it, what happened to it.

use crate::document::escape;
use crate::document::piece::Piece;
use crate::node::items::Runs;

/// A span's name as it stands in a document. One per callsite, for ever.
#[derive(Debug)]
pub(crate) struct Label {
    /// `{"name":"…"`: how the node begins.
    pub(crate) opening: Piece<32>,
}

impl Label {
    /// For a name that is valid already.
    pub(crate) fn new(name: &str) -> Label {
        let mut opening = br#"{"name":"#.to_vec();
        escape::string(&mut opening, name);
        Label { opening: Piece::new(&opening) }
    }
}

/// One open, ended or sent node. 64 bytes: a cache line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeData {
    pub(crate) id: u64,
    /// Nanoseconds of the clock's monotonic time.
    pub(crate) start: u64,
    /// The same; 0 while it is open.
    pub(crate) end: u64,
    pub(crate) label: Option<&'static Label>,
    pub(crate) parent: u32,
    pub(crate) first_child: u32,
    pub(super) last_child: u32,
    pub(crate) next: u32,
    pub(crate) runs: Runs,
    /// The classes of its items, a bit each.
    pub(crate) classes: u16,
    pub(super) flags: u16,
    /// Spans and guards that can still name this node.
    pub(super) refs: u16,
    pub(super) events: u8,
    pub(super) exceptions: u8,
}

/// No node: the parent of a top, the end of a list.
pub(crate) const NO_NODE: u32 = u32::MAX;

pub(crate) mod flag {
    //! What a node is and what happened to it, a bit each.
    pub(crate) const ENDED: u16 = 1;
    pub(crate) const SENT: u16 = 1 << 1;
    pub(crate) const SEGMENT: u16 = 1 << 2;
    pub(crate) const LONE: u16 = 1 << 3;
    pub(crate) const ANNOUNCED: u16 = 1 << 4;
    pub(crate) const ERROR: u16 = 1 << 5;
    pub(crate) const THROTTLE: u16 = 1 << 6;
    pub(crate) const FAULT: u16 = 1 << 7;
    pub(crate) const AWS: u16 = 1 << 8;
    pub(crate) const REMOTE: u16 = 1 << 9;
    /// Its panic was recorded: a second exit during the same unwinding adds nothing.
    pub(crate) const PANICKED: u16 = 1 << 10;
    /// On the free list.
    pub(crate) const FREE: u16 = 1 << 11;
    /// Was sent as in progress at a shutdown.
    pub(crate) const LAST_WORD: u16 = 1 << 12;
}

impl NodeData {
    #[inline(always)]
    pub(crate) fn new(id: u64, start: u64, label: Option<&'static Label>, flags: u16) -> NodeData {
        NodeData {
            id,
            start,
            end: 0,
            label,
            parent: NO_NODE,
            first_child: NO_NODE,
            last_child: NO_NODE,
            next: NO_NODE,
            runs: Runs::EMPTY,
            classes: 0,
            flags,
            refs: 0,
            events: 0,
            exceptions: 0,
        }
    }

    pub(crate) fn is(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    pub(super) fn is_open(&self) -> bool {
        self.flags & (flag::ENDED | flag::SENT | flag::FREE) == 0
    }
}
