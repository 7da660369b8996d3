//! What a scan takes out of the lock at a time, and how it goes through it.

use std::collections::BinaryHeap;
use std::ops::{Bound, Range};
use std::sync::Arc;

use super::entry::micros;
use super::page::{Live, Page, Slot};
use super::state::{Found, Position, Stale, State};
use super::{Row, TimeRangeType, Window};

/// The traces of a stretch of time: pages that overlap it, and such traces as are in none. Whoever goes through it brings
/// them in order; there is little to do for it, since most pages overlap no other.
pub(super) struct Look {
    stretch: Stretch,
    pages: Vec<(Arc<Page>, Live)>,
    /// The newest first.
    apart: Vec<(Position, Found)>,
}

/// Positions from the newest to the oldest.
struct Stretch {
    newest: Bound<Position>,
    /// Included.
    oldest: Option<Position>,
    /// The next stretch begins here, if there is one.
    next: Option<Position>,
}

impl Stretch {
    fn is_newer(&self, position: &Position) -> bool {
        match self.newest {
            Bound::Included(newest) => *position > newest,
            Bound::Excluded(newest) => *position >= newest,
            Bound::Unbounded => false,
        }
    }

    fn is_older(&self, position: &Position) -> bool {
        self.oldest.is_some_and(|oldest| *position < oldest) || self.next.is_some_and(|next| *position <= next)
    }

    /// Where it lies in a page.
    fn of(&self, page: &Page) -> Range<usize> {
        let (newest, oldest) = page.ends();
        let from = if self.is_newer(&newest) { page.first_not(|position| self.is_newer(position)) } else { 0 };
        let to = if self.is_older(&oldest) { page.first_not(|position| !self.is_older(position)) } else { page.len() };
        from..to
    }
}

/// Where to go on in one of the lists.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    position: Position,
    /// A page's index; behind the last one, the traces that are in none.
    list: usize,
    at: usize,
    /// Where the list ends.
    end: usize,
}

impl Look {
    /// Where the next look begins; none if this was the last.
    pub(super) fn next(&self) -> Option<Position> {
        self.stretch.next
    }

    /// Shows all rows to `visit` until it answers false; whether it never did.
    pub(super) fn each(&self, work_out: impl Fn(&Stale) -> Slot, mut visit: impl FnMut(&Row) -> bool) -> bool {
        let mut lists = BinaryHeap::with_capacity(self.pages.len() + 1);
        for (list, (page, _)) in self.pages.iter().enumerate() {
            let range = self.stretch.of(page);
            if !range.is_empty() {
                lists.push(Next { position: page.position(range.start), list, at: range.start, end: range.end });
            }
        }
        if let Some((position, _)) = self.apart.first() {
            lists.push(Next { position: *position, list: self.pages.len(), at: 0, end: self.apart.len() });
        }
        while let Some(Next { list, at, end, .. }) = lists.pop() {
            // As long as nothing in another list comes first.
            let until = lists.peek().map(|next| next.position);
            let ended = match self.pages.get(list) {
                Some((page, live)) => run(page, live, at..end, until, &mut visit),
                None => self.run_apart(at, until, &work_out, &mut visit),
            };
            match ended {
                End::Answered => return false,
                End::At(at, position) => lists.push(Next { position, list, at, end }),
                End::Through => {}
            }
        }
        true
    }

    fn run_apart(
        &self,
        from: usize,
        until: Option<Position>,
        work_out: impl Fn(&Stale) -> Slot,
        mut visit: impl FnMut(&Row) -> bool,
    ) -> End {
        for (at, (position, found)) in self.apart.iter().enumerate().skip(from) {
            if until.is_some_and(|until| *position < until) {
                return End::At(at, *position);
            }
            let slot = match found {
                Found::Ready(slot) => slot.clone(),
                Found::Stale(stale) => work_out(stale),
            };
            if !visit(&Row::of(slot)) {
                return End::Answered;
            }
        }
        End::Through
    }
}

/// How a run through a list ended.
enum End {
    Through,
    /// Something in another list comes first.
    At(usize, Position),
    /// The visitor has seen enough.
    Answered,
}

fn run(
    page: &Arc<Page>,
    live: &Live,
    range: Range<usize>,
    until: Option<Position>,
    mut visit: impl FnMut(&Row) -> bool,
) -> End {
    let mut row = Row::of(page.slot(range.start));
    for at in range {
        // Ids decide among traces of the same microsecond, and are not read but then. Of one position in two lists, which a
        // trace has that left a page, either may come first.
        if until.is_some_and(|until| page.start(at) <= until.0 && page.position(at) < until) {
            return End::At(at, page.position(at));
        }
        if live.has(at) {
            row.turn(at);
            if !visit(&row) {
                return End::Answered;
            }
        }
    }
    End::Through
}

impl State {
    /// The next traces that may lie in the window, from where the last look said.
    pub(super) fn look(&self, window: &Window, from: Option<Position>) -> Look {
        /// Pages a look, beside such as reach into it from the look before.
        const PAGES: usize = 32;
        /// Traces a look that are in no page: some tens of microseconds under the lock.
        const APART: usize = 512;
        /// Documents a look, of traces that are to be worked out.
        const DOCUMENTS: usize = 4_096;
        let lowest = "1-00000000-000000000000000000000000".parse().ok();
        let no_earlier = match window.kind {
            TimeRangeType::TraceId => micros(window.start.floor()),
            // May have begun at any time before.
            TimeRangeType::Event | TimeRangeType::Service => 0,
        };
        let oldest = lowest.map(|id| (no_earlier, id));
        let newest = match (from, lowest) {
            (Some(position), _) => Bound::Included(position),
            (None, Some(id)) if window.end.is_finite() => Bound::Excluded((micros(window.end.ceil()), id)),
            _ => Bound::Unbounded,
        };
        let mut look = Look { stretch: Stretch { newest, oldest, next: None }, pages: Vec::new(), apart: Vec::new() };
        // A range that begins behind its end is a mistake to the tree.
        if oldest.is_some_and(|oldest| look.stretch.is_newer(&oldest)) {
            return look;
        }
        let mut begun = 0;
        for used in self.packing.pages() {
            let (newest, oldest) = used.page.ends();
            if look.stretch.is_older(&newest) {
                break;
            }
            if look.stretch.is_newer(&oldest) {
                continue;
            }
            if !look.stretch.is_newer(&newest) {
                if begun == PAGES {
                    look.stretch.next = Some(newest);
                    break;
                }
                begun += 1;
            }
            look.pages.push((Arc::clone(&used.page), used.live));
        }
        let mut documents = 0;
        for (position, row) in self.apart.range((oldest.map_or(Bound::Unbounded, Bound::Included), newest)).rev() {
            if look.stretch.is_older(position) {
                break;
            }
            if look.apart.len() == APART || documents >= DOCUMENTS {
                look.stretch.next = Some(*position);
                break;
            }
            let (_, id) = position;
            let Some(found) = self.found(id, row.as_ref()) else { continue };
            if let Found::Stale(stale) = &found {
                documents += stale.documents.len();
            }
            look.apart.push((*position, found));
        }
        look
    }
}
