//! What is behind the store's lock. Everything here is short: a few look-ups, no parsing, nothing large freed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use xray_core::TraceId;

use super::entry::{self, ENTRY_BYTES, Entry, Kept, Place, Received};
use super::packing::Packing;
use super::page::Slot;
use super::{EVICTIONS, Now, TRACE_BYTES, TRACE_SHARE};

/// Position of a trace among all, by start.
pub(super) type Position = (u64, TraceId);

/// Trees, not tables: a table that grows moves all of its entries at once, and somebody waits for it.
pub(super) struct State {
    bound: usize,
    pub(super) traces: BTreeMap<TraceId, Box<Entry>>,
    /// The traces that are in no page of several, by start, each with its row; none where that has to be worked out.
    pub(super) apart: BTreeMap<Position, Option<Slot>>,
    pub(super) packing: Packing,
    /// Every trace once, the one whose first document came first in front.
    arrived: VecDeque<TraceId>,
    /// Traces to settle, each since when.
    unsettled: VecDeque<(u64, TraceId)>,
    /// Documents of evicted traces that are still to be freed; they count until then.
    leaving: Vec<Kept>,
    evictions: VecDeque<(TraceId, Duration)>,
    pub(super) counters: Counters,
}

/// How full a store is, and what became of what was put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Traces kept.
    pub traces: usize,
    /// Documents kept.
    pub documents: usize,
    /// Bytes of memory in use, of [`bound`](Counters::bound).
    pub bytes: usize,
    /// The bound, bytes.
    pub bound: usize,
    /// Documents put since the start.
    pub put: u64,
    /// Of these, such that replaced one in progress.
    pub completed: u64,
    /// Of these, such that replaced a complete one of the same id.
    pub duplicates: u64,
    /// Of these, in progress though the complete one had come: not kept.
    pub late: u64,
    /// Of these, not kept because the trace was full.
    pub refused: u64,
    /// Traces evicted to make room.
    pub evicted_traces: u64,
    /// Documents evicted to make room.
    pub evicted_documents: u64,
    /// Documents that could not be written to the store's file.
    pub unwritten: u64,
}

/// What became of a document that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is the first of its id. With the trace's revision.
    New(u64),
    /// It replaces the one in progress.
    Completed(u64),
    /// It replaces another that was complete as well: a sender repeats itself, or two share an id.
    Duplicate(u64),
    /// It is in progress though the complete one is here: it was late, and is not kept.
    Late,
    /// The trace takes its share of the store already: not kept.
    TraceFull,
    /// The intake [only relays](crate::ConsoleBuilder::queries): the store was not given it.
    PassedOn,
}

impl Outcome {
    /// The trace's revision, if it has changed.
    pub fn revision(self) -> Option<u64> {
        match self {
            Outcome::New(revision) | Outcome::Completed(revision) | Outcome::Duplicate(revision) => Some(revision),
            Outcome::Late | Outcome::TraceFull | Outcome::PassedOn => None,
        }
    }
}

/// A trace that was evicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Eviction {
    /// When, since the epoch.
    pub at: Duration,
    /// The store's bound, bytes, to which it fell victim.
    pub bound: usize,
}

/// What the store itself knows of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TraceInfo {
    /// How often it has changed.
    pub revision: u64,
    /// Documents kept.
    pub documents: usize,
    /// Bytes they take.
    pub bytes: usize,
    /// It is larger than AWS X-Ray would have it.
    pub limit_exceeded: bool,
    /// When its first document came, since the epoch.
    pub first: Duration,
    /// When its last one came, since the epoch.
    pub last: Duration,
}

/// A trace's row, or what it takes to work that out.
pub(super) enum Found {
    Ready(Slot),
    Stale(Stale),
}

/// A trace without a row of its revision.
pub(super) struct Stale {
    pub(super) position: Position,
    pub(super) revision: u64,
    pub(super) documents: Vec<Arc<[u8]>>,
    pub(super) bytes: usize,
}

/// What is to be freed outside of the lock.
#[derive(Default)]
pub(super) struct Garbage {
    pub(super) evicted: Vec<TraceId>,
    documents: Vec<Kept>,
    pub(super) rows: Vec<Slot>,
}

#[cfg(test)]
impl Garbage {
    pub(super) fn len(&self) -> usize {
        self.documents.len()
    }
}

impl State {
    pub(super) fn new(bound: usize) -> State {
        State {
            bound,
            traces: BTreeMap::new(),
            apart: BTreeMap::new(),
            packing: Packing::default(),
            arrived: VecDeque::new(),
            unsettled: VecDeque::new(),
            leaving: Vec::new(),
            evictions: VecDeque::new(),
            counters: Counters { bound, ..Counters::default() },
        }
    }

