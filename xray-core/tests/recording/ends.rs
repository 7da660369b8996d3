//! When things start and end.

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use tracing::{Instrument, info_span};
use tracing_subscriber::prelude::*;
use xray_core::document::Document;
use xray_core::{Clock, Emit, EmitError, SegmentLayer, segment, subsegment};
use xray_test::{Captured, ManualClock, Picture, SeededEntropy};

use crate::support::{START, poll, timed, turn};

const SECOND: Duration = Duration::from_secs(1);

/// Start and end in seconds since the start of the test.
#[track_caller]
fn times(document: &Document, name: &str) -> (f64, f64) {
    let node = document.find(name).unwrap_or_else(|| panic!("no {name}"));
    let since = |time: Option<f64>| ((time.unwrap() - START) * 1e3).round() / 1e3;
    (since(node.start_time), since(node.end_time))
}

fn play(work: impl FnOnce(&ManualClock)) -> Document {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| work(&clock));
    let [document] = xray.documents();
    document
}

#[test]
fn a_span_ends_when_it_is_left_for_the_last_time() {
    let document = play(|clock| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let load = info_span!("load");
            for _ in 0..2 {
                clock.advance(SECOND);
                load.in_scope(|| clock.advance(SECOND));
            }
            // Kept for long by somebody.
            clock.advance(10 * SECOND);
        });
        clock.advance(SECOND);
    });
    assert_eq!(times(&document, "load"), (0.0, 4.0));
    assert_eq!(times(&document, "orders"), (0.0, 15.0));
}

#[test]
fn a_span_that_is_never_entered_ends_when_it_is_dropped() {
    let document = play(|clock| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load"));
        clock.advance(SECOND);
        drop(load);
        clock.advance(SECOND);
    });
    assert_eq!(times(&document, "load"), (0.0, 1.0));
}

#[test]
fn a_parent_that_waits_for_its_child_ends_at_its_own_last_exit() {
    let document = play(|clock| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let load = info_span!("load");
            clock.advance(SECOND);
            let page = load.in_scope(|| info_span!("page"));
            drop(load);
            clock.advance(SECOND);
            page.in_scope(|| clock.advance(SECOND));
        });
    });
    assert_eq!(times(&document, "load"), (0.0, 1.0));
    assert_eq!(times(&document, "page"), (1.0, 3.0));
}

#[test]
fn an_instrumented_future_ends_with_its_last_poll_or_its_drop() {
    let document = play(|clock| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let mut ready = Box::pin(turn().instrument(info_span!("ready")));
            let mut dropped = Box::pin(turn().instrument(info_span!("dropped")));
            clock.advance(SECOND);
            assert!(!poll(ready.as_mut()) && !poll(dropped.as_mut()));
            clock.advance(SECOND);
            assert!(poll(ready.as_mut()));
            clock.advance(SECOND);
            drop(dropped);
        });
    });
    assert_eq!(times(&document, "ready").0, 0.0);
    assert!((2.0..=3.0).contains(&times(&document, "ready").1));
    assert_eq!(times(&document, "dropped"), (0.0, 3.0));
}

#[test]
fn nodes_end_where_they_are_told_to() {
    let document = play(|clock| {
        let orders = segment("orders").open();
        let call = subsegment("call").parent(&orders).open();
        clock.advance(SECOND);
        call.end();
        clock.advance(SECOND);
        orders.end();
        clock.advance(SECOND);
    });
    assert_eq!(times(&document, "call"), (0.0, 1.0));
    assert_eq!(times(&document, "orders"), (0.0, 2.0));
}

#[test]
fn a_wall_clock_that_is_set_back_does_not_turn_a_trace_round() {
    let document = play(|clock| {
        let orders = segment("orders").open();
        clock.advance(SECOND);
        clock.set_wall(START - 3_600.0);
        orders.in_scope(|| {
            info_span!("load").in_scope(|| {
                clock.advance(SECOND);
                clock.set_wall(START + 3_600.0);
                tracing::info!("an event");
                clock.advance(SECOND);
            });
        });
    });
    assert_eq!(times(&document, "load"), (1.0, 3.0));
    assert_eq!(times(&document, "orders"), (0.0, 3.0));
    let time = document.find("load").unwrap().metadata["tracing"]["events"][0]["time"].as_f64().unwrap();
    assert!((time - START - 2.0).abs() < 1e-3, "{time}");
}

#[test]
fn what_comes_after_the_segment_keeps_its_clock() {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load"));
        orders.end();
        clock.set_wall(0.0);
        clock.advance(SECOND);
        load.in_scope(|| clock.advance(SECOND));
    });
    let [_, load] = xray.documents();
    assert_eq!(times(&load, "load"), (0.0, 2.0));
}

/// A clock as wrong as can be.
struct Wild(Duration, u64);

impl Clock for Wild {
    fn wall(&self) -> Duration {
        self.0
    }

    fn monotonic(&self) -> u64 {
        self.1
    }
}

#[test]
fn clocks_at_their_ends_do_no_harm() {
    for wild in [Wild(Duration::MAX, 0), Wild(Duration::ZERO, u64::MAX), Wild(Duration::MAX, u64::MAX)] {
        let capture = xray_core::Capture::new();
        let layer = SegmentLayer::builder("test")
            .without_environment()
            .emitter(capture.clone())
            .synchronous()
            .sample_all()
            .clock(wild)
            .on_diagnostic(|_| ())
            .build()
            .unwrap();
        let subscriber = tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer.clone());
        tracing::subscriber::with_default(subscriber, || {
            segment("orders").open().in_scope(|| info_span!("load").in_scope(|| ()));
            layer.announce_open();
        });
        let document = Document::parse(&capture.documents()[0]).unwrap();
        assert!(document.walk().all(|node| node.seconds() == Some(0.0)));
    }
}

#[test]
fn durations_are_exact_to_the_microsecond() {
    let clock = ManualClock::at(1_465_510_280.999_999);
    let xray = Captured::new(clock.clone(), SeededEntropy::new(1));
    xray.run(|| {
        let orders = segment("orders").open();
        clock.advance(Duration::from_nanos(1_999));
        drop(orders);
    });
    assert!(xray.texts()[0].contains(r#""start_time":1465510280.999999,"end_time":1465510281.000000"#));
    let [document] = xray.documents();
    assert_eq!(Picture::new().times(true).draw(&[document]), "orders  segment 0.0 ms\n");
}

/// An emitter that hangs until it is let go, as a writer to a full pipe does.
struct Hanging(Mutex<mpsc::Receiver<()>>);

impl Emit for Hanging {
    fn emit(&self, _: &[u8]) -> Result<(), EmitError> {
        self.flush();
        Ok(())
    }

    fn flush(&self) {
        let _ = self.0.lock().unwrap().recv();
    }
}

#[test]
fn a_flush_and_a_shutdown_end_in_time_whatever_the_emitter_does() {
    let (let_go, held) = mpsc::channel();
    let builder = SegmentLayer::builder("orders").without_environment().sample_all();
    let layer = builder.emitter(Hanging(Mutex::new(held))).build().unwrap();
    let subscriber = tracing_subscriber::registry().with(layer.clone());
    tracing::subscriber::with_default(subscriber, || drop(segment("orders").open()));
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        let soon = Duration::from_millis(1);
        let _ = tell.send([layer.flush(soon), layer.shutdown(soon)]);
    });
    assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok([false, false]));
    drop(let_go);
}
