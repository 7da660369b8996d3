//! What a span hangs on: among other layers, behind filters, beside a second X-Ray layer.

use expect_test::expect;
use tracing::{Dispatch, Instrument, debug_span, error_span, info_span, warn_span};
use tracing_subscriber::filter::{EnvFilter, FilterFn, LevelFilter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, Registry, registry};
use xray_core::{Rules, Sampled, SpanExt, current, is_installed, segment, subsegment};
use xray_test::Captured;

use crate::support::{Trace, captured, captured_with, nothing_is_here, threads};

fn under<T>(subscriber: impl Into<Dispatch>, work: impl FnOnce() -> T) -> T {
    tracing::dispatcher::with_default(&subscriber.into(), work)
}

/// A segment with a span, which are all there is to record.
fn serve() {
    assert!(is_installed());
    let orders = segment("orders").open();
    let trace = Trace::of(&orders);
    orders.in_scope(|| info_span!("load").in_scope(|| trace.is_here()));
}

const SERVED: &str = "orders  segment\n└ load\n";

#[test]
fn the_layer_works_in_an_option_a_vec_a_box_and_behind_a_filter() {
    let xray = captured();
    under(registry().with(Some(xray.layer())), serve);
    assert_eq!(xray.picture(), SERVED);

    let xray = captured();
    under(registry().with(vec![xray.layer()]), serve);
    assert_eq!(xray.picture(), SERVED);

    let xray = captured();
    let boxed: Box<dyn Layer<Registry> + Send + Sync> = Box::new(xray.layer());
    under(registry().with(boxed), serve);
    assert_eq!(xray.picture(), SERVED);

    let xray = captured();
    under(registry().with(xray.layer().with_filter(LevelFilter::INFO)), serve);
    assert_eq!(xray.picture(), SERVED);

    let xray = captured();
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let filtered = tracing_subscriber::fmt::layer().with_writer(std::io::sink).with_filter(LevelFilter::WARN);
    under(registry().with(logs).with(xray.layer()).with(filtered), serve);
    assert_eq!(xray.picture(), SERVED);
}

#[test]
fn an_absent_layer_records_nothing() {
    under(registry().with(None::<xray_core::SegmentLayer>), without_a_layer);
}

#[test]
fn a_subscriber_without_the_layer_records_nothing() {
    under(registry().with(tracing_subscriber::fmt::layer().with_writer(std::io::sink)), without_a_layer);
}

#[test]
fn no_subscriber_records_nothing() {
    under(Dispatch::none(), without_a_layer);
}

#[test]
fn a_layer_that_is_switched_off_records_nothing() {
    let off = xray_core::SegmentLayer::builder("orders").without_environment().enabled(false).build().unwrap();
    assert_eq!(off.stats(), xray_core::StatsSnapshot::default());
    assert!(off.flush(std::time::Duration::ZERO) && off.shutdown(std::time::Duration::ZERO));
    off.announce_open();
    drop(off.guard());
    under(registry().with(off), without_a_layer);
}

/// Everything can be called, and nothing happens.
fn without_a_layer() {
    assert!(!is_installed());
    let orders = segment("orders").open();
    assert!(!orders.is_active() && !orders.is_recording());
    let load = orders.in_scope(|| info_span!("load", annotation.a = 1));
    load.in_scope(|| {
        load.annotate("b", 2).add_metadata("c", 3).set_user("me");
        nothing_is_here();
        let call = subsegment("call").open();
        call.annotate("a", 1).set_http_response(Some(500), None).set_user("me");
        assert_eq!((call.trace_header(), call.decision(), call.response_header(), call.id()), (None, None, None, None));
        call.cancel("given up");
    });
    assert!(orders.carrier().is_none());
    orders.panicked(&"struck");
    assert!(xray_core::flush(std::time::Duration::ZERO) && xray_core::shutdown(std::time::Duration::ZERO));
}

#[test]
fn a_filter_on_the_registry_that_hides_spans_does_not_touch_nodes() {
    let xray = captured();
    under(registry().with(EnvFilter::new("orders=debug")).with(xray.layer()), || {
        let orders = segment("orders").open();
        let trace = Trace::of(&orders);
        orders.in_scope(|| {
            // Hidden: another target.
            info_span!("hidden").in_scope(|| {
                let call = subsegment("call").open();
                call.in_scope(|| {
                    trace.is_here();
                    info_span!(target: "orders", "seen").in_scope(|| trace.is_here());
                });
            });
        });
    });
    assert_eq!(xray.picture(), "orders  segment\n└ call\n  └ seen\n");
}

