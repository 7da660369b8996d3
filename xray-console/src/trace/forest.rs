//! The documents of one trace as a forest: every segment and subsegment by itself, each with its place.
//!
//! Whatever a sender does, this ends and needs memory in proportion to what came: nothing recurses, a circle of parents
//! is cut at its earliest member, and a tree deeper than [`NESTED_SUBSEGMENTS`] goes on in another document, because a
//! deeper one could neither be read back by common JSON readers nor be dropped without deep recursion.
// Lists of boxes: what is moved, sorted and turned around are pointers, and each document is copied twice.
#![allow(clippy::vec_box)]

use std::collections::HashMap;

use serde_json::Value;
use xray_core::document::Document;
use xray_core::document::limits::NESTED_SUBSEGMENTS;

use super::assemble::{by_start, sorted};

/// What the documents come to.
#[derive(Default)]
pub(super) struct Forest {
    /// Segments with what is beneath them; each with what is too deep to be in it.
    pub(super) segments: Vec<(Document, Vec<Document>)>,
    /// Lone subsegments whose parent is not there, and what is too deep beneath them.
    pub(super) orphans: Vec<Document>,
    /// How many times an id came complete that was complete already.
    pub(super) duplicates: usize,
}

/// One segment or subsegment; `document.subsegments` is empty until the end.
struct Plant {
    /// Boxed, for a document is a kilobyte and changes hands some ten times. None once it was harvested.
    document: Option<Box<Document>>,
    parent: Option<usize>,
    children: Vec<usize>,
    /// Those of its children that were harvested, the last first.
    grown: Vec<Box<Document>>,
}

/// Where a plant grows, once that is known.
#[derive(Clone, Copy)]
struct Place {
    /// Position in the order of visit of the plant that the document is written for.
    root: usize,
    depth: usize,
}

impl Forest {
    pub(super) fn grow(documents: impl IntoIterator<Item = Document>) -> Forest {
        let (documents, duplicates) = newest(documents);
        let mut nursery = Nursery { duplicates, ..Nursery::default() };
        for document in documents {
            nursery.plant(document);
        }
        nursery.attach();
        nursery.harvest()
    }
}

/// Segments and subsegments are told apart: an id shared by the two (a facade segment's, say) makes neither replace the
/// other.
type Key = (bool, Id);

/// An id: X-Ray's 16 hex digits as the number they are, which is hashed sooner and copied for nothing.
#[derive(PartialEq, Eq, Hash)]
enum Id {
    Number(u64),
    Text(String),
}

impl Id {
    fn of(id: &str) -> Id {
        let digit = |letter: u8| match letter {
            b'0'..=b'9' => Some(letter - b'0'),
            b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        };
        let number = || id.bytes().try_fold(0, |number, letter| Some(number << 4 | u64::from(digit(letter)?)));
        match id.len() {
            16 => number().map_or_else(|| Id::Text(id.to_owned()), Id::Number),
            _ => Id::Text(id.to_owned()),
        }
    }
}

fn key(document: &Document, embedded: bool) -> Key {
    (embedded || document.is_lone_subsegment(), Id::of(&document.id))
}

/// One document for each id: complete before in progress, later before earlier. In the order of first arrival.
fn newest(documents: impl IntoIterator<Item = Document>) -> (Vec<Box<Document>>, usize) {
    let mut found: Vec<Box<Document>> = Vec::new();
    let mut places: HashMap<Key, usize> = HashMap::new();
    let mut duplicates = 0;
    for document in documents {
        let place = *places.entry(key(&document, false)).or_insert(found.len());
        match found.get_mut(place) {
            None => found.push(Box::new(document)),
            Some(known) => {
                duplicates += usize::from(!known.in_progress && !document.in_progress);
                if known.in_progress || !document.in_progress {
                    **known = document;
                }
            }
        }
    }
    (found, duplicates)
}

#[derive(Default)]
struct Nursery {
    plants: Vec<Plant>,
    by_id: HashMap<Key, usize>,
    duplicates: usize,
}

impl Nursery {
    /// Takes a document apart.
    fn plant(&mut self, document: Box<Document>) {
        let mut open = vec![(document, None)];
        while let Some((mut document, parent)) = open.pop() {
            let children = std::mem::take(&mut document.subsegments);
            let index = self.add(document, parent);
            open.extend(children.into_iter().rev().map(|child| (Box::new(child), Some(index))));
        }
    }

    /// Gives it a place of its own, or, if its id has one, that.
    fn add(&mut self, document: Box<Document>, parent: Option<usize>) -> usize {
        let index = self.plants.len();
        let known = *self.by_id.entry(key(&document, parent.is_some())).or_insert(index);
        // Subsegments without an id are all different.
        let twin = if document.id.is_empty() { None } else { self.plants.get_mut(known) };
        let Some(twin) = twin else {
            self.plants.push(Plant { document: Some(document), parent, children: Vec::new(), grown: Vec::new() });
            return index;
        };
        twin.parent = twin.parent.or(parent);
        let twin = twin.document.get_or_insert_default();
        self.duplicates += usize::from(!twin.in_progress && !document.in_progress);
        // Complete before in progress. Of two complete ones the first: here they are the same work told twice, by itself
        // and within its segment.
        if twin.in_progress && !document.in_progress {
            *twin = document;
        }
        known
    }

    /// Finds the parents of lone subsegments and tells parents their children.
    fn attach(&mut self) {
        for index in 0..self.plants.len() {
            let Some(plant) = self.plants.get(index) else { continue };
            let said = plant.document.as_ref().filter(|document| document.is_lone_subsegment());
            let said = said.and_then(|document| self.find(document.parent_id.as_deref()?));
            let parent = plant.parent.or(said).filter(|parent| *parent != index);
            if let Some(plant) = self.plants.get_mut(index) {
                plant.parent = parent;
            }
            if let Some(parent) = parent.and_then(|parent| self.plants.get_mut(parent)) {
                parent.children.push(index);
            }
        }
    }

