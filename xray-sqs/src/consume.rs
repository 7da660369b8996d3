//! Work on messages as segments of the consuming service.
//!
//! The segment opens when [`process`] or [`batch`] is called, not when the future is first polled: under Lambda
//! the function's node is that of the calling thread, and a task that is spawned has none.

use std::borrow::Cow;
use std::error::Error;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use xray_core::{Code, Incoming, Instrumented, Node, Sampled, SamplingRequest, TraceHeader};

use crate::failure::{self, Reveal};
use crate::message::{self, MessageExt};

/// Runs the handler of one message in a segment of its own, which joins the sender's trace with its decision.
///
/// The segment is named for the service that the X-Ray layer was made for. Its parent is the sender's subsegment; what
/// the handler does is below it, also calls whose clients are traced. It holds
///
/// | what | as | when |
/// |---|---|---|
/// | the queue's name | annotation `queue` | always |
/// | time between SQS taking the message and this call, milliseconds; 0 where the clocks disagree | annotation `queue_wait_ms` | `SentTimestamp` was asked for |
/// | how often the message was received, this time included | annotation `receive_count` | `ApproximateReceiveCount` was asked for |
/// | the sender's trace | annotation `sender_trace_id` | the segment is not in it (in Lambda, or by the layer's [`Trust`](xray_core::Trust)) |
/// | the message's id | metadata `message_id` in `sqs` | always |
///
/// An `Err` marks this segment as fault, with the error as its exception; other messages are not touched. Dropping the
/// future ends the segment as cancelled, a panic is recorded and goes on.
///
/// `queue` may be the queue's name, URL or ARN; the name is used. A missing, empty or unusable `AWSTraceHeader` starts
/// a new trace, decided by the sampling rules (which see the queue as attribute `queue`); one that is unusable is
/// counted and told (XR012). Messages whose attributes were not asked for are told (XR018). What happens is never an
/// error to the handler.
///
/// In Lambda the platform owns the segment, and this is a subsegment of the function. A message whose sender decided
/// against sampling is not recorded there either, and what its handler calls is told `Sampled=0`.
///
/// # Examples
///
/// A loop that works on the messages of a poll side by side, each in its own trace:
///
/// ```no_run
/// # #[cfg(feature = "aws-sdk")]
/// # async fn run(sqs: aws_sdk_sqs::Client, queue_url: &str) -> Result<(), Box<dyn std::error::Error>> {
/// # use aws_sdk_sqs::types::Message;
/// # async fn handle(_: &Message) -> Result<(), std::io::Error> { Ok(()) }
/// loop {
///     let received = sqs.receive_message().queue_url(queue_url).wait_time_seconds(20).send().await?;
///     for message in received.messages() {
///         let done = xray_sqs::process(message, queue_url, async {
///             handle(message).await?;
///             let receipt = message.receipt_handle().unwrap_or_default();
///             sqs.delete_message().queue_url(queue_url).receipt_handle(receipt).send().await?;
///             Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
///         });
///         if let Err(error) = done.await {
///             tracing::warn!(%error, "left in the queue");
///         }
///     }
/// }
/// # }
/// ```
pub fn process<M, F>(message: &M, queue: &str, future: F) -> Process<F>
where
    M: MessageExt + ?Sized,
{
    let queue = queue_name(queue);
    look_for_layer();
    if message::was_not_asked(message) {
        tell_not_asked(&queue);
    }
    let incoming = message.incoming();
    let sender = incoming.header().map(TraceHeader::root).filter(|root| !root.is_zero());
    let node = open(&queue, incoming);
    if node.is_recording() {
        annotate_times(&node, message::sent_millis(message), message::receive_count(message));
        if let Some(id) = message.id() {
            node.add_metadata_in(NAMESPACE, "message_id", id);
        }
        if let Some(sender) = sender.filter(|sender| node.trace_id() != Some(*sender)) {
            node.annotate("sender_trace_id", sender.as_str());
        }
    }
    Process::new(node, future)
}

