//! Which rows are packed, and what becomes of a page whose traces leave it.
//!
//! A page is paid for as a whole until the last of its traces has left. When half of them have, the others leave as well
//! and wait for another page, so that what is counted and not used is never more than what is.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::page::{Live, PACKED, Page, Slot};
use super::state::{Garbage, Position, State};

/// Larger rows, bytes, stay alone: they fill many lines of memory anyhow, and a page's lists are allocated in one piece.
const LARGEST_PACKED: usize = 16_384;

/// The pages of several rows, and the rows that wait for one.
#[derive(Default)]
pub(super) struct Packing {
    waiting: BTreeSet<Position>,
    pages: BTreeMap<Name, Used>,
    /// Pages of which half have left.
    sparse: Vec<Name>,
}

/// A page's first position, and its address, at which there is no other as long as it is here.
type Name = (Position, usize);

pub(super) struct Used {
    pub(super) page: Arc<Page>,
    /// Places whose row is that of their trace.
    pub(super) live: Live,
    bytes: usize,
}

fn name(page: &Arc<Page>) -> Name {
    let (newest, _) = page.ends();
    (newest, Arc::as_ptr(page).addr())
}

impl Packing {
    /// A row has come that is in no page with others, of so many bytes.
    pub(super) fn came(&mut self, position: Position, bytes: usize) {
        if bytes <= LARGEST_PACKED {
            self.waiting.insert(position);
        }
    }

    /// A row that was in no page with others is there no more.
    pub(super) fn gone(&mut self, position: &Position) {
        self.waiting.remove(position);
    }

    /// A row leaves its page. How many bytes that frees: the page's with the last one, none before.
    pub(super) fn left(&mut self, slot: &Slot) -> usize {
        let name = name(slot.page());
        let Some(used) = self.pages.get_mut(&name) else { return 0 };
        used.live.remove(slot.at());
        let left = used.live.len();
        if left == 0 {
            return self.pages.remove(&name).map_or(0, |used| used.bytes);
        }
        if left == used.page.len() / 2 {
            self.sparse.push(name);
        }
        0
    }

    /// Bytes of all pages.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.pages.values().map(|used| used.bytes).sum()
    }

    /// All pages, by their newest row, the newest first.
    pub(super) fn pages(&self) -> impl Iterator<Item = &Used> {
        self.pages.values().rev()
    }
}

impl State {
    /// The rows of the next page, the newest first; the newest of all wait, for they change most. None if there are few.
    pub(super) fn next_to_pack(&mut self) -> Vec<Slot> {
        self.leave_sparse();
        if self.packing.waiting.len() < 2 * PACKED {
            return Vec::new();
        }
        let mut slots = Vec::with_capacity(PACKED);
        while slots.len() < PACKED {
            let Some(position) = self.packing.waiting.pop_first() else { break };
            slots.extend(self.apart.get(&position).cloned().flatten());
        }
        slots.reverse();
        slots
    }

    /// Whoever is left in a page that is half empty leaves it.
    fn leave_sparse(&mut self) {
        let Some(Used { page, live, bytes }) =
            self.packing.sparse.pop().and_then(|name| self.packing.pages.remove(&name))
        else {
            return;
        };
        let share = bytes / live.len().max(1);
        self.counters.bytes = self.counters.bytes.saturating_sub(bytes);
        for slot in page.slots().filter(|slot| live.has(slot.at())) {
            let position @ (_, id) = slot.position();
            let Some(entry) = self.traces.get_mut(&id) else { continue };
            entry.packed = None;
            entry.row_bytes = share;
            self.counters.bytes += share;
            self.apart.insert(position, Some(slot));
            self.packing.came(position, 0);
        }
    }

    /// Puts these rows in the place of the same that were worked out; such as have changed since are left out.
    pub(super) fn keep_page(&mut self, page: &Arc<Page>, now: Duration) -> Garbage {
        let mut garbage = Garbage::default();
        let mut live = Live::default();
        for slot in page.slots() {
            let (position @ (_, id), revision) = (slot.position(), slot.key().revision);
            let Some(entry) = self.traces.get_mut(&id).filter(|entry| entry.revision == revision) else { continue };
            let Entry::Occupied(place) = self.apart.entry(position) else { continue };
            if place.get().is_none() {
                continue;
            }
            garbage.rows.extend(place.remove());
            self.packing.gone(&position);
            self.counters.bytes = self.counters.bytes.saturating_sub(std::mem::take(&mut entry.row_bytes));
            live.add(slot.at());
            entry.packed = Some(slot);
        }
        if live.len() > 0 {
            let bytes = page.bytes();
            self.counters.bytes += bytes;
            self.packing.pages.insert(name(page), Used { page: Arc::clone(page), live, bytes });
        }
        self.make_room(0, now, &mut garbage);
        garbage
    }
}
