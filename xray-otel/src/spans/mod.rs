//! From X-Ray documents to OpenTelemetry spans: the way back of [`Mapping`](crate::Mapping).
//!
//! | document | span |
//! |---|---|
//! | segment | `SERVER`, named for the method of its request, else for the segment |
//! | subsegment with a namespace | `CLIENT` |
//! | subsegment without | `INTERNAL` |
//!
//! What OpenTelemetry has a name for goes by that name, the stable one: a reader of spans need not know X-Ray. What it
//! has no name for goes by names that begin with `aws.xray.`, those of the OpenTelemetry collector where it has one, so
//! that [`Mapping`](crate::Mapping) makes the same document of it again.
//!
//! Documents in progress make no span: OpenTelemetry knows only spans that have ended, and the complete document
//! follows.

mod calls;
mod values;

use std::sync::Arc;

use serde_json::{Map, Value as Json};
use xray_core::document::{Annotation, Cause, Document, Exception};
use xray_core::{SegmentId, TraceId};

use crate::losses::Losses;
use crate::span::{Event, Kind, Link, Resource, Span, Status, Value};
use values::{Attributes, value};

/// The spans of a document: its own and those of everything beneath it, parents first.
///
/// `resource` is the service's, which a subsegment alone does not name. A segment of another name says so by
/// `aws.local.service`. Parts without usable ids are counted as [`Losses::spans_refused`].
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
/// use xray_core::document::Document;
/// use xray_otel::{Kind, Losses, Resource};
///
/// let document = Document::parse(
///     r#"{"name": "orders", "id": "53995c3f42cd8ad8", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
///         "start_time": 1465510280.5, "end_time": 1465510280.75, "http": {"request": {"method": "GET"}},
///         "subsegments": [{"name": "charge", "id": "53995c3f42cd8ad9", "start_time": 1465510280.5,
///                          "end_time": 1465510280.6, "annotations": {"order_id": 7}}]}"#,
/// )?;
/// let spans = xray_otel::spans(&document, &Arc::new(Resource::of_service("orders")), &mut Losses::default());
/// assert_eq!((spans[0].name.as_str(), spans[0].kind), ("GET", Kind::Server));
/// assert_eq!((spans[1].name.as_str(), spans[1].kind), ("charge", Kind::Internal));
/// assert_eq!(spans[1].parent_id, Some(spans[0].span_id));
/// # Ok::<(), xray_core::document::ParseDocumentError>(())
/// ```
pub fn spans(document: &Document, resource: &Arc<Resource>, losses: &mut Losses) -> Vec<Span> {
    let mut spans = Vec::new();
    let Some(trace_id) = document.trace_id.as_deref().and_then(trace_id) else {
        losses.spans_refused += document.walk().count() as u64;
        return spans;
    };
    // Documents that were read nest no deeper than their reader allows; those that were not, are walked all the same.
    let parent = document.parent_id.as_deref().and_then(span_id);
    let mut waiting = vec![(document, parent, document.is_lone_subsegment())];
    while let Some((document, parent, below)) = waiting.pop() {
        let Some(id) = span_id(&document.id) else {
            losses.spans_refused += document.walk().count() as u64;
            continue;
        };
        waiting.extend(document.subsegments.iter().rev().map(|child| (child, Some(id), true)));
        if document.in_progress || document.end_time.is_none() {
            continue;
        }
        let mut span = Span::new(trace_id, id, "");
        span.parent_id = parent;
        span.parent_is_remote = parent.is_some() && !below;
        span.resource = Arc::clone(resource);
        describe(&mut span, document, below, losses);
        spans.push(span);
    }
    spans
}

