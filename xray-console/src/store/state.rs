//! What is behind the store's lock. Everything here is short: a few look-ups, no parsing, nothing large freed.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use xray_core::TraceId;

use super::entry::{self, ENTRY_BYTES, Entry, Kept, Place, Received, micros};
use super::{EVICTIONS, Now, Row, TRACE_BYTES, TRACE_SHARE, TimeRangeType, Window};

/// Position of a trace among all, by start.
pub(super) type Position = (u64, TraceId);

/// Trees, not tables: a table that grows moves all of its entries at once, and somebody waits for it.
pub(super) struct State {
    bound: usize,
    traces: BTreeMap<TraceId, Box<Entry>>,
    /// Rows by start; none where it has to be worked out.
    rows: BTreeMap<Position, Option<Arc<Row>>>,
    /// Every trace once, the one whose first document came first in front.
    arrived: VecDeque<TraceId>,
    /// Traces to settle, each since when.
    unsettled: VecDeque<(u64, TraceId)>,
    /// Documents of evicted traces that are still to be freed; they count until then.
    leaving: Vec<Kept>,
    evictions: VecDeque<(TraceId, Duration)>,
    counters: Counters,
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

/// A trace and its row, or what it takes to work that out.
pub(super) enum Found {
    Ready { position: Position, row: Arc<Row> },
    Stale { position: Position, id: TraceId, revision: u64, documents: Vec<Arc<[u8]>>, bytes: usize },
}

impl Found {
    pub(super) fn key(&self) -> Position {
        match self {
            Found::Ready { position, .. } | Found::Stale { position, .. } => *position,
        }
    }
}

/// What is to be freed outside of the lock.
#[derive(Default)]
pub(super) struct Garbage {
    pub(super) evicted: Vec<TraceId>,
    documents: Vec<Kept>,
    rows: Vec<Arc<Row>>,
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
            rows: BTreeMap::new(),
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
            self.rows.insert((start, id), None);
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
        if start < entry.start {
            garbage.rows.extend(self.rows.remove(&(entry.start, id)).flatten());
            entry.start = start;
            self.rows.insert((start, id), None);
        } else if let Some(row) = self.rows.get_mut(&(entry.start, id)) {
            garbage.rows.extend(row.take());
        }
        self.make_room(json_bytes, now.wall, &mut garbage);
        (outcome, garbage)
    }

    /// Frees twice what has come, at least; more only by the next put. So nobody waits for long, and the bound is
    /// overrun by no more than what came while the largest of traces was leaving.
    fn make_room(&mut self, came: usize, now: Duration, garbage: &mut Garbage) {
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
        let Some(entry) = self.traces.remove(&id) else { return true };
        garbage.rows.extend(self.rows.remove(&(entry.start, id)).flatten());
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

    /// Keeps a row unless its trace has changed meanwhile.
    pub(super) fn keep_row(&mut self, row: &Arc<Row>, now: Duration) -> Garbage {
        let mut garbage = Garbage::default();
        let Some(entry) = self.traces.get_mut(&row.id).filter(|entry| entry.revision == row.revision) else {
            return garbage;
        };
        let Some(place) = self.rows.get_mut(&(entry.start, row.id)) else { return garbage };
        garbage.rows.extend(place.replace(Arc::clone(row)));
        let bytes = row.bytes();
        let before = std::mem::replace(&mut entry.row_bytes, bytes);
        entry.unsettled = false;
        self.counters.bytes = (self.counters.bytes + bytes).saturating_sub(before);
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
        let position = (self.traces.get(id)?.start, *id);
        self.found(position, self.rows.get(&position)?)
    }

    fn found(&self, position: Position, row: &Option<Arc<Row>>) -> Option<Found> {
        if let Some(row) = row {
            return Some(Found::Ready { position, row: Arc::clone(row) });
        }
        let (_, id) = position;
        let entry = self.traces.get(&id)?;
        let (revision, documents, bytes) = (entry.revision, entry.jsons(), entry.bytes);
        Some(Found::Stale { position, id, revision, documents, bytes })
    }

    /// The next traces that may lie in the window, the newest first, before the position where the last page ended.
    pub(super) fn page(&self, window: &Window, before: Option<Position>) -> Vec<Found> {
        /// Rows a page: some tens of microseconds under the lock.
        const PAGE: usize = 512;
        /// Documents a page, to put together what is not settled.
        const DOCUMENTS: usize = 4_096;
        let first_id = "1-00000000-000000000000000000000000".parse().ok();
        let no_earlier = match window.kind {
            TimeRangeType::TraceId => micros(window.start.floor()),
            // May have begun at any time before.
            TimeRangeType::Event | TimeRangeType::Service => 0,
        };
        let from = first_id.map_or(Bound::Unbounded, |id| Bound::Included((no_earlier, id)));
        let mut page = Vec::new();
        let mut documents = 0;
        let end = match (before, first_id) {
            (Some(position), _) => Bound::Excluded(position),
            (None, Some(id)) if window.end.is_finite() => Bound::Excluded((micros(window.end.ceil()), id)),
            _ => Bound::Unbounded,
        };
        if let (Bound::Included(from), Bound::Excluded(end)) = (from, end) {
            // A range that begins behind its end is a mistake to the tree.
            if from >= end {
                return page;
            }
        }
        for (position, row) in self.rows.range((from, end)).rev() {
            let Some(found) = self.found(*position, row) else { continue };
            if let Found::Stale { documents: more, .. } = &found {
                documents += more.len();
            }
            page.push(found);
            if page.len() >= PAGE || documents >= DOCUMENTS {
                break;
            }
        }
        page
    }

    /// Of the next traces by id such as changed at this time or later, each with when; and the last that was looked at, if
    /// there may be more behind it.
    #[cfg(feature = "web")]
    pub(super) fn changed(&self, behind: Option<TraceId>, at: Duration) -> (Vec<(Duration, TraceId)>, Option<TraceId>) {
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
    pub(super) fn quiet_since(&mut self, moment: u64) -> Vec<Found> {
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
            page.extend(self.find(&id).filter(|found| matches!(found, Found::Stale { .. })));
        }
        page
    }

    pub(super) fn counters(&self) -> Counters {
        Counters { traces: self.traces.len(), ..self.counters }
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
