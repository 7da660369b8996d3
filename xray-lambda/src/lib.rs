//! AWS X-Ray for Lambda functions in Rust: what a function does, beneath the segment that the platform sends for it.
//!
//! For functions on lambda_runtime 1.x and lambda_http 1.x. Two lines:
//!
//! ```no_run
//! use lambda_runtime::{Error, LambdaEvent, service_fn};
//! use serde_json::{Value, json};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     xray_lambda::init()?; // logs and X-Ray, in the place of tracing::init_default_subscriber
//!     lambda_runtime::run(xray_lambda::trace(service_fn(handler))).await
//! }
//!
//! async fn handler(event: LambdaEvent<Value>) -> Result<Value, Error> {
//!     charge(event.payload["order"].as_u64().unwrap_or_default()).await?;
//!     Ok(json!({ "paid": true }))
//! }
//!
//! #[tracing::instrument]
//! async fn charge(order: u64) -> Result<(), Error> {
//!     Ok(())
//! }
//! ```
//!
//! and in the function's settings active tracing: `Tracing: Active` in SAM, `TracingConfig` `Mode: Active` in
//! CloudFormation. Each sampled invocation then sends one document to the daemon that Lambda runs beside it, before the
//! response is posted (pretty-printed here):
//!
//! ```json
#![doc = include_str!("../tests/golden/front_page.json")]
//! ```
//!
//! Its parent is the function's own segment, so `service("my-lambda") AND annotation.cold_start = true` finds cold starts.
//!
//! # What is recorded
//!
//! | what happens | the invocation's subsegment |
//! |---|---|
//! | name | `## handler`, as Powertools names it; [`Traced::name`] |
//! | first invocation of the process | annotations `ColdStart` and `cold_start`; never with provisioned concurrency |
//! | service | annotation `Service`: `POWERTOOLS_SERVICE_NAME`, else the function's name |
//! | trigger | annotation `trigger`: `sqs`, `sns`, `eventbridge`, `s3`, `dynamodb`, `kinesis`, `apigateway`, `function-url`, `alb`, `vpc-lattice`, by the event's type, or its content where that is `serde_json::Value`; [`Traced::trigger`] |
//! | request id | metadata `request_id` |
//! | response | nothing; [`Traced::capture_response`] |
//! | error | fault, exception with its sources; [`Traced::capture_error`], [`Traced::error_chain`] |
//! | panic | fault, exception `panic`; it goes on unchanged, and lambda_runtime answers as before |
//! | 200 ms before the deadline | it is sent as in progress, with what is open in it; [`Traced::deadline_margin`] |
//! | streamed response | it ends with the stream |
//!
//! Spans, AWS calls and HTTP calls inside are subsegments of it.
//!
//! # Who decides
//!
//! The platform: by the trace header that stands in the invocation's context. Sampling rules, late capture and the
//! trust in headers have no say here.
//!
//! | the header says | recorded | calls made inside carry |
//! |---|---|---|
//! | `Sampled=1`, with a parent | yes | the trace, sampled, with `Lineage` |
//! | `Sampled=0` | no | the trace, not sampled, with `Lineage` |
//! | no decision (pass-through: `Root=…;Lineage=…`) | no | the header as it came |
//! | nothing, or nothing usable | no | nothing |
//!
//! The last two are told (XR014, XR012), and no invocation fails by any of them. `_X_AMZN_TRACE_ID` is asked only where the
//! context has no header, and never while the process serves several invocations at a time (XR016).
//!
//! # What Lambda cannot show
//!
//! - **The segment is the platform's.** Users, links and the `http` block of the segment cannot be set from inside. A
//!   [`segment`](xray_core::segment()) opened in a function becomes a subsegment, and that is told (XR015). So does what
//!   `xray_tower::server()` and `xray_sqs::process` open, untold: the same router may serve inside and outside Lambda.
//! - **An event that does not deserialize** never reaches the handler: lambda_runtime answers, and only the platform's
//!   segment shows it.
//! - **A process that dies, or a handler that blocks its thread** past the deadline, cannot announce itself. The platform's
//!   segment shows that the invocation failed, and what was sent before is there. Blocking work belongs in
//!   `spawn_blocking`.
//! - **Work before the first invocation** has no trace. The platform's segment shows how long it took.
//! - **`http.url` and the like** in filter expressions look at segments; the `http` block that is recorded for lambda_http
//!   stands on the subsegment and is shown there.
//!
//! # One process, many invocations
//!
//! Nothing is shared between invocations but whether one was the first: `run_concurrent` and
//! `AWS_LAMBDA_MAX_CONCURRENCY` need no change. There is no thread and no queue: a document leaves when its subsegment
//! ends. After a restore (SnapStart) ids are drawn anew and the socket is opened anew, before the first invocation.
//!
//! # Batches of SQS
//!
//! With the feature `sqs`, `records(event).each(work)` gives each message a subsegment of its own and answers with
//! those that failed.
//!
//! # lambda_http
//!
//! With the feature `http` the wrapper takes handlers of HTTP requests:
//! `lambda_http::run(xray_lambda::trace(service_fn(handler)))`, or an axum router in the handler's place; for
//! `run_with_streaming_response` add `.streaming()`.
//!
//! # Variables
//!
//! | variable | what it does |
//! |---|---|
//! | `POWERTOOLS_SERVICE_NAME` | annotation `Service` |
//! | `POWERTOOLS_TRACE_DISABLED` | true switches X-Ray off |
//! | `POWERTOOLS_TRACER_CAPTURE_RESPONSE`, `POWERTOOLS_TRACER_CAPTURE_ERROR` | whether responses (false) and errors (true) are recorded; a value that is neither yes nor no is told (XR025) |
//! | `AWS_LAMBDA_LOG_LEVEL`, `AWS_LAMBDA_LOG_FORMAT`, `RUST_LOG` | log lines: [`init`] |
//! | `AWS_XRAY_SDK_ENABLED` | true: X-Ray outside Lambda too; false: nowhere |
//! | others | as for every layer: [`SETTINGS`](xray_core::SETTINGS) |
//!
//! # Features
//!
//! | feature | what it gives |
//! |---|---|
//! | `http` | handlers of lambda_http |
//! | `sqs` | `records`: batches of SQS messages |
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod facade;
mod failure;
mod future;
mod handler;
#[cfg(feature = "http")]
mod http;
mod init;
#[cfg(feature = "sqs")]
mod records;
mod response;
mod scope;
mod settings;
mod trigger;

pub use future::Invocation;
pub use handler::{Traced, trace};
#[cfg(feature = "http")]
#[cfg_attr(docsrs, doc(cfg(feature = "http")))]
pub use http::{Streaming, TracedBody};
pub use init::{InitError, init, layer};
#[cfg(feature = "sqs")]
#[cfg_attr(docsrs, doc(cfg(feature = "sqs")))]
pub use records::{Record, Records, records};
pub use response::{TracedResponse, TracedStream};
pub use xray_core;

/// The programs in the page on Lambda compile.
#[cfg(all(doctest, feature = "http", feature = "sqs"))]
#[doc = include_str!("../../docs/lambda.md")]
mod page {}

#[cfg(test)]
mod tests;
