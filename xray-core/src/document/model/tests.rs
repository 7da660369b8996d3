//! Documents as the SDKs of other languages send them, and anything else.

use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::document::DAEMON_HEADER;
use crate::document::limits::NESTED_SUBSEGMENTS;

fn read(value: Value) -> Document {
    Document::deserialize(value).unwrap()
}

/// With every member the guide names, and some it does not.
fn full() -> Value {
    json!({
        "name": "orders", "id": "53995c3f42cd8ad8", "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "parent_id": "53995c3f42cd8ad7", "start_time": 1465510280.5, "end_time": 1465510281.25,
        "origin": "AWS::EC2::Instance", "resource_arn": "arn:aws:ec2:::i-1", "user": "Admin",
        "error": true, "fault": true, "throttle": true, "inferred": true,
        "service": {"version": "1.2", "runtime": "tokio", "runtime_version": "1", "compiler": "rustc",
                    "compiler_version": "1.85", "name": "shop"},
        "http": {
            "request": {"method": "GET", "url": "http://h/", "user_agent": "", "client_ip": "::1",
                        "x_forwarded_for": true, "traced": true, "protocol": "2"},
            "response": {"status": 429, "content_length": -1, "reason": "slow down"},
        },
        "aws": {"account_id": "1", "ec2": {"instance_id": "i-1"},
                "xray": {"sdk": "X-Ray for Go", "rule_name": "Default"}},
        "cause": {
            "working_directory": "/srv", "paths": ["/srv/lib"], "id": "53995c3f42cd8ad0",
            "exceptions": [{
                "id": "53995c3f42cd8ad9", "type": "Refused", "message": "no", "remote": true,
                "truncated": 3, "skipped": 1, "cause": "53995c3f42cd8ada",
                "stack": [{"path": "a.rs", "line": 7, "label": "main", "column": 1}],
            }],
        },
        "annotations": {"s": "x", "i": -7, "u": 18446744073709551615_u64, "f": 0.5, "b": false,
                        "odd": [1], "none": null},
        "metadata": {"default": {"any": [{}, null]}, "flat": 1},
        "links": [{"trace_id": "1-5759e988-bd862e3fe1be46a994272794", "id": "53995c3f42cd8adb",
                   "attributes": {"a": 1}, "more": 2}],
        "subsegments": [{
            "name": "db@host", "id": "53995c3f42cd8adc", "start_time": 1465510280.5, "in_progress": true,
            "namespace": "remote", "cause": "53995c3f42cd8ad9", "precursor_ids": ["53995c3f42cd8add"],
            "sql": {"connection_string": "c", "url": "u", "sanitized_query": "q", "database_type": "t",
                    "database_version": "v", "driver_version": "d", "user": "me", "preparation": "call",
                    "rows": 7},
        }],
        "Dummy": false,
    })
}

#[test]
fn every_member_is_read_and_written_back() {
    let document = read(full());
    assert_eq!(serde_json::to_value(&document).unwrap(), full());

    assert!(document.error && document.fault && document.throttle && document.inferred);
    assert_eq!(document.http_status(), Some(429));
    assert_eq!(document.seconds(), Some(0.75));
    assert_eq!(document.start(), Some(Duration::from_millis(1_465_510_280_500)));
    assert_eq!(document.end(), Some(Duration::from_millis(1_465_510_281_250)));
    assert_eq!(document.exceptions()[0].stack[0].line, Some(7));
    assert_eq!(document.aws.as_ref().unwrap().sampling_rule(), Some("Default"));
    assert_eq!(document.aws.as_ref().unwrap().sdk(), Some("X-Ray for Go"));
    assert_eq!(document.service.as_ref().unwrap().other, *json!({"name": "shop"}).as_object().unwrap());
    assert_eq!(document.other, *json!({"Dummy": false}).as_object().unwrap());
    assert_eq!(document.annotations["s"].as_str(), Some("x"));
    assert_eq!(document.annotations["i"].as_i64(), Some(-7));
    assert_eq!(document.annotations["f"].as_f64(), Some(0.5));
    assert_eq!(document.annotations["b"].as_bool(), Some(false));
    assert_eq!(document.annotations["odd"], Annotation::Other(json!([1])));
    assert_eq!(document.links[0].id, "53995c3f42cd8adb");

    let call = document.find("db@host").unwrap();
    assert!(call.in_progress && call.seconds().is_none() && call.end().is_none());
    assert_eq!(call.cause, Some(Cause::Id("53995c3f42cd8ad9".into())));
    assert!(call.exceptions().is_empty());
    assert_eq!(call.sql.as_ref().unwrap().preparation.as_deref(), Some("call"));
}

