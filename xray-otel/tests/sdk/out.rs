//! Our layer's segments at a collector, by the real OTLP exporter.

use std::time::Duration;

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use tracing_subscriber::prelude::*;
use xray_core::{Rules, SegmentLayer, segment};
use xray_otel::OtelEmitter;
use xray_test::{ManualClock, SeededEntropy};

use super::NOW;
use super::collector::Collector;

fn emitter(collector: &Collector) -> OtelEmitter {
    let exporter = SpanExporter::builder().with_http().with_endpoint(collector.url()).build().unwrap();
    OtelEmitter::new("orders", exporter)
}

fn layer(emitter: OtelEmitter) -> SegmentLayer {
    SegmentLayer::builder("orders")
        .without_environment()
        .emitter(emitter)
        .rules(Rules::all())
        .clock(ManualClock::at(NOW))
        .entropy(SeededEntropy::new(7))
        .build()
        .unwrap()
}

fn program(layer: &SegmentLayer) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.clone()), || {
        let request = segment("orders").open();
        request.set_http_response(Some(503), None);
        request.in_scope(|| tracing::info_span!("load", rows = 3).in_scope(|| tracing::info!("read")));
    });
}

#[test]
fn a_segment_arrives_as_spans_of_its_service() {
    let collector = Collector::start("200 OK", Vec::new());
    let emitter = emitter(&collector);
    let counts = emitter.counts();
    let layer = layer(emitter);
    program(&layer);
    assert!(layer.shutdown(Duration::from_secs(20)));

    let request = collector.request();
    assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
    let export = request.spans();
    let [resource] = &export.resource_spans[..] else { panic!("{export:?}") };
    let service = resource.resource.as_ref().unwrap().attributes.iter().find(|pair| pair.key == "service.name");
    assert!(format!("{service:?}").contains("orders"));
    let spans: Vec<_> = resource.scope_spans.iter().flat_map(|scope| &scope.spans).collect();
    let named = |name: &str| *spans.iter().find(|span| span.name == name).unwrap();
    let (served, load) = (named("orders"), named("load"));
    assert_eq!((served.kind, load.kind), (2, 1), "SERVER, INTERNAL");
    assert_eq!((&load.parent_span_id, &load.trace_id), (&served.span_id, &served.trace_id));
    assert_eq!(served.status.as_ref().unwrap().code, 2, "ERROR");
    assert_eq!(load.events[0].name, "read");
    assert_eq!((counts().exported, counts().failed, layer.stats().documents_sent), (2, 0, 1));
}

#[test]
fn a_collector_that_refuses_is_a_loss_that_is_counted() {
    let collector = Collector::start("400 Bad Request", Vec::new());
    let emitter = emitter(&collector);
    let counts = emitter.counts();
    let layer = layer(emitter);
    program(&layer);
    layer.shutdown(Duration::from_secs(20));
    collector.request();
    assert_eq!((counts().exported, counts().failed), (0, 2));
    assert_eq!(layer.stats().dropped_refused, 1);
}

#[cfg(feature = "sigv4")]
mod signed {
    use std::sync::mpsc;

    use aws_credential_types::Credentials;
    use opentelemetry_otlp::WithHttpConfig;
    use xray_otel::SigningClient;

    use super::*;

    fn layer_to(collector: &Collector, told: mpsc::Sender<String>) -> SegmentLayer {
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let http = SigningClient::new(reqwest::blocking::Client::new(), "eu-central-1", credentials)
            .on_refusal(move |error| told.send(error.to_string()).unwrap());
        let exporter =
            SpanExporter::builder().with_http().with_endpoint(collector.url()).with_http_client(http).build().unwrap();
        layer(OtelEmitter::new("orders", exporter))
    }

    #[test]
    fn xrays_endpoint_gets_spans_with_a_signature() {
        let collector = Collector::start("200 OK", Vec::new());
        let (sender, told) = mpsc::channel();
        let layer = layer_to(&collector, sender);
        program(&layer);
        assert!(layer.shutdown(Duration::from_secs(20)));
        let request = collector.request();
        assert!(request.header("authorization").unwrap().contains("/eu-central-1/xray/aws4_request"));
        assert_eq!(request.spans().resource_spans.len(), 1);
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn an_account_without_transaction_search_is_told_how_to_mend_it() {
        let answer = b"The OTLP API is supported with CloudWatch Logs as a Trace Segment Destination.".to_vec();
        let collector = Collector::start("400 Bad Request", answer);
        let (sender, told) = mpsc::channel();
        let layer = layer_to(&collector, sender);
        program(&layer);
        layer.shutdown(Duration::from_secs(20));
        assert!(told.try_recv().unwrap().contains("update-trace-segment-destination"));
        assert_eq!(layer.stats().dropped_refused, 1);
    }
}
