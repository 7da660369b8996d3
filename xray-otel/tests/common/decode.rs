//! OTLP's spans as ours, as far as a test needs it.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span as ProtoSpan;
use xray_otel::{Attributes, Event, Kind, Link, Resource, Span, Status, Value};

pub(crate) fn spans(export: &ExportTraceServiceRequest) -> Vec<Span> {
    let mut spans = Vec::new();
    for group in &export.resource_spans {
        let resource = Arc::new(Resource { attributes: attributes(&group.resource.as_ref().unwrap().attributes) });
        for span in group.scope_spans.iter().flat_map(|scope| &scope.spans) {
            let mut span = one(span);
            span.resource = Arc::clone(&resource);
            spans.push(span);
        }
    }
    spans
}

fn one(proto: &ProtoSpan) -> Span {
    let mut span =
        Span::new(proto.trace_id[..].try_into().unwrap(), proto.span_id[..].try_into().unwrap(), proto.name.as_str());
    span.parent_id = proto.parent_span_id[..].try_into().ok();
    span.parent_is_remote = proto.flags & 0x300 == 0x300;
    span.kind = [Kind::Internal, Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer]
        [proto.kind as usize];
    (span.start, span.end) = (proto.start_time_unix_nano, proto.end_time_unix_nano);
    span.attributes = attributes(&proto.attributes);
    if let Some(status) = proto.status.as_ref().filter(|status| status.code == 2) {
        span.status = Status::Error(status.message.clone());
    }
    let event = |event: &opentelemetry_proto::tonic::trace::v1::span::Event| Event {
        name: event.name.clone(),
        time: event.time_unix_nano,
        attributes: attributes(&event.attributes),
    };
    span.events = proto.events.iter().map(event).collect();
    span.links = proto
        .links
        .iter()
        .map(|link| Link {
            trace_id: link.trace_id[..].try_into().unwrap(),
            span_id: link.span_id[..].try_into().unwrap(),
            attributes: attributes(&link.attributes),
        })
        .collect();
    span
}

fn attributes(pairs: &[KeyValue]) -> Attributes {
    pairs.iter().map(|pair| (pair.key.clone(), value(pair.value.as_ref()))).collect()
}

fn value(value_: Option<&AnyValue>) -> Value {
    match value_.and_then(|value| value.value.as_ref()) {
        Some(ProtoValue::StringValue(text)) => Value::Text(text.clone()),
        Some(ProtoValue::BoolValue(value)) => Value::Bool(*value),
        Some(ProtoValue::IntValue(number)) => Value::Int(*number),
        Some(ProtoValue::DoubleValue(number)) => Value::Double(*number),
        Some(ProtoValue::ArrayValue(list)) => Value::List(list.values.iter().map(|item| value(Some(item))).collect()),
        _ => Value::Empty,
    }
}