#[test]
fn every_field_of_a_full_document_is_typed() {
    // What a typed field missed would hide in `other`.
    let text = format!("{:?}", read(full()));
    for stray in ["Dummy", "rows", "column", "more", "reason", "protocol"] {
        assert!(text.contains(&format!("other: {{\"{stray}\"")), "{stray}: {text}");
    }
    assert_eq!(text.matches("other: {}").count(), 3, "http, exception, nested document: {text}");
}

#[test]
fn what_the_python_sdk_sends() {
    let document = read(json!({
        "name": "work", "id": "53995c3f42cd8ad8", "start_time": 1465510280.514123,
        "end_time": 1465510280.6, "in_progress": false, "trace_id": "1-5759e988-bd862e3fe1be46a994272793",
        "type": "subsegment", "namespace": "local", "parent_id": "53995c3f42cd8ad7", "fault": true,
        "cause": "53995c3f42cd8ad0", "http": {"response": {"status": "200"}},
        "subsegments": [{"name": "inner", "id": "53995c3f42cd8ad9", "start_time": 1465510280,
            "end_time": 1.4655102805e9, "type": "subsegment", "parent_id": "53995c3f42cd8ad8",
            "trace_id": "1-5759e988-bd862e3fe1be46a994272793", "in_progress": false, "namespace": "local"}],
    }));
    assert!(document.is_lone_subsegment() && !document.in_progress);
    assert_eq!(document.other["in_progress"], false);
    assert_eq!(document.namespace.as_deref(), Some("local"));
    assert_eq!(document.http_status(), Some(200));
    let inner = &document.subsegments[0];
    assert_eq!(inner.seconds(), Some(0.5));
}

#[test]
fn what_the_node_sdk_sends() {
    let document = read(json!({
        "name": "api", "id": "53995c3f42cd8ad8", "start_time": 1465510280.514, "end_time": 1465510280.6,
        "http": {"request": {"user_agent": ""}, "response": {"status": 200, "content_length": "1234"}},
        "cause": {"working_directory": "/", "exceptions": [{"message": "m", "type": "Error", "stack":
            [{"path": "native", "line": null, "label": "anonymous"}], "id": "53995c3f42cd8ad9",
            "remote": false}]},
        "service": {"runtime": "node", "runtime_version": "v20", "name": "unknown", "version": "unknown"},
        "traced": true,
    }));
    let http = document.http.as_ref().unwrap();
    assert_eq!(http.response.as_ref().unwrap().content_length, Some(1234));
    assert_eq!(http.request.as_ref().unwrap().user_agent.as_deref(), Some(""));
    let exception = &document.exceptions()[0];
    assert_eq!(exception.kind.as_deref(), Some("Error"));
    assert_eq!((exception.stack[0].line, &exception.stack[0].other["line"]), (None, &Value::Null));
    assert_eq!(exception.other["remote"], false);
}

#[test]
fn members_of_another_type_are_kept_aside() {
    let odd = json!({
        "name": 7, "id": "", "start_time": "now", "end_time": null, "fault": "yes", "error": false,
        "cause": 7, "http": [], "aws": "x", "sql": null, "annotations": [], "metadata": {},
        "subsegments": [{"name": "a"}, 7], "precursor_ids": [7], "links": {}, "in_progress": 1,
        "user": ["x"],
    });
    let document = read(odd.clone());
    assert_eq!(document.other, *odd.as_object().unwrap());
    assert_eq!(document, Document { other: document.other.clone(), ..Document::default() });
    assert_eq!(serde_json::to_value(&document).unwrap(), odd);
}

