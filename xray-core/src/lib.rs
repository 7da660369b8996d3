//! Turns `tracing` spans into AWS X-Ray segments.
//!
//! For applications, and for authors of middleware. With axum, hyper, tonic or reqwest start at `xray-tower`, which puts
//! a segment around each request; this crate is what it stands on, and enough for jobs and command-line tools.
//!
#![cfg_attr(feature = "layer", doc = "```no_run")]
#![cfg_attr(not(feature = "layer"), doc = "```ignore")]
//! use tracing_subscriber::prelude::*;
//! use xray_core::{ResultExt, segment};
//!
//! fn main() -> Result<(), xray_core::ConfigError> {
//!     let layer = xray_core::try_layer("checkout")?; // sends to AWS_XRAY_DAEMON_ADDRESS, or 127.0.0.1:2000
//!     let _xray = layer.guard(); // sends what is queued when `main` ends
//!     tracing_subscriber::registry().with(layer).init();
//!
//!     let job = segment("checkout").open();
//!     let charged = job.in_scope(|| charge(42, "12 EUR"));
//!     job.annotate("charged", charged.is_ok());
//!     Ok(())
//! }
//!
//! #[tracing::instrument(fields(annotation.order_id = order))]
//! fn charge(order: u64, amount: &str) -> Result<u64, std::num::ParseIntError> {
//!     tracing::info!("asking the bank");
//!     amount.parse().record_err() // type, causes and this line; `#[instrument(err)]` has the text alone
//! }
//! ```
//!
//! sends one datagram (pretty-printed here):
//!
//! ```json
#![doc = include_str!("../tests/golden/front_page.json")]
//! ```
//!
//! # The rules of the road
//!
//! - A span at INFO or above is a subsegment, except those of infrastructure crates (hyper, tower, the AWS SDK and the
//!   like). Other spans are transparent: what is below them hangs on what is above.
//! - An event is kept with its subsegment; one at ERROR is an exception, and marks it as fault.
//! - A span outside any segment opens one, named for the service, with itself as the one subsegment.
//! - Whether a trace is recorded is decided once, where it starts: see [`sampling`]. Unsampled work costs next to nothing
//!   and still passes its trace on.
//! - Nothing of ours panics, blocks or logs by `tracing` in your program.
//!
//! # Reserved span fields
//!
//! | field | where it goes | type |
//! |---|---|---|
//! | `annotation.KEY` | annotation `KEY`, indexed | text, number, boolean |
//! | `metadata.KEY` | metadata `KEY` | the same; any JSON by `SpanExt::add_metadata` |
//! | `xray` | records this span, or not | boolean |
//! | `otel.name`, `otel.kind`, `otel.status_code` | name, namespace `remote` for clients, fault | text |
//! | `http.*`, `url.full`, `db.*`, `aws.*`, `rpc.*` | the blocks `http`, `sql`, `aws` | text, number |
//! | `error`, `error.type`, `exception.message`, `exception.type` | an exception, and fault | error value, text |
//! | `user.id`, `enduser.id` | the segment's user | text |
//! | any other | metadata, as far as `XRAY_SPAN_FIELDS` allows | text, number, boolean |
//!
//! Values under names that look like secrets are masked. `docs/fields.md` in the repository has every name.
//!
//! # When nothing is sent
//!
//! Not sampled; switched off by `AWS_XRAY_SDK_ENABLED=false`; nobody listens (XR001); a filter on the whole registry that
//! hides the spans (XR004); the queue full (XR021). `Code` lists the messages that tell, and
//! what to do; `SegmentLayer::stats` counts what was lost, by cause.
//!
//! # Features
//!
//! | feature | what it gives |
//! |---|---|
//! | `layer` (default) | the `tracing` layer, open segments and subsegments, the sender thread |
//! | `udp` (default) | documents to the daemon |
//! | `central-sampling` | sampling rules of the X-Ray service, asked for through the daemon: `XRAY_SAMPLING=central` |
//! | `fmt` | the current trace id in the text lines of tracing-subscriber's fmt layer |
//! | `json` | the same in its JSON lines |
//! | `origins` | where the program runs: `XRAY_ORIGIN=auto` |
//!
//! Without any: ids, [`header`], [`sampling`] and the [`document`] model; no `tracing`, no socket.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod document;
pub mod emit;
pub mod entropy;
pub mod header;
pub mod sampling;

#[cfg(feature = "layer")]
mod config;
#[cfg(feature = "layer")]
mod diagnostics;
mod id;
#[cfg(feature = "layer")]
mod layer;
#[cfg(feature = "layer")]
mod node;
#[cfg(feature = "origins")]
mod origin;
#[cfg(feature = "layer")]
mod stats;

pub use clock::{Clock, SystemClock};
#[cfg(feature = "udp")]
pub use emit::Udp;
pub use emit::{Capture, DaemonAddress, Emit, EmitError, JsonLines};
pub use entropy::{Entropy, ThreadEntropy};
pub use header::{Incoming, ParseTraceHeaderError, Sampled, TraceHeader};
pub use id::{ParseSegmentIdError, ParseTraceIdError, SegmentId, TraceId};
pub use sampling::{Decision, LocalSampler, Reason, RuleCounts, Rules, Sample, SamplingRequest, SegmentEnd};

/// The programs in the page on sampling compile and run.
#[cfg(all(doctest, feature = "central-sampling"))]
#[doc = include_str!("../../docs/sampling.md")]
mod sampling_page {}

/// The same for the page on logs.
#[cfg(all(doctest, feature = "json"))]
#[doc = include_str!("../../docs/logs.md")]
mod logs_page {}

#[cfg(feature = "fmt")]
pub use layer::log;
#[cfg(feature = "layer")]
pub use {
    config::{
        Config, ConfigError, ContextMissing, LateCapture, Origin, ParseLateCaptureError, SETTINGS, Sampling, Setting,
        Settings, Sourced, SpanFields,
    },
    diagnostics::{Code, Diagnostic, DiagnosticsLevel},
    layer::{
        Builder, Guard, ResultExt, SegmentLayer, SpanExt, SpanNode, flush, is_installed, layer, report,
        report_malformed, report_missing_layer, shutdown, try_layer,
    },
    node::{
        AnnotationValue, AwsBlock, Entered, ExceptionParts, Flags, HttpRequestParts, Instrumented, Namespace, Node,
        Opening, SegmentBuilder, SubsegmentBuilder, Trust, UrlParts, current, invocation, segment, service_segment,
        subsegment,
    },
    stats::{Counter, Stats, StatsSnapshot},
};
