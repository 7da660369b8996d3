//! What was recorded on nodes, as ready JSON in one buffer per tree.
//!
//! A value is rendered once, when it is recorded, by the thread that has it and before any lock is taken:
//! a value's own `Debug` may log, lock or panic. What reaches the tree is a *run* of *items*; appending it
//! is one copy. Writing the document is mostly block copies too.
//!
//! ```text
//! run   next run, u32 | kinds << 24 | length, u32 | items…
//! item  class << 24 | joined << 23 | length, u32 | bytes
//! ```
//!
//! A *joined* item is several members at once, as they stand in the document: `"a":1,"b":"x"`. A span's fields become
//! one: the document's writer then copies them together, which took a fiftieth off all that a span costs. Whoever looks
//! for a single member finds it in there all the same.

use crate::document::escape;
use crate::document::piece::Piece;

/// What an item is, and so where in the document it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Class {
    /// Overwritten by a later value of the same key.
    Dead = 0,
    /// A member of `annotations`: `"key":value`.
    Annotation = 1,
    /// A member of `metadata.default`: `"key":value`.
    Metadata = 2,
    /// A member of another metadata namespace: `"namespace":"key":value`.
    MetadataIn = 3,
    /// An object of `metadata.tracing.events`, its time in front: 8 bytes, nanoseconds of the monotonic clock,
    /// and the rest of the object behind its first member.
    Event = 4,
    /// A member of `http.request`.
    HttpRequest = 5,
    /// A member of `http.response`.
    HttpResponse = 6,
    /// A member of `aws`.
    Aws = 7,
    /// A member of `sql`.
    Sql = 8,
    /// An object of `cause.exceptions`.
    Exception = 9,
    /// A member of the document itself: `"user":"…"`.
    Member = 10,
    /// An object of `links`.
    Link = 11,
    /// A string of `precursor_ids`.
    Precursor = 12,
    /// The name, escaped, where it is not the callsite's.
    Name = 13,
    /// 16 hex digits: the parent of a node that travels alone.
    ParentId = 14,
}

impl Class {
    pub(crate) fn bit(self) -> u16 {
        1 << self as u8
    }

    /// Classes whose items are `"key":value` and hold each key once.
    fn is_keyed(self) -> bool {
        matches!(
            self,
            Class::Annotation
                | Class::Metadata
                | Class::MetadataIn
                | Class::HttpRequest
                | Class::HttpResponse
                | Class::Aws
                | Class::Sql
                | Class::Member
        )
    }

    fn from_byte(byte: u8) -> Class {
        const ALL: [Class; 15] = [
            Class::Dead,
            Class::Annotation,
            Class::Metadata,
            Class::MetadataIn,
            Class::Event,
            Class::HttpRequest,
            Class::HttpResponse,
            Class::Aws,
            Class::Sql,
            Class::Exception,
            Class::Member,
            Class::Link,
            Class::Precursor,
            Class::Name,
            Class::ParentId,
        ];
        ALL.get(usize::from(byte)).copied().unwrap_or(Class::Dead)
    }
}

/// Items being written, before they belong to a node.
#[derive(Debug)]
pub(crate) struct Draft {
    /// Room for a run's header, and the items: appending them is then one copy.
    bytes: Vec<u8>,
    /// Where the item that is being written starts.
    open: usize,
    /// The last item can be joined by another member of metadata.
    joins: bool,
    classes: u16,
    annotations: u16,
    /// Values that were cut while being written; for the counter.
    pub(crate) values_cut: u16,
}

impl Draft {
    #[inline(always)]
    pub(crate) fn with_buffer(mut bytes: Vec<u8>) -> Draft {
        bytes.clear();
        bytes.extend_from_slice(&[0; RUN_HEADER]);
        Draft { bytes, open: 0, joins: false, classes: 0, annotations: 0, values_cut: 0 }
    }

    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.bytes
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

/// First and last run of one node; [`NO_RUN`] in both when it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs {
    first: u32,
    last: u32,
}

impl Runs {
    pub(crate) const EMPTY: Runs = Runs { first: NO_RUN, last: NO_RUN };
}

/// The items of all nodes of a tree.
#[derive(Debug, Default)]
pub(crate) struct ItemBuffer {
    bytes: Vec<u8>,
    /// Bytes of items that were overwritten.
    dead: usize,
}

