use std::time::Duration;

use tokio::sync::broadcast::error::TryRecvError;
use xray_test::ManualClock;

use super::*;

pub(super) fn trace_id(trace: usize) -> String {
    format!("1-5759e988-{trace:024x}")
}

/// A document of a trace that began so many seconds after the epoch.
fn document(trace: usize, id: usize, start: usize, rest: &str) -> Document {
    let trace = trace_id(trace);
    let text = format!(r#"{{"name":"shop","id":"{id:016x}","trace_id":"{trace}","start_time":{start},{rest}}}"#);
    Document::parse(text).unwrap()
}

pub(super) fn complete(trace: usize, id: usize, start: usize) -> Document {
    document(trace, id, start, &format!(r#""end_time":{}"#, start + 1))
}

fn starts(store: &Store, window: &Window) -> Vec<f64> {
    let mut starts = Vec::new();
    store.scan(window, |row| {
        starts.extend(row.facts.start_time());
        true
    });
    starts
}

#[test]
fn at_the_bound_the_traces_that_came_first_leave_and_are_remembered() {
    let clock = ManualClock::at(1e9);
    let store = Store::with_clock(100_000, Arc::new(clock.clone()));
    for trace in 0..1_000 {
        // By start the newest first: it is the arrival that counts.
        store.put(&complete(trace, 1, 5_000 - trace)).unwrap();
        let counters = store.counters();
        assert!(counters.bytes <= counters.bound, "{counters:?}");
    }
    let counters = store.counters();
    assert_eq!(counters.traces + counters.evicted_traces as usize, 1_000);
    assert!(counters.traces > 50, "{counters:?}");
    assert!(store.trace(&trace_id(0)).is_none());
    assert!(store.trace(&trace_id(999)).is_some());
    let gone = store.evicted(&trace_id(0)).unwrap();
    assert_eq!((gone.at, gone.bound), (clock.wall(), 100_000));
    assert_eq!(store.evicted(&trace_id(999)), None);
    assert_eq!(starts(&store, &Window::ALL).len(), counters.traces);
}

#[test]
fn a_large_trace_leaves_a_few_documents_at_a_time() {
    let now = Now { wall: Duration::ZERO, monotonic: 0 };
    let put = |state: &mut State, trace, id| {
        let document = complete(trace, id, 1);
        let json = serde_json::to_vec(&document).unwrap().into();
        let (_, garbage) = state.put(Received::of(&document, json).unwrap(), now);
        garbage.len()
    };
    let mut state = State::new(16_000_000);
    for id in 0..3_000 {
        put(&mut state, 0, id);
    }
    let mut most = 0;
    let mut freed = 0;
    for trace in 1.. {
        let now = put(&mut state, trace, 0);
        (most, freed) = (most.max(now), freed + now);
        if freed >= 3_000 {
            break;
        }
    }
    assert!(most < 100, "{most} freed by one put");
}

#[test]
fn a_trace_takes_its_share_and_no_more() {
    let store = Store::with_bound(160_000);
    let outcomes: Vec<_> = (0..100).map(|id| store.put(&complete(0, id, 1)).unwrap()).collect();
    assert_eq!(outcomes.first(), Some(&Outcome::New(1)));
    assert_eq!(outcomes.last(), Some(&Outcome::TraceFull));
    let info = store.info(&trace_id(0)).unwrap();
    assert!(info.bytes <= 10_000 && info.documents > 10, "{info:?}");
    assert_eq!(store.counters().refused as usize, 100 - info.documents);
}

#[test]
fn what_becomes_of_a_document_is_told() {
    let store = Store::new();
    let open = document(0, 1, 1, r#""in_progress":true"#);
    let done = complete(0, 1, 1);
    let lone = document(0, 1, 1, r#""end_time":2,"type":"subsegment","parent_id":"00000000000000ff""#);
    for (document, outcome) in [
        (&open, Outcome::New(1)),
        (&open, Outcome::Completed(2)),
        (&done, Outcome::Completed(3)),
        (&open, Outcome::Late),
        (&done, Outcome::Duplicate(4)),
        (&lone, Outcome::New(5)),
    ] {
        assert_eq!(store.put(document), Some(outcome));
    }
    assert_eq!(store.documents(&trace_id(0)).unwrap().len(), 2);
    assert_eq!(store.put(&Document::default()), None, "belongs to no trace");
}

#[test]
fn documents_are_found_in_a_trace_of_many() {
    let store = Store::new();
    for id in 0..500 {
        store.put(&document(0, id, 1, r#""in_progress":true"#));
    }
    for id in 0..500 {
        assert_eq!(store.put(&complete(0, id, 1)), Some(Outcome::Completed(501 + id as u64)));
    }
    assert_eq!(store.info(&trace_id(0)).unwrap().documents, 500);
}

#[test]
fn a_scan_shows_the_newest_first_whatever_came_first() {
    let store = Store::new();
    // More than a page, in an order of their own.
    for trace in 0..1_500 {
        store.put(&complete(trace, 1, 1_000 + trace * 7 % 1_500));
    }
    let newest_first: Vec<f64> = (1_000..2_500).rev().map(f64::from).collect();
    assert_eq!(starts(&store, &Window::ALL), newest_first);
    assert_eq!(starts(&store, &Window { start: 1_200.0, end: 1_203.0, ..Window::ALL }), [1_202.0, 1_201.0, 1_200.0]);
    assert_eq!(starts(&store, &Window { start: 2.0, end: 1.0, ..Window::ALL }), [0.0; 0]);
    let ends = Window { start: 1_200.0, end: 1_202.0, kind: TimeRangeType::Service };
    assert_eq!(starts(&store, &ends), [1_200.0, 1_199.0]);
    let active = Window { start: 1_200.5, end: 1_201.5, kind: TimeRangeType::Event };
    assert_eq!(starts(&store, &active), [1_201.0, 1_200.0]);
    let mut first = None;
    store.scan(&Window::ALL, |row| {
        first = row.facts.start_time();
        false
    });
    assert_eq!(first, Some(2_499.0));
}

#[test]
fn a_row_is_that_of_the_newest_revision() {
    let store = Store::new();
    store.put(&complete(0, 1, 10));
    assert_eq!(starts(&store, &Window::ALL), [10.0]);
    store.put(&complete(0, 2, 5));
    assert_eq!(starts(&store, &Window::ALL), [5.0]);
    store.put(&complete(0, 3, 20));
    let row = store.row(&trace_id(0)).unwrap();
    assert_eq!((row.revision(), row.facts.segment_ends().count()), (3, 3));
}

#[test]
fn a_trace_settles_when_it_has_been_quiet() {
    let clock = ManualClock::at(1e9);
    let store = Store::with_clock(DEFAULT_BOUND, Arc::new(clock.clone()));
    let quiet = Duration::from_secs(1);
    let pass = |seconds: f64| clock.advance(Duration::from_secs_f64(seconds));
    store.put(&complete(0, 1, 1));
    store.put(&complete(1, 1, 1));
    pass(0.6);
    store.put(&complete(1, 2, 1));
    pass(0.6);
    assert_eq!(store.settle(quiet), 1, "one is quiet, to the other something came");
    assert_eq!(store.settle(quiet), 0);
    pass(0.6);
    assert_eq!(store.settle(quiet), 1);
    pass(9.0);
    assert_eq!(store.settle(quiet), 0);
    store.put(&complete(0, 3, 1));
    pass(1.0);
    assert_eq!(store.settle(quiet), 1, "again after a change");
}

#[test]
fn a_subscriber_that_reads_too_slowly_is_told_what_it_missed() {
    let store = Store::new();
    let mut changes = store.subscribe();
    let id = trace_id(0).parse().unwrap();
    store.put(&complete(0, 1, 1));
    assert_eq!(changes.try_recv(), Ok(Change::Put { id, revision: 1 }));
    for _ in 0..CHANGES + 10 {
        store.put(&complete(0, 1, 1));
    }
    assert_eq!(changes.try_recv(), Err(TryRecvError::Lagged(10)));
    assert_eq!(changes.try_recv(), Ok(Change::Put { id, revision: 12 }));
}

#[test]
fn what_is_cleared_is_gone() {
    let store = Store::new();
    store.put(&complete(0, 1, 1));
    store.clear();
    assert!(store.trace(&trace_id(0)).is_none());
    assert_eq!(starts(&store, &Window::ALL), [0.0; 0]);
    let counters = store.counters();
    assert_eq!((counters.traces, counters.documents, counters.bytes, counters.put), (0, 0, 0, 1));
    store.put(&complete(0, 1, 1));
    assert!(store.trace(&trace_id(0)).is_some());
}

#[cfg(feature = "web")]
#[test]
fn what_changed_is_found_by_when_it_came_not_by_when_it_began() {
    let clock = ManualClock::at(1e9);
    let store = Store::with_clock(DEFAULT_BOUND, Arc::new(clock.clone()));
    let put = |number: usize, start: f64| {
        let document = format!(
            r#"{{"name":"a","id":"53995c3f42cd8ad8","trace_id":"1-5759e988-{number:024x}","start_time":{start},"end_time":9e8}}"#
        );
        store.put(&Document::parse(document).unwrap());
    };
    (0..2_000).for_each(|number| put(number, 8e8));
    clock.advance(Duration::from_secs(1));
    let since = clock.wall();
    for number in [1_900, 3, 1_000] {
        clock.advance(Duration::from_millis(1));
        put(number, 1.0);
    }
    let ids =
        |most| store.changed_since(since, most).map(|ids| ids.iter().map(|id| id.to_string()).collect::<Vec<_>>());
    let expected = [1_900, 3, 1_000].map(|number| format!("1-5759e988-{number:024x}"));
    assert_eq!(ids(3).as_deref(), Some(&expected[..]));
    assert_eq!(ids(2), None, "more than are wanted");
}
