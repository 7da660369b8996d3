//! The OpenTelemetry SDK, `tracing-opentelemetry` and the OTLP exporter against `xray-core`, in both directions.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // tests fail by panics

#[path = "../common/collector.rs"]
mod collector;
mod crossing;
#[path = "../common/decode.rs"]
mod decode;
mod front_page;
mod golden;
mod out;
mod same_ids;
mod sampling;

use opentelemetry_sdk::trace::{SdkTracerProvider, TracerProviderBuilder};
use xray_core::document::Document;
use xray_core::{Capture, LocalSampler, Rules};
use xray_otel::{XrayExporter, XrayIdGenerator, XraySampler};
use xray_test::{ManualClock, SeededEntropy};

/// The time of all clocks here.
const NOW: f64 = 1_465_510_280.5;

/// A provider whose spans become documents, ids from a seed.
fn provider(service: &str, capture: &Capture, seed: u64) -> SdkTracerProvider {
    builder(seed).with_batch_exporter(XrayExporter::new(service, capture.clone())).build()
}

fn builder(seed: u64) -> TracerProviderBuilder {
    SdkTracerProvider::builder()
        .with_resource(opentelemetry_sdk::Resource::builder_empty().build())
        .with_id_generator(XrayIdGenerator::new(ManualClock::at(NOW), SeededEntropy::new(seed)))
        .with_sampler(XraySampler::new("orders", rules(Rules::all())))
}

fn rules(rules: Rules) -> LocalSampler {
    LocalSampler::new(rules, std::sync::Arc::new(ManualClock::at(NOW)), std::sync::Arc::new(SeededEntropy::new(1)))
}

/// The documents sent so far, each of which X-Ray takes.
#[track_caller]
fn documents(capture: &Capture) -> Vec<Document> {
    let valid = |text: &String| {
        xray_test::validate(text).unwrap_or_else(|violations| panic!("{violations:?}\n{text}"));
        Document::parse(text).unwrap()
    };
    capture.documents().iter().map(valid).collect()
}
