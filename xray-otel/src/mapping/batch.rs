//! Spans that came together, put together.
//!
//! X-Ray assembles a trace from segments and from subsegments that came alone, in any order, by their ids; so a tree
//! may be cut anywhere, and a child may arrive before or long after its parent. What is at hand is nested all the same:
//! a document for each request instead of each span.

use std::collections::{HashMap, HashSet};

use xray_core::SegmentId;
use xray_core::document::{Annotation, Cause, Document, limits};

use super::{Mapped, Mapping, fit, rest};
use crate::losses::Losses;
use crate::span::Span;

/// A trace and a span in it.
type Key = ([u8; 16], [u8; 8]);

pub(super) fn documents(mapping: &Mapping, spans: &[Span], losses: &mut Losses) -> Vec<Document> {
    let mut pieces = pieces(mapping, spans, losses);
    let order = parents_first(&mut pieces, losses);
    // From the leaves up: a piece is whole before it goes into its parent.
    for at in order.iter().rev() {
        nest(&mut pieces, *at);
    }
    let mut documents = Vec::new();
    let mut rooms: HashMap<[u8; 16], usize> = HashMap::new();
    for at in order {
        let Some(piece) = pieces.get_mut(at) else { continue };
        let Some(Mapped { mut document, user }) = piece.mapped.take() else { continue };
        if let Some(user) = user {
            rest::metadata(&mut document, "default", "enduser.id", user.into());
        }
        let room = rooms.entry(piece.key.0).or_insert(limits::ANNOTATIONS);
        settle(&mut document, room, &mut HashSet::new(), losses);
        fit::divide(document, limits::DOCUMENT_BYTES, &mut documents, losses);
    }
    documents
}

/// A span's document, until it is nested in another.
struct Piece {
    key: Key,
    start: u64,
    mapped: Option<Mapped>,
    /// Where its parent is.
    parent: Option<usize>,
    /// It goes into its parent: a segment does not.
    nests: bool,
    /// The document is a segment made for the span, which is the subsegment in it.
    wrapped: bool,
}

fn pieces(mapping: &Mapping, spans: &[Span], losses: &mut Losses) -> Vec<Piece> {
    let mut seen: HashMap<Key, usize> = HashMap::new();
    let mut pieces = Vec::new();
    let mut parents = Vec::new();
    for span in spans {
        let key = (span.trace_id, span.span_id);
        if seen.contains_key(&key) {
            losses.spans_repeated += 1;
            continue;
        }
        let Some(mapped) = mapping.map(span, losses) else { continue };
        seen.insert(key, pieces.len());
        parents.push(span.parent_id.filter(|parent| *parent != span.span_id));
        let id = SegmentId::from_u64(u64::from_be_bytes(span.span_id));
        let wrapped = mapped.document.id != id.as_str();
        let nests = mapped.document.is_lone_subsegment();
        pieces.push(Piece { key, start: span.start, mapped: Some(mapped), parent: None, nests, wrapped });
    }
    for (piece, parent) in pieces.iter_mut().zip(parents) {
        piece.parent = parent.and_then(|parent| seen.get(&(piece.key.0, parent)).copied());
    }
    pieces
}

/// Every piece, none before its parent, and siblings by their start. Where parents go round in a circle it is opened at
/// the earliest of them; what is nested too deep stays alone.
fn parents_first(pieces: &mut [Piece], losses: &mut Losses) -> Vec<usize> {
    let mut by_start: Vec<usize> = (0..pieces.len()).collect();
    by_start.sort_by_key(|at| pieces.get(*at).map(|piece| piece.start));
    let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
    let mut tops = Vec::new();
    for at in &by_start {
        match pieces.get(*at).and_then(|piece| piece.parent) {
            Some(parent) => children.entry(parent).or_default().push(*at),
            None => tops.push(*at),
        }
    }
    let mut order = Vec::with_capacity(pieces.len());
    let mut reached = vec![false; pieces.len()];
    // After the true tops whatever they did not lead to: of a circle the first that is met becomes one.
    for top in tops.into_iter().chain(by_start) {
        let mut waiting = vec![(top, None)];
        while let Some((at, above)) = waiting.pop() {
            let (Some(reached), Some(piece)) = (reached.get_mut(at), pieces.get_mut(at)) else { continue };
            if std::mem::replace(reached, true) {
                continue;
            }
            order.push(at);
            let depth = match above {
                Some(above) if piece.nests && above < fit::NESTED => above + 1,
                above => {
                    losses.parents_mended += u64::from(above.is_none() && piece.parent.is_some());
                    piece.nests = false;
                    0
                }
            };
            let children = children.get(&at).into_iter().flatten().rev();
            waiting.extend(children.map(|child| (*child, Some(depth))));
        }
    }
    order
}

/// Puts a piece into its parent, if that is at hand.
fn nest(pieces: &mut [Piece], at: usize) {
    // Children come in from the last to the first.
    let Some(piece) = pieces.get_mut(at) else { return };
    if let Some(mapped) = &mut piece.mapped {
        let document = &mut mapped.document;
        let below = if piece.wrapped { document.subsegments.first_mut() } else { Some(document) };
        below.into_iter().for_each(|document| document.subsegments.reverse());
    }
    let Some(parent) = piece.parent.filter(|_| piece.nests) else { return };
    let Some(Mapped { mut document, user }) = piece.mapped.take() else { return };
    document.trace_id = None;
    document.parent_id = None;
    document.kind = None;
    let Some(Piece { mapped: Some(above), wrapped, .. }) = pieces.get_mut(parent) else { return };
    let owner = if above.document.is_lone_subsegment() { &mut above.user } else { &mut above.document.user };
    if owner.is_none() {
        *owner = user;
    }
    let below = if *wrapped { above.document.subsegments.first_mut() } else { Some(&mut above.document) };
    below.into_iter().for_each(|above| above.subsegments.push(std::mem::take(&mut document)));
}

/// What can only be seen of a document as a whole: at most so many annotations in its trace, the others become
/// metadata; and no exception id twice, whatever the sender wrote.
fn settle(document: &mut Document, room: &mut usize, ids: &mut HashSet<String>, losses: &mut Losses) {
    while document.annotations.len() > *room {
        let Some((key, value)) = document.annotations.pop_last() else { break };
        let value = match value {
            Annotation::String(text) => text.into(),
            Annotation::Number(number) => serde_json::Value::Number(number),
            Annotation::Bool(value) => value.into(),
            Annotation::Other(value) => value,
        };
        losses.annotations_moved += 1;
        rest::metadata(document, "default", &key, value);
    }
    *room -= document.annotations.len();
    if let Some(Cause::Object(cause)) = &mut document.cause {
        for (at, exception) in cause.exceptions.iter_mut().enumerate() {
            if !ids.insert(exception.id.clone()) {
                let own = u64::from_str_radix(&document.id, 16).unwrap_or_default();
                exception.id = SegmentId::from_u64(super::mix(own ^ (at as u64 + 1))).to_string();
                ids.insert(exception.id.clone());
            }
            if exception.cause.as_ref() == Some(&exception.id) {
                exception.cause = None;
            }
        }
    }
    for below in &mut document.subsegments {
        settle(below, room, ids, losses);
    }
}
