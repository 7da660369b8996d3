//! Writes a tree's documents: JSON straight from the nodes' items, never through a value tree.
//!
//! The order of members is fixed, and what is absent is not written. Depth costs no stack: the walk follows
//! the nodes' links.
//!
//! Source of the fields: X-Ray Developer Guide, "Segment documents".

mod metadata;
mod stamp;
mod times;

pub(crate) use metadata::Trim;
pub(crate) use stamp::Stamp;

use metadata::{metadata, removed};
use times::Times;

use super::escape;
use super::piece::write_first;
use crate::id::hex;
use crate::node::{Class, ItemsOf, NO_NODE, NodeData, Tree, flag};

/// Writes the document of the node `top` with all below it, and says how many subsegments deep it is.
pub(crate) fn write(out: &mut Vec<u8>, tree: &Tree, top: u32, stamp: &Stamp) -> usize {
    let mut times = Times::default();
    let (mut depth, mut deepest) = (0, 0);
    let mut current = top;
    while let Some(node) = tree.node(current) {
        members(out, tree, node, current == top, stamp, &Trim::default(), &mut times);
        if node.first_child != NO_NODE {
            out.extend_from_slice(br#","subsegments":["#);
            current = node.first_child;
            depth += 1;
            deepest = deepest.max(depth);
            continue;
        }
        out.push(b'}');
        // Up and on: close every parent whose last child this was.
        while current != top {
            let Some(done) = tree.node(current) else { return deepest };
            if done.next != NO_NODE {
                out.push(b',');
                break;
            }
            out.extend_from_slice(b"]}");
            current = done.parent;
            depth -= 1;
        }
        if current == top {
            break;
        }
        current = tree.node(current).map_or(NO_NODE, |done| done.next);
    }
    deepest
}

/// Writes the document of a node without what is below it.
#[inline(never)]
pub(crate) fn write_alone(out: &mut Vec<u8>, tree: &Tree, top: u32, stamp: &Stamp, trim: &Trim) {
    let Some(node) = tree.node(top) else { return };
    members(out, tree, node, true, stamp, trim, &mut Times::default());
    out.push(b'}');
}

/// Everything of a node but its subsegments and its closing brace.
#[inline(always)] // into the loop over a document's nodes, and the rare other way
fn members(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, top: bool, stamp: &Stamp, trim: &Trim, times: &mut Times) {
    let has = |class: Class| node.classes & class.bit() != 0;
    let renamed = if has(Class::Name) { tree.items_of(node, Class::Name).last() } else { None };
    match (renamed, node.label) {
        (None, Some(label)) => label.opening.write(out),
        (renamed, _) => {
            out.extend_from_slice(br#"{"name":"#);
            out.extend_from_slice(renamed.unwrap_or(br#""unknown""#));
        }
    }
    let (start, end) = (tree.head.origin.wrapping_add(node.start), tree.head.origin.wrapping_add(node.end));
    let frame = if top || !node.is(flag::ENDED) { None } else { times.frame(node.id, start, end) };
    match frame {
        Some(frame) => out.extend_from_slice(frame),
        None => id_and_times(out, tree, node, top, times),
    }
    if trim.bare {
        marks(out, node);
        return removed(out, tree, node, !(Class::Name.bit() | Class::ParentId.bit()));
    }
    // Most nodes have nothing but annotations, metadata and events.
    if node.is(flag::SEGMENT | MARKS) || node.classes & !COMMON != 0 {
        uncommon_members(out, tree, node, stamp);
    }
    if has(Class::Annotation) {
        object(out, br#","annotations":{"#, tree.items_of(node, Class::Annotation));
    }
    if node.classes & METADATA != 0 {
        metadata(out, tree, node, trim, times);
    }
}

/// The same as [`Times::frame`], of the first node of a document, one in progress, or one of several seconds.
#[inline(never)]
fn id_and_times(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, top: bool, times: &mut Times) {
    out.extend_from_slice(br#","id":""#);
    out.extend_from_slice(&hex(node.id));
    out.push(b'"');
    if top {
        head_members(out, tree, node);
    }
    out.extend_from_slice(br#","start_time":"#);
    times.write(out, tree.head.origin.wrapping_add(node.start));
    if node.is(flag::ENDED) {
        out.extend_from_slice(br#","end_time":"#);
        times.write(out, tree.head.origin.wrapping_add(node.end));
    } else {
        out.extend_from_slice(br#","in_progress":true"#);
    }
}

fn marks(out: &mut Vec<u8>, node: &NodeData) {
    if node.is(flag::AWS | flag::REMOTE) {
        out.extend_from_slice(if node.is(flag::AWS) { br#","namespace":"aws""# } else { br#","namespace":"remote""# });
    }
    for (bit, text) in FLAGS {
        if node.is(bit) {
            out.extend_from_slice(text);
        }
    }
}

/// Members between the times and the annotations.
#[inline(never)]
fn uncommon_members(out: &mut Vec<u8>, tree: &Tree, node: &NodeData, stamp: &Stamp) {
    let has = |class: Class| node.classes & class.bit() != 0;
    let of = |class: Class| tree.items_of(node, class);
    marks(out, node);
    if has(Class::HttpRequest) || has(Class::HttpResponse) {
        out.extend_from_slice(br#","http":{"#);
        let request = object(out, br#""request":{"#, of(Class::HttpRequest));
        if request && has(Class::HttpResponse) {
            out.push(b',');
        }
        object(out, br#""response":{"#, of(Class::HttpResponse));
        out.push(b'}');
    }
    if node.is(flag::SEGMENT) {
        out.extend_from_slice(&stamp.members);
        out.extend_from_slice(br#","aws":{"xray":{"#);
        out.extend_from_slice(&stamp.sdk);
        if let Some(rule) = tree.head.decision.rule() {
            out.extend_from_slice(br#","sampling_rule_name":"#);
            escape::string(out, rule);
        }
        out.push(b'}');
        let says = |key: &[u8]| of(Class::Aws).any(|item| item.starts_with(key));
        // A member named `xray` stands there already, and is not the program's to set.
        let own = of(Class::Aws).filter(|item| !item.starts_with(br#""xray":"#));
        for item in stamp.aws_beside(says).chain(own) {
            out.push(b',');
            out.extend_from_slice(item);
        }
        out.push(b'}');
    } else if has(Class::Aws) {
        object(out, br#","aws":{"#, of(Class::Aws));
    }
    if has(Class::Sql) {
        object(out, br#","sql":{"#, of(Class::Sql));
    }
    for item in of(Class::Member) {
        out.push(b',');
        out.extend_from_slice(item);
    }
    if has(Class::Exception) {
        out.extend_from_slice(br#","cause":{"exceptions":["#);
        list(out, of(Class::Exception));
        out.extend_from_slice(b"]}");
    }
    if has(Class::Link) {
        out.extend_from_slice(br#","links":["#);
        list(out, of(Class::Link));
        out.push(b']');
    }
    if has(Class::Precursor) {
        out.extend_from_slice(br#","precursor_ids":["#);
        list(out, of(Class::Precursor));
        out.push(b']');
    }
}

/// What only the first node of a document says: which trace, and what it hangs on.
fn head_members(out: &mut Vec<u8>, tree: &Tree, node: &NodeData) {
    out.extend_from_slice(br#","trace_id":""#);
    out.extend_from_slice(tree.head.trace_id.as_bytes());
    out.push(b'"');
    let segment = node.is(flag::SEGMENT);
    if !segment {
        out.extend_from_slice(br#","type":"subsegment""#);
    }
    let remote = tree.head.parent.as_ref().map(|parent| &parent.as_bytes()[..]);
    let parent = if segment { remote } else { tree.items_of(node, Class::ParentId).last() };
    if let Some(parent) = parent {
        out.extend_from_slice(br#","parent_id":""#);
        out.extend_from_slice(parent);
        out.push(b'"');
    }
}

/// `opening`, the items, and a closing brace; nothing at all without items.
fn object(out: &mut Vec<u8>, opening: &[u8], mut items: ItemsOf<'_>) -> bool {
    let Some(first) = items.next_wide() else { return false };
    out.extend_from_slice(opening);
    list_from(out, first, items);
    out.push(b'}');
    true
}

#[inline(always)] // called several times a node, most often for one to three items
fn list<'a>(out: &mut Vec<u8>, items: impl Iterator<Item = &'a [u8]>) {
    for (index, item) in items.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item);
    }
}

/// The same, several instructions an item cheaper; from the first item on.
#[inline(always)]
fn list_from(out: &mut Vec<u8>, (item, length): (&[u8], usize), mut items: ItemsOf<'_>) {
    write_first(out, item, length);
    while let Some((item, length)) = items.next_wide() {
        out.push(b',');
        write_first(out, item, length);
    }
}

/// What a node usually has.
const COMMON: u16 = METADATA | 1 << Class::Annotation as u16 | 1 << Class::Name as u16;
/// What makes up its metadata.
const METADATA: u16 = 1 << Class::Metadata as u16 | 1 << Class::MetadataIn as u16 | 1 << Class::Event as u16;
const MARKS: u16 = flag::AWS | flag::REMOTE | flag::ERROR | flag::THROTTLE | flag::FAULT;

const FLAGS: [(u16, &[u8]); 3] =
    [(flag::ERROR, br#","error":true"#), (flag::THROTTLE, br#","throttle":true"#), (flag::FAULT, br#","fault":true"#)];
