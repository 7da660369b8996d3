//! AWS X-Ray and OpenTelemetry in one program, in either direction.
//!
//! For applications that stay on the OpenTelemetry SDK and want X-Ray's traces without a collector; for applications on
//! `xray-core` whose traces go to OpenTelemetry; and for teams that move from one to the other a service at a time.
//!
#![cfg_attr(feature = "sdk", doc = "```no_run")]
#![cfg_attr(not(feature = "sdk"), doc = "```ignore")]
//! use std::sync::Arc;
//! use opentelemetry::trace::{Tracer, TracerProvider};
//! use opentelemetry_sdk::trace::SdkTracerProvider;
//! use xray_otel::xray_core::{JsonLines, LocalSampler, Rules, SystemClock, ThreadEntropy};
//! use xray_otel::{XrayExporter, XrayIdGenerator, XraySampler};
//!
//! // In the place of `JsonLines`, `Udp::new(DaemonAddress::default())` of xray-core's feature `udp` sends to the daemon.
//! let exporter = XrayExporter::new("orders", JsonLines::new(std::io::stdout()));
//! let rules = LocalSampler::new(Rules::default(), Arc::new(SystemClock), Arc::new(ThreadEntropy));
//! let provider = SdkTracerProvider::builder()
//!     .with_batch_exporter(exporter)
//!     .with_id_generator(XrayIdGenerator::default())
//!     .with_sampler(XraySampler::new("orders", rules))
//!     .build();
//! opentelemetry::global::set_text_map_propagator(xray_otel::propagators());
//!
//! provider.tracer("orders").in_span("import", |_| ());
//! provider.shutdown()?;
//! # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
//! ```
//!
//! sends one document (pretty-printed here):
//!
//! ```json
#![doc = include_str!("../tests/golden/front_page.json")]
//! ```
//!
//! # Which way
//!
//! | you have | you want | take |
//! |---|---|---|
//! | the OpenTelemetry SDK | X-Ray, by the daemon or `xrc` | `XrayExporter`, `XrayIdGenerator`, `XraySampler`, `propagators()` |
//! | `xray-core`'s layer | a collector | `OtelEmitter` around `opentelemetry-otlp` |
//! | `xray-core`'s layer | X-Ray's own OTLP endpoint | the same with `SigningClient` (feature `sigv4`) |
//! | both layers, while moving | the same ids in both | `SameIds` (feature `layer`) |
//! | spans from anywhere | documents, and back | [`Mapping`], [`spans`]: plain data, no OpenTelemetry |
//!
//! `docs/opentelemetry.md` in the repository has the set-ups, the whole mapping, and what is lost.
//!
//! # The rules of the road
//!
//! - A node of the service map is a service: `SERVER` and `CONSUMER` spans are segments named for it, and so is what is
//!   made around any other span without a local parent.
//! - What has a place in a document goes there by the name of its attribute; the rest is metadata. `annotation.KEY`,
//!   `metadata.KEY` and `aws.xray.annotations` work as they do elsewhere.
//! - Values under names that look like secrets are masked; queries of URLs, and database queries unless asked for, stay
//!   where they are.
//! - Trees are assembled by X-Ray: what came together is sent together, what came apart finds its parent.
//! - Nothing here panics, blocks a request, or is lost uncounted: [`Losses`].
//!
//! # Features
//!
//! | feature | what it gives |
//! |---|---|
//! | `sdk` (default) | exporter, emitter, sampler, ids and propagator for opentelemetry 0.33 |
//! | `layer` | `xray-core`'s layer and tracing-opentelemetry 0.34's in one subscriber with the same ids |
//! | `sigv4` | an HTTP client that signs, for X-Ray's OTLP endpoint; wants Rust 1.94.1, as AWS's crates do |
//!
//! Without any: [`Mapping`], [`spans`] and the plain [`Span`] between them.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod losses;
mod mapping;
#[cfg(feature = "sdk")]
mod sdk;
mod span;
mod spans;

pub use losses::Losses;
pub use mapping::Mapping;
#[cfg(feature = "layer")]
pub use sdk::SameIds;
#[cfg(feature = "sdk")]
pub use sdk::{
    EmitterCounts, ExportCounters, ExportCounts, OtelEmitter, XrayExporter, XrayIdGenerator, XrayPropagator,
    XraySampler, propagators,
};
#[cfg(feature = "sigv4")]
pub use sdk::{SigningClient, SigningError, endpoint};
pub use span::{Attributes, Event, Kind, Link, Resource, Scope, Span, Status, Value};
pub use spans::spans;
pub use xray_core;

/// The programs of the longer page compile and run.
#[cfg(all(doctest, feature = "layer", feature = "sigv4"))]
mod pages {
    #[doc = include_str!("../../docs/opentelemetry.md")]
    struct OpenTelemetry;
}

#[cfg(all(test, feature = "sdk"))]
mod tests {
    use super::*;

    #[test]
    fn everything_can_move_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Mapping>();
        shared::<Span>();
        shared::<XrayExporter<xray_core::Capture>>();
        shared::<OtelEmitter>();
        shared::<XraySampler>();
        shared::<XrayIdGenerator>();
        shared::<XrayPropagator>();
        #[cfg(feature = "layer")]
        shared::<SameIds>();
        #[cfg(feature = "sigv4")]
        shared::<SigningError>();
    }
}
