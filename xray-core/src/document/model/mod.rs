//! Any document of any sender, as owned data.
//!
//! Senders disagree in small things: one repeats `trace_id` on every nested subsegment, one writes
//! `in_progress: false`, one a `namespace` of its own. Reading therefore refuses nothing that is a JSON
//! object: a member of the expected type becomes a field, and every other member, unknown or of another
//! type or empty where empty means absent, stays in `other` under its name and is written back from
//! there. Reading and writing a document changes the order of its members and the spelling of its
//! numbers, and nothing else. (Who sets a field removes the member of its name from `other`, if one was
//! put aside there.)
//!
//! A document is a tree of bounded depth: the JSON reader gives up at 128 nested objects and arrays
//! rather than exhaust the stack, which leaves room for
//! [60 nested subsegments](super::limits::NESTED_SUBSEGMENTS).
//!
//! Source: X-Ray Developer Guide, "Segment documents".

mod aws;
mod cause;
mod http;
mod parse;
mod read;
mod sql;
mod walk;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};

pub use aws::{Aws, Service};
pub use cause::{Cause, CauseObject, Exception, StackFrame};
pub use http::{Http, HttpRequest, HttpResponse};
pub use parse::ParseDocumentError;
pub use sql::Sql;
pub use walk::Walk;

use read::{Field, NonEmpty, fill, is_absent, set};

/// A segment or subsegment as it is sent, with everything beneath it.
///
/// One type for all kinds: [`is_lone_subsegment`](Document::is_lone_subsegment) and
/// [`in_progress`](Document::in_progress) tell which it is. Texts are as the sender wrote them, unchecked;
/// the empty text means the member is absent. An absent list or map is an empty one.
///
/// # Examples
///
/// ```
/// use xray_core::document::Document;
///
/// let document = Document::parse(
///     r#"{"name": "orders", "id": "53995c3f42cd8ad8", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
///         "start_time": 1465510280.5, "end_time": 1465510280.75, "fault": true,
///         "subsegments": [{"name": "charge", "id": "53995c3f42cd8ad9", "start_time": 1.4655102805E9,
///                          "end_time": 1465510280.6, "annotations": {"order_id": 7}}]}"#,
/// )?;
/// assert!(document.fault);
/// assert_eq!(document.seconds(), Some(0.25));
/// let charge = document.find("charge").expect("a subsegment");
/// assert_eq!(charge.annotations["order_id"].as_i64(), Some(7));
/// # Ok::<(), xray_core::document::ParseDocumentError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Document {
    /// What did the work: a service, or the part or called service of a subsegment. 1 to 200 characters.
    #[serde(skip_serializing_if = "is_absent")]
    pub name: String,
    /// 16 hex digits, unique in the trace.
    #[serde(skip_serializing_if = "is_absent")]
    pub id: String,
    /// `1-{8 hex digits}-{24 hex digits}`; on segments and lone subsegments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// The id of the segment or subsegment that caused this one; some senders repeat it on nested ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<String>,
    /// The wire's `type`: `subsegment` on a lone subsegment.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Seconds since the Unix epoch, fractional. To about a quarter of a microsecond, as `f64` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<f64>,
    /// Seconds since the Unix epoch, fractional; absent while in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<f64>,
    /// Not ended when this was sent.
    #[serde(skip_serializing_if = "is_absent")]
    pub in_progress: bool,
    /// `aws` or `remote` on calls to other services; one SDK writes `local` on all other subsegments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Where a segment ran, such as `AWS::EC2::Instance`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The ARN of the resource a segment ran on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_arn: Option<String>,
    /// Who sent the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The caller's mistake (4xx).
    #[serde(skip_serializing_if = "is_absent")]
    pub error: bool,
    /// A failure of the service (5xx).
    #[serde(skip_serializing_if = "is_absent")]
    pub fault: bool,
    /// The caller was told to slow down (429).
    #[serde(skip_serializing_if = "is_absent")]
    pub throttle: bool,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The HTTP exchange.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http: Option<Http>,
    /// About the AWS resource: the one it ran on (segment) or the one it called (subsegment).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
    /// About the program; on segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<Service>,
    /// The database query of a subsegment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql: Option<Sql>,
    /// Indexed keys and scalars.
    #[serde(skip_serializing_if = "is_absent")]
    pub annotations: BTreeMap<String, Annotation>,
    /// Any JSON by namespace, not indexed. Senders put an object of keys under each namespace.
    #[serde(skip_serializing_if = "is_absent")]
    pub metadata: Map<String, Value>,
    /// Other traces this segment belongs to.
    #[serde(skip_serializing_if = "is_absent")]
    pub links: Vec<Link>,
    /// Ids of siblings that finished before this subsegment began.
    #[serde(skip_serializing_if = "is_absent")]
    pub precursor_ids: Vec<String>,
    /// Set by X-Ray on segments it made from a caller's subsegment.
    #[serde(skip_serializing_if = "is_absent")]
    pub inferred: bool,
    /// Parts of this work, and calls it made.
    #[serde(skip_serializing_if = "is_absent")]
    pub subsegments: Vec<Document>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Document {
    /// True for a subsegment sent apart from its segment.
    pub fn is_lone_subsegment(&self) -> bool {
        self.kind.as_deref() == Some("subsegment")
    }

    /// When it started, as time since the Unix epoch; none where that is absent or before the epoch.
    pub fn start(&self) -> Option<Duration> {
        since_epoch(self.start_time?)
    }

    /// When it ended, as time since the Unix epoch; none in progress.
    pub fn end(&self) -> Option<Duration> {
        since_epoch(self.end_time?)
    }

    /// Seconds from start to end, negative if it ends before it starts; none in progress.
    pub fn seconds(&self) -> Option<f64> {
        Some(self.end_time? - self.start_time?)
    }

    /// The exceptions of its cause, the outermost first; none if the cause is only the id of another's.
    pub fn exceptions(&self) -> &[Exception] {
        match &self.cause {
            Some(Cause::Object(cause)) => &cause.exceptions,
            Some(Cause::Id(_)) | None => &[],
        }
    }

    /// The HTTP status of the response.
    pub fn http_status(&self) -> Option<i64> {
        self.http.as_ref()?.response.as_ref()?.status
    }

    /// The first of this name, in the order of [`walk`](Document::walk); this document counts too.
    pub fn find(&self, name: &str) -> Option<&Document> {
        self.walk().find(|document| document.name == name)
    }

    /// This document and everything beneath it, depth first, parents before children.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// The document as JSON, two spaces a level, members in the order of the fields above.
    pub fn to_string_pretty(&self) -> String {
        // Writing to memory cannot fail, and every key is a string.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    fn read(from: Map<String, Value>) -> Document {
        let mut document = Document::default();
        for (name, value) in from {
            if let Err(value) = document.set(&name, value) {
                document.other.insert(name, value);
            }
        }
        document
    }

    /// Gives the member of this name to its field, or back. The other way round, each field asking for its member, most
    /// of the 26 ask for nothing: a document has some ten.
    fn set(&mut self, name: &str, value: Value) -> Result<(), Value> {
        match name {
            "name" => fill(&mut self.name, value),
            "id" => fill(&mut self.id, value),
            "trace_id" => set(&mut self.trace_id, value),
            "parent_id" => set(&mut self.parent_id, value),
            "type" => set(&mut self.kind, value),
            "start_time" => set(&mut self.start_time, value),
            "end_time" => set(&mut self.end_time, value),
            "in_progress" => fill(&mut self.in_progress, value),
            "namespace" => set(&mut self.namespace, value),
            "origin" => set(&mut self.origin, value),
            "resource_arn" => set(&mut self.resource_arn, value),
            "user" => set(&mut self.user, value),
            "error" => fill(&mut self.error, value),
            "fault" => fill(&mut self.fault, value),
            "throttle" => fill(&mut self.throttle, value),
            "cause" => set(&mut self.cause, value),
            "http" => set(&mut self.http, value),
            "aws" => set(&mut self.aws, value),
            "service" => set(&mut self.service, value),
            "sql" => set(&mut self.sql, value),
            "annotations" => fill(&mut self.annotations, value),
            "metadata" => fill(&mut self.metadata, value),
            "links" => fill(&mut self.links, value),
            "precursor_ids" => fill(&mut self.precursor_ids, value),
            "inferred" => fill(&mut self.inferred, value),
            "subsegments" => fill(&mut self.subsegments, value),
            _ => Err(value),
        }
    }
}

