//! Items being written, and how those of a callsite begin.

use crate::document::escape;
use crate::document::piece::Piece;

use super::{
    Class, ITEM_HEADER, Items, JOINED, MAX_ITEM, RUN_HEADER, item_header, key_of, read_u32, split_item_header,
};

/// Items being written, before they belong to a node.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Room for a run's header, and the items: appending them is then one copy.
    pub(super) bytes: Vec<u8>,
    /// Where the item that is being written starts.
    open: usize,
    /// The last item can be joined by another member of metadata.
    joins: bool,
    classes: u16,
    annotations: u16,
    pub(crate) losses: Losses,
}

/// What of a draft does not stay as it came, for the counters. Part of the draft, for a result that is handed up through
/// the functions that add it takes 20 instructions more, twice a span.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Losses {
    /// Values that were cut while being written.
    pub(crate) values_cut: u16,
    /// Annotations that became metadata.
    pub(crate) annotations_moved: u16,
    /// The event was not kept: the node has enough.
    pub(crate) event_dropped: bool,
    /// The tree holds all it may.
    pub(crate) refused: bool,
}

impl Losses {
    pub(crate) const NONE: Losses =
        Losses { values_cut: 0, annotations_moved: 0, event_dropped: false, refused: false };

    /// Nothing at all: asked of every draft.
    #[inline(always)]
    pub(crate) fn are_none(self) -> bool {
        let flags = u16::from(self.event_dropped) | u16::from(self.refused);
        self.values_cut | self.annotations_moved | flags == 0
    }
}

impl Draft {
    pub(crate) fn new() -> Draft {
        let bytes = vec![0; RUN_HEADER];
        Draft { bytes, open: 0, joins: false, classes: 0, annotations: 0, losses: Losses::NONE }
    }

    /// Forgets what it holds, but for the buffer.
    #[inline(always)] // twice a span
    pub(crate) fn clear(&mut self) {
        self.bytes.truncate(RUN_HEADER);
        (self.joins, self.classes, self.annotations, self.losses) = (false, 0, 0, Losses::NONE);
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() <= RUN_HEADER
    }

    /// Starts an item; its bytes are then written to the returned buffer, and [`Draft::finish`] closes it.
    pub(crate) fn start(&mut self) -> &mut Vec<u8> {
        self.joins = false;
        self.open = self.bytes.len();
        self.bytes.extend_from_slice(&[0; ITEM_HEADER]);
        &mut self.bytes
    }

    /// As [`Draft::start`], for an item that begins with a key.
    #[inline(always)]
    pub(crate) fn start_with(&mut self, opening: &KeyOpening) -> &mut Vec<u8> {
        self.joins = false;
        self.open = self.bytes.len();
        opening.0.write(&mut self.bytes);
        &mut self.bytes
    }

    /// As [`Draft::start_with`], for a member of metadata whose value is a string, a number or a boolean:
    /// [`Draft::finish_member`] closes it. One behind the other they become a single item.
    #[inline(always)] // three times a span
    pub(crate) fn start_member(&mut self, opening: &KeyOpening) -> &mut Vec<u8> {
        let piece = if self.joins {
            &opening.1
        } else {
            self.open = self.bytes.len();
            &opening.0
        };
        piece.write(&mut self.bytes);
        &mut self.bytes
    }

    #[inline(always)]
    pub(crate) fn finish_member(&mut self) {
        let length = self.bytes.len() - self.open - ITEM_HEADER;
        if length > MAX_ITEM {
            return self.discard();
        }
        if let Some(header) = self.bytes.get_mut(self.open..).and_then(|item| item.first_chunk_mut()) {
            *header = (item_header(Class::Metadata, length) | JOINED).to_le_bytes();
        }
        self.classes |= Class::Metadata.bit();
        self.joins = true;
    }

    /// As [`Draft::start`], for an event at a time of the monotonic clock.
    #[inline(always)]
    pub(crate) fn start_event(&mut self, opening: &EventOpening, time: u64) -> &mut Vec<u8> {
        self.open = self.bytes.len();
        opening.0.write(&mut self.bytes);
        let place = self.bytes.get_mut(self.open + ITEM_HEADER..).and_then(|event| event.first_chunk_mut());
        if let Some(place) = place {
            *place = time.to_le_bytes();
        }
        &mut self.bytes
    }

