//! From OpenTelemetry spans to X-Ray documents.
//!
//! | span | document |
//! |---|---|
//! | `SERVER`, `CONSUMER` | a segment, named for the service |
//! | any other without a parent, or whose parent is another process's | a subsegment in a segment named for the service, which is made for it |
//! | any other | a subsegment; `CLIENT` and `PRODUCER` with namespace `remote`, AWS calls with `aws` |
//!
//! The second row is what `xray-core` does with a span that has no request around it: a node of the service map is a
//! service, never an operation. The segment's id is worked out from the span's, so that a span that is sent twice makes
//! the same segment twice.
//!
//! What has a place in a document goes there by the name of its attribute, in the old and the stable spelling of the
//! semantic conventions; everything else is metadata. What has no place at all is counted in [`Losses`].
//!
//! Sources: X-Ray Developer Guide, "Segment documents"; OpenTelemetry semantic conventions 1.20 to 1.40; the
//! OpenTelemetry collector's `awsxrayexporter`, from which this differs where that one loses something.

mod attributes;
mod aws;
mod batch;
mod exceptions;
mod fit;
mod http;
mod naming;
mod outcome;
mod resource;
mod rest;
mod sql;
mod stack;

use xray_core::document::{Document, Link as DocumentLink, limits, names};
use xray_core::{SegmentId, TraceId};

use crate::losses::Losses;
use crate::span::{Kind, Link, Span};
use attributes::Reader;

pub(crate) use attributes::hex;
#[cfg(feature = "sdk")]
pub(crate) use fit::divide;

/// How spans become documents. Without settings as this module says.
///
/// # Examples
///
/// ```
/// use xray_otel::{Kind, Losses, Mapping, Span};
///
/// let mut span = Span::new([7; 16], [1; 8], "GET /orders/{id}");
/// span.kind = Kind::Server;
/// (span.start, span.end) = (1_465_510_280_500_000_000, 1_465_510_280_750_000_000);
/// span.attributes.push(("http.request.method".into(), "GET".into()));
/// span.attributes.push(("http.response.status_code".into(), 503.into()));
///
/// let mut losses = Losses::default();
/// let document = Mapping::new("orders").document(&span, &mut losses).expect("it has ids");
/// assert_eq!((document.name.as_str(), document.http_status()), ("orders", Some(503)));
/// assert!(document.fault && losses.is_none());
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Mapping {
    service: String,
    indexed: Indexed,
    sql_queries: bool,
    /// `None`: all.
    kept: Option<Vec<String>>,
}

/// Which attributes become annotations, besides those named `annotation.…`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Indexed {
    These(Vec<String>),
    All,
}

/// A span's document, and what belongs to the segment above it.
pub(crate) struct Mapped {
    pub(crate) document: Document,
    /// Who sent the request, where the document is not a segment and so cannot say it.
    pub(crate) user: Option<String>,
}

impl Mapping {
    /// Spans of a service; the name stands in where their resource has no `service.name`.
    pub fn new(service: impl Into<String>) -> Mapping {
        Mapping { service: service.into(), indexed: Indexed::These(Vec::new()), sql_queries: false, kept: None }
    }