read::object!(Document);

fn since_epoch(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}

/// The value of an annotation.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Annotation {
    /// A text, at most 1,000 characters.
    String(String),
    /// A number; integers stay integers.
    Number(serde_json::Number),
    /// A yes or no.
    Bool(bool),
    /// What X-Ray does not index: null, a list, an object.
    Other(Value),
}

impl Annotation {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Annotation::String(text) = self { Some(text) } else { None }
    }

    /// The number, if it is a whole one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        if let Annotation::Number(number) = self { number.as_i64() } else { None }
    }

    /// The number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        if let Annotation::Number(number) = self { number.as_f64() } else { None }
    }

    /// The yes or no, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Annotation::Bool(value) = self { Some(*value) } else { None }
    }
}

impl From<Value> for Annotation {
    fn from(value: Value) -> Annotation {
        match value {
            Value::String(text) => Annotation::String(text),
            Value::Number(number) => Annotation::Number(number),
            Value::Bool(value) => Annotation::Bool(value),
            other => Annotation::Other(other),
        }
    }
}

impl Field for Annotation {
    fn fits(_value: &Value) -> bool {
        true
    }

    fn read(value: Value) -> Option<Annotation> {
        Some(value.into())
    }
}

/// Another trace a segment belongs to: that of a message in its batch, say.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Link {
    /// The other trace.
    #[serde(skip_serializing_if = "is_absent")]
    pub trace_id: String,
    /// The segment or subsegment in it, 16 hex digits.
    #[serde(skip_serializing_if = "is_absent")]
    pub id: String,
    /// What is known of the link.
    #[serde(skip_serializing_if = "is_absent")]
    pub attributes: Map<String, Value>,
    /// Every other member, and those not of the type above.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl Link {
    fn read(mut from: Map<String, Value>) -> Link {
        let from = &mut from;
        Link {
            trace_id: NonEmpty::take(from, "trace_id"),
            id: NonEmpty::take(from, "id"),
            attributes: NonEmpty::take(from, "attributes"),
            other: std::mem::take(from),
        }
    }
}

read::object!(Link);

#[cfg(test)]
mod tests;
