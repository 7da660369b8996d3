//! From the messages of OTLP to spans that a [`Mapping`] understands.

use std::sync::Arc;

use xray_otel::{Event, Kind, Link, Mapping, Resource, Scope, Span, Status, Value};

use super::wire;

/// Set in a span's flags where the sender says whether the parent is remote, and that it is.
///
/// Source: opentelemetry-proto, `SpanFlags`.
const PARENT_IS_REMOTE: u32 = 0x300;

/// The spans of a request, by resource, each with how they become documents.
pub(super) fn by_resource(request: wire::ExportTraceServiceRequest) -> impl Iterator<Item = (Mapping, Vec<Span>)> {
    request.resource_spans.into_iter().map(|group| {
        let resource = Resource { attributes: attributes(group.resource.unwrap_or_default().attributes) };
        let mapping = mapping(&resource);
        let resource = Arc::new(resource);
        let scoped = |scoped: wire::ScopeSpans| {
            let wire::Scope { name, version } = scoped.scope.unwrap_or_default();
            let scope = Arc::new(Scope { name, version });
            let resource = Arc::clone(&resource);
            scoped.spans.into_iter().map(move |one| span(one, &resource, &scope))
        };
        (mapping, group.scope_spans.into_iter().flat_map(scoped).collect())
    })
}

/// A sender says by attributes of its resource which of its attributes are indexed.
///
/// Source: the CloudWatch agent's `awsxrayexporter`, `transit_spans_in_otlp_format`.
fn mapping(resource: &Resource) -> Mapping {
    const ALL: &str = "aws.xray.exporter.config.index_all_attributes";
    const THESE: &str = "aws.xray.exporter.config.indexed_attributes";
    // Without `service.name` there is no better name.
    let mapping = Mapping::new("unknown_service").with_sql_queries(true);
    let said = |key: &str| resource.attributes.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value);
    if said(ALL) == Some(&Value::Bool(true)) {
        return mapping.with_all_indexed();
    }
    match said(THESE) {
        Some(Value::List(keys)) => mapping.with_indexed(keys.iter().filter_map(Value::as_str)),
        _ => mapping,
    }
}

fn span(from: wire::Span, resource: &Arc<Resource>, scope: &Arc<Scope>) -> Span {
    let mut span = Span::new(id(&from.trace_id), id(&from.span_id), from.name);
    span.parent_id = Some(id(&from.parent_span_id)).filter(|id| *id != [0; 8]);
    span.parent_is_remote = from.flags & PARENT_IS_REMOTE == PARENT_IS_REMOTE;
    span.kind = match from.kind {
        2 => Kind::Server,
        3 => Kind::Client,
        4 => Kind::Producer,
        5 => Kind::Consumer,
        _ => Kind::Internal,
    };
    (span.start, span.end) = (from.start_time_unix_nano, from.end_time_unix_nano);
    span.status = match from.status {
        Some(status) if status.code == 2 => Status::Error(status.message),
        Some(status) if status.code == 1 => Status::Ok,
        _ => Status::Unset,
    };
    span.attributes = attributes(from.attributes);
    let event = |event: wire::Event| Event {
        name: event.name,
        time: event.time_unix_nano,
        attributes: attributes(event.attributes),
    };
    span.events = from.events.into_iter().map(event).collect();
    let link = |link: wire::Link| Link {
        trace_id: id(&link.trace_id),
        span_id: id(&link.span_id),
        attributes: attributes(link.attributes),
    };
    span.links = from.links.into_iter().map(link).collect();
    let dropped = [from.dropped_attributes_count, from.dropped_events_count, from.dropped_links_count];
    span.dropped = dropped.into_iter().map(u64::from).sum();
    span.resource = Arc::clone(resource);
    span.scope = Arc::clone(scope);
    span
}

/// An id of any other length is none.
fn id<const LENGTH: usize>(bytes: &[u8]) -> [u8; LENGTH] {
    bytes.try_into().unwrap_or([0; LENGTH])
}

fn attributes(pairs: Vec<wire::KeyValue>) -> Vec<(String, Value)> {
    pairs.into_iter().map(|pair| (pair.key, value(pair.value))).collect()
}

/// Readers of both encodings bound how deep this goes.
fn value(from: Option<wire::AnyValue>) -> Value {
    match from.and_then(|any| any.value) {
        None => Value::Empty,
        Some(wire::Value::String(text)) => Value::Text(text),
        Some(wire::Value::Bool(value)) => Value::Bool(value),
        Some(wire::Value::Int(number)) => Value::Int(number),
        Some(wire::Value::Double(number)) => Value::Double(number),
        Some(wire::Value::Array(list)) => Value::List(list.values.into_iter().map(|item| value(Some(item))).collect()),
        Some(wire::Value::Kvlist(list)) => Value::Map(attributes(list.values)),
        Some(wire::Value::Bytes(bytes)) => Value::Bytes(bytes),
    }
}