    pub(super) fn put(&mut self, received: Received, now: Now) -> (Outcome, Garbage) {
        let mut garbage = Garbage::default();
        let (id, start) = (received.trace_id, received.start);
        let json_bytes = entry::json_bytes(&received.json);
        self.counters.put += 1;
        let is_new = !self.traces.contains_key(&id);
        let entry = self.traces.entry(id).or_insert_with(|| Box::new(Entry::new(start, now.wall)));
        if is_new {
            self.arrived.push_back(id);
            self.counters.bytes += ENTRY_BYTES;
        } else if entry.bytes + json_bytes > self.bound / TRACE_SHARE {
            self.counters.refused += 1;
            return (Outcome::TraceFull, garbage);
        }
        let bytes_before = entry.bytes;
        let place = entry.put(received);
        self.counters.bytes = (self.counters.bytes + entry.bytes).saturating_sub(bytes_before);
        let revision = entry.revision + 1;
        let outcome = match place {
            Place::Late => {
                self.counters.late += 1;
                return (Outcome::Late, garbage);
            }
            Place::New => {
                self.counters.documents += 1;
                Outcome::New(revision)
            }
            Place::Completed(was) => {
                self.counters.completed += 1;
                garbage.documents.push(was);
                Outcome::Completed(revision)
            }
            Place::Again(was) => {
                self.counters.duplicates += 1;
                garbage.documents.push(was);
                Outcome::Duplicate(revision)
            }
        };
        entry.revision = revision;
        entry.last = now.wall;
        entry.last_monotonic = now.monotonic;
        self.counters.bytes = self.counters.bytes.saturating_sub(std::mem::take(&mut entry.row_bytes));
        if !std::mem::replace(&mut entry.unsettled, true) {
            self.unsettled.push_back((now.monotonic, id));
        }
        let (was, packed) = ((entry.start, id), entry.packed.take());
        entry.start = entry.start.min(start);
        let position = (entry.start, id);
        self.row_left(&was, packed, &mut garbage);
        self.apart.insert(position, None);
        self.make_room(json_bytes, now.wall, &mut garbage);
        (outcome, garbage)
    }

    /// Frees twice what has come, at least; more only by the next put. So nobody waits for long, and the bound is
    /// overrun by no more than what came while the largest of traces was leaving.
    pub(super) fn make_room(&mut self, came: usize, now: Duration, garbage: &mut Garbage) {
        /// Freed in any case, bytes.
        const LEAST: usize = 16_384;
        let mut to_free = (2 * came).max(LEAST);
        while self.counters.bytes > self.bound && to_free > 0 {
            if let Some(document) = self.leaving.pop() {
                let bytes = document.bytes();
                self.counters.bytes = self.counters.bytes.saturating_sub(bytes);
                to_free = to_free.saturating_sub(bytes);
                garbage.documents.push(document);
            } else if !self.evict(now, garbage) {
                return;
            }
        }
    }

    /// The trace that came first leaves. The last one stays, which is bounded by itself.
    fn evict(&mut self, now: Duration, garbage: &mut Garbage) -> bool {
        if self.arrived.len() <= 1 {
            return false;
        }
        let Some(id) = self.arrived.pop_front() else { return false };
        let Some(mut entry) = self.traces.remove(&id) else { return true };
        self.row_left(&(entry.start, id), entry.packed.take(), garbage);
        garbage.evicted.push(id);
        if self.evictions.len() >= EVICTIONS {
            self.evictions.pop_front();
        }
        self.evictions.push_back((id, now));
        self.counters.evicted_traces += 1;
        self.counters.evicted_documents += entry.len() as u64;
        self.counters.documents = self.counters.documents.saturating_sub(entry.len());
        self.counters.bytes = self.counters.bytes.saturating_sub(ENTRY_BYTES + entry.row_bytes);
        self.leaving = entry.into_documents();
        true
    }

    /// A trace's row is no more, be it in a page with others or apart.
    fn row_left(&mut self, position: &Position, packed: Option<Slot>, garbage: &mut Garbage) {
        if let Some(slot) = packed {
            self.counters.bytes = self.counters.bytes.saturating_sub(self.packing.left(&slot));
            garbage.rows.push(slot);
        } else {
            self.packing.gone(position);
            garbage.rows.extend(self.apart.remove(position).flatten());
        }
    }

