//! Each rule by what keeps it and what breaks it.

mod broken;
mod values;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const TRACE: &str = "1-5759e988-bd862e3fe1be46a994272793";

/// A segment with every member that a segment may have.
fn segment() -> Value {
    json!({
        "name": "orders", "id": "53995c3f42cd8ad8", "trace_id": TRACE, "parent_id": "53995c3f42cd8ad7",
        "start_time": 1465510280.514, "end_time": 1465510281.25,
        "origin": "AWS::EC2::Instance", "resource_arn": "arn:aws:ec2:::i-1", "user": "Admin",
        "error": true, "fault": true, "throttle": false,
        "service": {"version": "1.2", "compiler": "rustc"},
        "http": {
            "request": {"method": "GET", "url": "http://h/", "user_agent": "curl", "client_ip": "::1",
                        "x_forwarded_for": true},
            "response": {"status": 429, "content_length": -1},
        },
        "aws": {
            "account_id": "123456789012", "request_id": "r", "resource_names": ["orders"],
            "function_arn": "arn", "cloudwatch_logs": [{"log_group": "g", "arn": "a"}],
            "ec2": {"instance_id": "i", "instance_size": "s", "ami_id": "a", "availability_zone": "z"},
            "ecs": {"container": "c", "container_id": "i", "container_arn": "a", "availability_zone": "z"},
            "eks": {"pod": "p", "cluster_name": "c", "container_id": "i"},
            "elastic_beanstalk": {"environment_name": "e", "version_label": "v", "deployment_id": 1},
            "xray": {"sdk": "s", "sdk_version": "1", "auto_instrumentation": false,
                     "sampling_rule_name": "Default"},
        },
        "cause": {
            "working_directory": "/srv", "paths": ["/srv/lib"],
            "exceptions": [
                {"id": "53995c3f42cd8ad9", "type": "Refused", "message": "", "remote": true,
                 "truncated": 3, "skipped": 0, "cause": "53995c3f42cd8ada",
                 "stack": [{"path": "a.rs", "line": 7, "label": "main"}]},
                {"id": "53995c3f42cd8ada"},
            ],
        },
        "annotations": {"text": "x", "number": -7.5, "yes": true},
        "metadata": {"default": {"any": [{}, null, [], {"a": ""}]}, "other": {"k": 1}},
        "links": [{"trace_id": TRACE, "id": "53995c3f42cd8adb", "attributes": {"a": []}}],
        "subsegments": [nested(json!({
            "name": "orders@db", "id": "53995c3f42cd8adc", "namespace": "remote", "cause": "53995c3f42cd8ad9",
            "precursor_ids": ["53995c3f42cd8add"], "http": {"request": {"traced": true}},
            "sql": {"connection_string": "c", "url": "u", "sanitized_query": "q", "database_type": "t",
                    "database_version": "v", "driver_version": "d", "user": "me", "preparation": "call"},
            "aws": {"operation": "PutItem", "region": "eu-central-1", "queue_url": "q", "table_name": "t",
                    "table_names": ["t"], "topic_arn": "a", "function_name": "f", "log_type": "Tail",
                    "retries": 0, "item_count": 3},
        }))],
    })
}

/// These members and the times of a subsegment.
fn nested(members: Value) -> Value {
    with(json!({"start_time": 1465510280.6, "end_time": 1.4655102807E9}), members)
}

fn small() -> Value {
    nested(json!({"name": "orders", "id": "53995c3f42cd8ad8", "trace_id": TRACE}))
}

fn lone() -> Value {
    let lone = json!({"type": "subsegment", "parent_id": "53995c3f42cd8ad7", "namespace": "aws"});
    with(small(), lone)
}

fn with(mut base: Value, members: Value) -> Value {
    let Value::Object(members) = members else { panic!("members are an object") };
    base.as_object_mut().unwrap().extend(members);
    base
}

fn without(mut base: Value, name: &str) -> Value {
    base.as_object_mut().unwrap().remove(name).expect("a member to leave out");
    base
}

fn subsegments(list: Value) -> Value {
    with(small(), json!({"subsegments": list}))
}

fn paths(json: &str) -> Vec<String> {
    let violations = validate(json).err().unwrap_or_default();
    violations.into_iter().map(|violation| violation.path).collect()
}

fn assert_valid(document: &Value) {
    assert_eq!(validate(document.to_string()), Ok(()), "{document}");
}

/// The only violation is at this path.
fn assert_invalid(document: &Value, path: &str) {
    assert_eq!(paths(&document.to_string()), [path], "{document}");
}

#[test]
fn documents_of_every_kind_are_valid() {
    assert_valid(&segment());
    assert_valid(&small());
    assert_valid(&lone());
    for mut in_progress in [small(), lone(), segment()] {
        in_progress = without(in_progress, "end_time");
        assert_valid(&with(in_progress, json!({"in_progress": true})));
    }
    assert_valid(&with(lone(), segment()["subsegments"][0].clone()));
}