#[test]
fn children_climb_over_what_does_not_count() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        let trace = Trace::of(&orders);
        orders.in_scope(|| {
            debug_span!("debug").in_scope(|| {
                info_span!(target: "hyper::client", "request").in_scope(|| {
                    trace.is_here();
                    error_span!(target: "aws_sdk_sqs::operation", "SendMessage").in_scope(|| {
                        warn_span!("load").in_scope(|| trace.is_here());
                    });
                });
            });
            // Names that only begin like infrastructure.
            info_span!(target: "hyperdrive", "drive");
            info_span!(target: "aws_orders::queue", "send");
        });
    });
    expect![[r#"
        orders  segment
        ├ load
        ├ drive
        └ send
    "#]]
    .assert_eq(&xray.picture());
}

#[test]
fn the_field_xray_selects_and_deselects() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            debug_span!("debug, wanted", xray = true).in_scope(|| {
                info_span!("info, not wanted", xray = false).in_scope(|| {
                    info_span!(target: "hyper", "infrastructure, wanted", xray = true).in_scope(|| {
                        debug_span!("debug, not wanted", xray = false, annotation.a = 1)
                            .in_scope(|| info_span!("child"));
                    });
                });
            });
        });
    });
    expect![[r#"
        orders  segment
        └ debug wanted
          └ infrastructure wanted
            └ child
    "#]]
    .assert_eq(&xray.picture());
    assert!(!xray.texts()[0].contains("xray\":true"));
}

#[test]
fn what_is_recorded_on_a_span_that_does_not_count_goes_to_the_one_above() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            debug_span!("debug").in_scope(|| {
                tracing::Span::current().annotate("by_span", 1);
                current().annotate("by_node", 2);
                tracing::info!("an event");
            });
        });
    });
    let [document] = xray.documents();
    assert_eq!(document.annotations.len(), 2);
    assert_eq!(document.metadata["tracing"]["events"][0]["message"], "an event");
}

#[test]
fn events_of_infrastructure_and_below_info_are_not_kept() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            tracing::error!(target: "hyper::proto", "connection error");
            tracing::debug!("details");
            tracing::info!("kept");
        });
    });
    let [document] = xray.documents();
    assert_eq!(document.metadata["tracing"]["events"].as_array().unwrap().len(), 1);
    assert!(!document.fault && document.cause.is_none());
}

#[test]
fn a_parent_that_a_filter_of_the_layer_hides_is_climbed_over() {
    for rules in [Rules::all(), Rules::none()] {
        let xray = captured_with(|builder| builder.rules(rules));
        let visible = FilterFn::new(|metadata| metadata.name() != "hidden");
        under(registry().with(xray.layer().with_filter(visible)), || {
            let orders = segment("orders").open();
            let trace = Trace::of(&orders);
            let stock = segment("stock").open();
            let load = orders.in_scope(|| info_span!("load"));
            let hidden = info_span!(parent: &load, "hidden");
            stock.in_scope(|| info_span!(parent: &hidden, "page").in_scope(|| trace.is_here()));
            load.in_scope(|| hidden.in_scope(|| info_span!("other page").in_scope(|| trace.is_here())));
            // What stands for a hidden span is found from it, too.
            assert_eq!(hidden.trace_header().unwrap().root(), orders.trace_id().unwrap());
        });
        assert_eq!(xray.stats().segments_opened, 2);
        let expected = "stock  segment\n\norders  segment\n└ load\n  ├ page\n  └ other page\n";
        assert_eq!(xray.picture(), if xray.stats().segments_sampled > 0 { expected } else { "" });
    }
}