impl ItemBuffer {
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.dead = 0;
    }

    /// Bytes that a copy would leave behind.
    pub(crate) fn dead(&self) -> usize {
        self.dead
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Appends a draft to a node's runs; false when the tree is full.
    #[inline(always)] // under the lock, twice a span
    pub(crate) fn append(&mut self, runs: &mut Runs, draft: &mut Draft, classes: u16) -> bool {
        let length = draft.bytes.len().saturating_sub(RUN_HEADER);
        if let Some(header) = draft.bytes.first_chunk_mut() {
            *header = run_header(kinds(classes), length);
        }
        let start = self.bytes.len();
        let fits = start + draft.bytes.len() <= MAX_BYTES;
        if fits {
            if self.bytes.capacity() - start < draft.bytes.len() {
                self.grow(draft.bytes.len());
            }
            self.bytes.extend_from_slice(&draft.bytes);
            self.link(runs, start);
        }
        fits
    }

    /// Makes room for so many bytes more. By a quarter, where a vector of its own accord doubles: of what an open request
    /// holds, a sixth was empty.
    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) {
        self.bytes.reserve_exact(more.max(self.bytes.len() / 4));
    }

    /// Hangs the run that starts there on the node's last one.
    #[inline(always)]
    fn link(&mut self, runs: &mut Runs, start: usize) {
        let last = std::mem::replace(&mut runs.last, start as u32);
        if last == NO_RUN {
            runs.first = start as u32;
        } else if let Some(next) = self.bytes.get_mut(last as usize..).and_then(|run| run.first_chunk_mut::<4>()) {
            *next = (start as u32).to_le_bytes();
        }
    }

    /// The items of a node, in the order they were recorded.
    pub(crate) fn items(&self, runs: Runs) -> impl Iterator<Item = (Class, &[u8])> {
        self.runs(runs).flat_map(|(_, run)| Items::new(run)).filter(|(class, _)| *class != Class::Dead)
    }

    /// The same, of one class.
    pub(crate) fn items_of(&self, runs: Runs, class: Class) -> ItemsOf<'_> {
        ItemsOf { buffer: self, next_run: runs.first, rest: &[], left: 0, class: class as u8, kind: kinds(class.bit()) }
    }

    /// The node's bytes with their headers: what [`ItemBuffer::copy`] moves.
    pub(crate) fn size(&self, runs: Runs) -> usize {
        self.runs(runs).map(|(_, run)| run.len() + RUN_HEADER).sum()
    }

    /// Copies a node's items into another buffer, but for those that were overwritten: as one run.
    pub(crate) fn copy(&self, runs: Runs, into: &mut ItemBuffer) -> Runs {
        let mut copied = Runs::EMPTY;
        let mut copy = |kinds: u32, items: &[u8]| {
            let start = into.bytes.len();
            into.bytes.extend_from_slice(&run_header(kinds, items.len()));
            into.bytes.extend_from_slice(items);
            into.link(&mut copied, start);
        };
        if self.dead == 0 {
            self.runs(runs).for_each(|(kinds, run)| copy(kinds, run));
            return copied;
        }
        let (mut live, mut classes) = (Vec::new(), 0);
        for (class, item) in self.items(runs) {
            live.extend_from_slice(&item_header(class, item.len()).to_le_bytes());
            live.extend_from_slice(item);
            classes |= class.bit();
        }
        if !live.is_empty() {
            copy(kinds(classes), &live);
        }
        copied
    }

    /// Marks as dead every item of `runs` that has the class and key of one in `draft`: the later value wins.
    /// Says how many annotations died.
    pub(crate) fn supersede(&mut self, runs: Runs, draft: &Draft) -> u16 {
        let mut annotations = 0;
        for (class, item) in draft.items() {
            if class.is_keyed() {
                let killed = self.kill(runs, class, key_of(class, item));
                annotations += if class == Class::Annotation { killed } else { 0 };
            } else if class == Class::Name {
                self.kill(runs, class, b"");
            }
        }
        annotations
    }

    fn kill(&mut self, runs: Runs, class: Class, key: &[u8]) -> u16 {
        let mut killed = 0;
        let mut run = runs.first;
        while let Some((next, _, length)) = self.run_header(run) {
            let mut at = run as usize + RUN_HEADER;
            let end = at + length;
            while at < end {
                let Some(header) = read_u32(&self.bytes, at) else { return killed };
                let (found, length) = split_item_header(header);
                let body = at + ITEM_HEADER;
                if found == class && header & JOINED != 0 {
                    while self.cut_out(at, key) {
                        killed += 1;
                    }
                } else if found == class
                    && self.bytes.get(body..body + length).is_some_and(|item| item.starts_with(key))
                {
                    if let Some(header) = self.bytes.get_mut(at..body) {
                        header.copy_from_slice(&item_header(Class::Dead, length).to_le_bytes());
                        self.dead += ITEM_HEADER + length;
                        killed += 1;
                    }
                }
                at = body + length;
            }
            run = next;
        }
        killed
    }

    /// Takes the first member with this key out of the joined item that starts there; false when it has none. What is behind
    /// the member moves down, and a dead item fills the rest.
    fn cut_out(&mut self, at: usize, key: &[u8]) -> bool {
        let Some(header) = read_u32(&self.bytes, at).filter(|header| header & JOINED != 0) else { return false };
        let (body, length) = (at + ITEM_HEADER, split_item_header(header).1);
        let Some(item) = self.bytes.get_mut(body..body + length) else { return false };
        let mut start = 0;
        let end = loop {
            let Some(rest) = item.get(start..).filter(|rest| !rest.is_empty()) else { return false };
            let end = start + end_of_member(rest);
            if rest.starts_with(key) {
                break end;
            }
            start = end + 1;
        };
        if start == 0 && end == length {
            self.dead += ITEM_HEADER + length;
            self.write_header(at, item_header(Class::Dead, length));
            return true;
        }
        // With the comma behind it; of the last member, with the one before it.
        let gone = end + 1 - start;
        if end < length {
            item.copy_within(end + 1.., start);
        }
        let kept = length - gone;
        self.dead += gone;
        self.write_header(at, item_header(Class::Metadata, kept) | JOINED);
        // There is room for a header: the shortest member and its comma are `"":0,`.
        self.write_header(body + kept, item_header(Class::Dead, gone.saturating_sub(ITEM_HEADER)));
        true
    }

    fn write_header(&mut self, at: usize, header: u32) {
        if let Some(place) = self.bytes.get_mut(at..).and_then(|item| item.first_chunk_mut()) {
            *place = header.to_le_bytes();
        }
    }

    /// Next run, kinds, length.
    fn run_header(&self, run: u32) -> Option<(u32, u32, usize)> {
        if run == NO_RUN {
            return None;
        }
        let length = read_u32(&self.bytes, run as usize + 4)?;
        Some((read_u32(&self.bytes, run as usize)?, length & !MAX_RUN, (length & MAX_RUN) as usize))
    }

    /// Kinds and items of each run.
    fn runs(&self, runs: Runs) -> impl Iterator<Item = (u32, &[u8])> {
        let mut run = runs.first;
        std::iter::from_fn(move || {
            let (next, kinds, length) = self.run_header(run)?;
            let start = run as usize + RUN_HEADER;
            run = next;
            Some((kinds, self.bytes.get(start..start + length)?))
        })
    }
}

