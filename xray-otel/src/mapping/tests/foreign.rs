//! Spans of strangers: anything their types allow.

use std::sync::Arc;

use proptest::prelude::*;

use super::{TRACE, documents};
use crate::mapping::{Document, Mapping, hex};
use crate::span::{Attributes, Event, Kind, Link, Resource, Span, Status, Value};

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<f64>().prop_map(Value::Double),
        ".{0,40}".prop_map(Value::Text),
        prop_oneof![Just("aws-api"), Just("postgresql"), Just("aws_sqs"), Just("http://["), Just("::1")]
            .prop_map(Value::from),
        proptest::collection::vec(any::<u8>(), 0..8).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
            proptest::collection::vec((".{0,8}", inner), 0..4).prop_map(Value::Map),
        ]
    })
}

/// Names that mean something, and any others.
fn any_key() -> impl Strategy<Value = String> {
    let known: Vec<&'static str> = vec![
        "http.request.method",
        "http.status_code",
        "http.response.status_code",
        "url.full",
        "url.path",
        "url.scheme",
        "server.address",
        "server.port",
        "client.address",
        "network.peer.address",
        "http.response.body.size",
        "db.system",
        "db.system.name",
        "db.namespace",
        "db.query.text",
        "db.connection_string",
        "rpc.system",
        "rpc.service",
        "rpc.method",
        "aws.service",
        "aws.table_names",
        "aws.retries",
        "aws.region",
        "aws.operation",
        "messaging.system",
        "messaging.destination.name",
        "enduser.id",
        "aws.local.service",
        "aws.remote.service",
        "aws.xray.annotations",
        "aws.xray.metadata.x",
        "aws.xray.cause",
        "aws.xray.origin",
        "aws.span.kind",
        "aws.xray.error",
        "annotation.",
        "annotation.a b",
        "metadata.AWS.x",
        "AWS.x",
        "exception.message",
        "exception.type",
        "exception.stacktrace",
        "aws.xray.exception.id",
        "aws.xray.exception.cause",
        "error.type",
        "aws.xray.sampling_rule",
        "rpc.grpc.status_code",
        "service.name",
        "service.version",
        "cloud.platform",
        "cloud.provider",
        "host.id",
        "service.instance.id",
        "aws.log.group.arns",
        "telemetry.sdk.name",
        "level",
    ];
    prop_oneof![3 => proptest::sample::select(known).prop_map(str::to_owned), 1 => ".{0,12}"]
}

fn any_attributes() -> impl Strategy<Value = Attributes> {
    proptest::collection::vec((any_key(), any_value()), 0..8)
}

prop_compose! {
    fn any_span()(
        (id, parent, kind, remote) in (0..6u8, 0..6u8, 0..5usize, any::<bool>()),
        name in ".{0,20}",
        (start, end) in (prop_oneof![Just(0), any::<u64>()], any::<u64>()),
        status in prop_oneof![Just(Status::Unset), Just(Status::Ok), ".{0,20}".prop_map(Status::Error)],
        attributes in any_attributes(),
        resource in any_attributes(),
        events in proptest::collection::vec((prop_oneof![Just("exception".to_owned()), ".{0,8}".prop_map(String::from)], any::<u64>(), any_attributes()), 0..3),
        links in proptest::collection::vec((0..3u8, 0..3u8, any_attributes()), 0..3),
    ) -> Span {
        let mut span = Span::new(if id == 5 { [0; 16] } else { TRACE }, [id; 8], name);
        span.parent_id = (parent > 0).then_some([parent; 8]);
        span.parent_is_remote = remote;
        span.kind = [Kind::Internal, Kind::Server, Kind::Client, Kind::Producer, Kind::Consumer][kind];
        (span.start, span.end) = (start, end);
        span.status = status;
        span.attributes = attributes;
        span.resource = Arc::new(Resource { attributes: resource });
        span.events = events.into_iter().map(|(name, time, attributes)| Event { name, time, attributes }).collect();
        span.links = links.into_iter()
            .map(|(trace, id, attributes)| Link { trace_id: [trace; 16], span_id: [id; 8], attributes }).collect();
        span
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_spans_say_documents_are_valid_and_no_span_is_lost_uncounted(
        spans in proptest::collection::vec(any_span(), 0..8),
    ) {
        let (made, losses) = documents(&Mapping::new("orders"), &spans);
        let ids: std::collections::HashSet<String> = spans.iter().map(|span| hex(&span.span_id)).collect();
        let found = made.iter().flat_map(Document::walk).filter(|part| ids.contains(&part.id)).count() as u64;
        prop_assert_eq!(found + losses.spans_refused + losses.spans_repeated, spans.len() as u64);
    }
}
