//! The same program, recorded by our layer and by OpenTelemetry's with our exporter: the same documents, but for what
//! is listed here.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::prelude::*;
use xray_core::Capture;
use xray_core::document::Document;
use xray_otel::{Losses, Mapping, Resource, XrayExporter};
use xray_test::{Captured, ManualClock, SeededEntropy};

use super::collector::Collector;
use super::{NOW, builder, decode, documents, provider};

#[derive(Debug)]
struct Declined(std::num::ParseIntError);

impl std::fmt::Display for Declined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("declined")
    }
}

impl std::error::Error for Declined {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

/// Plain `tracing`, which knows neither.
fn program() {
    let span = tracing::info_span!("check out", annotation.order_id = 7, items = 3, "user.id" = "u7");
    span.in_scope(|| {
        tracing::info!(weight = 1.5, "packed");
        tracing::info_span!(
            "charge",
            otel.kind = "client",
            "http.request.method" = "POST",
            "url.full" = "https://pay.example.com/charge?card=1",
            "http.response.status_code" = 429_i64,
        )
        .in_scope(|| ());
        tracing::info_span!(
            "query",
            otel.kind = "client",
            "db.system" = "postgresql",
            "db.user" = "app",
            password = "p"
        )
        .in_scope(|| ());
        tracing::info_span!("decline").in_scope(|| {
            let error = Declined("many".parse::<u8>().unwrap_err());
            tracing::error!(error = &error as &dyn std::error::Error, "no money");
        });
    });
}

/// Everything but what differs by nature: ids and times, and the SDK's own name for itself.
fn comparable(mut document: Document) -> Document {
    let mut number = 0;
    fn walk(document: &mut Document, number: &mut u64) {
        *number += 1;
        document.id = format!("{number:016x}");
        (document.start_time, document.end_time) = (None, None);
        (document.trace_id, document.parent_id) = (None, None);
        if let Some(xray_core::document::Cause::Object(cause)) = &mut document.cause {
            for exception in &mut cause.exceptions {
                exception.id.clear();
                exception.cause = exception.cause.take().map(|_| "the next".to_owned());
            }
        }
        if let Some(events) = document.metadata.get_mut("tracing").and_then(|tracing| tracing["events"].as_array_mut())
        {
            for event in events {
                event.as_object_mut().unwrap().remove("time");
            }
        }
        for below in &mut document.subsegments {
            walk(below, number);
        }
    }
    walk(&mut document, &mut number);
    document.aws = None;
    document
}

#[test]
fn the_exporter_makes_the_documents_of_our_layer() {
    let ours = Captured::new(ManualClock::at(NOW), SeededEntropy::new(7));
    ours.run(program);
    let [ours] = ours.documents();
    let mut ours = comparable(ours);

    let capture = Capture::new();
    let provider = provider("test", &capture, 7);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program);
    provider.shutdown().unwrap();
    let theirs = documents(&capture);
    let [theirs] = &theirs[..] else { panic!("{}", xray_test::picture(&theirs)) };
    let mut theirs = comparable(theirs.clone());

    // What differs, all of it.
    the_types_of_errors_are_not_carried(&mut ours);
    where_a_span_stands_in_the_source_is_metadata(&mut theirs);
    calls_are_named_for_what_they_call(&mut theirs);
    assert_eq!(theirs.to_string_pretty(), ours.to_string_pretty());
}

fn the_types_of_errors_are_not_carried(ours: &mut Document) {
    if let Some(xray_core::document::Cause::Object(cause)) = &mut ours.cause {
        for exception in &mut cause.exceptions {
            assert_ne!(exception.kind.replace("error".to_owned()).as_deref(), Some("error"));
        }
    }
    ours.subsegments.iter_mut().for_each(the_types_of_errors_are_not_carried);
}

/// What `tracing-opentelemetry` adds unless told otherwise.
fn where_a_span_stands_in_the_source_is_metadata(theirs: &mut Document) {
    let is_place = |key: &str| {
        key.starts_with("code.") || key.starts_with("thread.") || matches!(key, "target" | "busy_ns" | "idle_ns")
    };
    if let Some(default) = theirs.metadata.get_mut("default").and_then(|default| default.as_object_mut()) {
        default.retain(|key, _| !is_place(key));
    }
    if let Some(events) = theirs.metadata.get_mut("tracing").and_then(|tracing| tracing["events"].as_array_mut()) {
        for fields in events.iter_mut().filter_map(|event| event["fields"].as_object_mut()) {
            fields.retain(|key, _| !is_place(key));
        }
    }
    theirs.subsegments.iter_mut().for_each(where_a_span_stands_in_the_source_is_metadata);
}

/// Our layer keeps the name that a span was given.
fn calls_are_named_for_what_they_call(theirs: &mut Document) {
    if let Some(default) = theirs.metadata.get_mut("default").and_then(|default| default.as_object_mut()) {
        if let Some(name) = default.remove("otel.name") {
            assert_eq!(theirs.namespace.as_deref(), Some("remote"));
            theirs.name = name.as_str().unwrap().to_owned();
        }
        if default.is_empty() {
            theirs.metadata.remove("default");
        }
    }
    theirs.subsegments.iter_mut().for_each(calls_are_named_for_what_they_call);
}

#[test]
fn what_our_layer_writes_survives_the_way_to_spans_and_back() {
    let ours = Captured::new(ManualClock::at(NOW), SeededEntropy::new(7));
    ours.run(program);
    let [document] = ours.documents();
    let mut losses = Losses::default();
    let spans = xray_otel::spans(&document, &Resource::of_service("test").into(), &mut losses);
    assert_eq!(Mapping::new("test").documents(&spans, &mut losses), [document]);
    assert!(losses.is_none(), "{losses:?}");
}

#[test]
fn spans_that_came_by_otlp_make_the_same_documents() {
    let (collector, capture) = (Collector::start("200 OK", Vec::new()), Capture::new());
    let otlp = SpanExporter::builder().with_http().with_endpoint(collector.url()).build().unwrap();
    let provider =
        builder(7).with_batch_exporter(XrayExporter::new("test", capture.clone())).with_batch_exporter(otlp).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program);
    provider.shutdown().unwrap();

    let spans = decode::spans(&collector.request().spans());
    let made = Mapping::new("test").documents(&spans, &mut Losses::default());
    assert_eq!(made, documents(&capture));
}

/// An exporter that used `tracing` itself would call itself without end here.
#[test]
fn span_by_span_the_tree_is_the_same() {
    let picture = |capture: Capture, provider: SdkTracerProvider| {
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), program);
        provider.shutdown().unwrap();
        (documents(&capture).len(), xray_test::picture(&documents(&capture)).replace(" lone", ""))
    };
    let (whole, parts) = (Capture::new(), Capture::new());
    let batch = builder(7).with_batch_exporter(XrayExporter::new("test", whole.clone())).build();
    let simple = builder(7).with_simple_exporter(XrayExporter::new("test", parts.clone())).build();
    let (whole, parts) = (picture(whole, batch), picture(parts, simple));
    assert_eq!((whole.0, parts.0), (1, 4));
    assert_eq!(whole.1, parts.1);
}