#[test]
fn what_is_not_a_json_object_is_one_violation() {
    for text in ["", "[", "{\"name\":}", "7", "[]", "\"x\"", "null", "{} {}"] {
        assert_eq!(paths(text), [""], "{text}");
    }
    let deep = "{\"subsegments\":[".repeat(100_000);
    assert_eq!(paths(&deep), [""]);
}

#[test]
fn required_members_are_missed() {
    for name in ["name", "id", "start_time", "trace_id"] {
        assert_invalid(&without(small(), name), name);
    }
    for name in ["name", "id", "start_time", "trace_id", "parent_id"] {
        assert_invalid(&without(lone(), name), name);
    }
    for name in ["name", "id", "start_time"] {
        let inner = without(nested(json!({"name": "a", "id": "53995c3f42cd8ad0"})), name);
        assert_invalid(&subsegments(json!([inner])), &format!("subsegments[0].{name}"));
    }
    assert_invalid(&with(small(), json!({"cause": {"exceptions": [{"type": "x"}]}})), "cause.exceptions[0].id");
    assert_invalid(&with(small(), json!({"links": [{"id": "53995c3f42cd8ad0"}]})), "links[0].trace_id");
    assert_invalid(&with(small(), json!({"links": [{"trace_id": TRACE}]})), "links[0].id");
}

#[test]
fn a_subsegment_has_what_segments_have_not_and_the_reverse() {
    for (name, value) in [
        ("origin", json!("x")),
        ("resource_arn", json!("x")),
        ("user", json!("x")),
        ("service", json!({"version": "1"})),
        ("links", json!([{"trace_id": TRACE, "id": "53995c3f42cd8adb"}])),
    ] {
        assert_valid(&with(small(), json!({ name: value })));
        assert_invalid(&with(lone(), json!({ name: value })), name);
    }
    for (name, value) in
        [("namespace", json!("remote")), ("sql", json!({"user": "x"})), ("precursor_ids", json!(["53995c3f42cd8add"]))]
    {
        assert_valid(&with(lone(), json!({ name: value })));
        assert_invalid(&with(small(), json!({ name: value })), name);
    }
    for (owner, name, on_segment) in [("request", "x_forwarded_for", true), ("request", "traced", false)] {
        let http = json!({"http": {owner: {name: true}}});
        let (right, wrong) = if on_segment { (small(), lone()) } else { (lone(), small()) };
        assert_valid(&with(right, http.clone()));
        assert_invalid(&with(wrong, http), &format!("http.{owner}.{name}"));
    }
    assert_invalid(&with(lone(), json!({"aws": {"xray": {"sdk": "x"}}})), "aws.xray");
    assert_invalid(&with(small(), json!({"aws": {"operation": "x"}})), "aws.operation");
    // Nested ones are subsegments too, beneath whatever.
    let inner = nested(json!({"name": "a", "id": "53995c3f42cd8ad0", "user": "me"}));
    assert_invalid(&subsegments(json!([inner])), "subsegments[0].user");
}

#[test]
fn a_namespace_is_aws_or_remote() {
    for wrong in [json!("local"), json!(""), json!("AWS"), json!(true)] {
        assert_invalid(&with(lone(), json!({"namespace": wrong})), "namespace");
    }
}

#[test]
fn a_type_is_subsegment_or_absent() {
    // By its type this is no segment, so it needs a parent.
    let odd = with(small(), json!({"type": "segment"}));
    assert_eq!(paths(&odd.to_string()), ["type", "parent_id"]);
}

#[test]
fn exactly_one_of_end_time_and_in_progress() {
    for document in [small(), lone()] {
        assert_invalid(&with(document.clone(), json!({"in_progress": true})), "");
        assert_invalid(&without(document.clone(), "end_time"), "");
        let ended = without(document, "end_time");
        assert_invalid(&with(ended, json!({"in_progress": false})), "in_progress");
    }
    let inner = json!({"name": "a", "id": "53995c3f42cd8ad0", "start_time": 5});
    assert_invalid(&subsegments(json!([inner.clone()])), "subsegments[0]");
    assert_valid(&subsegments(json!([with(inner, json!({"in_progress": true}))])));
}

#[test]
fn nested_subsegments_may_repeat_their_ids_but_not_change_them() {
    let inner = |members| {
        let inner = nested(json!({"name": "b", "id": "53995c3f42cd8ad2"}));
        let outer = json!({"name": "a", "id": "53995c3f42cd8ad1", "subsegments": [with(inner, members)]});
        subsegments(json!([nested(outer)]))
    };
    assert_valid(&inner(json!({})));
    assert_valid(&inner(json!({"type": "subsegment", "trace_id": TRACE, "parent_id": "53995c3f42cd8ad1"})));
    let at = |name: &str| format!("subsegments[0].subsegments[0].{name}");
    assert_invalid(&inner(json!({"parent_id": "53995c3f42cd8ad8"})), &at("parent_id"));
    let other = "1-5759e988-bd862e3fe1be46a994272794";
    assert_invalid(&inner(json!({"trace_id": other})), &at("trace_id"));
}