/// The items of a run; of joined ones, the members.
struct Items<'a> {
    bytes: &'a [u8],
    /// What is left of a joined item.
    joined: &'a [u8],
}

impl<'a> Items<'a> {
    fn new(bytes: &'a [u8]) -> Items<'a> {
        Items { bytes, joined: &[] }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = (Class, &'a [u8]);

    fn next(&mut self) -> Option<(Class, &'a [u8])> {
        if self.joined.is_empty() {
            let (header, rest) = self.bytes.split_first_chunk::<ITEM_HEADER>()?;
            let header = u32::from_le_bytes(*header);
            let (class, length) = split_item_header(header);
            let (item, rest) = rest.split_at_checked(length)?;
            self.bytes = rest;
            if header & JOINED == 0 {
                return Some((class, item));
            }
            self.joined = item;
        }
        let (member, rest) = self.joined.split_at_checked(end_of_member(self.joined))?;
        self.joined = rest.get(1..).unwrap_or_default();
        Some((Class::Metadata, member))
    }
}

/// Items of one class of one node, joined ones whole. The writer's inner loop.
pub(crate) struct ItemsOf<'a> {
    buffer: &'a ItemBuffer,
    next_run: u32,
    /// What is left of the present run, and of the buffer behind it.
    rest: &'a [u8],
    /// Bytes of `rest` that are the run's.
    left: usize,
    class: u8,
    /// Runs without this kind are passed over.
    kind: u32,
}

impl<'a> ItemsOf<'a> {
    /// The next item, and what happens to lie behind it in the buffer: its first `.1` bytes are the item's.
    #[inline(always)]
    pub(crate) fn next_wide(&mut self) -> Option<(&'a [u8], usize)> {
        loop {
            while self.left >= ITEM_HEADER {
                let (header, item) = self.rest.split_first_chunk::<ITEM_HEADER>()?;
                let header = u32::from_le_bytes(*header);
                let length = (header & MAX_ITEM as u32) as usize;
                self.rest = item.get(length..)?;
                self.left = self.left.checked_sub(ITEM_HEADER + length)?;
                if (header >> 24) as u8 == self.class {
                    return Some((item, length));
                }
            }
            let run = self.buffer.bytes.get(self.next_run as usize..)?;
            let (next, run) = run.split_first_chunk::<4>()?;
            let (length, run) = run.split_first_chunk::<4>()?;
            self.next_run = u32::from_le_bytes(*next);
            let length = u32::from_le_bytes(*length);
            if length & self.kind != 0 {
                self.rest = run;
                self.left = (length & MAX_RUN) as usize;
            }
        }
    }
}

impl<'a> Iterator for ItemsOf<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let (item, length) = self.next_wide()?;
        item.get(..length)
    }
}