fn describe(span: &mut Span, document: &Document, below: bool, losses: &mut Losses) {
    span.start = nanoseconds(document.start_time.unwrap_or_default());
    span.end = nanoseconds(document.end_time.unwrap_or_default()).max(span.start);
    span.kind = match document.namespace.as_deref() {
        _ if !below => Kind::Server,
        Some("aws" | "remote") => Kind::Client,
        _ => Kind::Internal,
    };
    let original = document.metadata.get("default").and_then(|default| default.get("otel.name")?.as_str());
    let method = document.http.as_ref().and_then(|http| http.request.as_ref()?.method.as_deref());
    let named = original.or(if below { None } else { method }).unwrap_or(&document.name);
    named.clone_into(&mut span.name);

    let mut attributes = Attributes::default();
    if below {
        calls::name(&mut attributes, document);
        calls::aws(&mut attributes, document);
        calls::sql(&mut attributes, document);
    } else {
        if span.resource.text("service.name") != Some(&document.name) {
            attributes.text("aws.local.service", Some(&document.name));
        }
        calls::segment(&mut attributes, document);
    }
    calls::http(&mut attributes, document, below);
    attributes.text("user.id", document.user.as_deref());
    if !document.precursor_ids.is_empty() {
        let ids = document.precursor_ids.iter().map(|id| Value::from(id.as_str()));
        attributes.put("aws.xray.precursor_ids", Value::List(ids.collect()));
    }
    outcome(span, document, &mut attributes);
    annotations(&mut attributes, document);
    metadata(span, &mut attributes, document);
    exceptions(span, &mut attributes, document);
    span.attributes = attributes.into_inner();
    for link in &document.links {
        let (Some(trace_id), Some(span_id)) = (trace_id(&link.trace_id), span_id(&link.id)) else {
            losses.links_dropped += 1;
            continue;
        };
        let attributes = link.attributes.iter().map(|(key, json)| (key.clone(), value(json))).collect();
        span.links.push(Link { trace_id, span_id, attributes });
    }
}

/// A status, and what a status cannot say.
fn outcome(span: &mut Span, document: &Document, attributes: &mut Attributes) {
    let flags = (document.error, document.throttle, document.fault);
    // An answer of 4xx is no failure of a server, but one of a client's.
    let failed = document.fault || (span.kind == Kind::Client && document.error);
    if failed {
        let message = document.exceptions().first().and_then(|exception| exception.message.clone());
        span.status = Status::Error(message.unwrap_or_default());
    }
    let read_back = match document.http_status() {
        Some(429) => (true, true, false),
        Some(400..=499) => (true, false, false),
        Some(500..=599) => (false, false, true),
        _ => (false, false, failed),
    };
    if read_back != flags {
        for (key, flag) in [
            ("aws.xray.error", document.error),
            ("aws.xray.throttle", document.throttle),
            ("aws.xray.fault", document.fault),
        ] {
            attributes.put(key, Value::Bool(flag));
        }
    }
}

fn annotations(attributes: &mut Attributes, document: &Document) {
    let mut keys = Vec::new();
    for (key, annotation) in &document.annotations {
        let value = match annotation {
            Annotation::String(text) => Value::Text(text.clone()),
            Annotation::Number(number) => value(&Json::Number(number.clone())),
            Annotation::Bool(value) => Value::Bool(*value),
            Annotation::Other(json) => value(json),
        };
        // A key that means something to OpenTelemetry is told from it by a prefix.
        if attributes.offer(key, value.clone()) {
            keys.push(Value::from(key.as_str()));
        } else {
            attributes.put(&format!("annotation.{key}"), value);
        }
    }
    if !keys.is_empty() {
        attributes.put("aws.xray.annotations", Value::List(keys));
    }
}

