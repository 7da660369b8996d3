//! What is open for long, and what is still open at the end of the program.

use std::time::Duration;

use expect_test::expect;
use tracing::info_span;
use xray_core::document::Document;
use xray_core::{Capture, SegmentLayer, current, segment, subsegment};
use xray_test::{Picture, picture};

use crate::support::{captured, captured_with, nothing_is_here, timed};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_open_for_five_seconds_is_announced_once_and_replaced() {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load", annotation.a = 1));
        drop(orders.in_scope(|| info_span!("done")));
        clock.advance(5 * SECOND - Duration::from_nanos(1));
        xray.layer().announce_open();
        let [] = xray.documents();
        clock.advance(Duration::from_nanos(1));
        xray.layer().announce_open();
        let [announced] = xray.documents();
        assert!(announced.in_progress && announced.end_time.is_none());
        expect![[r#"
            orders  segment in progress
            └ load  in progress {a=1}
        "#]]
        .assert_eq(&picture(&[announced]));
        clock.advance(60 * SECOND);
        xray.layer().announce_open();
        assert_eq!(xray.all().len(), 1);
        drop(load);
    });
    assert_eq!(xray.stats().in_progress_announced, 1);
    expect![[r#"
        orders  segment
        ├ load  {a=1}
        └ done
    "#]]
    .assert_eq(&xray.picture());
}

#[test]
fn what_opens_later_below_is_announced_by_itself() {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        let orders = segment("orders").open();
        clock.advance(5 * SECOND);
        xray.layer().announce_open();
        let load = orders.in_scope(|| info_span!("load"));
        clock.advance(SECOND);
        let page = load.in_scope(|| info_span!("page"));
        clock.advance(4 * SECOND);
        xray.layer().announce_open();
        let [_, announced] = xray.documents();
        assert!(announced.is_lone_subsegment());
        assert_eq!(Picture::new().draw(&xray.all()).matches("in progress").count(), 3);
        drop((load, page));
    });
    expect![[r#"
        orders  segment
        └ load
          └ page
    "#]]
    .assert_eq(&xray.picture());
}

#[test]
fn a_streamed_and_an_orphaned_child_are_announced_below_their_parents() {
    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load"));
        orders.end();
        clock.advance(6 * SECOND);
        xray.layer().announce_open();
        drop(load);
    });
    let documents = xray.all();
    let lines: Vec<_> = documents.iter().map(|document| (document.name.as_str(), document.in_progress)).collect();
    assert_eq!(lines, [("orders", false), ("load", true), ("load", false)]);
    assert!(documents[1..].iter().all(|load| load.parent_id.as_deref() == Some(documents[0].id.as_str())));
}

#[test]
fn nothing_is_announced_where_that_is_switched_off() {
    let (xray, clock) = timed(|builder| builder.in_progress_after(Duration::ZERO));
    xray.run(|| {
        let orders = segment("orders").open();
        clock.advance(1_000 * SECOND);
        xray.layer().announce_open();
        let [] = xray.documents();
        drop(orders);
    });
    let [document] = xray.documents();
    assert!(!document.in_progress);
}

#[test]
fn unsampled_and_abandoned_work_is_not_announced() {
    let (xray, clock) = timed(|builder| builder.rules(xray_core::Rules::none()));
    xray.run(|| {
        let orders = segment("orders").open();
        clock.advance(10 * SECOND);
        xray.layer().announce_open();
        drop(orders);
    });
    let [] = xray.documents();

    let (xray, clock) = timed(|builder| builder);
    xray.run(|| {
        info_span!("worker").in_scope(|| {
            drop(segment("orders").open());
            clock.advance(10 * SECOND);
            xray.layer().announce_open();
        });
    });
    assert_eq!(xray.picture(), "orders  segment\n");
}