/// Runs the handler of several messages in one segment, linked to the trace of each.
///
/// For handlers that work on messages together: one write for all of them, or one answer to the queue. Where each
/// message has work of its own [`process`] shows more.
///
/// The segment is in a trace of its own. It is sampled when the sender of any message was; not when all that speak say
/// no; by the rules where none speaks. It links to the sending subsegment of up to 20 sampled messages, each once.
/// Annotations: `queue`, `message_count`, and of `queue_wait_ms` and `receive_count` the greatest. The metadata
/// `messages` in `sqs` lists id and trace of the first 20. An `Err` marks it as fault. A header that is unusable is counted
/// and told (XR012).
///
/// In Lambda it is a subsegment of the function; links belong to the platform's segment there, so the metadata alone
/// tells the senders.
///
/// # Examples
///
/// ```no_run
/// # #[cfg(feature = "aws-sdk")]
/// # async fn run(messages: &[aws_sdk_sqs::types::Message]) -> Result<(), std::io::Error> {
/// # async fn store(_: &[aws_sdk_sqs::types::Message]) -> Result<(), std::io::Error> { Ok(()) }
/// xray_sqs::batch(messages, "orders", store(messages)).await
/// # }
/// ```
pub fn batch<'m, M, F>(messages: impl IntoIterator<Item = &'m M>, queue: &str, future: F) -> Process<F>
where
    M: MessageExt + ?Sized + 'm,
{
    let queue = queue_name(queue);
    look_for_layer();
    let batch = Batch::read(messages);
    if batch.not_asked {
        tell_not_asked(&queue);
    }
    let node = open(&queue, batch.sampled.map(Incoming::from).unwrap_or_default());
    if node.is_recording() {
        node.annotate("message_count", batch.count);
        annotate_times(&node, batch.first_sent, batch.receive_count);
        node.add_metadata_in(NAMESPACE, "messages", &batch.listed);
        for header in &batch.linked {
            if let Some(parent) = header.parent() {
                node.link(header.root(), parent);
            }
        }
    }
    Process::new(node, future)
}

pin_project_lite::pin_project! {
    /// A handler's future inside the segment of its message. Made by [`process`] and [`batch`].
    ///
    /// It gives what the handler gives. The error can be of any type that can be shown, for the common ones share no
    /// more than that: `Box<dyn Error>` is itself no [`Error`]. Recorded of it are its type and text; the sources too
    /// where it is boxed or an I/O error, and by [`Process::error_chain`]. Text is asked for in its alternate form
    /// (`{:#}`), in which `anyhow` and its like tell their sources.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Process<F> {
        #[pin]
        inner: Instrumented<Judged<F>>,
    }
}

impl<F> Process<F> {
    fn new(node: Node, future: F) -> Process<F> {
        // A second hand on the node: it is gone from `Instrumented` by the time the result is known.
        let view = node.share();
        Process { inner: node.instrument(Judged { future, node: view, reveal: None }) }
    }

    /// Records the chain of sources of an `Err`, which needs its type to be an [`Error`].
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # async fn run(message: &impl xray_sqs::MessageExt, price: &str) {
    /// let handled = xray_sqs::process(message, "prices", async { price.parse::<u64>().map(drop) });
    /// let _ = handled.error_chain().await;
    /// # }
    /// ```
    pub fn error_chain<T, E>(mut self) -> Process<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Error + 'static,
    {
        if let Some(judged) = self.inner.get_mut() {
            judged.reveal = Some(failure::reveal::<E>);
        }
        self
    }
}

impl<F, T, E> Future for Process<F>
where
    F: Future<Output = Result<T, E>>,
    E: Display + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        self.project().inner.poll(cx)
    }
}

pin_project_lite::pin_project! {
    /// Notes on the segment what the handler's result says.
    #[derive(Debug)]
    struct Judged<F> {
        #[pin]
        future: F,
        node: Node,
        reveal: Option<Reveal>,
    }
}

impl<F, T, E> Future for Judged<F>
where
    F: Future<Output = Result<T, E>>,
    E: Display + 'static,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if let Poll::Ready(Err(error)) = &polled {
            failure::record(this.node, error, *this.reveal);
        }
        polled
    }
}

/// What is known of a batch before its segment opens.
#[derive(Default)]
struct Batch {
    count: u64,
    sampled: Option<Sampled>,
    /// The earliest: its message waited longest.
    first_sent: Option<u64>,
    receive_count: Option<u64>,
    not_asked: bool,
    /// Id and trace of each message, while there is room.
    listed: Vec<Listed>,
    /// Sampled senders, each once, while there is room.
    linked: Vec<TraceHeader>,
}

