//! All segments and subsegments of a trace in one list, each with what is above it, across services.
//!
//! Nothing here recurses: subsegments sent alone may form chains of any depth.

use std::collections::HashMap;

use xray_core::document::Document;

use crate::Trace;

/// None, as an index.
pub(super) const NONE: u32 = u32::MAX;

/// A segment or subsegment in its place.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) document: &'a Document,
    /// Index of its segment; of an orphan, past the last.
    pub(super) segment: u32,
    /// Index of the place above it, in another segment where this one was called from there.
    pub(super) above: u32,
}

/// The places of a trace, those of one segment together, the segment itself first.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    places: Vec<Place<'a>>,
    /// The place of each segment.
    segments: Vec<u32>,
}

impl<'a> Tree<'a> {
    pub(super) fn of(trace: &'a Trace) -> Tree<'a> {
        let mut callers: HashMap<(usize, &str), Vec<usize>> = HashMap::new();
        for (index, segment) in trace.segments.iter().enumerate() {
            if let Some(parent) = &segment.parent {
                callers.entry((parent.segment, &parent.id)).or_default().push(index);
            }
        }
        let mut tree = Tree::default();
        let mut called_from = vec![NONE; trace.segments.len()];
        for (index, segment) in trace.segments.iter().enumerate() {
            let at = tree.add(&segment.document, index, NONE);
            tree.segments.push(at);
            tree.deeper(&segment.deeper, index, at);
            if callers.is_empty() {
                continue;
            }
            for (place, at) in tree.places.iter().skip(usize_of(at)).zip(at..) {
                let called = callers.get(&(index, place.document.id.as_str())).into_iter().flatten();
                for called in called.filter(|called| **called != index) {
                    if let Some(from) = called_from.get_mut(*called) {
                        *from = at;
                    }
                }
            }
        }
        for (at, above) in tree.segments.iter().zip(called_from) {
            if let Some(place) = tree.places.get_mut(usize_of(*at)) {
                place.above = above;
            }
        }
        for orphan in &trace.orphans {
            tree.add(orphan, trace.segments.len(), NONE);
        }
        tree
    }

    /// Adds a document and all beneath it; answers its place.
    fn add(&mut self, document: &'a Document, segment: usize, above: u32) -> u32 {
        let first = u32_of(self.places.len());
        let mut open = vec![(document, above)];
        while let Some((document, above)) = open.pop() {
            let at = u32_of(self.places.len());
            self.places.push(Place { document, segment: u32_of(segment), above });
            open.extend(document.subsegments.iter().rev().map(|child| (child, at)));
        }
        first
    }

    /// Adds what is too deep to be in its segment's document, which begins at this place.
    fn deeper(&mut self, documents: &'a [Document], segment: usize, from: u32) {
        if documents.is_empty() {
            return;
        }
        let added: Vec<u32> = documents.iter().map(|document| self.add(document, segment, from)).collect();
        // In whatever order they are: linked once all are there.
        let places = self.places.iter().enumerate().skip(usize_of(from));
        let known: HashMap<&str, u32> = places.map(|(at, place)| (place.document.id.as_str(), u32_of(at))).collect();
        for (document, at) in documents.iter().zip(added) {
            let above = document.parent_id.as_deref().and_then(|parent| known.get(parent));
            if let (Some(above), Some(place)) = (above, self.places.get_mut(usize_of(at))) {
                place.above = *above;
            }
        }
    }

    pub(super) fn places(&self) -> &[Place<'a>] {
        &self.places
    }

    pub(super) fn get(&self, at: u32) -> Option<&Place<'a>> {
        self.places.get(usize_of(at))
    }

    /// The place of a segment.
    pub(super) fn segment(&self, index: usize) -> Option<u32> {
        self.segments.get(index).copied()
    }

    pub(super) fn is_orphan(&self, place: &Place<'a>) -> bool {
        usize_of(place.segment) >= self.segments.len()
    }
}

pub(super) fn usize_of(index: u32) -> usize {
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// No trace has 4 billion documents; if one had, the rest would be nobody's.
pub(super) fn u32_of(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NONE)
}
