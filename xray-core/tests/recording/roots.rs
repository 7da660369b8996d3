//! Spans with nothing above them, and segments that a platform owns.

use std::sync::{Arc, Mutex};

use expect_test::expect;
use tracing::{Instrument, debug_span, info_span};
use xray_core::sampling::{Decision, Reason, Sample, SamplingRequest};
use xray_core::{Rules, SpanExt, current, segment, subsegment};

use crate::support::{block_on, by_name, captured, captured_with, nothing_is_here, turn};

#[test]
fn a_span_with_nothing_above_it_opens_a_segment_of_the_service() {
    let xray = captured();
    xray.run(|| {
        info_span!("import", annotation.file = "a.csv").in_scope(|| {
            info_span!("parse").in_scope(|| tracing::info!("parsed"));
            current().annotate("rows", 3);
        });
    });
    let [document] = xray.documents();
    expect![[r#"
        test  segment
        └ import  {file=a.csv, rows=3}
          └ parse
    "#]]
    .assert_eq(&xray.picture());
    // Both are of one piece of work.
    assert_eq!(document.end_time, document.subsegments[0].end_time);
}

#[test]
fn the_segment_of_a_span_ends_with_it_though_a_node_below_is_open() {
    let xray = captured();
    xray.run(|| {
        let root = info_span!("import");
        let late = root.in_scope(|| subsegment("late").open());
        drop(root);
        assert_eq!(xray.all().len(), 1);
        // Spans made now take places that were given back; their ends are nobody else's.
        late.in_scope(|| {
            info_span!("one").in_scope(|| drop(info_span!("two")));
            info_span!("three").in_scope(|| drop(info_span!("four")));
        });
        assert_eq!(xray.all().len(), 1);
        late.annotate("still", "open");
    });
    expect![[r#"
        test  segment
        └ import
          └ late  lone {still=open}
            ├ one
            │ └ two
            └ three
              └ four
    "#]]
    .assert_eq(&xray.picture());
    xray.layer().shutdown(std::time::Duration::ZERO);
    assert_eq!(xray.all().len(), 2);
}

#[test]
fn spans_that_do_not_count_open_no_segment_but_let_theirs_do_so() {
    let xray = captured();
    xray.run(|| {
        debug_span!("loop").in_scope(|| {
            nothing_is_here();
            info_span!("one").in_scope(|| ());
            info_span!(target: "hyper", "connection").in_scope(|| info_span!("two").in_scope(|| ()));
        });
        tracing::info!("an event outside");
    });
    assert_eq!(xray.picture(), "test  segment\n└ one\n\ntest  segment\n└ two\n");
}

#[test]
fn a_segment_opened_below_gives_the_implicit_one_up() {
    let xray = captured();
    xray.run(|| {
        info_span!("worker").in_scope(|| {
            drop(info_span!("poll"));
            for _ in 0..2 {
                segment("orders").open().in_scope(|| info_span!("load").in_scope(|| ()));
                // In between there is no segment: this is not recorded, and starts no trace.
                info_span!("between").in_scope(|| nothing_is_here());
            }
        });
    });
    assert_eq!(xray.picture(), "orders  segment\n└ load\n\norders  segment\n└ load\n");
    assert_eq!(xray.stats().abandoned_roots, 1);
}

#[test]
fn a_segment_opened_below_an_explicit_one_leaves_that_in_place() {
    let xray = captured();
    xray.run(|| {
        segment("batch").open().in_scope(|| {
            info_span!("work").in_scope(|| drop(segment("orders").open()));
        });
    });
    assert_eq!(xray.picture(), "orders  segment\n\nbatch  segment\n└ work\n");
    assert_eq!(xray.stats().abandoned_roots, 0);
}

#[test]
fn root_spans_can_be_switched_off() {
    let xray = captured_with(|builder| builder.root_spans(false));
    xray.run(|| {
        info_span!("import").in_scope(|| {
            nothing_is_here();
            info_span!("parse").in_scope(|| ());
            segment("orders").open().in_scope(|| drop(info_span!("load")));
        });
    });
    assert_eq!(xray.picture(), "orders  segment\n└ load\n");
    assert_eq!(xray.stats().orphan_spans, 2);
}

#[test]
fn root_spans_do_not_drain_the_requests_reservoir() {
    // One a second of each kind, no more.
    let rules = || Rules::default().with_default(1, 0.0);
    let xray = captured_with(|builder| builder.rules(rules()));
    xray.run(|| {
        (0..10).for_each(|_| drop(info_span!("job")));
        (0..10).for_each(|_| drop(segment("orders").open()));
        (0..10).for_each(|_| drop(info_span!("job")));
    });
    assert_eq!(xray.picture(), "test  segment\n└ job\n\norders  segment\n");
}

/// Remembers what it was asked.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<(String, bool)>>>);

impl Sample for Asked {
    fn sample(&self, request: &SamplingRequest<'_>) -> Decision {
        self.0.lock().unwrap().push((request.service.to_owned(), request.background));
        Decision::new(true, Reason::Fixed)
    }
}

#[test]
fn the_sampler_is_asked_once_for_each_trace() {
    let asked = Asked::default();
    // `sample_all` of the captured layer are rules, which win over a sampler.
    let capture = xray_core::Capture::new();
    let layer = xray_core::SegmentLayer::builder("test")
        .without_environment()
        .emitter(capture.clone())
        .synchronous()
        .sampler(asked.clone())
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer);
    tracing::subscriber::with_default(subscriber, || {
        info_span!("job").in_scope(|| drop(info_span!("step")));
        segment("orders").open().in_scope(|| drop(subsegment("call").open()));
    });
    assert_eq!(*asked.0.lock().unwrap(), [("test".to_owned(), true), ("orders".to_owned(), false)]);
    assert_eq!(capture.documents().len(), 2);
}

#[test]
fn a_task_at_the_root_is_one_trace_across_its_awaits() {
    let xray = captured();
    xray.run(|| {
        block_on(
            async {
                turn().await;
                turn().instrument(info_span!("step")).await;
                turn().await;
            }
            .instrument(info_span!("job")),
        )
    });
    assert_eq!(xray.picture(), "test  segment\n└ job\n  └ step\n");
}

// --- under AWS Lambda, where the platform sends the segment ---

const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

fn lambda() -> xray_test::Captured {
    captured_with(|builder| builder.lambda(true))
}

#[test]
fn in_lambda_a_segment_is_a_subsegment_of_the_platforms() {
    let xray = lambda();
    xray.run(|| {
        let handler = segment("handler").parent(format!("{HEADER};Sampled=1").parse().unwrap()).open();
        handler.in_scope(|| {
            info_span!("load").in_scope(|| segment("inner").open().in_scope(|| drop(info_span!("below"))));
        });
        handler.set_user("me");
        info_span!("outside").in_scope(nothing_is_here);
    });
    let [document] = xray.documents();
    assert!(document.is_lone_subsegment());
    assert_eq!(document.parent_id.as_deref(), Some("53995c3f42cd8ad8"));
    assert_eq!(document.trace_id.as_deref(), Some("1-5759e988-bd862e3fe1be46a994272793"));
    expect![[r#"
        (parent 53995c3f… not here)
        └ handler  lone
          └ load
            └ inner
              └ below
    "#]]
    .assert_eq(&xray.picture());
}

#[test]
fn in_lambda_an_unsampled_invocation_is_passed_on_and_not_recorded() {
    let xray = lambda();
    xray.run(|| {
        let handler = segment("handler").parent(format!("{HEADER};Sampled=0").parse().unwrap()).open();
        handler.in_scope(|| {
            info_span!("load").in_scope(|| {
                let call = subsegment("call").open();
                let header = call.trace_header().unwrap().to_string();
                assert!(header.contains("5759e988") && header.ends_with("Sampled=0"), "{header}");
            });
        });
    });
    let [] = xray.documents();
}

#[test]
fn in_lambda_nothing_begins_without_the_platforms_segment() {
    let xray = lambda();
    xray.run(|| {
        let handler = segment("handler").open();
        assert!(!handler.is_active());
        handler.in_scope(|| drop(info_span!("load")));
        info_span!("start-up").in_scope(nothing_is_here);
        // Without a parent or a decision the header is passed on as it came, and nothing is recorded.
        for passed in ["Root=1-5759e988-bd862e3fe1be46a994272793", HEADER] {
            let handler = segment("handler").parent(passed.parse().unwrap()).open();
            assert!(!handler.is_recording());
            handler.in_scope(|| {
                info_span!("load").in_scope(|| {
                    let call = subsegment("call").open();
                    assert_eq!(call.trace_header().unwrap().to_string(), passed);
                });
            });
        }
    });
    let [] = xray.documents();
}

#[test]
fn in_lambda_each_invocation_has_its_own_segment() {
    let xray = lambda();
    xray.run(|| {
        for invocation in 1..4 {
            let header = format!("Root=1-5759e988-{invocation:024x};Parent={invocation:016x};Sampled=1");
            let handler = segment("handler").parent(header.parse().unwrap()).open();
            handler.in_scope(|| {
                (0..3).for_each(|_| drop(info_span!("load")));
            });
        }
    });
    let parents: Vec<_> = xray.all().iter().map(|document| document.parent_id.clone().unwrap()).collect();
    assert_eq!(parents, ["0000000000000001", "0000000000000002", "0000000000000003"]);
    assert!(xray.all().iter().all(|document| document.subsegments.len() == 3));
}

#[test]
fn in_lambda_a_child_that_outlives_the_handler_hangs_on_it() {
    let xray = lambda();
    xray.run(|| {
        let handler = segment("handler").parent(format!("{HEADER};Sampled=1").parse().unwrap()).open();
        let late = handler.in_scope(|| subsegment("late").open());
        drop(handler);
        late.in_scope(|| info_span!("below").set_user("me").in_scope(|| ()));
    });
    let found = by_name(&xray.all());
    assert_eq!(found["late"].parent.as_deref(), Some("handler"));
    assert_eq!(found["below"].parent.as_deref(), Some("late"));
}
