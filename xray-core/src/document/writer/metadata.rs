//! The metadata of a node: the values of its fields, the events, and what is left out of them for size.

use super::METADATA;
use super::times::Times;
use crate::document::escape;
use crate::document::piece::write_first;
use crate::node::{Class, EVERY_KIND, NodeData, Tree};

/// What has to be left out of nodes that would not fit otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trim {
    /// Metadata values and events of at least this many bytes go, values leaving a mark. 0: none.
    pub(crate) from: usize,
    /// All metadata goes, leaving one mark.
    pub(crate) all: bool,
    /// So does all else but the name, the ids, the times and the flags.
    pub(crate) bare: bool,
}

impl Trim {
    /// Longest item that stays whole.
    fn keeps(&self, item: &[u8]) -> bool {
        self.from == 0 || item.len() < self.from
    }
}

/// The metadata of a node: values of fields, and its events.
#[inline]
pub(super) fn metadata(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, trim: &Trim, times: &mut Times) {
    // Almost always there is one namespace, nothing to leave out, and no value that came after an event.
    let start = out.len();
    if node.classes & Class::MetadataIn.bit() != 0
        || trim.from > 0
        || trim.all
        || !plain_metadata(out, tree, node, times)
    {
        out.truncate(start);
        any_metadata(out, tree, node, trim, times);
    }
}

/// Values and then events, in one walk over the items: with one for each it was a sixth of the document. False where a
/// value comes after an event.
#[inline(always)] // once a node
fn plain_metadata(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, times: &mut Times) -> bool {
    const VALUE: u8 = Class::Metadata as u8;
    const EVENT: u8 = Class::Event as u8;
    let origin = tree.head.origin;
    let mut items = tree.all_items(node);
    let mut last = 0;
    while let Some((class, item, length)) = items.next_wide(EVERY_KIND) {
        match (class, last) {
            (VALUE, EVENT) => return false,
            (VALUE, _) => {
                if last == VALUE {
                    out.push(b',');
                } else {
                    out.extend_from_slice(br#","metadata":{"default":{"#);
                }
                write_first(out, item, length);
            }
            (EVENT, _) => {
                let Some((time, rest)) = item.split_first_chunk::<8>() else { return false };
                match last {
                    EVENT => {}
                    VALUE => out.extend_from_slice(br#"},"tracing":{"events":["#),
                    _ => out.extend_from_slice(br#","metadata":{"tracing":{"events":["#),
                }
                times.open_event(out, origin.wrapping_add(u64::from_le_bytes(*time)), last != EVENT);
                write_first(out, rest, length.saturating_sub(time.len()));
            }
            _ => continue,
        }
        last = class;
    }
    match last {
        VALUE => out.extend_from_slice(b"}}"),
        EVENT => out.extend_from_slice(b"]}}"),
        _ => {}
    }
    true
}

/// Several namespaces, or values that are left out.
#[inline(never)]
fn any_metadata(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, trim: &Trim, times: &mut Times) {
    let has = |class: Class| node.classes & class.bit() != 0;
    let of = |class: Class| tree.items_of(node, class);
    if trim.all {
        return removed(out, tree, node, METADATA);
    }
    out.extend_from_slice(br#","metadata":{"#);
    let mut first = true;
    let mut separate = |out: &mut Vec<u8>| {
        if !std::mem::replace(&mut first, false) {
            out.push(b',');
        }
    };
    if has(Class::Metadata) {
        separate(out);
        out.extend_from_slice(br#""default":{"#);
        let each = tree.items(node).filter(|(class, _)| *class == Class::Metadata);
        trimmed(out, each.map(|(_, member)| member), trim);
        out.push(b'}');
    }
    // Few nodes have other namespaces and few have many: going over them once per namespace is enough.
    let mut written: Vec<&[u8]> = Vec::new();
    while has(Class::MetadataIn) {
        let pending = of(Class::MetadataIn)
            .map(split_namespace)
            .find(|(namespace, _)| !(written.contains(namespace) || (has(Class::Event) && *namespace == EVENTS)));
        let Some((namespace, _)) = pending else { break };
        separate(out);
        out.extend_from_slice(namespace);
        out.push(b'{');
        let same = of(Class::MetadataIn).map(split_namespace).filter(|(found, _)| *found == namespace);
        trimmed(out, same.map(|(_, member)| member), trim);
        out.push(b'}');
        written.push(namespace);
    }
    if has(Class::Event) {
        separate(out);
        out.extend_from_slice(EVENTS);
        out.push(b'{');
        let beside = of(Class::MetadataIn).map(split_namespace).filter(|(namespace, _)| *namespace == EVENTS);
        let mut beside =
            beside.map(|(_, member)| member).filter(|member| !member.starts_with(br#""events":"#)).peekable();
        if beside.peek().is_some() {
            trimmed(out, beside, trim);
            out.push(b',');
        }
        out.extend_from_slice(br#""events":["#);
        events(out, tree, of(Class::Event).filter(|event| trim.keeps(event)), times);
        out.extend_from_slice(b"]}");
    }
    out.push(b'}');
}

fn events<'a>(out: &mut Vec<u8>, tree: &Tree, events: impl Iterator<Item = &'a [u8]>, times: &mut Times) {
    let mut first = true;
    for event in events {
        let Some((time, rest)) = event.split_first_chunk::<8>() else { continue };
        times.open_event(out, tree.head.origin.wrapping_add(u64::from_le_bytes(*time)), first);
        first = false;
        out.extend_from_slice(rest);
    }
}

/// The mark of items of these classes that were left out.
pub(super) fn removed(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, classes: u16) {
    let gone: usize =
        tree.items(node).filter(|(class, _)| classes & class.bit() != 0).map(|(_, item)| item.len()).sum();
    out.extend_from_slice(br#","metadata":{"default":{"removed":""#);
    escape::unsigned(out, gone as u64);
    out.extend_from_slice(br#" bytes"}}"#);
}

/// Members of a metadata namespace; those too long are replaced by a mark that says how long they were.
fn trimmed<'a>(out: &mut Vec<u8>, members: impl Iterator<Item = &'a [u8]>, trim: &Trim) {
    for (index, member) in members.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        if trim.keeps(member) {
            out.extend_from_slice(member);
            continue;
        }
        let key = member.get(..crate::node::end_of_key(member, 0)).unwrap_or_default();
        out.extend_from_slice(key);
        out.extend_from_slice(br#""[removed: "#);
        escape::unsigned(out, (member.len() - key.len()) as u64);
        out.extend_from_slice(br#" bytes]""#);
    }
}

/// `"namespace":` and the member behind it.
fn split_namespace(item: &[u8]) -> (&[u8], &[u8]) {
    item.split_at_checked(crate::node::end_of_key(item, 0)).unwrap_or((item, b""))
}

/// The namespace of events, as it stands before its members.
const EVENTS: &[u8] = br#""tracing":"#;
