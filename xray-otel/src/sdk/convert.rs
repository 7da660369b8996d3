//! The SDK's types and ours.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{self as otel, SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState};
use opentelemetry::{Array, InstrumentationScope, KeyValue, StringValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};

use crate::span::{Attributes, Event, Kind, Link, Resource, Scope, Span, Status, Value};

pub(super) fn resource(resource: &opentelemetry_sdk::Resource) -> Resource {
    Resource { attributes: resource.iter().map(|(key, value)| (key.as_str().to_owned(), from_value(value))).collect() }
}

pub(super) fn span(data: SpanData, resource: &Arc<Resource>) -> Span {
    let mut span = Span::new(
        data.span_context.trace_id().to_bytes(),
        data.span_context.span_id().to_bytes(),
        data.name.into_owned(),
    );
    span.parent_id = (data.parent_span_id != SpanId::INVALID).then(|| data.parent_span_id.to_bytes());
    span.parent_is_remote = data.parent_span_is_remote;
    span.kind = match data.span_kind {
        SpanKind::Server => Kind::Server,
        SpanKind::Client => Kind::Client,
        SpanKind::Producer => Kind::Producer,
        SpanKind::Consumer => Kind::Consumer,
        SpanKind::Internal => Kind::Internal,
    };
    (span.start, span.end) = (nanoseconds(data.start_time), nanoseconds(data.end_time));
    span.status = match data.status {
        otel::Status::Unset => Status::Unset,
        otel::Status::Ok => Status::Ok,
        otel::Status::Error { description } => Status::Error(description.into_owned()),
    };
    span.attributes = from_attributes(&data.attributes);
    let dropped = [data.dropped_attributes_count, data.events.dropped_count, data.links.dropped_count];
    span.dropped = dropped.into_iter().map(u64::from).sum();
    span.events = data
        .events
        .events
        .iter()
        .map(|event| Event {
            name: event.name.clone().into_owned(),
            time: nanoseconds(event.timestamp),
            attributes: from_attributes(&event.attributes),
        })
        .collect();
    span.links = data
        .links
        .links
        .iter()
        .map(|link| Link {
            trace_id: link.span_context.trace_id().to_bytes(),
            span_id: link.span_context.span_id().to_bytes(),
            attributes: from_attributes(&link.attributes),
        })
        .collect();
    span.resource = Arc::clone(resource);
    span.scope = Arc::new(Scope {
        name: data.instrumentation_scope.name().to_owned(),
        version: data.instrumentation_scope.version().unwrap_or_default().to_owned(),
    });
    span
}

pub(super) fn span_data(span: Span, scope: &InstrumentationScope) -> SpanData {
    let mut events = SpanEvents::default();
    events.events = span
        .events
        .into_iter()
        .map(|event| otel::Event::new(event.name, time(event.time), to_attributes(event.attributes), 0))
        .collect();
    let mut links = SpanLinks::default();
    links.links = span
        .links
        .into_iter()
        .map(|link| otel::Link::new(context(link.trace_id, link.span_id, true), to_attributes(link.attributes), 0))
        .collect();
    SpanData {
        span_context: context(span.trace_id, span.span_id, false),
        parent_span_id: span.parent_id.map_or(SpanId::INVALID, SpanId::from_bytes),
        parent_span_is_remote: span.parent_is_remote,
        span_kind: match span.kind {
            Kind::Server => SpanKind::Server,
            Kind::Client => SpanKind::Client,
            Kind::Producer => SpanKind::Producer,
            Kind::Consumer => SpanKind::Consumer,
            Kind::Internal => SpanKind::Internal,
        },
        name: Cow::Owned(span.name),
        start_time: time(span.start),
        end_time: time(span.end),
        attributes: to_attributes(span.attributes),
        dropped_attributes_count: 0,
        events,
        links,
        status: match span.status {
            Status::Unset => otel::Status::Unset,
            Status::Ok => otel::Status::Ok,
            Status::Error(description) => otel::Status::error(description),
        },
        instrumentation_scope: scope.clone(),
    }
}

fn context(trace_id: [u8; 16], span_id: [u8; 8], remote: bool) -> SpanContext {
    let (trace_id, span_id) = (TraceId::from_bytes(trace_id), SpanId::from_bytes(span_id));
    SpanContext::new(trace_id, span_id, TraceFlags::SAMPLED, remote, TraceState::default())
}

fn nanoseconds(time: SystemTime) -> u64 {
    // What lies before 1970 or after 2554 is as good as unknown.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or_default()
}

fn time(nanoseconds: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds)).unwrap_or(UNIX_EPOCH)
}

fn from_attributes(attributes: &[KeyValue]) -> Attributes {
    attributes.iter().map(|pair| (pair.key.as_str().to_owned(), from_value(&pair.value))).collect()
}

fn from_value(value: &opentelemetry::Value) -> Value {
    match value {
        opentelemetry::Value::Bool(value) => Value::Bool(*value),
        opentelemetry::Value::I64(number) => Value::Int(*number),
        opentelemetry::Value::F64(number) => Value::Double(*number),
        opentelemetry::Value::String(text) => Value::Text(text.as_str().to_owned()),
        opentelemetry::Value::Array(array) => Value::List(match array {
            Array::Bool(items) => items.iter().map(|item| Value::Bool(*item)).collect(),
            Array::I64(items) => items.iter().map(|item| Value::Int(*item)).collect(),
            Array::F64(items) => items.iter().map(|item| Value::Double(*item)).collect(),
            Array::String(items) => items.iter().map(|item| Value::Text(item.as_str().to_owned())).collect(),
            // The SDK may come to know more; their text is better than nothing.
            other => vec![Value::Text(format!("{other:?}"))],
        }),
        other => Value::Text(other.to_string()),
    }
}

fn to_attributes(attributes: Attributes) -> Vec<KeyValue> {
    let pairs = attributes.into_iter();
    pairs.filter_map(|(key, value)| Some(KeyValue::new(key, to_value(value)?))).collect()
}

/// None for no value.
fn to_value(value: Value) -> Option<opentelemetry::Value> {
    Some(match value {
        Value::Empty => return None,
        Value::Text(text) => text.into(),
        Value::Bool(value) => value.into(),
        Value::Int(number) => number.into(),
        Value::Double(number) => number.into(),
        Value::List(items) => opentelemetry::Value::Array(array(items)),
        // The SDK knows neither.
        other @ (Value::Bytes(_) | Value::Map(_)) => format!("{other:?}").into(),
    })
}

/// The SDK knows only lists of one type: others become texts.
fn array(items: Vec<Value>) -> Array {
    if let Some(numbers) = items.iter().map(|item| if let Value::Int(it) = item { Some(*it) } else { None }).collect() {
        return Array::I64(numbers);
    }
    if let Some(numbers) =
        items.iter().map(|item| if let Value::Double(it) = item { Some(*it) } else { None }).collect()
    {
        return Array::F64(numbers);
    }
    if let Some(values) = items.iter().map(|item| if let Value::Bool(it) = item { Some(*it) } else { None }).collect() {
        return Array::Bool(values);
    }
    let text = |item: Value| match item {
        Value::Text(text) => text,
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        other => format!("{other:?}"),
    };
    Array::String(items.into_iter().map(|item| StringValue::from(text(item))).collect())
}