#[test]
fn shutdown_sends_what_is_open_as_it_stands() {
    let xray = captured();
    let orders = xray.run(|| segment("orders").open());
    let load = xray.run(|| orders.in_scope(|| info_span!("load")));
    xray.run(|| orders.in_scope(|| drop(info_span!("done"))));
    assert!(xray.layer().shutdown(Duration::ZERO));
    expect![[r#"
        orders  segment in progress
        ├ load  in progress
        └ done
    "#]]
    .assert_eq(&xray.picture());
    assert!(xray.diagnostics()[0].starts_with("XR024: "), "{:?}", xray.diagnostics());
    // Twice changes nothing.
    assert!(xray.layer().shutdown(Duration::ZERO));
    assert_eq!(xray.all().len(), 1);
    // A synchronous layer goes on, and what was told as in progress is replaced by how it ended.
    xray.run(|| {
        orders.annotate("late", true);
        drop(subsegment("late").parent(&orders).open());
        drop(load);
        drop(orders);
        nothing_is_here();
    });
    let [_, document] = xray.documents();
    expect![[r#"
        orders  segment {late=true}
        ├ load
        ├ done
        └ late
    "#]]
    .assert_eq(&picture(&[document]));
}

#[test]
fn what_is_open_at_shutdown_goes_on_to_pass_its_trace_on() {
    let capture = Capture::new();
    let (synchronous, layer) = (captured().layer(), sending(&capture));
    for layer in [&synchronous, &layer] {
        under(layer, || {
            let orders = segment("orders").open();
            let load = orders.in_scope(|| info_span!("load"));
            let here = || current().trace_header().unwrap();
            let headers = || (orders.trace_header().unwrap(), load.in_scope(here));
            let before = headers();
            assert!(layer.shutdown(PATIENCE));
            assert_eq!(headers(), before);
            let call = orders.in_scope(|| subsegment("call").open().trace_header()).unwrap();
            assert_eq!((call.root(), call.sampled()), (before.0.root(), Some(xray_core::Sampled::Yes)));
            load.in_scope(|| info_span!("later").in_scope(|| assert_eq!(here().root(), before.0.root())));
        });
        assert_eq!(layer.stats().context_missing, 0);
    }
    // Where the thread has ended, what ends later is lost, and counted.
    let stats = layer.stats();
    assert_eq!((stats.documents_sent, stats.dropped_shutdown), (1, 1), "{stats}");
    assert_eq!(synchronous.stats().dropped(), 0);
}

/// A layer with a sender thread.
fn sending(capture: &Capture) -> SegmentLayer {
    SegmentLayer::builder("test")
        .without_environment()
        .emitter(capture.clone())
        .sample_all()
        .on_diagnostic(|_| ())
        .build()
        .unwrap()
}

fn under<T>(layer: &SegmentLayer, work: impl FnOnce() -> T) -> T {
    use tracing_subscriber::layer::SubscriberExt;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.clone()), work)
}

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn flush_shutdown_and_guards_can_be_repeated_in_any_order() {
    let capture = Capture::new();
    let layer = sending(&capture);
    let (first, second) = (layer.guard(), layer.guard());
    under(&layer, || {
        assert!(xray_core::flush(PATIENCE));
        drop(segment("orders").open());
        assert!(xray_core::flush(PATIENCE) && xray_core::flush(PATIENCE));
        assert_eq!(capture.documents().len(), 1);
        drop(segment("orders").open());
        drop(first);
        assert_eq!(capture.documents().len(), 2);
        assert!(xray_core::shutdown(PATIENCE) && layer.shutdown(PATIENCE) && layer.flush(PATIENCE));
        drop(second);
    });
    assert_eq!(capture.documents().len(), 2);
}

#[test]
fn what_is_recorded_after_the_shutdown_is_lost_and_counted() {
    let capture = Capture::new();
    let layer = sending(&capture);
    under(&layer, || {
        drop(segment("orders").open());
        assert!(layer.shutdown(PATIENCE));
        (0..3).for_each(|_| drop(segment("late").open()));
    });
    assert_eq!(capture.documents().len(), 1);
    assert_eq!(layer.stats().dropped_shutdown, 3);
    assert!(!layer.stats().to_string().contains("queue_full"));
}

#[test]
fn a_synchronous_layer_has_no_thread_to_end_and_goes_on() {
    let xray = captured();
    xray.run(|| {
        assert!(xray_core::shutdown(Duration::ZERO));
        (0..3).for_each(|_| drop(segment("late").open()));
    });
    let stats = xray.stats();
    assert_eq!((stats.documents_sent, stats.dropped()), (3, 0));
}

#[test]
fn what_is_open_at_shutdown_comes_once_though_it_was_announced() {
    let (xray, clock) = timed(|builder| builder);
    let orders = xray.run(|| segment("orders").open());
    clock.advance(6 * SECOND);
    xray.layer().announce_open();
    xray.layer().shutdown(Duration::ZERO);
    assert_eq!(xray.picture(), "orders  segment in progress\n");
    drop(orders);
}

#[test]
fn the_sender_thread_announces_by_itself() {
    let capture = Capture::new();
    let clock = xray_test::ManualClock::at(1_465_510_280.0);
    let layer = SegmentLayer::builder("test")
        .without_environment()
        .emitter(capture.clone())
        .sample_all()
        .clock(clock.clone())
        .on_diagnostic(|_| ())
        .build()
        .unwrap();
    under(&layer, || {
        let orders = segment("orders").open();
        clock.advance(6 * SECOND);
        // A flush is a moment at which the sender looks around.
        assert!(layer.flush(PATIENCE));
        let documents: Vec<_> = capture.documents().iter().map(|text| Document::parse(text).unwrap()).collect();
        assert_eq!(picture(&documents), "orders  segment in progress\n");
        drop(orders);
        assert!(layer.shutdown(PATIENCE));
    });
    assert_eq!(capture.documents().len(), 2);
}

#[test]
fn the_last_word_of_every_layer_is_its_own() {
    let (one, two) = (captured(), captured_with(|builder| builder));
    let orders = one.run(|| segment("orders").open());
    two.run(|| {
        assert!(xray_core::shutdown(Duration::ZERO));
        assert!(!current().is_active());
    });
    drop(orders);
    assert_eq!(one.picture(), "orders  segment\n");
    let [] = two.documents();
}
