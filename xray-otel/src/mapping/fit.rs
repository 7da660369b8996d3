//! Documents that are too large, divided; and what cannot be divided, trimmed.
//!
//! The same as `xray-core` does with what it recorded itself: subtrees leave as lone subsegments, the largest first;
//! of a single subsegment that is too large the longest metadata is replaced by a mark, then all of it, then all but
//! name, ids, times and flags.

use serde_json::Value as Json;
use xray_core::document::{Cause, DAEMON_HEADER, Document};

use crate::losses::Losses;

/// Adds the documents that `document` is divided into, parents first, each with its header line within `limit` bytes.
pub(crate) fn divide(mut document: Document, limit: usize, into: &mut Vec<Document>, losses: &mut Losses) {
    let limit = limit.saturating_sub(DAEMON_HEADER.len());
    if bytes(&document) <= limit {
        return into.push(document);
    }
    let trace_id = document.trace_id.clone();
    let mut cut = Vec::new();
    shrink(&mut document, limit, &mut cut);
    // Deeper ones were cut first.
    for mut document in std::iter::once(document).chain(cut.into_iter().rev()) {
        document.trace_id.clone_from(&trace_id);
        if bytes(&document) > limit {
            if !trim(&mut document, limit) {
                losses.documents_lost += 1;
                continue;
            }
            losses.documents_trimmed += 1;
        }
        into.push(document);
    }
}

/// Bytes of the document as it is sent.
pub(crate) fn bytes(document: &Document) -> usize {
    serde_json::to_vec(document).map_or(usize::MAX, |text| text.len())
}

/// Cuts subtrees off until what is left fits, or is the top alone. Says how large it then is.
fn shrink(document: &mut Document, limit: usize, cut: &mut Vec<Document>) -> usize {
    let mut below = std::mem::take(&mut document.subsegments);
    let sizes: Vec<usize> = below.iter_mut().map(|child| shrink(child, limit, cut) + 1).collect();
    let mut total = bytes(document) + OVERHEAD + sizes.iter().sum::<usize>();
    let mut largest: Vec<usize> = (0..below.len()).collect();
    largest.sort_by_key(|at| sizes.get(*at).copied());
    let mut gone = vec![false; below.len()];
    while total > limit {
        let Some(at) = largest.pop() else { break };
        total -= sizes.get(at).copied().unwrap_or_default();
        if let Some(gone) = gone.get_mut(at) {
            *gone = true;
        }
    }
    for (mut child, gone) in below.drain(..).zip(gone) {
        if gone {
            child.kind = Some("subsegment".to_owned());
            child.parent_id = Some(document.id.clone());
            cut.push(child);
        } else {
            document.subsegments.push(child);
        }
    }
    total
}

/// Leaves out of a document that has nothing beneath it what makes it too large. False if it does not help.
fn trim(document: &mut Document, limit: usize) -> bool {
    let mut from = limit;
    while from > SMALLEST {
        from /= 2;
        for namespace in document.metadata.values_mut() {
            let Json::Object(members) = namespace else { continue };
            for value in members.values_mut() {
                let length = serde_json::to_vec(value).map_or(usize::MAX, |text| text.len());
                if length >= from {
                    *value = mark(length);
                }
            }
        }
        if bytes(document) <= limit {
            return true;
        }
    }
    let gone = serde_json::to_vec(&document.metadata).map_or(0, |text| text.len());
    document.metadata.clear();
    let removed = Json::Object([(REMOVED.to_owned(), format!("{gone} bytes").into())].into_iter().collect());
    document.metadata.insert("default".to_owned(), removed);
    if bytes(document) <= limit {
        return true;
    }
    if let Some(Cause::Object(cause)) = &mut document.cause {
        for exception in &mut cause.exceptions {
            exception.stack.clear();
        }
    }
    if bytes(document) <= limit {
        return true;
    }
    let mut bare = Document::default();
    std::mem::swap(&mut bare.name, &mut document.name);
    std::mem::swap(&mut bare.id, &mut document.id);
    bare.trace_id = document.trace_id.take();
    bare.parent_id = document.parent_id.take();
    bare.kind = document.kind.take();
    (bare.start_time, bare.end_time) = (document.start_time, document.end_time);
    bare.namespace = document.namespace.take();
    (bare.error, bare.fault, bare.throttle) = (document.error, document.fault, document.throttle);
    std::mem::swap(&mut bare.metadata, &mut document.metadata);
    *document = bare;
    bytes(document) <= limit
}

fn mark(length: usize) -> Json {
    format!("[removed: {length} bytes]").into()
}

/// How many subsegments are nested in each other. With the depth of attributes a document stays within the 127 levels
/// that JSON readers take. Source: `serde_json`.
pub(crate) const NESTED: usize = 40;
/// Room for what stands around a subsegment once it is alone: ids, type, a comma, brackets.
const OVERHEAD: usize = 160;
/// Values shorter than this are never what makes a document too large.
const SMALLEST: usize = 96;
const REMOVED: &str = "removed";
