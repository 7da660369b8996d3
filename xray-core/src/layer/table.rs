//! Span id → handle: what a span stands for, without a look into the registry and without an allocation.
//!
//! A bucket is four keys and four values, one cache line pair; where a bucket is full the next, larger level is
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
    levels: [OnceLock<Box<[Bucket]>>; LEVELS],
}

#[derive(Debug, Default)]
#[repr(align(64))]
struct Bucket {
    keys: [AtomicU64; WAYS],
    values: [AtomicU64; WAYS],
}

impl SpanTable {
    pub(crate) fn new() -> SpanTable {
        SpanTable { levels: [const { OnceLock::new() }; LEVELS] }
    }

    /// False when there is no room: far more than a million open spans.
    pub(crate) fn insert(&self, id: u64, handle: Handle) -> bool {
        for (level, buckets) in self.levels.iter().enumerate() {
            let size = FIRST_LEVEL << (GROWTH * level);
            let buckets = buckets.get_or_init(|| (0..size).map(|_| Bucket::default()).collect());
            let Some(bucket) = buckets.get(place(id, level)) else { return false };
            for (key, value) in bucket.keys.iter().zip(&bucket.values) {
                if key.load(Ordering::Relaxed) == FREE
                    && key.compare_exchange(FREE, id, Ordering::AcqRel, Ordering::Relaxed).is_ok()
                {
                    value.store(handle.to_bits(), Ordering::Release);
                    return true;
                }
            }
        }
        false
    }

    pub(crate) fn get(&self, id: u64) -> Option<Handle> {
        self.find(id).map(|(_, value)| Handle::from_bits(value.load(Ordering::Acquire)))
    }

    pub(crate) fn remove(&self, id: u64) -> Option<Handle> {
        let (key, value) = self.find(id)?;
        let handle = Handle::from_bits(value.load(Ordering::Acquire));
        key.store(FREE, Ordering::Release);
        Some(handle)
    }

    #[inline]
    fn find(&self, id: u64) -> Option<(&AtomicU64, &AtomicU64)> {
        for (level, buckets) in self.levels.iter().enumerate() {
            let bucket = buckets.get()?.get(place(id, level))?;
            for (key, value) in bucket.keys.iter().zip(&bucket.values) {
                if key.load(Ordering::Acquire) == id {
                    return Some((key, value));
                }
            }
        }
        None
    }
}

/// The bucket of an id in a level.
fn place(id: u64, level: usize) -> usize {
    // The registry's ids are slab addresses: small, dense numbers with a generation far above.
    let spread = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (spread >> (64 - (FIRST_BITS + GROWTH * level))) as usize
}

/// No span has the id 0.
const FREE: u64 = 0;
const WAYS: usize = 4;
const FIRST_BITS: usize = 7;
const FIRST_LEVEL: usize = 1 << FIRST_BITS;
/// Each level is four times the one before.
const GROWTH: usize = 2;
const LEVELS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_more_spans_than_the_first_level_holds() {
        let table = SpanTable::new();
        let handle = |id: u64| Handle::new(id as u32 % 1000, 1, id as u32 % 7);
        assert!((1..=50_000).all(|id| table.insert(id, handle(id))));
        assert!((1..=50_000).all(|id| table.get(id) == Some(handle(id))));
        assert!((1..=50_000).step_by(2).all(|id| table.remove(id) == Some(handle(id))));
        assert!((1..=50_000).all(|id| table.get(id).is_some() == (id % 2 == 0)));
        assert_eq!(table.remove(1), None);
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
                        assert_eq!(table.remove(id), Some(handle));
                        assert_eq!(table.get(id), None);
                    }
                });
            }
        });
    }
}
