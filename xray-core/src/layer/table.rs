//! Span id → handle: what a span stands for, without a look into the registry and without an allocation.
//!
//! With it stands when the span was last left: kept there and not in its node, leaving takes no lock of the tree.
//!
//! A bucket is five of these, a pair of cache lines; where a bucket is full the next, larger level is
//! asked. There are no chains, so removing is storing a zero. It is right without a lock because of who does what:
//! only the creator of a span inserts its id, only its closer removes it, and nobody asks for an id before
//! `on_new_span` has returned.
//!
//! Ids are opaque here, and used again by the registry after a while; an entry lives exactly as long as its span.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::node::Handle;

/// The open spans that stand for something.
#[derive(Debug)]
pub(crate) struct SpanTable {
    /// Almost always enough; the rest is looked at apart from it.
    first: Box<[Bucket; FIRST]>,
    deeper: [OnceLock<Box<[Bucket]>>; DEEPER],
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Bucket {
    keys: [AtomicU64; WAYS],
    entries: [Entry; WAYS],
}

#[derive(Debug, Default)]
struct Entry {
    handle: AtomicU64,
    /// Nanoseconds of the monotonic clock; 0 of a span that was never left.
    left: AtomicU64,
}

/// What an entry said when it was taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) handle: Handle,
    /// When the span was last left, nanoseconds of the monotonic clock.
    pub(crate) left: Option<u64>,
}

impl SpanTable {
    pub(crate) fn new() -> SpanTable {
        let first = Box::new(std::array::from_fn(|_| Bucket::default()));
        SpanTable { first, deeper: [const { OnceLock::new() }; DEEPER] }
    }

    /// False when there is no room: far more than a million open spans.
    #[inline]
    pub(crate) fn insert(&self, id: u64, handle: Handle) -> bool {
        let first = self.first.get(place(id, 0)).is_some_and(|bucket| bucket.insert(id, handle));
        first || self.insert_deeper(id, handle)
    }

    #[cold]
    #[inline(never)]
    fn insert_deeper(&self, id: u64, handle: Handle) -> bool {
        (1..).zip(&self.deeper).any(|(level, buckets)| {
            let buckets = buckets.get_or_init(|| (0..FIRST << level).map(|_| Bucket::default()).collect());
            buckets.get(place(id, level)).is_some_and(|bucket| bucket.insert(id, handle))
        })
    }

    pub(crate) fn get(&self, id: u64) -> Option<Handle> {
        self.find(id).map(|found| found.handle())
    }

    /// Notes that a span was left.
    pub(crate) fn leave(&self, id: u64, at: u64) {
        if let Some(found) = self.find(id) {
            found.entry.left.store(at, Ordering::Release);
        }
    }

    #[inline]
    pub(crate) fn find(&self, id: u64) -> Option<Found<'_>> {
        let found = self.first.get(place(id, 0)).and_then(|bucket| bucket.find(id));
        let is_all = || self.deeper.first().is_none_or(|second| second.get().is_none());
        if found.is_some() || is_all() { found } else { self.find_deeper(id) }
    }

    #[inline(never)]
    fn find_deeper(&self, id: u64) -> Option<Found<'_>> {
        let levels = (1..).zip(self.deeper.iter().map_while(OnceLock::get));
        levels.filter_map(|(level, buckets)| buckets.get(place(id, level))).find_map(|bucket| bucket.find(id))
    }
}

impl Bucket {
    #[inline(always)]
    fn insert(&self, id: u64, handle: Handle) -> bool {
        for (key, entry) in self.keys.iter().zip(&self.entries) {
            if key.load(Ordering::Relaxed) == FREE
                && key.compare_exchange(FREE, id, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                entry.left.store(0, Ordering::Relaxed);
                entry.handle.store(handle.to_bits(), Ordering::Release);
                return true;
            }
        }
        false
    }

    #[inline(always)]
    fn find(&self, id: u64) -> Option<Found<'_>> {
        let (key, entry) = self.keys.iter().zip(&self.entries).find(|(key, _)| key.load(Ordering::Acquire) == id)?;
        Some(Found { key, entry })
    }
}

/// The entry of a span that is open.
pub(crate) struct Found<'a> {
    key: &'a AtomicU64,
    entry: &'a Entry,
}

impl Found<'_> {
    #[inline(always)]
    pub(crate) fn handle(&self) -> Handle {
        Handle::from_bits(self.entry.handle.load(Ordering::Acquire))
    }

    /// Frees its place.
    #[inline(always)]
    pub(crate) fn take(self) -> Taken {
        let (handle, left) = (self.handle(), self.entry.left.load(Ordering::Acquire));
        self.key.store(FREE, Ordering::Release);
        Taken { handle, left: (left != 0).then_some(left) }
    }
}

/// The bucket of an id in a level.
fn place(id: u64, level: usize) -> usize {
    // The registry's ids are slab addresses: small, dense numbers with a generation far above.
    let spread = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> (64 - (FIRST_BITS + level))) as usize
}

/// No span has the id 0.
const FREE: u64 = 0;
const WAYS: usize = 5;
const FIRST_BITS: usize = 7;
const FIRST: usize = 1 << FIRST_BITS;
/// Levels behind the first. Each is twice the one before, so that little of the last one stays empty.
const DEEPER: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn remove(table: &SpanTable, id: u64) -> Option<Taken> {
        table.find(id).map(Found::take)
    }

    #[test]
    fn far_more_spans_than_the_first_level_holds() {
        let table = SpanTable::new();
        let handle = |id: u64| Handle::new(id as u32 % 1000, 1, id as u32 % 7);
        assert!((1..=50_000).all(|id| table.insert(id, handle(id))));
        assert!((1..=50_000).all(|id| table.get(id) == Some(handle(id))));
        assert!((1..=50_000).step_by(2).all(|id| remove(&table, id).map(|taken| taken.handle) == Some(handle(id))));
        assert!((1..=50_000).all(|id| table.get(id).is_some() == (id % 2 == 0)));
        assert_eq!(remove(&table, 1), None);
    }

    #[test]
    fn the_last_exit_goes_with_the_entry() {
        let table = SpanTable::new();
        let handle = Handle::new(1, 1, 1);
        for exits in [&[][..], &[5], &[5, 9]] {
            assert!(table.insert(3, handle));
            exits.iter().for_each(|at| table.leave(3, *at));
            assert_eq!(remove(&table, 3), Some(Taken { handle, left: exits.last().copied() }));
        }
    }

    #[test]
    fn threads_that_insert_and_remove_do_not_disturb_each_other() {
        let table = SpanTable::new();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let table = &table;
                scope.spawn(move || {
                    for round in 0..2_000_u64 {
                        let id = 1 + thread + round * 4;
                        let handle = Handle::new(thread as u32, 1, round as u32);
                        assert!(table.insert(id, handle));
                        assert_eq!(table.get(id), Some(handle));
                        assert_eq!(remove(table, id), Some(Taken { handle, left: None }));
                        assert_eq!(table.get(id), None);
                    }
                });
            }
        });
    }
}
