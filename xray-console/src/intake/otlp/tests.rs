use std::io::Write;

use super::*;
use crate::Store;

const TRACE: &str = "1-5759e988-bd862e3fe1be46a994272793";

fn attribute(key: &str, value: wire::Value) -> wire::KeyValue {
    wire::KeyValue { key: key.into(), value: Some(wire::AnyValue { value: Some(value) }) }
}

/// A server span and, beneath it, a call.
fn request() -> ExportTraceServiceRequest {
    let trace_id = vec![0x57, 0x59, 0xe9, 0x88, 0xbd, 0x86, 0x2e, 0x3f, 0xe1, 0xbe, 0x46, 0xa9, 0x94, 0x27, 0x27, 0x93];
    let server = wire::Span {
        trace_id: trace_id.clone(),
        span_id: vec![1; 8],
        name: "GET /".into(),
        kind: 2,
        start_time_unix_nano: 1_465_510_280_500_000_000,
        end_time_unix_nano: 1_465_510_281_000_000_000,
        attributes: vec![attribute("http.response.status_code", wire::Value::Int(503))],
        ..wire::Span::default()
    };
    let call = wire::Span {
        trace_id,
        span_id: vec![2; 8],
        parent_span_id: vec![1; 8],
        name: "pay".into(),
        kind: 3,
        start_time_unix_nano: 1_465_510_280_600_000_000,
        end_time_unix_nano: 1_465_510_280_700_000_000,
        ..wire::Span::default()
    };
    let resource = wire::Resource { attributes: vec![attribute("service.name", wire::Value::String("shop".into()))] };
    let scope_spans = vec![wire::ScopeSpans { scope: None, spans: vec![server, call] }];
    ExportTraceServiceRequest { resource_spans: vec![wire::ResourceSpans { resource: Some(resource), scope_spans }] }
}

const JSON: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
    "schemaUrl":"x","scopeSpans":[{"spans":[
    {"traceId":"5759E988bd862e3fe1be46a994272793","spanId":"0101010101010101","parentSpanId":"","name":"GET /",
     "kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1465510280500000000","endTimeUnixNano":1465510281000000000,
     "attributes":[{"key":"http.response.status_code","value":{"intValue":"503"}}]},
    {"traceId":"5759e988bd862e3fe1be46a994272793","spanId":"0202020202020202","parentSpanId":"0101010101010101",
     "name":"pay","kind":3,"startTimeUnixNano":"1465510280600000000","endTimeUnixNano":"1465510280700000000"}]}]}]}"#;

fn shop_with_a_call(intake: &Intake) -> bool {
    let trace = intake.store().trace(TRACE).unwrap_or_default();
    let names: Vec<_> = trace.segments.iter().map(|segment| segment.document.name.as_str()).collect();
    trace.root().is_some_and(|root| root.document.fault && root.document.subsegments.len() == 1) && names.len() == 2
}

#[test]
fn both_encodings_and_gzip_say_the_same() {
    let protobuf = request().encode_to_vec();
    assert_eq!(json_request(JSON.as_bytes()).unwrap(), request());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&protobuf).unwrap();
    for (body, kind, encoding) in [
        (protobuf.as_slice(), "application/x-protobuf", None),
        (JSON.as_bytes(), "Application/JSON; charset=utf-8", Some("identity")),
        (&gzip.finish().unwrap(), "application/x-protobuf", Some("gzip")),
    ] {
        let intake = Intake::new(Store::new());
        let answer = intake.otlp(body, kind, encoding, Sender::Local("test"));
        assert_eq!(answer.status, 200);
        assert!(shop_with_a_call(&intake), "{kind}: {:?}", intake.store().trace(TRACE));
        assert_eq!(intake.counters().spans, 2);
    }
}

#[test]
fn spans_in_datagrams_and_puts_become_documents() {
    let intake = Intake::new(Store::new());
    let marked = format!("T1S{}", BASE64_STANDARD.encode(request().encode_to_vec()));
    intake.datagram(
        format!("{}{marked}\n", xray_core::document::DAEMON_HEADER).as_bytes(),
        "127.0.0.1:1".parse().unwrap(),
    );
    assert!(shop_with_a_call(&intake));
    assert_eq!(intake.put_segments(&[&marked], Sender::Local("test")), []);
    for broken in ["T1S!", "T1SAAAA"] {
        let answer = intake.put_segments(&[broken], Sender::Local("test"));
        assert_eq!(answer[0].error_code, "InvalidOpenTelemetry", "{broken}");
    }
}

#[test]
fn what_cannot_be_read_is_answered_with_the_reason() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![0; BODY_BYTES + 1]).unwrap();
    let bomb = bomb.finish().unwrap();
    // Two bytes each, a span without anything in it.
    let empty = |spans: usize| wire::ExportTraceServiceRequest {
        resource_spans: vec![wire::ResourceSpans {
            resource: None,
            scope_spans: vec![wire::ScopeSpans { scope: None, spans: vec![wire::Span::default(); spans] }],
        }],
    };
    let many = empty(60_000).encode_to_vec();
    let many_json = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{}}{}]}}]}}]}}"#, ",{}".repeat(60_000));
    for (body, kind, encoding, status) in [
        (&*many, "application/x-protobuf", None, 413),
        (many_json.as_bytes(), "application/json", None, 413),
        (b"{}", "text/plain", None, 415),
        (b"{}", "application/json", Some("br"), 415),
        (b"{", "application/json", None, 400),
        (b"\xff\xff", "application/x-protobuf", None, 400),
        (b"not gzip", "application/json", Some("gzip"), 400),
        (&bomb, "application/x-protobuf", Some("gzip"), 413),
    ] {
        let intake = Intake::new(Store::new());
        let answer = intake.otlp(body, kind, encoding, Sender::Local("test"));
        assert_eq!(answer.status, status, "{kind} {encoding:?}");
        assert_eq!(intake.counters().refused, 1);
    }
    let answer = Intake::new(Store::new()).otlp(&many, "application/x-protobuf", None, Sender::Local("test"));
    let message = RpcStatus::decode(&*answer.body).unwrap().message;
    assert!(message.contains("50000 spans") && message.contains("send smaller batches"), "{message}");
    let marked = format!("T1S{}", BASE64_STANDARD.encode(&many));
    let answer = Intake::new(Store::new()).put_segments(&[marked], Sender::Local("test"));
    assert!(answer[0].message.contains("T1S: 160"), "{}", answer[0].message);
}

#[test]
fn spans_without_ids_are_a_partial_success() {
    let mut request = request();
    request.resource_spans[0].scope_spans[0].spans[1].span_id = vec![7; 3];
    let intake = Intake::new(Store::new());
    let answer = intake.otlp(&request.encode_to_vec(), "application/x-protobuf", None, Sender::Local("test"));
    let response = ExportTraceServiceResponse::decode(&*answer.body).unwrap();
    assert_eq!((answer.status, response.partial_success.unwrap().rejected_spans), (200, 1));
    assert_eq!(intake.counters().by_code["InvalidOpenTelemetry"], 1);
}