    /// Keeps the row of a trace unless that has changed meanwhile.
    pub(super) fn keep_row(&mut self, stale: &Stale, row: &Slot, now: Duration) -> Garbage {
        let mut garbage = Garbage::default();
        let position = stale.position;
        let Some(entry) = self.traces.get_mut(&position.1).filter(|entry| entry.revision == stale.revision) else {
            return garbage;
        };
        // Somebody else was faster if there is none: it is in a page already.
        let Some(place) = self.apart.get_mut(&position) else { return garbage };
        garbage.rows.extend(place.replace(row.clone()));
        let bytes = row.page().bytes();
        let before = std::mem::replace(&mut entry.row_bytes, bytes);
        entry.unsettled = false;
        self.counters.bytes = (self.counters.bytes + bytes).saturating_sub(before);
        self.packing.came(position, bytes);
        self.make_room(bytes, now, &mut garbage);
        garbage
    }

    pub(super) fn documents(&self, id: &TraceId) -> Option<Vec<Arc<[u8]>>> {
        Some(self.traces.get(id)?.jsons())
    }

    pub(super) fn info(&self, id: &TraceId) -> Option<TraceInfo> {
        let entry = self.traces.get(id)?;
        Some(TraceInfo {
            revision: entry.revision,
            documents: entry.len(),
            bytes: entry.bytes,
            limit_exceeded: entry.bytes > TRACE_BYTES,
            first: entry.first,
            last: entry.last,
        })
    }

    pub(super) fn evicted(&self, id: &TraceId) -> Option<Eviction> {
        let (_, at) = self.evictions.iter().rev().find(|(evicted, _)| evicted == id)?;
        Some(Eviction { at: *at, bound: self.bound })
    }

    pub(super) fn find(&self, id: &TraceId) -> Option<Found> {
        let entry = self.traces.get(id)?;
        let apart = || self.apart.get(&(entry.start, *id))?.as_ref();
        self.found(id, entry.packed.as_ref().or_else(apart))
    }

    /// The trace's row, if that is it, else what it takes to work it out.
    pub(super) fn found(&self, id: &TraceId, row: Option<&Slot>) -> Option<Found> {
        if let Some(row) = row {
            return Some(Found::Ready(row.clone()));
        }
        let entry = self.traces.get(id)?;
        let position = (entry.start, *id);
        Some(Found::Stale(Stale { position, revision: entry.revision, documents: entry.jsons(), bytes: entry.bytes }))
    }

    /// Of the next traces by id such as changed at this time or later, each with when; and the last that was looked at, if
    /// there may be more behind it.
    #[cfg(feature = "web")]
    pub(super) fn changed(&self, behind: Option<TraceId>, at: Duration) -> (Vec<(Duration, TraceId)>, Option<TraceId>) {
        use std::ops::Bound;

        /// Traces a page: some tens of microseconds under the lock.
        const PAGE: usize = 512;
        let from = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let mut last = None;
        let mut changed = Vec::new();
        for (looked_at, (id, entry)) in self.traces.range((from, Bound::Unbounded)).enumerate() {
            if looked_at == PAGE {
                return (changed, last);
            }
            last = Some(*id);
            if entry.last >= at {
                changed.push((entry.last, *id));
            }
        }
        (changed, None)
    }

    /// Some traces without a row to which nothing has come since that moment of the monotonic clock.
    pub(super) fn quiet_since(&mut self, moment: u64) -> Vec<Stale> {
        const PAGE: usize = 64;
        let mut page = Vec::new();
        while page.len() < PAGE && self.unsettled.front().is_some_and(|(since, _)| *since <= moment) {
            let Some((_, id)) = self.unsettled.pop_front() else { break };
            let Some(entry) = self.traces.get_mut(&id).filter(|entry| entry.unsettled) else { continue };
            if entry.last_monotonic > moment {
                self.unsettled.push_back((entry.last_monotonic, id));
                continue;
            }
            entry.unsettled = false;
            if let Some(Found::Stale(stale)) = self.find(&id) {
                page.push(stale);
            }
        }
        page
    }

    pub(super) fn counters(&self) -> Counters {
        Counters { traces: self.traces.len(), ..self.counters }
    }

    /// The bytes in use, added up anew.
    #[cfg(test)]
    pub(super) fn recounted(&self) -> usize {
        let traces = self.traces.values().map(|entry| ENTRY_BYTES + entry.bytes + entry.row_bytes);
        let leaving = self.leaving.iter().map(Kept::bytes);
        traces.chain(leaving).sum::<usize>() + self.packing.bytes()
    }

    /// All that was kept, to be freed outside of the lock.
    pub(super) fn clear(&mut self) -> State {
        let counters = Counters { bytes: 0, documents: 0, ..self.counters };
        let fresh = State { counters, ..State::new(self.bound) };
        let mut old = std::mem::replace(self, fresh);
        std::mem::swap(&mut self.evictions, &mut old.evictions);
        old
    }
}
