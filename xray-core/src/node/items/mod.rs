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

mod buffer;
mod draft;
#[cfg(test)]
mod tests;

pub(crate) use buffer::{AllItems, ItemBuffer, ItemsOf, Runs};
pub(crate) use draft::{Draft, EventOpening, KeyOpening, Losses};

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
    let kind = |classes: u16, kind: u32| if classes != 0 { kind } else { 0 };
    kind(classes & event, EVENTS) | kind(classes & !event, ALL_BUT_EVENTS)
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

/// The kinds of a run of events.
pub(crate) const EVENTS: u32 = 1 << 24;
/// Those of a run of anything else.
pub(crate) const ALL_BUT_EVENTS: u32 = 1 << 25;
/// As a mask: runs of every kind.
pub(crate) const EVERY_KIND: u32 = EVENTS | ALL_BUT_EVENTS;
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
/// Values under keys of their own that a node may have of one kind. Each new one is compared with all before it, under the
/// tree's lock; and at some 30 bytes each, so many fill a document.
const MAX_KEYED: u32 = 2048;
