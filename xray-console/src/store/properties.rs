//! Whatever comes, settles and leaves: scans show every trace once and in order, and the bytes are those in use.

use std::collections::HashMap;

use proptest::prelude::*;

use super::tests::{complete, trace_id};
use super::*;

/// Traces there may be.
const TRACES: usize = 900;

#[derive(Clone, Debug)]
enum Step {
    /// A document each for so many traces from this one on, each so many seconds after the one before or, if negative,
    /// before it.
    Put {
        first: usize,
        many: usize,
        apart: isize,
        id: usize,
    },
    /// Settles until there is nothing to do.
    Settle,
    /// Some of it.
    SettleOnce,
    Scan,
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..TRACES, prop_oneof![1..4_usize, 200..400_usize], -2..3_isize, 0..3_usize)
        .prop_map(|(first, many, apart, id)| Step::Put { first, many, apart, id });
    prop_oneof![4 => put, 2 => Just(Step::Settle), 1 => Just(Step::SettleOnce), 1 => Just(Step::Scan)]
}

/// A document of this id for each of these traces.
fn put(store: &Store, traces: impl Iterator<Item = usize>, id: usize, start: impl Fn(usize) -> usize) {
    traces.for_each(|trace| assert!(store.put(&complete(trace, id, start(trace))).is_some()));
}

/// What is kept, by position, the newest first: the store itself knows it by trace as well.
fn kept(store: &Store) -> Vec<((u64, TraceId), u64)> {
    let ids = (0..TRACES).map(|trace| trace_id(trace).parse().unwrap());
    let state = store.lock();
    let known = ids.filter_map(|id: TraceId| state.traces.get(&id).map(|entry| ((entry.start, id), entry.revision)));
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    known.reverse();
    known
}

fn check(store: &Store) -> Result<(), TestCaseError> {
    let before = kept(store);
    let positions: HashMap<TraceId, u64> = before.iter().map(|((start, id), _)| (*id, *start)).collect();
    let mut seen = Vec::new();
    store.scan(&Window::ALL, |row| {
        seen.push(((positions[row.id()], *row.id()), row.revision()));
        true
    });
    // Rows that are worked out take room, so the scan itself may drive traces out.
    let after = kept(store);
    prop_assert!(seen.is_sorted_by(|newer, older| newer > older), "in order, each once");
    prop_assert!(after.iter().all(|kept| seen.contains(kept)), "{} seen, {} kept", seen.len(), after.len());
    prop_assert!(seen.iter().all(|seen| before.contains(seen)), "{} seen, {} there", seen.len(), before.len());
    let state = store.lock();
    prop_assert_eq!(state.counters.bytes, state.recounted());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn scans_show_each_trace_once_and_bytes_add_up(
        steps in prop::collection::vec(step(), 1..12),
        bound in prop_oneof![Just(400_000_usize), Just(DEFAULT_BOUND)],
    ) {
        let store = Store::with_bound(bound);
        for step in steps {
            match step {
                Step::Put { first, many, apart, id } => {
                    for more in 0..many {
                        let start = 5_000_usize.checked_add_signed(apart * more.cast_signed()).unwrap();
                        store.put(&complete((first + more) % TRACES, id, start));
                    }
                }
                Step::Settle => while store.settle(Duration::ZERO) > 0 {},
                Step::SettleOnce => {
                    store.settle(Duration::ZERO);
                }
                Step::Scan => check(&store)?,
            }
            let state = store.lock();
            prop_assert_eq!(state.counters.bytes, state.recounted());
        }
        check(&store)?;
    }

    #[test]
    fn a_window_holds_the_same_whether_rows_are_packed_or_not(
        begin in 0..900_u32,
        seconds in 0..400_u32,
        kind in prop_oneof![Just(TimeRangeType::TraceId), Just(TimeRangeType::Event), Just(TimeRangeType::Service)],
    ) {
        let shown = |settled: bool| {
            let store = Store::new();
            // In an order that mixes them, so that pages overlap.
            put(&store, 0..800, 1, |trace| trace * 371 % 800);
            while settled && store.settle(Duration::ZERO) > 0 {}
            // A tenth changes and is in no page any more.
            put(&store, (0..800).step_by(10), 2, |trace| trace * 371 % 800 + 1);
            let window = Window { start: f64::from(begin), end: f64::from(begin + seconds), kind };
            let mut shown = Vec::new();
            store.scan(&window, |row| {
                shown.push((*row.id(), row.revision()));
                true
            });
            shown
        };
        prop_assert_eq!(shown(true), shown(false));
    }
}

#[test]
fn of_pages_that_are_half_empty_the_rest_is_packed_again() {
    let store = Store::new();
    let settle = || while store.settle(Duration::ZERO) > 0 {};
    let bytes = || store.counters().bytes;
    put(&store, 0..512, 1, |trace| trace);
    settle();
    let pages = store.lock().packing.pages().count();
    let before = bytes();
    assert!(pages >= 2, "{pages}");
    // All change, most of them again and again: what they leave behind is given back.
    for id in 2..40 {
        put(&store, (0..512).filter(|trace| trace % 8 != 0), 1, |trace| trace + id % 2);
        settle();
    }
    assert!(bytes() < before + before / 4, "{} bytes after changes, {before} before", bytes());
    check(&store).unwrap();
}
