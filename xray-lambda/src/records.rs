//! Batches of SQS messages: a subsegment for each, and which of them Lambda should deliver again.
//!
//! The function's trace is one, its messages' traces are many: what a message was sent under stands on its subsegment
//! as an annotation, for X-Ray keeps links on segments only, and the segment is the platform's. (The platform links
//! the function's trace to its senders' itself.) A message whose sender was not sampled is not recorded, though the
//! invocation is: else one sampled message would have its whole batch recorded.
//!
//! Source: Lambda Developer Guide, "Handling errors for an SQS event source in Lambda" (partial batch responses).

use std::fmt;
use std::future::Future;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsEventObj, SqsMessage, SqsMessageObj};
use serde::Serialize;
use xray_core::header::MESSAGE_ATTRIBUTE;
use xray_core::{Incoming, Node, Sampled, segment, subsegment};

use crate::failure;
use crate::settings::{captures_errors, variable};

/// The messages of an SQS event, each to be worked on in a subsegment of its own.
///
/// # Examples
///
/// ```
/// use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
/// use lambda_runtime::{Error, LambdaEvent};
///
/// async fn handler(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
///     Ok(xray_lambda::records(event.payload).each(ship).await)
/// }
///
/// async fn ship(message: SqsMessage) -> Result<(), Error> {
///     let order = message.body.ok_or("message without a body")?;
///     tracing::info!(order, "shipped");
///     Ok(())
/// }
/// ```
pub fn records<M: Record>(event: impl Into<Records<M>>) -> Records<M> {
    event.into()
}

/// Messages to be worked on one after the other. Made by [`records`].
#[derive(Clone, Debug)]
#[must_use = "messages are worked on by `each`"]
pub struct Records<M> {
    messages: Vec<M>,
    capture_error: bool,
}

impl From<SqsEvent> for Records<SqsMessage> {
    fn from(event: SqsEvent) -> Self {
        Records::of(event.records)
    }
}

impl<T: Serialize> From<SqsEventObj<T>> for Records<SqsMessageObj<T>> {
    fn from(event: SqsEventObj<T>) -> Self {
        Records::of(event.records)
    }
}

impl<M> Records<M> {
    fn of(messages: Vec<M>) -> Records<M> {
        Records { messages, capture_error: captures_errors(variable) }
    }
}

impl<M: Record> Records<M> {
    /// Records what errors say: on unless said, or `POWERTOOLS_TRACER_CAPTURE_ERROR` is false, as for the whole
    /// [invocation](crate::Traced::capture_error). Without, a failed message is still marked as fault.
    pub fn capture_error(mut self, capture: bool) -> Self {
        self.capture_error = capture;
        self
    }

    /// Works on each message in turn, and says which failed. For event source mappings with `ReportBatchItemFailures`.
    ///
    /// A message's subsegment is named for its queue and holds what `xray_sqs::process` records: the annotations
    /// `sender_trace_id`, `queue_wait_ms` (from sending to now, milliseconds) and `receive_count`, and the metadata
    /// `message_id`. A header that is unusable is counted and told (XR012). Of batches beyond 15 messages the later ones' annotations are metadata: a trace keeps 50.
    ///
    /// An error is recorded on its message's subsegment, marks that as fault, and puts the message among the failed; the
    /// invocation itself succeeds. In a FIFO queue nothing after a failed message is worked on: all of it is reported
    /// with that message, which keeps the order. A message without an id is reported by an empty one, and Lambda then
    /// delivers the whole batch again.
    ///
    /// A panic ends the invocation, and Lambda delivers the whole batch again.
    pub async fn each<F, Fut, E>(self, mut work: F) -> SqsBatchResponse
    where
        F: FnMut(M) -> Fut,
        Fut: Future<Output = Result<(), E>>,
        E: fmt::Debug + 'static,
    {
        let mut response = SqsBatchResponse::default();
        let mut messages = self.messages.into_iter();
        while let Some(message) = messages.next() {
            let id = message.parts().id.unwrap_or_default().to_owned();
            let fifo = message.parts().queue.is_some_and(|arn| arn.ends_with(".fifo"));
            let node = open(&message.parts());
            // Within the future: a panic before there is one is the message's, too.
            let outcome = async { work(message).await };
            let outcome = node.instrument(Recorded { work: outcome, capture: self.capture_error }).await;
            if outcome.is_err() {
                response.add_failure(id);
                if fifo {
                    messages.by_ref().for_each(|rest| response.add_failure(rest.parts().id.unwrap_or_default()));
                }
            }
        }
        response
    }
}

