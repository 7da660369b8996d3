//! A finished OpenTelemetry span as plain data, whoever decoded it.
//!
//! The OpenTelemetry SDK's `SpanData` becomes one of these, and so can a span of an OTLP request: nothing here knows
//! either. Ids are bytes as on the wire, times nanoseconds since the Unix epoch. All of it may be nonsense: the sender
//! is a stranger, and [`Mapping`](crate::Mapping) makes a valid document of it or says why not.
//!
//! Source: OpenTelemetry protocol, `trace.proto` and `common.proto`, version 1.

use std::sync::Arc;

/// A span that has ended.
///
/// # Examples
///
/// ```
/// use xray_otel::{Kind, Span};
///
/// let mut span = Span::new([7; 16], [1; 8], "GET /orders");
/// span.kind = Kind::Server;
/// span.start = 1_465_510_280_500_000_000;
/// span.end = span.start + 250_000_000;
/// span.attributes.push(("http.response.status_code".into(), 200.into()));
/// assert_eq!(span.parent_id, None);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// 16 bytes; all zeros is no id.
    pub trace_id: [u8; 16],
    /// 8 bytes; all zeros is no id.
    pub span_id: [u8; 8],
    /// The span that caused this one; all zeros counts as none.
    pub parent_id: Option<[u8; 8]>,
    /// The parent is a span of another process. False where the sender does not say.
    pub parent_is_remote: bool,
    /// What part it plays in a request.
    pub kind: Kind,
    /// Name of the operation.
    pub name: String,
    /// Nanoseconds since the Unix epoch.
    pub start: u64,
    /// Nanoseconds since the Unix epoch.
    pub end: u64,
    /// How it ended.
    pub status: Status,
    /// Keys and values; of a key that is there twice the last counts.
    pub attributes: Attributes,
    /// What happened meanwhile.
    pub events: Vec<Event>,
    /// Spans of this or other traces that it has to do with.
    pub links: Vec<Link>,
    /// Attributes, events and links that the sender left out.
    pub dropped: u64,
    /// What made it; shared by all spans of a process.
    pub resource: Arc<Resource>,
    /// Which library recorded it.
    pub scope: Arc<Scope>,
}

impl Span {
    /// A span of these ids and this name, and nothing else.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], name: impl Into<String>) -> Span {
        Span { trace_id, span_id, name: name.into(), ..Span::default() }
    }
}

/// What part a span plays in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Work within a process.
    #[default]
    Internal,
    /// A request served.
    Server,
    /// A request made.
    Client,
    /// A message sent.
    Producer,
    /// A message worked on.
    Consumer,
}

/// How a span ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nobody said.
    #[default]
    Unset,
    /// Well, says the application.
    Ok,
    /// Not well, and why; the text may be empty.
    Error(String),
}

/// Keys and values.
pub type Attributes = Vec<(String, Value)>;

/// The value of an attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Empty,
    /// A text.
    Text(String),
    /// A yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number, perhaps not a finite one.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values of any types.
    List(Vec<Value>),
    /// Keys and values.
    Map(Attributes),
}

impl Value {
    /// The text, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Double(value)
    }
}

/// Something that happened during a span.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// What happened.
    pub name: String,
    /// When, nanoseconds since the Unix epoch.
    pub time: u64,
    /// Keys and values.
    pub attributes: Attributes,
}

/// A span of this or another trace that a span has to do with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    /// 16 bytes; all zeros is no id.
    pub trace_id: [u8; 16],
    /// 8 bytes; all zeros is no id.
    pub span_id: [u8; 8],
    /// What is known of the link.
    pub attributes: Attributes,
}

/// What made spans: a service, its process, its host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Keys and values, `service.name` among them.
    pub attributes: Attributes,
}

impl Resource {
    /// A resource that is a service of this name.
    pub fn of_service(name: impl Into<String>) -> Resource {
        Resource { attributes: vec![("service.name".to_owned(), Value::Text(name.into()))] }
    }

    /// The text under a key, if it is one and not empty.
    pub fn text(&self, key: &str) -> Option<&str> {
        let found = self.attributes.iter().rev().find(|(name, _)| name == key)?;
        found.1.as_str().filter(|text| !text.is_empty())
    }
}

/// Which library recorded a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Its name.
    pub name: String,
    /// Its version, or nothing.
    pub version: String,
}