    /// The buffer, for going on with the item that [`Draft::start`] began.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    #[inline(always)]
    pub(crate) fn finish(&mut self, class: Class) {
        let length = self.bytes.len() - self.open - ITEM_HEADER;
        if length > MAX_ITEM {
            return self.discard();
        }
        if let Some(header) = self.bytes.get_mut(self.open..).and_then(|item| item.first_chunk_mut()) {
            *header = item_header(class, length).to_le_bytes();
        }
        self.classes |= class.bit();
        self.annotations += u16::from(class == Class::Annotation);
    }

    /// Takes back the item that is being written.
    pub(crate) fn discard(&mut self) {
        self.joins = false;
        self.bytes.truncate(self.open);
    }

    /// A whole item at once.
    pub(crate) fn push(&mut self, class: Class, bytes: &[u8]) {
        self.start().extend_from_slice(bytes);
        self.finish(class);
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = (Class, &[u8])> {
        Items::new(self.bytes.get(RUN_HEADER..).unwrap_or_default())
    }

    /// The classes of its items, a bit each.
    pub(crate) fn classes(&self) -> u16 {
        self.classes
    }

    pub(crate) fn annotations(&self) -> u16 {
        self.annotations
    }

    /// Of items with one class and key only the last stays: two of a span's fields can mean the same member. For drafts
    /// without joined items.
    pub(crate) fn drop_doubles(&mut self) {
        let mut later: Vec<(Class, Vec<u8>)> = Vec::new();
        let mut places = Vec::new();
        let mut at = RUN_HEADER;
        while let Some((class, length)) = read_u32(&self.bytes, at).map(split_item_header) {
            places.push((at, class, length));
            at += ITEM_HEADER + length;
        }
        for (at, class, length) in places.into_iter().rev().filter(|(_, class, _)| class.is_keyed()) {
            let body = at + ITEM_HEADER;
            let item = self.bytes.get(body..body + length).unwrap_or_default();
            let key = key_of(class, item);
            if !later.iter().any(|(other, known)| *other == class && known == key) {
                later.push((class, key.to_owned()));
                continue;
            }
            if let Some(header) = self.bytes.get_mut(at..body) {
                header.copy_from_slice(&item_header(Class::Dead, length).to_le_bytes());
                self.annotations -= u16::from(class == Class::Annotation);
            }
        }
    }

    /// Makes metadata of all annotations but the first `keep`, and says of how many. For drafts without joined items.
    pub(crate) fn demote_annotations(&mut self, keep: u16) -> u16 {
        let (mut at, mut seen) = (RUN_HEADER, 0);
        while let Some((class, length)) = read_u32(&self.bytes, at).map(split_item_header) {
            if class == Class::Annotation {
                seen += 1;
                if seen > keep {
                    if let Some(header) = self.bytes.get_mut(at..at + ITEM_HEADER) {
                        header.copy_from_slice(&item_header(Class::Metadata, length).to_le_bytes());
                    }
                    self.classes |= Class::Metadata.bit();
                }
            }
            at += ITEM_HEADER + length;
        }
        let moved = self.annotations.saturating_sub(keep);
        self.annotations -= moved;
        moved
    }
}

/// How an item with a certain key begins: room for its header, and `"key":`; and how one goes on: `,"key":`. Worked out
/// once per callsite.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyOpening(Piece<32>, Piece<32>);

impl KeyOpening {
    pub(crate) fn new(key: &str) -> KeyOpening {
        let mut opening = vec![0; ITEM_HEADER];
        escape::string(&mut opening, key);
        opening.push(b':');
        let mut further = vec![b','];
        further.extend_from_slice(opening.get(ITEM_HEADER..).unwrap_or_default());
        KeyOpening(Piece::new(&opening), Piece::new(&further))
    }

    /// `"key":`
    pub(crate) fn key(&self) -> &[u8] {
        self.0.as_bytes().get(ITEM_HEADER..).unwrap_or_default()
    }
}

/// How an event of a certain callsite begins: room for its header and its time, and what it says of its callsite.
#[derive(Debug)]
pub(crate) struct EventOpening(Piece<80>);

impl EventOpening {
    pub(crate) fn new(members: &[u8]) -> EventOpening {
        EventOpening(Piece::new(&[&[0; ITEM_HEADER + size_of::<u64>()], members].concat()))
    }
}
