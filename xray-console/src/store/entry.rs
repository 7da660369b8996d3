//! The documents of one trace, as the store keeps them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use xray_core::document::Document;
use xray_core::{SegmentId, TraceId};

use super::page::Slot;

/// A document on its way into the store: its JSON, and what places it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Received {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Which segment or subsegment it is.
    pub(super) key: Key,
    /// Another is to come that replaces it.
    pub in_progress: bool,
    /// Microseconds since the epoch.
    pub(super) start: u64,
    /// The document.
    pub json: Arc<[u8]>,
}

/// A segment or subsegment within its trace. The two are told apart, as in [`Trace`](crate::Trace).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) id: u64,
    pub(super) subsegment: bool,
}

impl Received {
    /// A document and the JSON it is kept as. None if it has no trace id of X-Ray's form.
    pub fn of(document: &Document, json: Arc<[u8]>) -> Option<Received> {
        let trace_id = document.trace_id.as_deref()?.parse().ok()?;
        let key = Key { id: number(&document.id), subsegment: document.is_lone_subsegment() };
        let start = document.start_time.map_or(0, micros);
        Some(Received { trace_id, key, in_progress: document.in_progress, start, json })
    }
}

/// An id as a number. What is not 16 hex digits, which only comes from callers of the library, gets one as well.
fn number(id: &str) -> u64 {
    let digits = id.parse::<SegmentId>().ok().and_then(|id| u64::from_str_radix(id.as_str(), 16).ok());
    digits.unwrap_or_else(|| {
        let mut hasher = DefaultHasher::new();
        id.hash(&mut hasher);
        hasher.finish()
    })
}

/// Seconds to microseconds; what is out of range becomes the nearest that is not.
pub(super) fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// One document.
pub(super) struct Kept {
    key: Key,
    in_progress: bool,
    json: Arc<[u8]>,
}

impl Kept {
    /// What it counts for: its text, itself, its place in tables, and the allocator's share.
    pub(super) fn bytes(&self) -> usize {
        json_bytes(&self.json)
    }
}

pub(super) fn json_bytes(json: &[u8]) -> usize {
    json.len() + size_of::<Kept>() + 96
}

/// One trace.
pub(super) struct Entry {
    documents: Vec<Kept>,
    /// Place by key, from [`INDEXED`] documents on.
    places: HashMap<Key, usize>,
    /// Of all documents, as they count.
    pub(super) bytes: usize,
    /// Its row, if that is in a page with others.
    pub(super) packed: Option<Slot>,
    /// Bytes of its row, if that is in none.
    pub(super) row_bytes: usize,
    pub(super) revision: u64,
    /// Earliest start of its documents, microseconds since the epoch.
    pub(super) start: u64,
    /// When its first document came, since the epoch.
    pub(super) first: Duration,
    /// When its last came: since the epoch, and nanoseconds of the monotonic clock.
    pub(super) last: Duration,
    pub(super) last_monotonic: u64,
    /// Somebody has to work out its row.
    pub(super) unsettled: bool,
}

/// What became of a document in its trace.
pub(super) enum Place {
    New,
    /// In place of the one in progress.
    Completed(Kept),
    /// In place of one that was complete, too.
    Again(Kept),
    /// In progress, though the complete one is here.
    Late,
}

/// From how many documents on they are found by a table; before that, looking through them is faster.
const INDEXED: usize = 64;

/// Bytes of a trace without its documents: the entry and its places in the tables of the store.
pub(super) const ENTRY_BYTES: usize = size_of::<Entry>() + 400;

impl Entry {
    pub(super) fn new(start: u64, first: Duration) -> Entry {
        Entry {
            documents: Vec::new(),
            places: HashMap::new(),
            bytes: 0,
            packed: None,
            row_bytes: 0,
            revision: 0,
            start,
            first,
            last: first,
            last_monotonic: 0,
            unsettled: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }

    pub(super) fn jsons(&self) -> Vec<Arc<[u8]>> {
        self.documents.iter().map(|kept| Arc::clone(&kept.json)).collect()
    }

    pub(super) fn into_documents(self) -> Vec<Kept> {
        self.documents
    }

    /// Puts a document in its place and keeps count of the bytes.
    pub(super) fn put(&mut self, received: Received) -> Place {
        let Received { key, in_progress, json, .. } = received;
        let new = Kept { key, in_progress, json };
        let bytes = new.bytes();
        let Some(known) = self.find(key) else {
            if self.documents.len() >= INDEXED {
                if self.places.is_empty() {
                    self.places.extend(self.documents.iter().enumerate().map(|(place, kept)| (kept.key, place)));
                }
                self.places.insert(key, self.documents.len());
            }
            self.documents.push(new);
            self.bytes += bytes;
            return Place::New;
        };
        if in_progress && !known.in_progress {
            return Place::Late;
        }
        let was = std::mem::replace(known, new);
        self.bytes = (self.bytes + bytes).saturating_sub(was.bytes());
        if was.in_progress { Place::Completed(was) } else { Place::Again(was) }
    }

    fn find(&mut self, key: Key) -> Option<&mut Kept> {
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None if self.places.is_empty() => self.documents.iter().position(|kept| kept.key == key)?,
            None => return None,
        };
        self.documents.get_mut(place)
    }
}
