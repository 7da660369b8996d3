//! What a message says about its trace, whichever crate read it from the queue.

use xray_core::{Incoming, TraceHeader};

/// A message of an SQS queue, with its system attributes.
///
/// Implemented for `aws_sdk_sqs::types::Message` (feature `aws-sdk`) and `aws_lambda_events::event::sqs::SqsMessage`
/// (feature `lambda-events`). Any other type that keeps the system attributes can be given it, as the record of a
/// message that was stored to be worked on later.
///
/// # Examples
///
/// ```
/// use std::collections::HashMap;
/// use xray_sqs::MessageExt;
///
/// struct Stored {
///     attributes: HashMap<String, String>,
/// }
///
/// impl MessageExt for Stored {
///     fn id(&self) -> Option<&str> {
///         None
///     }
///
///     fn system_attribute(&self, name: &str) -> Option<&str> {
///         self.attributes.get(name).map(String::as_str)
///     }
/// }
///
/// let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".to_owned();
/// let stored = Stored { attributes: HashMap::from([("AWSTraceHeader".to_owned(), header)]) };
/// assert_eq!(stored.trace_header().unwrap().parent().unwrap().as_str(), "53995c3f42cd8ad8");
/// ```
pub trait MessageExt {
    /// The id that SQS gave the message.
    fn id(&self) -> Option<&str>;

    /// The value of a system attribute, such as `AWSTraceHeader`, `SentTimestamp` or `ApproximateReceiveCount`;
    /// `None` where the message has none, or its receiver did not ask for it.
    fn system_attribute(&self, name: &str) -> Option<&str>;

    /// The trace header of whoever sent the message. `None` where there is none that names a trace.
    fn trace_header(&self) -> Option<TraceHeader> {
        self.incoming().header().cloned()
    }

    /// All that the message says about its trace: also a decision without a usable trace, and what is malformed.
    fn incoming(&self) -> Incoming {
        Incoming::read_message(self.system_attribute(xray_core::header::MESSAGE_ATTRIBUTE))
    }
}

#[cfg(feature = "aws-sdk")]
#[cfg_attr(docsrs, doc(cfg(feature = "aws-sdk")))]
impl MessageExt for aws_sdk_sqs::types::Message {
    fn id(&self) -> Option<&str> {
        self.message_id()
    }

    fn system_attribute(&self, name: &str) -> Option<&str> {
        self.attributes()?.get(&name.into()).map(String::as_str)
    }
}

#[cfg(feature = "lambda-events")]
#[cfg_attr(docsrs, doc(cfg(feature = "lambda-events")))]
impl MessageExt for aws_lambda_events::event::sqs::SqsMessage {
    fn id(&self) -> Option<&str> {
        self.message_id.as_deref()
    }

    fn system_attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// When SQS took the message, milliseconds since the Unix epoch. Always there when it was asked for.
pub(crate) fn sent_millis(message: &(impl MessageExt + ?Sized)) -> Option<u64> {
    message.system_attribute(SENT_TIMESTAMP)?.parse().ok()
}

/// How often the message was received and not deleted, this time included.
pub(crate) fn receive_count(message: &(impl MessageExt + ?Sized)) -> Option<u64> {
    message.system_attribute(RECEIVE_COUNT)?.parse().ok()
}

/// True when the message has nothing that its receiver must have asked for.
pub(crate) fn was_not_asked(message: &(impl MessageExt + ?Sized)) -> bool {
    // A sender without a trace leaves AWSTraceHeader out; the time of sending is never left out.
    message.system_attribute(SENT_TIMESTAMP).is_none()
        && message.system_attribute(xray_core::header::MESSAGE_ATTRIBUTE).is_none()
}

/// Source: SQS API Reference, `ReceiveMessage`, `MessageSystemAttributeNames`.
const SENT_TIMESTAMP: &str = "SentTimestamp";
const RECEIVE_COUNT: &str = "ApproximateReceiveCount";