pin_project_lite::pin_project! {
    /// Records an error on the innermost node while that is still open.
    struct Recorded<F> {
        #[pin]
        work: F,
        capture: bool,
    }
}

impl<F, E> Future for Recorded<F>
where
    F: Future<Output = Result<(), E>>,
    E: fmt::Debug + 'static,
{
    type Output = Result<(), E>;

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        let this = self.project();
        let polled = this.work.poll(cx);
        if let std::task::Poll::Ready(Err(error)) = &polled {
            failure::record(&xray_core::current(), error, *this.capture, &[]);
        }
        polled
    }
}

/// Opens the subsegment of a message, beneath what is open.
fn open(message: &Parts<'_>) -> Node {
    let queue = message.queue.and_then(|arn| arn.rsplit(':').next()).filter(|name| !name.is_empty()).unwrap_or("sqs");
    let incoming = Incoming::read_message(message.trace_header);
    if incoming.sampled() == Some(Sampled::No) {
        return segment(queue).incoming(incoming).open();
    }
    xray_core::report_malformed(&incoming);
    let node = subsegment(queue).open();
    if node.is_recording() {
        if let Some(id) = message.id {
            node.add_metadata_in("sqs", "message_id", id);
        }
        if let Some(header) = incoming.header() {
            node.annotate("sender_trace_id", header.root().as_str());
        }
        if let Some(wait) = message.sent.and_then(|sent| waited(sent, &node)) {
            node.annotate("queue_wait_ms", wait);
        }
        if let Some(count) = message.received.and_then(|count| count.parse::<u64>().ok()) {
            node.annotate("receive_count", count);
        }
    }
    node
}

/// Milliseconds between the sending of a message and the start of its subsegment; the clocks are two machines'.
fn waited(sent: &str, node: &Node) -> Option<u64> {
    let sent: u64 = sent.parse().ok()?;
    let started = u64::try_from(node.started()?.as_millis()).ok()?;
    Some(started.saturating_sub(sent))
}

/// A message of an SQS event. Implemented for those of `aws_lambda_events`, and there only.
pub trait Record: sealed::Sealed {
    #[doc(hidden)]
    fn parts(&self) -> Parts<'_>;
}

/// What is read of a message.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Parts<'a> {
    id: Option<&'a str>,
    queue: Option<&'a str>,
    trace_header: Option<&'a str>,
    /// Milliseconds since the Unix epoch, as text.
    sent: Option<&'a str>,
    /// How often it was delivered, as text.
    received: Option<&'a str>,
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! record {
    ($message:ty $(, $param:ident)?) => {
        impl$(<$param: Serialize>)? sealed::Sealed for $message {}

        impl$(<$param: Serialize>)? Record for $message {
            fn parts(&self) -> Parts<'_> {
                let attribute = |name: &str| self.attributes.get(name).map(String::as_str);
                Parts {
                    id: self.message_id.as_deref(),
                    queue: self.event_source_arn.as_deref(),
                    trace_header: attribute(MESSAGE_ATTRIBUTE),
                    sent: attribute("SentTimestamp"),
                    received: attribute("ApproximateReceiveCount"),
                }
            }
        }
    };
}

record!(SqsMessage);
record!(SqsMessageObj<T>, T);
