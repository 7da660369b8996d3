//! Workers of an Amazon SQS queue in the trace of whoever sent the message.
//!
//! For programs that poll a queue with the AWS SDK for Rust, and for Lambda functions that are given its messages. SQS
//! carries the sender's trace header with each message; what is done with the message is a trace of its own all the
//! same, until somebody reads that header. Here that is one call around the handler, and one line where the client is
//! made:
//!
//! ```no_run
//! # #[cfg(feature = "aws-sdk")]
//! # mod program {
//! use aws_sdk_sqs::{Client, config, types::Message};
//! use tracing_subscriber::prelude::*;
//!
//! # async fn ship(_: &Message) -> Result<(), std::io::Error> { Ok(()) }
//! # pub async fn work(aws: aws_types::SdkConfig) -> Result<(), Box<dyn std::error::Error>> {
//! let xray = xray_sqs::xray_core::layer("shipping");
//! let _guard = xray.guard(); // drains when dropped
//! tracing_subscriber::registry().with(xray).init();
//!
//! let sqs = Client::from_conf(config::Builder::from(&aws).interceptor(xray_sqs::interceptor()).build());
//! let queue = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders";
//! loop {
//!     let received = sqs.receive_message().queue_url(queue).wait_time_seconds(20).send().await?;
//!     for message in received.messages() {
//!         if xray_sqs::process(message, queue, ship(message)).await.is_ok() {
//!             let receipt = message.receipt_handle().unwrap_or_default();
//!             sqs.delete_message().queue_url(queue).receipt_handle(receipt).send().await?;
//!         }
//!     }
//! }
//! # }
//! # }
//! ```
//!
//! Each message then sends one document to the X-Ray daemon (pretty-printed here), below the sender's call to SQS:
//!
//! ```json
#![doc = include_str!("../tests/golden/front_page.json")]
//! ```
//!
//! # What is recorded
//!
//! | | [`process`]: one message | [`batch`]: many in one piece of work |
//! |---|---|---|
//! | segment | one for each message, named for the service | one, named for the service |
//! | trace | the sender's, with its decision | its own, with a link to the sender of each message (20 at most) |
//! | sampled | as the sender says, else by the rules | when one of the senders was; by the rules where none says |
//! | `queue` | the queue's name | the same |
//! | `queue_wait_ms` | milliseconds from `SentTimestamp` to the call | of the message that waited longest |
//! | `receive_count` | `ApproximateReceiveCount` | the greatest |
//! | an `Err`, a panic, a dropped future | fault with exception; the same; error, `cancelled` | the same |
//!
//! # On the wire
//!
//! Sender and worker meet in the message's system attribute `AWSTraceHeader`. SQS makes it of the HTTP header that
//! `xray_aws_sdk::interceptor()` sends (and so do senders in other languages, SNS topics, and API Gateway); emulators do
//! not. `xray_sqs::interceptor()`, which is that one and more, writes the attribute itself, for single sends and each
//! entry of a batch, and makes `ReceiveMessage` ask for it: SQS keeps to itself what nobody asks for.
//!
//! # Traps
//!
//! - **A receiver without the interceptor** must name `AwsTraceHeader`, `SentTimestamp` and `ApproximateReceiveCount` in
//!   `message_system_attribute_names`. Messages that come with nothing are told once (XR018).
//! - **The segment opens when [`process`] is called**, so call it when the work begins, not for a heap of futures that
//!   wait their turn: `stream::iter(messages).map(|m| process(m, …)).buffer_unordered(10)` does it right.
//! - **Polling belongs outside.** Within a segment, 20 s of waiting would be a subsegment of 20 s.
//! - **Delete inside** the handler to have the call in the trace, as the `aws` example does; outside, as above, it is not
//!   recorded.
//! - **A trace ends somewhere.** A message that is sent on to a further queue carries the trace along; a message that
//!   waited for days joins a trace that X-Ray has long drawn (it takes documents for 30 days).
//!
//! # In AWS Lambda
//!
//! The platform's segment is the only one, and each record of an `SqsEvent` is a subsegment of it, with the sender's trace
//! as the annotation `sender_trace_id`. A sender's `Sampled=0` holds for its message also where the function is sampled.
//! Links between the two traces are made by Lambda itself. `xray_lambda::records` does the same for a whole event, and
//! says which of its records failed.
//!
//! # Features
//!
//! | feature | what it gives |
//! |---|---|
//! | `aws-sdk` | [`MessageExt`] for `aws_sdk_sqs::types::Message`, and `interceptor()`; needs Rust 1.94.1, as the SDK |
//! | `lambda-events` | [`MessageExt`] for `aws_lambda_events::event::sqs::SqsMessage` |
//!
//! Without either any type of yours can be a message: [`MessageExt`] is two methods.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod consume;
mod failure;
#[cfg(feature = "aws-sdk")]
mod interceptor;
mod message;

pub use consume::{Process, batch, process};
#[cfg(feature = "aws-sdk")]
#[cfg_attr(docsrs, doc(cfg(feature = "aws-sdk")))]
pub use interceptor::{SqsInterceptor, interceptor};
pub use message::MessageExt;
pub use xray_core;

/// The programs in the page on SQS compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/sqs.md")]
mod page {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_can_move_between_threads() {
        fn shared<T: Send + Sync + 'static>() {}
        shared::<Process<()>>();
        #[cfg(feature = "aws-sdk")]
        shared::<SqsInterceptor>();
    }
}
