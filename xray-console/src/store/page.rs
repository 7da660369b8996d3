//! Rows side by side in memory.
//!
//! A row is worked out by itself, a page of one. When there are many such they are packed, so that a scan reads lists in
//! which trace follows trace (see [`Columns`]). A page does not change: a trace that does leaves its place in it empty.

use std::fmt;
use std::sync::Arc;

use xray_core::TraceId;

use super::Row;
use super::state::Position;
use crate::Trace;
use crate::graph::{Part, Parts};
use crate::query::{Columns, Facts};

/// Rows packed into one page.
pub(super) const PACKED: usize = 128;

/// Some rows, the newest first.
pub(super) struct Page {
    /// Microseconds since the epoch; apart from the keys, which few questions need.
    starts: Box<[u64]>,
    keys: Box<[Key]>,
    facts: Arc<Columns>,
    parts: Arc<Parts>,
}

/// Whose row it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) id: TraceId,
    pub(super) revision: u64,
    pub(super) limit_exceeded: bool,
}

/// A row's place.
#[derive(Clone)]
pub(super) struct Slot {
    page: Arc<Page>,
    at: usize,
}

impl Page {
    /// The rows of these places side by side; the places have to be in order, the newest first.
    pub(super) fn pack(slots: &[Slot]) -> Arc<Page> {
        let rows: Vec<Row> = slots.iter().cloned().map(Row::of).collect();
        let facts: Vec<Facts> = rows.iter().map(|row| row.facts.clone()).collect();
        let parts: Vec<Part> = rows.iter().map(|row| row.part.clone()).collect();
        Arc::new(Page {
            starts: slots.iter().map(Slot::position).map(|(start, _)| start).collect(),
            keys: slots.iter().map(Slot::key).copied().collect(),
            facts: Arc::new(Columns::pack(&facts)),
            parts: Arc::new(Parts::pack(&parts)),
        })
    }

    /// The places in it.
    pub(super) fn slots(self: &Arc<Page>) -> impl Iterator<Item = Slot> {
        (0..self.len()).map(|at| self.slot(at))
    }

    pub(super) fn slot(self: &Arc<Page>, at: usize) -> Slot {
        Slot { page: Arc::clone(self), at }
    }

    pub(super) fn facts(&self, at: usize) -> Facts {
        self.facts.facts(at)
    }

    pub(super) fn part(&self, at: usize) -> Part {
        self.parts.part(at)
    }

    pub(super) fn position(&self, at: usize) -> Position {
        (self.start(at), self.key(at).id)
    }

    /// Its first row's, the newest, and its last one's position.
    pub(super) fn ends(&self) -> (Position, Position) {
        (self.position(0), self.position(self.len() - 1))
    }

    /// The first place whose position is not like this; all such come first.
    pub(super) fn first_not(&self, is_such: impl Fn(&Position) -> bool) -> usize {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            if is_such(&self.position(middle)) { from = middle + 1 } else { to = middle }
        }
        from
    }

    // No page is empty, and places are given out by the page itself.
    #[allow(clippy::indexing_slicing)]
    pub(super) fn start(&self, at: usize) -> u64 {
        self.starts[at]
    }

    #[allow(clippy::indexing_slicing)]
    fn key(&self, at: usize) -> &Key {
        &self.keys[at]
    }

    /// Bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        /// Reference counts of three, and the allocator's share of its lists.
        const ALLOCATIONS: usize = 200;
        let own = size_of::<Page>() + size_of_val(&*self.starts) + size_of_val(&*self.keys);
        own + self.facts.bytes() + self.parts.bytes() + ALLOCATIONS
    }

    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Slot {
    /// The place of a row that was worked out just now.
    pub(super) fn of(position: Position, revision: u64, limit_exceeded: bool, trace: &Trace) -> Slot {
        let (start, id) = position;
        let page = Page {
            starts: Box::new([start]),
            keys: Box::new([Key { id, revision, limit_exceeded }]),
            facts: Facts::of(trace).into_columns(),
            parts: Part::of(trace).into_parts(),
        };
        Slot { page: Arc::new(page), at: 0 }
    }

    /// The place of another row of the same page.
    pub(super) fn turn(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn page(&self) -> &Arc<Page> {
        &self.page
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    pub(super) fn position(&self) -> Position {
        self.page.position(self.at)
    }

    pub(super) fn key(&self) -> &Key {
        self.page.key(self.at)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key().fmt(to)
    }
}

/// Which places of a page are in use, a bit for each.
#[derive(Clone, Copy, Default)]
pub(super) struct Live([u64; PACKED.div_ceil(64)]);

impl Live {
    pub(super) fn has(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }

    pub(super) fn add(&mut self, at: usize) {
        self.0.iter_mut().skip(at / 64).take(1).for_each(|bits| *bits |= 1 << (at % 64));
    }

    pub(super) fn remove(&mut self, at: usize) {
        self.0.iter_mut().skip(at / 64).take(1).for_each(|bits| *bits &= !(1 << (at % 64)));
    }

    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|bits| bits.count_ones() as usize).sum()
    }
}