#[test]
fn what_is_empty_is_not_written() {
    assert_eq!(serde_json::to_value(Document::default()).unwrap(), json!({}));
}

#[test]
fn numbers_of_any_spelling_are_read() {
    let parse = |time: &str| Document::parse(format!("{{\"start_time\":{time}}}")).unwrap().start_time;
    for (text, time) in [
        ("1465510280", 1_465_510_280.0),
        ("1.46551028E9", 1_465_510_280.0),
        ("1465510280.514", 1_465_510_280.514),
        ("1465510280.514123", 1_465_510_280.514_123),
        ("0", 0.0),
        ("-1.5", -1.5),
    ] {
        assert_eq!(parse(text), Some(time));
    }
    assert_eq!(read(json!({"start_time": -1})).start(), None);

    let status = |value: Value| read(json!({"http": {"response": {"status": value}}})).http_status();
    assert_eq!(status(json!(2e2)), Some(200));
    assert_eq!(status(json!("404")), Some(404));
    assert_eq!(status(json!(200.5)), None);
    assert_eq!(status(json!(1e300)), None);
    assert_eq!(status(json!("x")), None);
}

#[test]
fn walking_is_depth_first_parents_before_children() {
    let document = read(json!({"name": "a", "subsegments": [
        {"name": "b", "subsegments": [{"name": "c", "id": "1"}, {"name": "d"}]},
        {"name": "c", "id": "2"},
    ]}));
    let names: Vec<&str> = document.walk().map(|document| document.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "c"]);
    assert_eq!(document.find("c").unwrap().id, "1");
    assert_eq!(document.find("a").unwrap(), &document);
    assert!(document.find("e").is_none());
}

#[test]
fn pretty_text_reads_as_the_same_document() {
    let document = read(full());
    let text = document.to_string_pretty();
    assert!(text.starts_with("{\n  \"name\": \"orders\",\n  \"id\": "), "{text}");
    assert_eq!(Document::parse(text).unwrap(), document);
}

/// A document with this many subsegments within one another, the innermost with a stack frame.
fn nested(subsegments: usize) -> String {
    let open = r#"{"name":"a","subsegments":["#.repeat(subsegments);
    let innermost = r#"{"cause":{"exceptions":[{"stack":[{"line":1}]}]}}"#;
    format!("{open}{innermost}{}", "]}".repeat(subsegments))
}

#[test]
fn deep_nesting_is_an_error_not_a_crash() {
    let deepest = Document::parse(nested(NESTED_SUBSEGMENTS)).unwrap();
    assert_eq!(deepest.walk().count(), NESTED_SUBSEGMENTS + 1);
    assert_eq!(deepest.walk().last().unwrap().exceptions()[0].stack[0].line, Some(1));
    for subsegments in [NESTED_SUBSEGMENTS + 1, 1_000_000] {
        let error = Document::parse(nested(subsegments)).unwrap_err();
        assert!(matches!(error, ParseDocumentError::Json(_)), "{error:?}");
    }
}

#[test]
fn datagrams_of_every_sender_are_read() {
    let body = r#"{"name":"orders"}"#;
    for header in [
        DAEMON_HEADER,
        "{\"format\": \"json\", \"version\": 1}\n",
        "{\"version\":1,\"format\":\"JSON\",\"more\":[]}\n",
        "{\"format\":\"json\",\"version\":1}\r\n",
    ] {
        let document = Document::parse_datagram(format!("{header}{body}").as_bytes()).unwrap();
        assert_eq!(document.name, "orders", "{header}");
    }
}

