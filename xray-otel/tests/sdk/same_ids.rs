//! Both layers in one subscriber.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanId, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::prelude::*;
use xray_core::document::Document;
use xray_core::{Capture, Rules, SegmentLayer, segment};
use xray_otel::{SameIds, XrayPropagator};
use xray_test::{ManualClock, SeededEntropy};

use super::{NOW, builder, documents};

/// Runs a program under both; what each recorded.
fn both(rules: Rules, program: impl FnOnce()) -> (Vec<Document>, Vec<SpanData>) {
    let (capture, exporter) = (Capture::new(), InMemorySpanExporter::default());
    let segments = SegmentLayer::builder("orders")
        .without_environment()
        .emitter(capture.clone())
        .synchronous()
        .rules(rules)
        .clock(ManualClock::at(NOW))
        .entropy(SeededEntropy::new(7))
        .build()
        .unwrap();
    let provider: SdkTracerProvider = builder(9).with_simple_exporter(exporter.clone()).build();
    let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let subscriber = tracing_subscriber::registry().with(segments.clone()).with(SameIds::of(segments).around(spans));
    tracing::subscriber::with_default(subscriber, program);
    (documents(&capture), exporter.get_finished_spans().unwrap())
}

fn hex(id: SpanId) -> String {
    id.to_string()
}

#[test]
fn a_span_has_the_same_ids_in_both() {
    let mut header = String::new();
    let (documents, spans) = both(Rules::all(), || {
        let request = segment("orders").open();
        request.in_scope(|| {
            let outer = tracing::info_span!("outer");
            outer.in_scope(|| {
                tracing::debug_span!("hidden").in_scope(|| tracing::info_span!("inner").in_scope(|| ()));
                let mut headers = HashMap::new();
                XrayPropagator::new().inject_context(&tracing::Span::current().context(), &mut headers);
                header = headers["x-amzn-trace-id"].clone();
            });
            let later = tracing::info_span!(parent: &outer, "entered later");
            let followed = tracing::info_span!("followed");
            later.follows_from(&followed);
            later.in_scope(|| ());
            drop(tracing::info_span!("never entered"));
        });
    });
    assert_eq!(
        xray_test::picture(&documents),
        "orders  segment\n├ outer\n│ ├ inner\n│ └ entered later\n├ followed\n└ never entered\n"
    );
    let [segment] = &documents[..] else { panic!("one segment") };
    let trace = segment.trace_id.as_deref().unwrap();
    for span in &spans {
        assert_eq!(format!("1{}", span.span_context.trace_id()), trace.replace('-', ""), "{}", span.name);
        let found = segment.find(&span.name);
        assert_eq!(
            found.map(|found| found.id.clone()),
            found.map(|_| hex(span.span_context.span_id())),
            "{}",
            span.name
        );
    }
    assert_eq!(spans.len(), 6);
    let hidden = spans.iter().find(|span| span.name == "hidden").unwrap();
    assert!(segment.walk().all(|part| part.id != hex(hidden.span_context.span_id())));
    let outer = segment.find("outer").unwrap();
    assert_eq!(header, format!("Root={trace};Parent={};Sampled=1", outer.id));
}

#[test]
fn what_one_does_not_record_the_other_does_not() {
    let (documents, spans) = both(Rules::none(), || {
        let request = segment("orders").open();
        request.in_scope(|| tracing::info_span!("outer").in_scope(|| ()));
    });
    assert_eq!((documents.len(), spans.len()), (0, 0));
}