    /// These attributes become annotations, which are indexed: at most 50 in a trace. Attributes of the resource are
    /// named `otel.resource.KEY`.
    pub fn with_indexed(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Mapping {
        self.indexed = Indexed::These(keys.into_iter().map(Into::into).collect());
        self
    }

    /// Every attribute of a scalar type that has no place of its own becomes an annotation.
    pub fn with_all_indexed(mut self) -> Mapping {
        self.indexed = Indexed::All;
        self
    }

    /// Keeps the text of database queries (`db.query.text`, `db.statement`), which may hold parameters.
    pub fn with_sql_queries(mut self, keep: bool) -> Mapping {
        self.sql_queries = keep;
        self
    }

    /// Of attributes that have no place of their own only these become metadata; without this all do. `annotation.…`,
    /// `metadata.…` and indexed ones always leave; attributes of events and of the resource too.
    pub fn with_kept(mut self, keys: impl IntoIterator<Item = impl Into<String>>) -> Mapping {
        self.kept = Some(keys.into_iter().map(Into::into).collect());
        self
    }

    /// The documents of spans of any number of traces, as they come.
    ///
    /// What hangs together is sent together: a subsegment goes within its parent if that is among the spans, else alone,
    /// for X-Ray to find its parent by id; segments always travel alone. Parents come before their children. Each
    /// document is within [`limits::DOCUMENT_BYTES`], divided where it would not be, and has at most
    /// [`limits::ANNOTATIONS`] annotations.
    ///
    /// # Examples
    ///
    /// ```
    /// use xray_otel::{Losses, Mapping, Span};
    ///
    /// let root = Span::new([7; 16], [1; 8], "nightly");
    /// let mut child = Span::new([7; 16], [2; 8], "load");
    /// child.parent_id = Some(root.span_id);
    ///
    /// let documents = Mapping::new("reports").documents(&[child, root], &mut Losses::default());
    /// assert_eq!(documents.len(), 1);
    /// assert_eq!(documents[0].name, "reports");
    /// assert_eq!(documents[0].subsegments[0].subsegments[0].name, "load");
    /// ```
    pub fn documents(&self, spans: &[Span], losses: &mut Losses) -> Vec<Document> {
        batch::documents(self, spans, losses)
    }

    /// The document of one span: a segment or a lone subsegment. None if it has no trace id or no span id.
    ///
    /// Not yet divided: a span with very many attributes may be too large for X-Ray.
    pub fn document(&self, span: &Span, losses: &mut Losses) -> Option<Document> {
        self.map(span, losses).map(|mapped| mapped.document)
    }

    pub(crate) fn map(&self, span: &Span, losses: &mut Losses) -> Option<Mapped> {
        let Some((trace_id, id)) = ids(span) else {
            losses.spans_refused += 1;
            return None;
        };
        losses.dropped_by_sender += span.dropped;
        let parent = parent(span, losses);
        let mut reader = Reader::new(&span.attributes);
        let root = parent.is_none() || span.parent_is_remote || reader.text(&["aws.span.kind"]) == Some("LOCAL_ROOT");
        let role = match span.kind {
            Kind::Server | Kind::Consumer => Role::Segment,
            _ if root => Role::Wrapped,
            _ => Role::Within,
        };
        let (start, end) = times(span, losses);

        let mut document = Document::default();
        document.id = id.to_string();
        document.start_time = Some(start);
        document.end_time = Some(end);
        let mut user = reader.text(&["enduser.id", "user.id"]).map(str::to_owned);
        let rule = reader.text(&["aws.xray.sampling_rule"]);
        let called = role != Role::Segment;
        if called {
            self.describe_call(&mut document, span, &mut reader, losses);
        } else {
            self.describe_service(&mut document, span, &mut reader, rule, losses);
            document.user = user.take();
        }
        http::describe(&mut document, span.kind, &mut reader, losses);
        outcome::describe(&mut document, span, &mut reader);
        exceptions::describe(&mut document, span, &mut reader, losses);
        rest::describe(&mut document, span, &reader, self, losses);

        // The bare method is what a span is called of which no more is known.
        let method = document.http.as_ref().and_then(|http| http.request.as_ref()?.method.as_deref());
        if document.name != span.name && method != Some(&span.name) && !span.name.is_empty() {
            let name = attributes::cut(&span.name, limits::ANNOTATION_TEXT_CHARS, losses);
            rest::metadata(&mut document, "default", NAME, name.into());
        }

        let mut links = links(span, losses);
        if role == Role::Segment {
            document.links = links;
            document.trace_id = Some(trace_id.to_string());
            document.parent_id = parent.map(|parent| parent.to_string());
            return Some(Mapped { document, user });
        }
        if role == Role::Within {
            rest::links(&mut document, links);
            document.trace_id = Some(trace_id.to_string());
            document.kind = Some("subsegment".to_owned());
            document.parent_id = parent.map(|parent| parent.to_string());
            return Some(Mapped { document, user });
        }
        let mut segment = Document::default();
        segment.id = derived_id(span, SEGMENT).to_string();
        segment.trace_id = Some(trace_id.to_string());
        segment.parent_id = parent.map(|parent| parent.to_string());
        segment.start_time = Some(start);
        segment.end_time = Some(end);
        segment.user = user.take();
        segment.links = std::mem::take(&mut links);
        let mut none = Reader::new(&[]);
        self.describe_service(&mut segment, span, &mut none, rule, losses);
        segment.subsegments.push(document);
        Some(Mapped { document: segment, user })
    }

    /// What a segment says of the service, and of what it runs on.
    fn describe_service<'a>(
        &'a self,
        document: &mut Document,
        span: &'a Span,
        reader: &mut Reader<'a>,
        rule: Option<&str>,
        losses: &mut Losses,
    ) {
        let name = naming::service(reader, &span.resource, &self.service);
        document.name = valid_name(&name, losses);
        resource::describe(document, &span.resource, reader, self, losses);
        if let Some(rule) = rule {
            resource::name_rule(document, rule);
        }
    }

