//! Values whose formatting does what it likes: a tracer is no reason for the program to hang or to fall.

use std::cell::Cell;
use std::fmt;
use std::sync::Mutex;

use tracing::{info, info_span};
use xray_core::{SpanExt, current, segment, subsegment};
use xray_test::Captured;

use crate::support::{Trace, captured};

/// Does something whenever it is formatted.
struct Doing<F: Fn()>(F);

impl<F: Fn()> fmt::Debug for Doing<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)();
        f.write_str("done")
    }
}

impl<F: Fn()> fmt::Display for Doing<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl<F: Fn()> std::error::Error for Doing<F> {}

/// Gives the value to everything that formats one.
fn record_everywhere(value: &(impl std::error::Error + 'static)) {
    let span = info_span!("load", annotation.a = ?value, metadata.b = ?value, plain = %value, otel.name = %value, late = tracing::field::Empty);
    span.record("late", tracing::field::debug(value));
    span.in_scope(|| {
        info!(?value, "an event of {value}");
        tracing::error!(error = value as &dyn std::error::Error, "failed: {value}");
    });
    span.record_error(value);
}

#[track_caller]
fn check(xray: &Captured) {
    let [document] = xray.documents();
    let load = document.find("done").expect("the subsegment, renamed");
    assert_eq!(load.annotations["a"].as_str(), Some("done"));
    assert_eq!(load.metadata["default"]["late"], "done");
}

#[test]
fn a_value_that_logs_and_opens_spans_does_not_hang() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            record_everywhere(&Doing(|| {
                info!("formatted");
                info_span!("formatting", annotation.b = 2).in_scope(|| {
                    current().annotate("c", 3);
                });
                drop(subsegment("formatting too").open());
            }));
            Trace::of(&orders).is_here();
        });
    });
    check(&xray);
}

#[test]
fn a_value_that_takes_the_programs_own_lock_does_not_hang() {
    let xray = captured();
    let lock: &'static Mutex<()> = Box::leak(Box::new(Mutex::new(())));
    // The other side records while it holds the lock, on the same segment.
    let orders = xray.run(|| segment("orders").open());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                xray.run(|| {
                    for round in 0..200 {
                        let held = lock.lock();
                        orders.annotate("round", round);
                        drop(held);
                        orders.in_scope(|| drop(info_span!("load", metadata.a = ?Doing(|| drop(lock.lock())))));
                    }
                });
            });
        }
    });
    drop(orders);
    assert_eq!(xray.all().iter().flat_map(|document| document.walk()).filter(|node| node.name == "load").count(), 400);
}

#[test]
fn a_value_that_panics_leaves_a_mark_and_the_rest_in_place() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let broken = Doing(|| std::panic::resume_unwind(Box::new("not formattable")));
            let span = info_span!("load", annotation.a = 1, metadata.b = ?broken, metadata.c = 3);
            span.in_scope(|| info!(?broken, "an event"));
            Trace::of(&orders).is_here();
        });
    });
    let [document] = xray.documents();
    let load = document.find("load").unwrap();
    assert_eq!(load.annotations["a"].as_i64(), Some(1));
    assert_eq!(load.metadata["default"]["c"], 3);
    let mark = load.metadata["default"]["b"].as_str().unwrap();
    assert!(mark.contains("panicked"), "{mark}");
    assert_eq!(xray.stats().values_truncated, 2);
}

#[test]
fn a_value_that_fails_to_format_keeps_what_it_wrote() {
    struct Failing;
    impl fmt::Debug for Failing {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("so far")?;
            Err(fmt::Error)
        }
    }
    let xray = captured();
    xray.run(|| segment("orders").open().in_scope(|| drop(info_span!("load", a = ?Failing, annotation.b = ?Failing))));
    let [document] = xray.documents();
    assert_eq!(document.subsegments[0].metadata["default"]["a"], "so far");
    assert_eq!(document.subsegments[0].annotations["b"].as_str(), Some("so far"));
}

#[test]
fn a_value_is_formatted_once() {
    let formatted = Cell::new(0);
    let count = Doing(|| formatted.set(formatted.get() + 1));
    let xray = captured();
    xray.run(|| segment("orders").open().in_scope(|| drop(info_span!("load", a = ?count))));
    assert_eq!(formatted.get(), 1);
    // What is not recorded is not formatted.
    let quiet = Captured::with(xray_test::ManualClock::at(1.0), xray_test::SeededEntropy::new(1), |builder| {
        builder.rules(xray_core::Rules::none())
    });
    quiet.run(|| segment("orders").open().in_scope(|| drop(info_span!("load", a = ?count))));
    xray.run(|| {
        segment("orders").open().in_scope(|| drop(tracing::debug_span!("load", a = ?count)));
    });
    assert_eq!(formatted.get(), 1);
}