#[test]
fn ids_are_used_once() {
    let inner = |id: &str| nested(json!({"name": "a", "id": id}));
    assert_valid(&subsegments(json!([inner("53995c3f42cd8ad0"), inner("53995c3f42cd8ad1")])));
    let twins = subsegments(json!([inner("53995c3f42cd8ad0"), inner("53995c3f42cd8ad0")]));
    assert_invalid(&twins, "subsegments[1].id");
    assert_invalid(&subsegments(json!([inner("53995c3f42cd8ad8")])), "subsegments[0].id");

    let cause = |list: Value| with(small(), json!({"cause": {"exceptions": list}}));
    let id = "53995c3f42cd8ad9";
    assert_invalid(&cause(json!([{"id": id}, {"id": id}])), "cause.exceptions[1].id");
    assert_invalid(&cause(json!([{"id": id, "cause": id}])), "cause.exceptions[0].cause");
}

#[test]
fn annotations_of_the_whole_document_are_counted() {
    let many = |from: usize, to: usize| -> Value {
        (from..to).map(|n| (format!("k{n}"), json!(n))).collect::<Map<_, _>>().into()
    };
    let document = |inner: usize| {
        let inner = json!({"name": "a", "id": "53995c3f42cd8ad0", "annotations": many(0, inner)});
        with(subsegments(json!([nested(inner)])), json!({"annotations": many(0, 20)}))
    };
    assert_valid(&document(30));
    assert_invalid(&document(31), "");
}

#[test]
fn links_are_counted() {
    let links = |count: usize, traces: usize| {
        let link = |n| json!({"id": "53995c3f42cd8ad0", "trace_id": format!("1-00000000-{:024x}", n % traces)});
        with(small(), json!({"links": (0..count).map(link).collect::<Vec<_>>()}))
    };
    assert_valid(&links(100, 20));
    assert_invalid(&links(101, 20), "links");
    assert_invalid(&links(21, 21), "links");
}

#[test]
fn members_written_twice_are_seen_everywhere() {
    let start = format!(r#"{{"name":"a","id":"53995c3f42cd8ad8","trace_id":"{TRACE}","start_time":1,"end_time":2"#);
    for (rest, path) in [
        (r#""name":"b""#, "name"),
        (r#""error":true,"error":true"#, "error"),
        (r#""http":{"request":{"url":"u","url":"u"}}"#, "http.request.url"),
        (r#""annotations":{"a":1,"b":2,"a":1}"#, "annotations.a"),
        (r#""metadata":{"d":{"k":1},"d":{"k":1}}"#, "metadata.d"),
        (r#""metadata":{"d":{"k":1,"k":2}}"#, "metadata.d.k"),
        (r#""metadata":{"d":{"k":[0,{"x":1,"x":2}]}}"#, "metadata.d.k[1].x"),
        (r#""aws":{"xray":{"sdk":"s","sdk":"s"}}"#, "aws.xray.sdk"),
        (r#""aws":{"free":{"a":1,"a":1}}"#, "aws.free.a"),
        (
            r#""subsegments":[{"name":"b","name":"b","id":"53995c3f42cd8ad0","start_time":1,"end_time":1}]"#,
            "subsegments[0].name",
        ),
    ] {
        assert_eq!(paths(&format!("{start},{rest}}}")), [path], "{rest}");
    }
}

#[test]
fn the_size_counts_with_the_header_line() {
    let document =
        |filler: usize| with(small(), json!({"metadata": {"default": {"filler": "x".repeat(filler)}}})).to_string();
    let room = limits::DOCUMENT_BYTES - DAEMON_HEADER.len() - document(0).len();
    assert_eq!(validate(document(room)), Ok(()));
    let violations = validate(document(room + 1)).unwrap_err();
    assert_eq!(violations[0].to_string(), "document: found 64001 bytes with the header line, allowed: at most 64000");
}

#[test]
fn every_violation_is_told() {
    let document = with(small(), json!({"name": "?", "subsegments": [{}], "user": 7}));
    assert_eq!(
        paths(&document.to_string()),
        [
            "name",
            "subsegments[0]",
            "subsegments[0].name",
            "subsegments[0].id",
            "subsegments[0].start_time",
            "subsegments[0]",
            "user"
        ]
    );
}

proptest! {
    #[test]
    fn any_text_is_judged_quietly(text in "[\\[\\]{}:,\" a-z0-9.e-]{0,80}") {
        prop_assert!(validate(&text).is_err());
    }
}