/// The part of an item that two values of one key share: `"key":`, after the namespace where there is one.
fn key_of(class: Class, item: &[u8]) -> &[u8] {
    let first = end_of_key(item, 0);
    let end = if class == Class::MetadataIn { end_of_key(item, first) } else { first };
    item.get(..end).unwrap_or(item)
}

/// The offset behind the colon of the JSON string that starts at `from` of an item.
pub(crate) fn end_of_key(item: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while let Some(byte) = item.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 2,
            _ => at += 1,
        }
    }
    item.len()
}

/// The length of the member that a joined item begins with. Its value is a string, or has neither quote nor comma.
fn end_of_member(item: &[u8]) -> usize {
    let value = end_of_key(item, 0);
    let end = if item.get(value) == Some(&b'"') { end_of_key(item, value) - 1 } else { value };
    let rest = item.get(end..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b',').map_or(item.len(), |comma| end + comma)
}

/// Whether a run holds events, and whether anything else: a node has many events, and they are asked for alone.
fn kinds(classes: u16) -> u32 {
    let event = Class::Event.bit();
    u32::from(classes & event != 0) << 24 | u32::from(classes & !event != 0) << 25
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

/// A run that none follows yet.
#[inline(always)]
fn run_header(kinds: u32, length: usize) -> [u8; RUN_HEADER] {
    (u64::from(kinds | length as u32) << 32 | u64::from(NO_RUN)).to_le_bytes()
}

fn item_header(class: Class, length: usize) -> u32 {
    (class as u32) << 24 | length as u32
}

fn split_item_header(header: u32) -> (Class, usize) {
    (Class::from_byte((header >> 24) as u8), (header & MAX_ITEM as u32) as usize)
}

fn read_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

const NO_RUN: u32 = u32::MAX;
const RUN_HEADER: usize = 8;
const ITEM_HEADER: usize = 4;
/// The length in a run's header.
const MAX_RUN: u32 = (1 << 24) - 1;
/// In an item's header: several members.
const JOINED: u32 = 1 << 23;
/// Longest item, bytes: what the header's 23 bits can say. Values are cut far below.
const MAX_ITEM: usize = (1 << 23) - 1;
/// Most bytes of one open tree. A host that records more loses the rest, counted.
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(items: &[(Class, &str)]) -> Draft {
        let mut draft = Draft::with_buffer(Vec::new());
        for (class, text) in items {
            draft.push(*class, text.as_bytes());
        }
        draft
    }

    fn append(buffer: &mut ItemBuffer, runs: &mut Runs, mut draft: Draft) {
        let classes = draft.classes;
        assert!(buffer.append(runs, &mut draft, classes));
    }

    fn texts(buffer: &ItemBuffer, runs: Runs) -> Vec<String> {
        buffer.items(runs).map(|(class, item)| format!("{class:?} {}", String::from_utf8_lossy(item))).collect()
    }

    #[test]
    fn the_items_of_two_nodes_do_not_mix_however_they_arrive() {
        let mut buffer = ItemBuffer::default();
        let (mut one, mut two) = (Runs::EMPTY, Runs::EMPTY);
        append(&mut buffer, &mut one, draft(&[(Class::Annotation, r#""a":1"#), (Class::Event, "{}")]));
        append(&mut buffer, &mut two, draft(&[(Class::Metadata, r#""b":2"#)]));
        append(&mut buffer, &mut one, draft(&[(Class::Metadata, r#""c":3"#)]));
        assert_eq!(texts(&buffer, one), [r#"Annotation "a":1"#, "Event {}", r#"Metadata "c":3"#]);
        assert_eq!(texts(&buffer, two), [r#"Metadata "b":2"#]);
        let mut other = ItemBuffer::default();
        let copied = buffer.copy(one, &mut other);
        assert_eq!(texts(&other, copied), texts(&buffer, one));
    }

    #[test]
    fn the_later_value_of_a_key_wins_and_other_keys_stay() {
        let mut buffer = ItemBuffer::default();
        let mut runs = Runs::EMPTY;
        let first = [(Class::Annotation, r#""a":1"#), (Class::Annotation, r#""ab":1"#), (Class::Metadata, r#""a":1"#)];
        append(&mut buffer, &mut runs, draft(&first));
        let second = [(Class::MetadataIn, r#""n":"k":1"#), (Class::MetadataIn, r#""n":"l":1"#)];
        append(&mut buffer, &mut runs, draft(&second));
        let later = draft(&[(Class::Annotation, r#""a":2"#), (Class::MetadataIn, r#""n":"k":2"#)]);
        buffer.supersede(runs, &later);
        append(&mut buffer, &mut runs, later);
        assert_eq!(
            texts(&buffer, runs),
            [
                r#"Annotation "ab":1"#,
                r#"Metadata "a":1"#,
                r#"MetadataIn "n":"l":1"#,
                r#"Annotation "a":2"#,
                r#"MetadataIn "n":"k":2"#
            ]
        );
    }

    fn joined(members: &[(&str, &str)]) -> Draft {
        let mut draft = Draft::with_buffer(Vec::new());
        for (key, value) in members {
            draft.start_member(&KeyOpening::new(key)).extend_from_slice(value.as_bytes());
            draft.finish_member();
        }
        draft
    }

    proptest::proptest! {
        #[test]
        fn members_of_a_joined_item_are_found_as_if_each_were_one(
            values in proptest::collection::vec(r#""([a,:{}]|\\\\|\\"){0,4}"|-?[0-9.]{1,3}|true"#, 1..5),
            replaced in proptest::collection::vec(0_usize..6, 0..8),
        ) {
            let keys = ["", "k", "kk", "k\"", "k,", "other"];
            let members: Vec<(&str, &str)> = keys.into_iter().zip(values.iter().map(String::as_str)).collect();
            let single = |(key, value): &(&str, &str)| {
                let mut item = Vec::new();
                escape::string(&mut item, key);
                item.extend_from_slice(format!(":{value}").as_bytes());
                String::from_utf8(item).unwrap()
            };
            let singles: Vec<String> = members.iter().map(single).collect();
            let singles: Vec<(Class, &str)> = singles.iter().map(|item| (Class::Metadata, &**item)).collect();
            let both = [joined(&members), draft(&singles)].map(|opening| {
                let (mut buffer, mut runs) = (ItemBuffer::default(), Runs::EMPTY);
                append(&mut buffer, &mut runs, opening);
                let mut seen = vec![texts(&buffer, runs)];
                for key in &replaced {
                    let later = joined(&[(keys[*key], "7"), ("beside", "8")]);
                    buffer.supersede(runs, &later);
                    append(&mut buffer, &mut runs, later);
                    seen.push(texts(&buffer, runs));
                    let mut copied = ItemBuffer::default();
                    let copied_runs = buffer.copy(runs, &mut copied);
                    proptest::prop_assert_eq!(texts(&copied, copied_runs), texts(&buffer, runs));
                }
                proptest::prop_assert!(buffer.dead() < buffer.len());
                let written: Vec<&[u8]> = buffer.items_of(runs, Class::Metadata).collect();
                let written = String::from_utf8(written.join(&b","[..])).unwrap();
                Ok((seen, written))
            });
            let [joined, single] = both;
            proptest::prop_assert_eq!(joined?, single?);
        }
    }

    #[test]
    fn a_full_tree_refuses_and_stays_readable() {
        let mut buffer = ItemBuffer::default();
        let mut runs = Runs::EMPTY;
        let mut big = draft(&[(Class::Metadata, &"x".repeat(1024 * 1024))]);
        let classes = big.classes;
        let kept = (0..20).filter(|_| buffer.append(&mut runs, &mut big, classes)).count();
        assert_eq!(kept, 7);
        assert_eq!(buffer.items(runs).count(), 7);
        assert!(buffer.len() <= MAX_BYTES);
    }
}
