//! Finished subsegments that leave before their segment.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tracing::{Span, info_span};
use tracing_subscriber::prelude::*;
use xray_core::{Capture, Emit, EmitError, SegmentLayer, segment, subsegment};
use xray_test::Captured;

use crate::support::{by_name, captured, captured_with};

fn after(subsegments: usize) -> Captured {
    captured_with(|builder| builder.stream_after(subsegments))
}

/// A span of this name, for tests that find nodes by name.
fn named(name: impl std::fmt::Display) -> Span {
    info_span!("child", otel.name = %name)
}

#[test]
fn up_to_a_hundred_subsegments_stay_with_their_segment() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| (0..100).for_each(|_| drop(info_span!("load"))));
        let [] = xray.documents();
    });
    let [document] = xray.documents();
    assert_eq!(document.subsegments.len(), 100);
    assert_eq!(xray.stats().subsegments_streamed, 0);
}

#[test]
fn past_a_hundred_what_is_finished_leaves() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let open = named("open");
            open.in_scope(|| (0..101).for_each(|number| drop(named(number))));
            assert_eq!(xray.all().len(), 101);
            // Their parent is still open, and is sent with its segment.
            drop(open);
        });
    });
    assert_eq!(xray.all().len(), 102);
    assert_eq!(xray.stats().subsegments_streamed, 101);
    let found = by_name(&xray.all());
    assert_eq!(found["7"].parent.as_deref(), Some("open"));
    assert_eq!(found["open"].parent.as_deref(), Some("orders"));
}

#[test]
fn at_zero_each_leaves_as_it_ends() {
    let xray = after(0);
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            named("load").in_scope(|| drop(named("page")));
            assert_eq!(xray.all().len(), 2);
            named("save").in_scope(|| drop(named("write")));
            assert_eq!(xray.all().len(), 4);
        });
    });
    let found = by_name(&xray.all());
    assert_eq!(found["page"].parent.as_deref(), Some("load"));
    assert_eq!(found["load"].parent.as_deref(), Some("orders"));
}

#[test]
fn a_parent_with_an_open_child_stays() {
    let xray = after(1);
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            let load = subsegment("load").open();
            let page = subsegment("page").parent(&load).open();
            load.end();
            (0..5).for_each(|number| drop(named(number)));
            assert!(!by_name(&xray.all()).contains_key("load"));
            page.end();
            drop(named("last"));
        });
    });
    let found = by_name(&xray.all());
    assert_eq!(found.len(), 9);
    assert_eq!(found["page"].parent.as_deref(), Some("load"));
}

#[test]
fn finished_subtrees_leave_whole() {
    let xray = after(3);
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            named("tree").in_scope(|| {
                named("left").in_scope(|| drop(named("left leaf")));
                named("right").in_scope(|| drop(named("right leaf")));
            });
        });
    });
    let found = by_name(&xray.all());
    assert_eq!(found.len(), 6);
    for (child, parent) in [("left leaf", "left"), ("right leaf", "right"), ("left", "tree"), ("tree", "orders")] {
        assert_eq!(found[child].parent.as_deref(), Some(parent));
    }
}

#[test]
fn ten_thousand_children_in_a_row_are_all_sent_once() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| (0..10_000).for_each(|number| drop(named(number))));
    });
    let found = by_name(&xray.all());
    assert_eq!(found.len(), 10_001);
    assert!(found.iter().all(|(name, found)| name == "orders" || found.parent.as_deref() == Some("orders")));
    assert!(xray.stats().subsegments_streamed >= 9_900);
}

#[test]
fn thousands_that_cannot_leave_yet_are_all_sent_in_the_end() {
    const CHILDREN: usize = 3_000;
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        let open: Vec<_> =
            (0..CHILDREN).map(|number| orders.in_scope(|| subsegment(format!("a{number}")).open())).collect();
        // Each has a child that stays open when its parent ends: nothing is finished.
        let below: Vec<_> = open
            .iter()
            .enumerate()
            .map(|(number, node)| subsegment(format!("b{number}")).parent(node).open())
            .collect();
        drop(open);
        let [] = xray.documents();
        drop(below);
    });
    let found = by_name(&xray.all());
    assert_eq!(found.len(), 2 * CHILDREN + 1);
    assert!((0..CHILDREN).all(|number| found[&format!("b{number}")].parent == Some(format!("a{number}"))));
}

/// Several documents leave together, in one tree.
fn stream_some() {
    let orders = segment("orders").open();
    orders.in_scope(|| (0..8).for_each(|number| drop(named(number))));
}

#[test]
fn streamed_documents_that_are_refused_are_each_counted() {
    let builder = SegmentLayer::builder("test").without_environment().emitter(Capture::new()).sample_all();
    let layer = builder.stream_after(3).on_diagnostic(|_| ()).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.clone()), || {
        layer.shutdown(Duration::from_secs(30));
        stream_some();
    });
    let stats = layer.stats();
    assert_eq!((stats.subsegments_streamed, stats.dropped_shutdown), (8, 9), "{stats}");
}

#[test]
fn an_emitter_that_panics_loses_one_document_and_not_those_beside_it() {
    /// Takes every third document only.
    struct Torn(AtomicU32);
    impl Emit for Torn {
        fn emit(&self, _: &[u8]) -> Result<(), EmitError> {
            if self.0.fetch_add(1, Ordering::Relaxed) % 3 == 2 {
                return Ok(());
            }
            std::panic::resume_unwind(Box::new("torn"));
        }
    }
    let xray = captured_with(|builder| builder.emitter(Torn(AtomicU32::new(0))).stream_after(3));
    xray.run(stream_some);
    let stats = xray.stats();
    assert_eq!((stats.subsegments_streamed, stats.documents_sent, stats.dropped_panicked), (8, 3, 6), "{stats}");
}