    fn find(&self, id: &str) -> Option<usize> {
        let mut key = (true, Id::of(id));
        let subsegment = self.by_id.get(&key).copied();
        key.0 = false;
        subsegment.or_else(|| self.by_id.get(&key).copied())
    }

    fn harvest(mut self) -> Forest {
        let order = self.visit();
        let mut forest = Forest { duplicates: self.duplicates, ..Forest::default() };
        // Index of a root in the order of visit to its position among the segments.
        let mut owners: HashMap<usize, usize> = HashMap::new();
        for (position, (index, _)) in order.iter().enumerate() {
            if self.plants.get(*index).is_some_and(Plant::is_segment) {
                owners.insert(position, owners.len());
                forest.segments.push(Default::default());
            }
        }
        // Children stand behind their parents, so that going backwards every document is whole when it is handed up.
        for (position, (index, place)) in order.iter().enumerate().rev() {
            let Some(plant) = self.plants.get_mut(*index) else { continue };
            let parent = plant.parent;
            let Some(document) = plant.harvest() else { continue };
            let segment = owners.get(&place.root).and_then(|owner| forest.segments.get_mut(*owner));
            match (segment, parent.and_then(|parent| self.plants.get_mut(parent))) {
                (_, Some(parent)) if place.depth > 0 => parent.grown.push(nested(document)),
                (Some((_, deeper)), Some(parent)) => deeper.push(cut_off(document, parent)),
                (Some((segment, _)), None) if position == place.root => *segment = *document,
                (_, Some(parent)) => forest.orphans.push(cut_off(document, parent)),
                (_, None) => forest.orphans.push(*document),
            }
        }
        for (_, deeper) in &mut forest.segments {
            deeper.sort_by(by_start);
        }
        forest.orphans = sorted(forest.orphans, by_start);
        forest
    }

    /// Every plant, parents before children, with its place.
    fn visit(&mut self) -> Vec<(usize, Place)> {
        let mut order: Vec<(usize, Place)> = Vec::with_capacity(self.plants.len());
        let mut seen = vec![false; self.plants.len()];
        let roots: Vec<usize> = (0..self.plants.len()).filter(|index| self.is_root(*index)).collect();
        for root in roots {
            self.visit_from(root, &mut order, &mut seen);
        }
        // What is left stands in circles, or beneath one.
        let mut left: Vec<usize> = (0..self.plants.len()).filter(|index| seen.get(*index) == Some(&false)).collect();
        let document = |index: usize| self.plants.get(index)?.document.as_deref();
        left.sort_by(|left, right| match (document(*left), document(*right)) {
            (Some(left), Some(right)) => by_start(left, right),
            _ => std::cmp::Ordering::Equal,
        });
        for index in left {
            if seen.get(index) == Some(&false) {
                if let Some(plant) = self.plants.get_mut(index) {
                    plant.parent = None;
                }
                self.visit_from(index, &mut order, &mut seen);
            }
        }
        order
    }

    fn is_root(&self, index: usize) -> bool {
        self.plants.get(index).is_some_and(|plant| plant.parent.is_none())
    }

    fn visit_from(&self, root: usize, order: &mut Vec<(usize, Place)>, seen: &mut [bool]) {
        let top = order.len();
        let mut next = top;
        order.push((root, Place { root: top, depth: 0 }));
        if let Some(seen) = seen.get_mut(root) {
            *seen = true;
        }
        while let Some((index, place)) = order.get(next).copied() {
            next += 1;
            for child in self.plants.get(index).map_or(&[][..], |plant| &plant.children) {
                let Some(seen @ false) = seen.get_mut(*child) else { continue };
                *seen = true;
                let depth = if place.depth < NESTED_SUBSEGMENTS { place.depth + 1 } else { 0 };
                order.push((*child, Place { root: top, depth }));
            }
        }
    }
}

impl Plant {
    fn is_segment(&self) -> bool {
        self.parent.is_none() && self.document.as_ref().is_some_and(|document| !document.is_lone_subsegment())
    }

    /// The document with its children in it.
    fn harvest(&mut self) -> Option<Box<Document>> {
        let mut document = self.document.take()?;
        process(&mut document);
        let mut grown = std::mem::take(&mut self.grown);
        // They came in reverse.
        grown.reverse();
        grown.sort_by(|left, right| by_start(left, right));
        document.subsegments = grown.into_iter().map(|document| *document).collect();
        Some(document)
    }
}

/// Removes what says nothing: members that some senders write although they are false or empty. X-Ray gives back none.
///
/// Source: raw data of a trace in aws-xray-sdk-python, issue 110: `in_progress` and empty members are gone.
fn process(document: &mut Document) {
    const SAYING: [&str; 10] = [
        "in_progress",
        "error",
        "fault",
        "throttle",
        "inferred",
        "annotations",
        "metadata",
        "subsegments",
        "precursor_ids",
        "links",
    ];
    document.other.retain(|key, value| {
        let says_nothing = match value {
            Value::Null | Value::Bool(false) => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        !(says_nothing && SAYING.contains(&key.as_str()))
    });
}

/// A subsegment within its parent: what says where it belongs is said by its place.
fn nested(mut document: Box<Document>) -> Box<Document> {
    (document.trace_id, document.kind, document.parent_id) = (None, None, None);
    document
}

/// A subsegment that goes in a document of its own.
fn cut_off(mut document: Box<Document>, parent: &Plant) -> Document {
    document.parent_id = parent.document.as_ref().map(|parent| parent.id.clone());
    document.kind = Some("subsegment".to_owned());
    *document
}