fn metadata(span: &mut Span, attributes: &mut Attributes, document: &Document) {
    for (namespace, members) in &document.metadata {
        let mut kept = match members {
            Json::Object(members) => members.clone(),
            other => Map::from_iter([("value".to_owned(), other.clone())]),
        };
        if namespace == "tracing" {
            if let Some(Json::Array(events)) = kept.get("events") {
                if let Some(events) = events.iter().map(event).collect::<Option<Vec<_>>>() {
                    span.events = events;
                    kept.remove("events");
                }
            }
        }
        if namespace == "default" {
            kept.remove("otel.name");
            // The fields of a span are its attributes; what has depth is not carried as one by every reader.
            kept.retain(|key, json| {
                let plain = !(json.is_object() || json.is_array() || json.is_null());
                !(plain && attributes.offer(key, value(json)))
            });
        }
        if !kept.is_empty() {
            let text = Json::Object(kept).to_string();
            attributes.put(&format!("aws.xray.metadata.{namespace}"), Value::Text(text));
        }
    }
}

/// One of the layer's events; none if it is not written as the layer writes them.
fn event(json: &Json) -> Option<Event> {
    let members = json.as_object()?;
    let mut event = Event { time: nanoseconds(members.get("time")?.as_f64()?), ..Event::default() };
    for (key, json) in members {
        match (key.as_str(), json) {
            ("time", _) => {}
            ("message", Json::String(text)) => text.clone_into(&mut event.name),
            ("level" | "target", Json::String(text)) => event.attributes.push((key.clone(), text.as_str().into())),
            ("fields", Json::Object(fields)) => {
                event.attributes.extend(fields.iter().map(|(key, json)| (key.clone(), value(json))));
            }
            _ => return None,
        }
    }
    Some(event)
}

fn exceptions(span: &mut Span, attributes: &mut Attributes, document: &Document) {
    if let Some(Cause::Id(id)) = &document.cause {
        attributes.text("aws.xray.cause", Some(id));
    }
    for exception in document.exceptions() {
        let mut own = Attributes::default();
        own.text("exception.type", exception.kind.as_deref());
        own.text("exception.message", exception.message.as_deref());
        own.text("exception.stacktrace", Some(&stack(exception)));
        own.text("aws.xray.exception.id", Some(&exception.id));
        own.text("aws.xray.exception.cause", exception.cause.as_deref());
        own.put("aws.xray.exception.remote", Value::Bool(exception.remote));
        own.int("aws.xray.exception.truncated", exception.truncated);
        own.int("aws.xray.exception.skipped", exception.skipped);
        let event = Event { name: "exception".to_owned(), time: span.end, attributes: own.into_inner() };
        span.events.push(event);
    }
}

/// Frames as Rust's backtraces show them.
fn stack(exception: &Exception) -> String {
    let mut text = String::new();
    for (at, frame) in exception.stack.iter().enumerate() {
        let label = frame.label.as_deref().unwrap_or("unknown");
        text.push_str(&format!("{at:>4}: {label}\n"));
        if let Some(path) = &frame.path {
            let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
            text.push_str(&format!("             at {path}{line}\n"));
        }
    }
    text
}

fn trace_id(text: &str) -> Option<[u8; 16]> {
    let id: TraceId = text.parse().ok().filter(|id: &TraceId| !id.is_zero())?;
    Some(trace_bytes(&id))
}

/// A trace id as OpenTelemetry has it.
pub(crate) fn trace_bytes(id: &TraceId) -> [u8; 16] {
    let digits = id.as_str().chars().skip("1-".len()).filter_map(|digit| digit.to_digit(16));
    digits.fold(0_u128, |number, digit| (number << 4) | u128::from(digit)).to_be_bytes()
}

fn span_id(text: &str) -> Option<[u8; 8]> {
    let id: SegmentId = text.parse().ok()?;
    u64::from_str_radix(id.as_str(), 16).ok().filter(|id| *id != 0).map(u64::to_be_bytes)
}

/// Seconds as nanoseconds, to the microsecond.
fn nanoseconds(seconds: f64) -> u64 {
    // A cast from a float ends at the bounds, and takes what is no number for 0.
    ((seconds * 1e6).round() as u64).saturating_mul(1_000)
}

#[cfg(test)]
mod tests;