type Listed = std::collections::BTreeMap<&'static str, String>;

impl Batch {
    fn read<'m, M: MessageExt + ?Sized + 'm>(messages: impl IntoIterator<Item = &'m M>) -> Batch {
        let mut batch = Batch::default();
        for message in messages {
            batch.add(message);
        }
        batch
    }

    fn add<M: MessageExt + ?Sized>(&mut self, message: &M) {
        self.count += 1;
        self.not_asked |= message::was_not_asked(message);
        let sent = message::sent_millis(message);
        self.first_sent = [self.first_sent, sent].into_iter().flatten().min();
        self.receive_count = self.receive_count.max(message::receive_count(message));
        let incoming = message.incoming();
        xray_core::report_malformed(&incoming);
        match incoming.sampled() {
            Some(Sampled::Yes) => self.sampled = Some(Sampled::Yes),
            Some(Sampled::No) if self.sampled.is_none() => self.sampled = Some(Sampled::No),
            _ => {}
        }
        let header = incoming.header().filter(|header| !header.root().is_zero());
        if self.listed.len() < LISTED {
            let id = message.id().map(|id| ("message_id", id.to_owned()));
            let trace = header.map(|header| ("trace_id", header.root().to_string()));
            self.listed.push([id, trace].into_iter().flatten().collect());
        }
        // A trace that was not sampled is not there to be linked to.
        if let Some(header) = header.filter(|header| header.sampled() != Some(Sampled::No)) {
            let known = self.linked.iter().any(|other| same_sender(other, header));
            if self.linked.len() < LISTED && header.parent().is_some() && !known {
                self.linked.push(header.clone());
            }
        }
    }
}

fn same_sender(one: &TraceHeader, other: &TraceHeader) -> bool {
    one.root() == other.root() && one.parent() == other.parent()
}

fn open(queue: &str, incoming: Incoming) -> Node {
    let attributes = [("queue", queue)];
    let mut request = SamplingRequest::default();
    request.attributes = &attributes;
    let node = xray_core::service_segment().incoming(incoming).sampling(request).open();
    node.annotate("queue", queue);
    node
}

fn annotate_times(node: &Node, sent_millis: Option<u64>, receive_count: Option<u64>) {
    if let (Some(started), Some(sent)) = (node.started(), sent_millis) {
        let wait = started.saturating_sub(Duration::from_millis(sent));
        node.annotate("queue_wait_ms", u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    }
    if let Some(count) = receive_count {
        node.annotate("receive_count", count);
    }
}

/// The name in a queue's URL (`https://sqs.…/123456789012/orders`) or ARN (`arn:aws:sqs:…:123456789012:orders`).
fn queue_name(queue: &str) -> Cow<'_, str> {
    // A name has letters, digits, `-`, `_`, and `.fifo` at its end.
    let trimmed = queue.trim_end_matches('/');
    let name = trimmed.rsplit(['/', ':']).next().unwrap_or(trimmed);
    Cow::Borrowed(if name.is_empty() { "unknown" } else { name })
}

fn look_for_layer() {
    if !xray_core::is_installed() {
        xray_core::report_missing_layer("xray_sqs");
    }
}

fn tell_not_asked(queue: &str) {
    xray_core::report(Code::Xr018, || {
        let queue: String = queue.chars().take(100).collect();
        format!(
            "messages of queue {queue:?} came without system attributes, so their senders' traces cannot be joined. Add \
             xray_sqs::interceptor() to the client, or AwsTraceHeader, SentTimestamp and ApproximateReceiveCount to \
             message_system_attribute_names of ReceiveMessage"
        )
    });
}

const NAMESPACE: &str = "sqs";
/// Messages of a batch that are listed and linked: two receives of SQS's most (10).
const LISTED: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_goes_by_its_name() {
        for queue in [
            "orders",
            "orders/",
            "https://sqs.eu-west-1.amazonaws.com/123456789012/orders",
            "http://127.0.0.1:5000/123456789012/orders",
            "arn:aws:sqs:eu-west-1:123456789012:orders",
        ] {
            assert_eq!(queue_name(queue), "orders");
        }
        assert_eq!(queue_name("orders.fifo"), "orders.fifo");
        assert_eq!(queue_name(""), "unknown");
    }
}
