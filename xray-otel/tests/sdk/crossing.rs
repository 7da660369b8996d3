//! A trace that crosses services on our layer and services on OpenTelemetry is one trace.

use std::collections::HashMap;
use std::time::Duration;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use xray_core::header::{NAME, TRACEPARENT};
use xray_core::{Capture, DaemonAddress, Incoming, Namespace, Udp, segment, subsegment};
use xray_otel::{XrayExporter, propagators};
use xray_test::{Captured, FakeDaemon, ManualClock, SeededEntropy};

use super::{NOW, builder, documents, provider};

type Headers = HashMap<String, String>;

/// A service on OpenTelemetry: serves a request, and makes one.
fn on_opentelemetry(name: &str, capture: &Capture, seed: u64, incoming: &Headers, call: impl FnOnce(Headers)) {
    let provider = provider(name, capture, seed);
    let tracer = provider.tracer("test");
    let parent = propagators().extract_with_context(&Context::new(), incoming);
    let served = tracer
        .span_builder("GET /")
        .with_kind(SpanKind::Server)
        .with_attributes([KeyValue::new("http.request.method", "GET")])
        .start_with_context(&tracer, &parent);
    let served = parent.with_span(served);
    let called = tracer
        .span_builder("GET")
        .with_kind(SpanKind::Client)
        .with_attributes([KeyValue::new("server.address", "next.example.com")])
        .start_with_context(&tracer, &served);
    let called = served.with_span(called);
    let mut headers = Headers::new();
    propagators().inject_context(&called, &mut headers);
    call(headers);
    called.span().end();
    served.span().end();
    provider.shutdown().unwrap();
}

/// A service on our layer: the same.
fn on_our_layer(xray: &Captured, name: &str, incoming: &Headers, call: impl FnOnce(Headers)) {
    let bytes = |name: &str| incoming.get(name).map(String::as_bytes);
    xray.run(|| {
        let served = segment(name.to_owned()).incoming(Incoming::read(bytes(NAME), bytes(TRACEPARENT))).open();
        served.in_scope(|| {
            let called = subsegment("next.example.com").namespace(Namespace::Remote).open();
            call(HashMap::from([(NAME.to_owned(), called.trace_header().unwrap().to_string())]));
        });
    });
}

#[test]
fn our_layer_calls_opentelemetry_calls_our_layer() {
    let (xray, capture) = (Captured::new(ManualClock::at(NOW), SeededEntropy::new(7)), Capture::new());
    on_our_layer(&xray, "front", &Headers::new(), |headers| {
        on_opentelemetry("middle", &capture, 9, &headers, |headers| {
            on_our_layer(&xray, "back", &headers, |_| {});
        });
    });
    let mut all = xray.all();
    all.extend(documents(&capture));
    expect_test::expect![[r#"
        front  segment
        └ next.example.com  remote
          └ middle  segment
            └ next.example.com  remote
              └ back  segment
                └ next.example.com  remote
    "#]]
    .assert_eq(&xray_test::picture(&all));
}

#[test]
fn a_load_balancers_root_is_joined_without_a_parent_and_decided_here() {
    let capture = Capture::new();
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    for (sampled, sent) in [("", 1), (";Sampled=?", 1), (";Sampled=1", 1), (";Sampled=0", 0)] {
        let incoming = HashMap::from([(NAME.to_owned(), format!("{root}{sampled};Lineage=a:1"))]);
        on_opentelemetry("orders", &capture, 3, &incoming, |headers| {
            assert!(headers[NAME].starts_with(root), "{}", headers[NAME]);
            assert!(headers[NAME].ends_with(&format!("Sampled={sent};Lineage=a:1")), "{}", headers[NAME]);
            assert!(headers[TRACEPARENT].starts_with("00-5759e988bd862e3fe1be46a994272793-"));
        });
        let made = documents(&capture);
        assert_eq!(made.len(), sent, "{sampled}");
        for document in made {
            assert_eq!(document.trace_id.as_deref(), Some("1-5759e988-bd862e3fe1be46a994272793"));
            assert_eq!(document.parent_id, None);
        }
        capture.take();
    }
}

#[test]
fn headers_that_say_nothing_usable_start_a_trace() {
    for text in ["", "nonsense", "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8", "Root=1-abc"] {
        let incoming = HashMap::from([(NAME.to_owned(), text.to_owned())]);
        let context = propagators().extract_with_context(&Context::new(), &incoming);
        assert!(!context.has_active_span(), "{text}");
    }
    let w3c = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";
    let incoming = HashMap::from([(TRACEPARENT.to_owned(), w3c.to_owned()), (NAME.to_owned(), "x".to_owned())]);
    assert!(propagators().extract_with_context(&Context::new(), &incoming).span().span_context().is_sampled());
}

#[test]
fn an_applications_spans_reach_the_daemon() {
    let daemon = FakeDaemon::start().unwrap();
    let address = daemon.address().to_string().parse::<DaemonAddress>().unwrap();
    let provider = builder(7).with_batch_exporter(XrayExporter::new("orders", Udp::new(address))).build();
    for _ in 0..50 {
        provider.tracer("test").in_span("work", |_| ());
    }
    provider.shutdown().unwrap();
    let documents = daemon.wait_for(50, Duration::from_secs(20)).unwrap();
    assert!(documents.iter().all(|document| document.name == "orders" && document.find("work").is_some()));
    assert_eq!(daemon.bad(), 0);
}
