//! Every AWS SDK call as its own node of the trace, with the trace header on the wire: AWS X-Ray for `aws-sdk-*`.
//!
//! For programs that record with [`xray_core`] (or `xray-tower`) and call DynamoDB, SQS, SNS, S3, Lambda or any other
//! service through the AWS SDK for Rust. One line for each client:
//!
//! ```no_run
//! # mod aws_config {
//! #     pub use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
//! #     pub async fn load_defaults(_: BehaviorVersion) -> aws_types::SdkConfig { aws_types::SdkConfig::builder().build() }
//! # }
//! use aws_sdk_dynamodb::{Client, config, types::AttributeValue};
//! use tracing_subscriber::prelude::*;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), aws_sdk_dynamodb::Error> {
//!     tracing_subscriber::registry().with(xray_core::layer("orders")).init();
//!     let shared = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
//!     let config = config::Builder::from(&shared).interceptor(xray_aws_sdk::interceptor()); // this line
//!     store(&Client::from_conf(config.build())).await?;
//!     xray_core::shutdown(std::time::Duration::from_secs(1));
//!     Ok(())
//! }
//!
//! #[tracing::instrument(skip_all)]
//! async fn store(client: &Client) -> Result<(), aws_sdk_dynamodb::Error> {
//!     client.put_item().table_name("orders").item("id", AttributeValue::S("7".into())).send().await?;
//!     Ok(())
//! }
//! ```
//!
//! sends one document (pretty-printed here):
//!
//! ```json
#![doc = include_str!("../tests/golden/front_page.json")]
//! ```
//!
//! # What is recorded
//!
//! One subsegment for each call, whatever is retried beneath it, below the innermost segment, subsegment or span
//! where the call is first polled; never below the SDK's own spans, whatever the log level.
//!
//! | member | value |
//! |---|---|
//! | `name` | the service's SDK id: `DynamoDB`, `SQS`, `SNS`, `S3`, `Lambda`, `Route 53` |
//! | `aws.operation`, `aws.region` | the call and the client's region |
//! | `aws.table_name`, `aws.bucket_name`, `aws.function_name` | what is called, and again as `aws.resource_names`: the service map names the node so. Of a table's or function's ARN, the name |
//! | `aws.queue_url`, `aws.queue_name`, `aws.topic_arn`, `aws.index_name` | the same without `resource_names` |
//! | `aws.request_id`, `aws.id_2` | the last answer's request id, and S3's extended one |
//! | `aws.retries` | attempts after the first; absent when there were none |
//! | `http.response` | `status` and `content_length` of the last answer |
//! | `subsegments` | `attempt 1`, `attempt 2`, … with [`XrayInterceptor::attempts`] |
//!
//! Nothing else of a call is read: no keys, no items, no message bodies. [`XrayInterceptor::capture`] adds members by name.
//!
//! | what happens | recorded |
//! |---|---|
//! | 4xx answer | error; exception of the service's error code, marked `remote` |
//! | 429, or a code that means "slow down" (DynamoDB throttles with 400, S3 with 503) | throttle besides |
//! | 5xx answer, or an error in an answer of 2xx | fault; exception likewise |
//! | 304 | nothing: the SDK calls it an error, the caller asked for it |
//! | attempt or operation timed out | fault; exception `TimeoutError` |
//! | no connection, no credentials | fault; exception `DispatchFailure` |
//! | an answer that breaks off | fault; exception `ResponseError` |
//! | an input that no request can be made of | fault; exception `ConstructionFailure` |
//! | nobody waits any more | error; exception `cancelled`; ends where the future is dropped |
//! | presigning | nothing, and no header: nobody is called |
//! | X-Ray's own `PutTraceSegments`, `GetSamplingRules`, … | nothing |
//! | a call outside any segment | the context-missing strategy (XR005); SQS `ReceiveMessage`, which waits there for work, says nothing |
//!
//! The call itself is never touched: an interceptor that fails would fail it, so ours does not, whatever happens.
//!
//! # The header
//!
//! `X-Amzn-Trace-Id` stands on every attempt: the trace, the call's subsegment as `Parent`, `Sampled=1` or, of a trace
//! that is not sampled, `Sampled=0`; and Lineage and whatever else the incoming header carried. The SDK's own header
//! (in Lambda) gives way to ours, which carries the same Lineage; where there is no segment, ours gives way to it. One
//! that the host set itself stays.
//!
//! # Many clients
//!
//! An `SdkConfig` carries no interceptors. [`http_client()`] around its HTTP client does for all its clients at once,
//! and tells less. Both may be used together: a client that has the interceptor is left to it.
//!
//! # Limits
//!
//! - An output's stream (S3 `GetObject`) is read after the call has ended; the subsegment does not wait for it.
//! - Paginators and waiters make a subsegment for each call.
//! - `BatchGetItem`, `BatchWriteItem` and the transactions name their tables in maps and lists, which the SDK does not
//!   hand out: they are shown without a table.
//! - Spans opened inside an HTTP client of the host's own hang beside the call's subsegment, not below it.
//! - An interceptor given to one call by `customize()` does not learn the resource.
//!
//! There are no features. The crate needs Rust 1.94.1, as the SDK does, and adds no crate to a program that has an SDK
//! client and `xray-core`.
#![forbid(unsafe_code)]

mod call;
mod http_client;
mod interceptor;
mod operation;
mod outcome;
mod request;
mod resource;
mod service_error;

pub use http_client::http_client;
pub use interceptor::{XrayInterceptor, interceptor, trace_header};

/// The program in the page on the AWS SDK compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/aws-sdk.md")]
mod page {}