#[test]
fn other_datagrams_are_refused_with_the_reason() {
    let why = |datagram: &str| Document::parse_datagram(datagram.as_bytes()).unwrap_err().to_string();
    let header = |line: &str| why(&format!("{line}\n{{}}"));
    let bad_header = "datagram header is not {\"format\":\"json\",\"version\":1}";
    assert_eq!(why(""), "datagram has no header line");
    assert_eq!(why("{\"format\":\"json\",\"version\":1}{}"), "datagram has no header line");
    assert_eq!(header("{\"format\":\"json\",\"version\":2}"), bad_header);
    assert_eq!(header("{\"format\":\"xml\",\"version\":1}"), bad_header);
    assert_eq!(header("{\"format\":\"json\"}"), bad_header);
    assert_eq!(header(""), bad_header);

    let body = |body: &str| why(&format!("{DAEMON_HEADER}{body}"));
    assert_eq!(body(""), "document is not JSON");
    assert_eq!(body("{}{}"), "document is not JSON");
    assert_eq!(body("{\"name\":\"\u{0}\"}"), "document is not JSON");
    assert_eq!(body("\"secret\""), "document is not a JSON object");
    for telemetry in ["T1SCkQK", "T1UCkQK", "M1CkQK"] {
        assert_eq!(body(telemetry), "body is OpenTelemetry data, not a segment document");
    }
    let not_utf8 = [DAEMON_HEADER.as_bytes(), b"{\"name\":\"\xff\"}"].concat();
    assert!(matches!(Document::parse_datagram(&not_utf8), Err(ParseDocumentError::Json(_))));
}

#[test]
fn errors_do_not_repeat_what_came() {
    for text in ["\"secret\"", "{\"secret\"", "{\"a\":secret}", "secret", "{\"secret\": 1e999}"] {
        let error = Document::parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn a_cause_is_a_text_or_an_object() {
    assert_eq!(serde_json::from_str::<Cause>("\"53\"").unwrap(), Cause::Id("53".into()));
    assert_eq!(serde_json::from_str::<Cause>("{}").unwrap(), Cause::Object(CauseObject::default()));
    assert!(serde_json::from_str::<Cause>("[]").is_err());
}

/// Whole numbers that go through `f64` and the JSON reader unchanged, with room to spare: microseconds of 35 years
/// either way, and all seconds there are. The reader may be off by the last bit near 2^53.
const EXACT: std::ops::Range<i64> = -(1 << 50)..1 << 50;

/// JSON with the keys of documents, rightly and wrongly used.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        EXACT.prop_map(Value::from),
        // Microseconds, as times are.
        EXACT.prop_map(|micros| Value::from(micros as f64 / 1e6)),
        "[a-z0-9]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner.boxed()),]
    })
}

fn object(members: BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    const KEYS: [&str; 30] = [
        "name",
        "id",
        "trace_id",
        "parent_id",
        "type",
        "start_time",
        "end_time",
        "in_progress",
        "namespace",
        "user",
        "error",
        "fault",
        "throttle",
        "cause",
        "http",
        "request",
        "response",
        "status",
        "aws",
        "service",
        "version",
        "sql",
        "annotations",
        "metadata",
        "links",
        "precursor_ids",
        "inferred",
        "subsegments",
        "exceptions",
        "stack",
    ];
    let key = prop_oneof![proptest::sample::select(&KEYS[..]).prop_map(String::from), "[a-z]{0,3}"];
    proptest::collection::btree_map(key, members, 0..8).prop_map(|members| Value::Object(members.into_iter().collect()))
}

/// `value` with all numbers, also those in strings, in one spelling.
fn normal(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::String(text) => text.parse::<i64>().map_or(value.clone(), |number| json!(number as f64)),
        Value::Array(items) => items.iter().map(normal).collect(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), normal(value))).collect(),
        Value::Null | Value::Bool(_) => value.clone(),
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_between_reading_and_writing(value in object(json().boxed())) {
        let document = read(value.clone());
        prop_assert_eq!(normal(&serde_json::to_value(&document).unwrap()), normal(&value));
        let text = serde_json::to_string(&document).unwrap();
        prop_assert_eq!(Document::parse(text).unwrap(), document);
    }

    #[test]
    fn any_bytes_parse_or_fail_quietly(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Document::parse_datagram(&[DAEMON_HEADER.as_bytes(), &bytes].concat());
        let _ = Document::parse_datagram(&bytes);
    }
}
