//! OpenTelemetry's spans come in by the port of everything else.

use serde_json::json;

use super::http::{Answer, Server, exchange, read};

const SPANS: &str = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},
    "scopeSpans":[{"spans":[{"traceId":"6955b900bd862e3fe1be46a994272793","spanId":"53995c3f42cd8ad8","kind":2,
    "name":"GET /","startTimeUnixNano":"1767268800500000000","endTimeUnixNano":"1767268801000000000"}]}]}]}"#;

fn export(server: &Server, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("POST /v1/traces HTTP/1.1\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    read(&exchange(server.address(), &[head.as_bytes(), body.as_bytes()].concat()))
}

#[test]
fn spans_are_segments_at_once_and_need_neither_token_nor_name() {
    let server = Server::start();
    let answer = export(&server, "Host: sidecar\r\nContent-Type: application/json\r\n", SPANS);
    assert_eq!((answer.status, answer.body), (200, json!({})));
    let id = "1-6955b900-bd862e3fe1be46a994272793";
    let traces = server.ok("/Traces", json!({ "TraceIds": [id] }));
    let document = traces["Traces"][0]["Segments"][0]["Document"].as_str().unwrap_or_default();
    assert!(document.contains(r#""name":"shop""#), "{traces}");
}

#[test]
fn null_stands_for_whatever_a_member_is_without_it() {
    let server = Server::start();
    let spans = r#"{"resourceSpans":[{"resource":null,"schemaUrl":null,"scopeSpans":null},
        {"resource":{"attributes":null},"scopeSpans":[{"scope":{"name":null,"version":null},"spans":null},
        {"scope":null,"spans":[{"traceId":"6955b900bd862e3fe1be46a994272793","spanId":"53995c3f42cd8ad8","parentSpanId":null,
        "traceState":null,"flags":null,"kind":null,"name":"work","startTimeUnixNano":"1767268800500000000",
        "endTimeUnixNano":1767268801000000000,"attributes":[{"key":"a","value":null},{"key":null,"value":{"arrayValue":{"values":null}}}],
        "droppedAttributesCount":null,"events":null,"droppedEventsCount":"2","links":null,"droppedLinksCount":0,
        "status":{"message":null,"code":null}}]}]}]}"#;
    let answer = export(&server, "Host: sidecar\r\nContent-Type: application/json\r\n", spans);
    assert_eq!((answer.status, answer.body), (200, json!({})));
    assert_eq!(server.console.store().counters().documents, 1);
    let nothing = export(&server, "Host: sidecar\r\nContent-Type: application/json\r\n", r#"{"resourceSpans":null}"#);
    assert_eq!(nothing.status, 200);
}

#[test]
fn what_is_no_otlp_is_refused_and_pages_of_strangers_too() {
    let server = Server::start();
    for (headers, body, status) in [
        ("Host: a\r\nContent-Type: application/json\r\n", "{", 400),
        ("Host: a\r\nContent-Type: application/x-protobuf\r\n", "{", 400),
        ("Host: a\r\nContent-Type: text/plain\r\n", SPANS, 415),
        ("Host: a\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n", SPANS, 400),
        ("Host: a\r\nContent-Type: application/json\r\nOrigin: https://evil.example\r\n", SPANS, 403),
    ] {
        assert_eq!(export(&server, headers, body).status, status, "{headers}");
    }
    assert_eq!(server.console.store().counters().traces, 0);
}