#[test]
fn an_unsampled_trace_goes_on_inside_a_hidden_span_from_elsewhere() {
    let xray = captured_with(|builder| builder.rules(xray_core::Rules::none()));
    under(
        registry()
            .with(xray.layer().with_filter(LevelFilter::INFO))
            .with(tracing_subscriber::fmt::layer().with_writer(std::io::sink)),
        || {
            let worker = tracing::debug_span!("worker of a pool");
            let orders = segment("orders").open();
            orders.in_scope(|| {
                let query = info_span!("handler").in_scope(|| {
                    worker.in_scope(|| {
                        let query = info_span!("query");
                        query.in_scope(|| assert_eq!(current().trace_header(), orders.trace_header()));
                        query
                    })
                });
                query.in_scope(|| assert_eq!(current().trace_header(), orders.trace_header()));
            });
        },
    );
    let [] = xray.documents();
}

#[test]
fn a_carrier_that_a_filter_of_the_layer_hides_is_told() {
    let xray = captured();
    let filtered = xray.layer().with_filter(LevelFilter::WARN);
    under(registry().with(filtered), || segment("orders").open().carrier().in_scope(nothing_is_here));
    assert!(xray.diagnostics().iter().any(|line| line.starts_with("XR004: ")), "{:?}", xray.diagnostics());
}

#[test]
fn two_layers_on_one_thread_do_not_meet() {
    let (one, two) = (captured(), captured_with(|builder| builder.rules(Rules::none())));
    one.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            info_span!("before").in_scope(|| {
                two.run(|| {
                    nothing_is_here();
                    let stock = segment("stock").open();
                    stock.in_scope(|| {
                        info_span!("quiet").in_scope(|| {
                            Trace::of(&stock).is_here();
                            assert_eq!(current().trace_header().unwrap().sampled(), Some(Sampled::No));
                            one.run(|| info_span!("within").in_scope(|| Trace::of(&orders).is_here()));
                        });
                    });
                });
                Trace::of(&orders).is_here();
            });
        });
    });
    expect![[r#"
        orders  segment
        └ before
          └ within
    "#]]
    .assert_eq(&one.picture());
    let [] = two.documents();
    assert_eq!((one.stats().segments_opened, two.stats().segments_opened), (1, 1));
}

#[test]
fn nodes_of_one_layer_are_no_parents_under_another() {
    let (one, two) = (captured(), captured());
    let orders = one.run(|| segment("orders").open());
    two.run(|| {
        orders.in_scope(nothing_is_here);
        // An explicit parent says which layer is meant.
        drop(subsegment("call").parent(&orders).open());
    });
    drop(orders);
    assert_eq!(one.picture(), "orders  segment\n└ call\n");
    let [] = two.documents();
}

#[test]
fn two_layers_in_one_registry_each_record_everything_that_is_a_span() {
    let (one, two) = (captured(), captured());
    under(registry().with(one.layer()).with(two.layer()), || {
        info_span!("job").in_scope(|| info_span!("step").in_scope(|| ()));
    });
    for xray in [one, two] {
        assert_eq!(xray.picture(), "test  segment\n└ job\n  └ step\n");
    }
}

#[test]
fn an_explicit_node_is_the_parent_where_no_node_is_entered() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        let call = subsegment("call").parent(&orders).open();
        nothing_is_here();
        drop(subsegment("inner").parent(&call).open());
        let late = subsegment("late").parent(&call).open();
        drop((call, orders));
        drop(late);
    });
    expect![[r#"
        orders  segment
        └ call
          ├ inner
          └ late  lone
    "#]]
    .assert_eq(&xray.picture());
}

#[test]
fn spans_that_close_after_a_flush_are_sent_by_the_next() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load"));
        assert!(xray_core::flush(std::time::Duration::ZERO));
        let [] = xray.documents();
        drop(load);
        drop(orders);
        assert!(xray_core::flush(std::time::Duration::ZERO));
    });
    assert_eq!(xray.picture(), SERVED);
}

#[test]
fn tasks_under_a_subscriber_of_their_own_stay_with_it() {
    use tracing::instrument::WithSubscriber;
    let (one, two) = (captured(), captured());
    let runtime = threads(one.dispatch().clone());
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let own: &Captured = if number % 2 == 0 { &one } else { &two };
            let task = async {
                let load = async { tokio::task::yield_now().instrument(info_span!("load")).await };
                segment("orders").open().instrument(load).await;
            };
            runtime.spawn(task.with_subscriber(own.dispatch().clone()))
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    for xray in [one, two] {
        assert_eq!(xray.all().len(), 4);
    }
}