    /// What a subsegment says of what it did or called.
    fn describe_call<'a>(&self, document: &mut Document, span: &'a Span, reader: &mut Reader<'a>, losses: &mut Losses) {
        let call = naming::call(span, reader);
        document.name = valid_name(&call.name, losses);
        document.namespace = call.namespace.map(str::to_owned);
        if let Some(ids) = reader.texts(&["aws.xray.precursor_ids"]) {
            let ids = ids.into_iter().filter(|id| id.parse::<SegmentId>().is_ok());
            document.precursor_ids = ids.map(str::to_owned).collect();
        }
        aws::describe(document, reader, losses);
        sql::describe(document, reader, self.sql_queries, losses);
    }

    pub(crate) fn keeps(&self, key: &str) -> bool {
        let own = key.starts_with("metadata.") || key.starts_with("annotation.");
        own || self.kept.as_ref().is_none_or(|kept| kept.iter().any(|kept| kept == key))
    }

    pub(crate) fn indexes(&self, key: &str) -> bool {
        match &self.indexed {
            Indexed::All => true,
            Indexed::These(keys) => keys.iter().any(|indexed| indexed == key),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A segment.
    Segment,
    /// A subsegment, alone in a segment made for it.
    Wrapped,
    /// A subsegment of something else.
    Within,
}

/// The ids in X-Ray's form; none where one is missing.
pub(crate) fn ids(span: &Span) -> Option<(TraceId, SegmentId)> {
    if span.trace_id == [0; 16] || span.span_id == [0; 8] {
        return None;
    }
    let trace_id = TraceId::from_w3c(&hex(&span.trace_id)).ok()?;
    Some((trace_id, SegmentId::from_u64(u64::from_be_bytes(span.span_id))))
}

fn parent(span: &Span, losses: &mut Losses) -> Option<SegmentId> {
    let parent = span.parent_id.filter(|parent| *parent != [0; 8])?;
    if parent == absent_parent(span.trace_id) {
        return None;
    }
    if parent == span.span_id {
        losses.parents_mended += 1;
        return None;
    }
    Some(SegmentId::from_u64(u64::from_be_bytes(parent)))
}

/// Start and end in seconds since the epoch, in order.
fn times(span: &Span, losses: &mut Losses) -> (f64, f64) {
    let start = if span.start == 0 { span.end } else { span.start };
    let end = span.end.max(start);
    losses.times_mended += u64::from((start, end) != (span.start, span.end));
    (seconds(start), seconds(end))
}

/// Nanoseconds as seconds, to the microsecond: more is not in a number of this size.
pub(crate) fn seconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1_000) as f64 / 1e6
}

/// An id that is the same whenever the span is: of a thing that belongs to it.
pub(crate) fn derived_id(span: &Span, what: u64) -> SegmentId {
    let id = u64::from_be_bytes(span.span_id);
    let trace = u128::from_be_bytes(span.trace_id);
    let mixed = mix(id ^ mix((trace as u64) ^ mix(((trace >> 64) as u64) ^ mix(what))));
    SegmentId::from_u64(if mixed == 0 || mixed == id { !id } else { mixed })
}

/// Stands for the parent in a trace that has a root but no parent: OpenTelemetry joins no trace without one. The same for
/// all spans of a trace, so that whoever reads it can tell.
pub(crate) fn absent_parent(trace_id: [u8; 16]) -> [u8; 8] {
    let trace = u128::from_be_bytes(trace_id);
    mix((trace as u64) ^ mix((trace >> 64) as u64)).max(1).to_be_bytes()
}

/// The finaliser of SplitMix64: every bit of the number decides every bit of the result.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// What [`derived_id`] is the id of: the segment made for a span. Exceptions count from 1.
const SEGMENT: u64 = 0;

/// Metadata that keeps the name of a span whose document is called something else.
const NAME: &str = "otel.name";

fn valid_name(name: &str, losses: &mut Losses) -> String {
    let valid = names::segment_name(name);
    losses.names_changed += u64::from(valid != name);
    valid.into_owned()
}

fn links(span: &Span, losses: &mut Losses) -> Vec<DocumentLink> {
    let mut traces: Vec<[u8; 16]> = Vec::new();
    let mut links = Vec::new();
    for link in &span.links {
        let new = !traces.contains(&link.trace_id);
        let own = (link.trace_id, link.span_id) == (span.trace_id, span.span_id);
        let full = links.len() >= limits::LINKS || (new && traces.len() >= limits::LINKED_TRACES);
        let Some(made) = document_link(link, losses).filter(|_| !own && !full) else {
            losses.links_dropped += 1;
            continue;
        };
        if new {
            traces.push(link.trace_id);
        }
        links.push(made);
    }
    links
}

fn document_link(link: &Link, losses: &mut Losses) -> Option<DocumentLink> {
    let target = Span::new(link.trace_id, link.span_id, "");
    let (trace_id, id) = ids(&target)?;
    let mut made = DocumentLink::default();
    made.trace_id = trace_id.to_string();
    made.id = id.to_string();
    made.attributes =
        link.attributes.iter().map(|(key, value)| (key.clone(), attributes::json(key, value, losses))).collect();
    Some(made)
}

#[cfg(test)]
mod tests;
