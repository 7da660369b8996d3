use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::*;
use crate::span::{Attributes, Event, Resource, Status, Value};

mod foreign;

const TRACE: [u8; 16] =
    [0x57, 0x59, 0xe9, 0x88, 0xbd, 0x86, 0x2e, 0x3f, 0xe1, 0xbe, 0x46, 0xa9, 0x94, 0x27, 0x27, 0x93];
const START: u64 = 1_465_510_280_500_000_000;

fn span(id: u8, parent: u8, kind: Kind, name: &str) -> Span {
    let mut span = Span::new(TRACE, [id; 8], name);
    span.parent_id = (parent > 0).then_some([parent; 8]);
    span.kind = kind;
    (span.start, span.end) = (START, START + 250_000_000);
    span.resource = Arc::new(Resource::of_service("orders"));
    span
}

fn with(mut span: Span, attributes: &[(&str, Value)]) -> Span {
    span.attributes = attributes.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    span
}

/// The documents, each of which X-Ray takes.
fn documents(mapping: &Mapping, spans: &[Span]) -> (Vec<Document>, Losses) {
    let mut losses = Losses::default();
    let documents = mapping.documents(spans, &mut losses);
    for document in &documents {
        let text = serde_json::to_vec(document).unwrap();
        if let Err(violations) = xray_test::validate(&text) {
            let violations: Vec<String> = violations.iter().map(ToString::to_string).collect();
            panic!("{}\n{}", violations.join("\n"), document.to_string_pretty());
        }
    }
    (documents, losses)
}

fn one(mapping: &Mapping, span: Span) -> (Json, Losses) {
    let (documents, losses) = documents(mapping, &[span]);
    let [document] = &documents[..] else { panic!("{documents:?}") };
    let mut document = serde_json::to_value(document).unwrap();
    // The span's own name has a test of its own.
    if let Some(default) = document["metadata"]["default"].as_object_mut() {
        default.remove("otel.name");
    }
    for empty in ["/metadata/default", "/metadata"] {
        if let Some(value) =
            document.pointer_mut(empty).filter(|value| **value == json!({}) || **value == json!({"default": null}))
        {
            *value = Json::Null;
        }
    }
    (document, losses)
}

/// A subsegment of a parent that is elsewhere.
fn lone(kind: Kind, attributes: &[(&str, Value)]) -> Json {
    one(&Mapping::new("orders"), with(span(2, 1, kind, "operation"), attributes)).0
}

fn segment(attributes: &[(&str, Value)]) -> Json {
    one(&Mapping::new("orders"), with(span(2, 1, Kind::Server, "GET /x"), attributes)).0
}

#[test]
fn kinds_decide_what_a_span_becomes() {
    let remote = |mut span: Span| {
        span.parent_is_remote = true;
        span
    };
    let at = |kind, parent| span(2, parent, kind, "operation");
    for (span, expected) in [
        (at(Kind::Server, 0), "orders segment"),
        (at(Kind::Server, 1), "orders segment"),
        (at(Kind::Consumer, 1), "orders segment"),
        (at(Kind::Internal, 1), "operation lone"),
        (at(Kind::Client, 1), "operation lone"),
        (at(Kind::Producer, 1), "operation lone"),
        (at(Kind::Internal, 0), "orders segment > operation"),
        (at(Kind::Client, 0), "orders segment > operation"),
        (at(Kind::Producer, 0), "orders segment > operation"),
        (remote(at(Kind::Internal, 1)), "orders segment > operation"),
        (with(at(Kind::Client, 1), &[("aws.span.kind", "LOCAL_ROOT".into())]), "orders segment > operation"),
    ] {
        let described = format!("{:?}", (span.kind, span.parent_id, span.parent_is_remote));
        let (documents, losses) = documents(&Mapping::new("fallback"), &[span]);
        let [document] = &documents[..] else { panic!("{described}") };
        let kind = if document.is_lone_subsegment() { "lone" } else { "segment" };
        let below: String = document.subsegments.iter().map(|below| format!(" > {}", below.name)).collect();
        assert_eq!(format!("{} {kind}{below}", document.name), expected, "{described}");
        assert!(losses.is_none());
    }
}

#[test]
fn calls_are_named_for_what_they_call() {
    let named = |kind, attributes: &[(&str, Value)]| {
        let document = lone(kind, attributes);
        format!("{} {}", document["name"].as_str().unwrap(), document["namespace"].as_str().unwrap_or("-"))
    };
    for (attributes, expected) in [
        (&[][..], "operation remote"),
        (&[("server.address", "pay.example.com".into()), ("server.port", 443.into())], "pay.example.com remote"),
        (&[("net.peer.name", "old.example.com".into())], "old.example.com remote"),
        (&[("url.full", "https://u:p@pay.example.com:8443/a?b".into())], "pay.example.com remote"),
        (&[("peer.service", "payments".into()), ("server.address", "10.0.0.1".into())], "payments remote"),
        (&[("aws.remote.service", "payments".into()), ("peer.service", "x".into())], "payments remote"),
        (
            &[
                ("db.system.name", "postgresql".into()),
                ("db.namespace", "shop".into()),
                ("server.address", "db1".into()),
            ],
            "shop@db1 remote",
        ),
        (&[("db.system", "redis".into())], "redis remote"),
        (&[("messaging.destination.name", "jobs".into())], "jobs remote"),
        (&[("rpc.service", "shop.Cart".into()), ("server.address", "cart".into())], "shop.Cart remote"),
        (&[("network.peer.address", "2001:db8::1".into())], "2001:db8::1 remote"),
        (&[("rpc.system", "aws-api".into()), ("rpc.service", "DynamoDB".into())], "DynamoDB aws"),
        (&[("rpc.system.name", "aws-api".into()), ("rpc.method", "DynamoDB/PutItem".into())], "DynamoDB aws"),
        (&[("aws.service", "AWS.SDK.S3".into())], "S3 aws"),
        (&[("messaging.system", "aws_sqs".into())], "SQS aws"),
    ] {
        assert_eq!(named(Kind::Client, attributes), expected, "{attributes:?}");
    }
    assert_eq!(named(Kind::Internal, &[("server.address", "x".into())]), "operation -");
}

#[test]
fn a_span_whose_document_is_called_something_else_keeps_its_name() {
    let (made, _) = documents(&Mapping::new("orders"), &[span(2, 1, Kind::Server, "GET /orders/{id}")]);
    assert_eq!(
        (made[0].name.as_str(), &made[0].metadata["default"]["otel.name"]),
        ("orders", &json!("GET /orders/{id}"))
    );
}

#[test]
fn old_and_stable_names_of_http_make_the_same_block() {
    let stable = segment(&[
        ("http.request.method", "GET".into()),
        ("url.scheme", "https".into()),
        ("url.path", "/orders/7".into()),
        ("url.query", "token=1".into()),
        ("server.address", "shop.example.com".into()),
        ("server.port", 8443.into()),
        ("user_agent.original", "curl".into()),
        ("client.address", "203.0.113.9".into()),
        ("http.response.status_code", 429.into()),
        ("http.response.body.size", 12.into()),
    ]);
    let old = segment(&[
        ("http.method", "GET".into()),
        ("http.scheme", "https".into()),
        ("http.target", "/orders/7?token=1".into()),
        ("net.host.name", "shop.example.com".into()),
        ("net.host.port", 8443.into()),
        ("http.user_agent", "curl".into()),
        ("http.client_ip", "203.0.113.9".into()),
        ("http.status_code", "429".into()),
        ("http.response_content_length", 12.into()),
    ]);
    assert_eq!(
        stable["http"],
        json!({
            "request": {
                "method": "GET", "url": "https://shop.example.com:8443/orders/7", "user_agent": "curl",
                "client_ip": "203.0.113.9", "x_forwarded_for": true,
            },
            "response": {"status": 429, "content_length": 12},
        })
    );
    assert_eq!(stable, old);
    assert_eq!((&stable["error"], &stable["throttle"], &stable["metadata"]), (&json!(true), &json!(true), &Json::Null));
}

#[test]
fn a_clients_url_comes_of_where_it_went() {
    let url = |attributes: &[(&str, Value)]| {
        let mut all = vec![("http.request.method", Value::from("GET"))];
        all.extend_from_slice(attributes);
        lone(Kind::Client, &all)["http"]["request"]["url"].clone()
    };
    assert_eq!(url(&[("server.address", "a.example".into()), ("server.port", 8080.into())]), "http://a.example:8080/");
    assert_eq!(
        url(&[("server.address", "2001:db8::1".into()), ("server.port", 81.into())]),
        "http://[2001:db8::1]:81/"
    );
    assert_eq!(url(&[("net.peer.name", "a.example".into()), ("http.target", "/x?y".into())]), "http://a.example/x");
    assert_eq!(url(&[("url.full", "https://u:p@a.example/x?secret=1#y".into())]), "https://a.example/x");
    let said_twice = lone(
        Kind::Client,
        &[
            ("url.full", "https://a.example:81/".into()),
            ("server.address", "a.example".into()),
            ("server.port", 81.into()),
        ],
    );
    assert_eq!((&said_twice["name"], &said_twice["metadata"]), (&json!("a.example"), &Json::Null));
}

#[test]
fn whose_failure_it_was() {
    let flags = |attributes: &[(&str, Value)], status: Status| {
        let mut span = with(span(2, 1, Kind::Client, "call"), attributes);
        span.status = status;
        let (document, _) = one(&Mapping::new("orders"), span);
        ["error", "throttle", "fault"].into_iter().filter(|flag| document[flag] == true).collect::<Vec<_>>().join(" ")
    };
    let failed = || Status::Error(String::new());
    let http = |status: i64| [("http.response.status_code", Value::Int(status))];
    let grpc = |status: i64| [("rpc.grpc.status_code", Value::Int(status))];
    assert_eq!(flags(&[], Status::Unset), "");
    assert_eq!(flags(&[], failed()), "fault");
    assert_eq!(flags(&http(404), failed()), "error");
    assert_eq!(flags(&http(429), failed()), "error throttle");
    assert_eq!(flags(&http(503), Status::Unset), "fault");
    assert_eq!(flags(&http(200), failed()), "fault");
    assert_eq!(flags(&grpc(5), failed()), "error");
    assert_eq!(flags(&grpc(8), failed()), "throttle");
    assert_eq!(flags(&grpc(13), failed()), "fault");
    assert_eq!(flags(&grpc(0), Status::Unset), "");
}

#[test]
fn databases_and_aws_calls_get_their_blocks() {
    let sql = [
        ("db.system.name", Value::from("postgresql")),
        ("db.namespace", "shop".into()),
        ("server.address", "db1".into()),
        ("server.port", 5432.into()),
        ("db.user", "app".into()),
        ("db.query.text", "select 1".into()),
    ];
    let withheld = lone(Kind::Client, &sql);
    assert_eq!(
        withheld["sql"],
        json!({"database_type": "postgresql", "user": "app", "url": "postgresql://db1:5432/shop"})
    );
    assert_eq!(withheld["metadata"], Json::Null);
    let (kept, _) = one(&Mapping::new("orders").with_sql_queries(true), with(span(2, 1, Kind::Client, "q"), &sql));
    assert_eq!(kept["sql"]["sanitized_query"], "select 1");

    let aws = lone(
        Kind::Client,
        &[
            ("rpc.system", "aws-api".into()),
            ("rpc.service", "DynamoDB".into()),
            ("rpc.method", "PutItem".into()),
            ("aws.dynamodb.table_names", Value::List(vec!["orders".into()])),
            ("aws.region", "eu-central-1".into()),
            ("aws.request_id", "R1".into()),
            ("http.response.status_code", 200.into()),
        ],
    );
    assert_eq!(
        aws["aws"],
        json!({"operation": "PutItem", "region": "eu-central-1", "request_id": "R1", "table_name": "orders"})
    );
}

#[test]
fn errors_keep_their_chain() {
    let mut failed = span(2, 1, Kind::Internal, "charge");
    failed.status = Status::Error("declined".into());
    failed.events.push(Event {
        name: "exception".into(),
        time: START,
        attributes: vec![
            ("exception.message".into(), "declined".into()),
            ("exception.type".into(), "shop::Declined".into()),
            ("exception.stacktrace".into(), Value::List(vec!["bank said no".into(), "limit".into()])),
        ],
    });
    let (document, losses) = one(&Mapping::new("orders"), failed);
    let exceptions = document["cause"]["exceptions"].as_array().unwrap();
    let texts: Vec<_> =
        exceptions.iter().map(|exception| (exception["type"].as_str(), exception["message"].as_str())).collect();
    assert_eq!(
        texts,
        [
            (Some("shop::Declined"), Some("declined")),
            (Some("error"), Some("bank said no")),
            (Some("error"), Some("limit"))
        ]
    );
    assert_eq!(exceptions[0]["cause"], exceptions[1]["id"]);
    assert_eq!(exceptions[1]["cause"], exceptions[2]["id"]);
    assert_eq!((&document["fault"], &document["metadata"]), (&json!(true), &Json::Null));
    assert!(losses.is_none());

    let mut told = span(2, 1, Kind::Client, "call");
    told.status = Status::Error("connection refused".into());
    told.attributes.push(("error.type".into(), "ConnectError".into()));
    let (document, _) = one(&Mapping::new("orders"), told);
    let exception = &document["cause"]["exceptions"][0];
    assert_eq!((&exception["type"], &exception["message"]), (&json!("ConnectError"), &json!("connection refused")));
}

#[test]
fn where_something_is_leaves_without_what_may_be_secret_wherever_it_is_said() {
    let (url, database) = ("https://me:hidden@h/a?key=hidden", "redis://me:hidden@db/0?key=hidden");
    let said: &[(&str, Value)] = &[
        ("url.original", url.into()),
        ("http.target", "/a?key=hidden".into()),
        ("url.query", "key=hidden".into()),
        ("db.connection_string", database.into()),
        ("visited", Value::Map(vec![("http.url".to_owned(), url.into())])),
    ];
    let mut span = with(span(1, 0, Kind::Internal, "work"), said);
    span.events.push(Event { attributes: with(Span::default(), said).attributes, ..Event::default() });
    for mapping in [Mapping::new("orders"), Mapping::new("orders").with_all_indexed()] {
        let (document, losses) = one(&mapping, span.clone());
        let text = document.to_string();
        assert!(!text.contains("hidden"), "{text}");
        for kept in ["https://h/a", "/a", "redis://db/0", "[masked]"] {
            assert!(text.matches(&format!("\"{kept}\"")).count() >= 2, "{kept}: {text}");
        }
        assert_eq!(losses.values_masked, 2);
    }
    let sql = lone(
        Kind::Client,
        &[("db.system", "postgresql".into()), ("db.connection_string", "host=db password=hidden".into())],
    );
    assert_eq!(sql["sql"]["connection_string"], "host=db");
}

#[test]
fn annotations_are_asked_for_and_the_rest_is_metadata() {
    let attributes = [
        ("annotation.order.id", Value::from(7)),
        ("metadata.cart", "c1".into()),
        ("tier", "gold".into()),
        ("items", Value::List(vec![1.into(), "b".into()])),
        ("aws.xray.annotations", Value::List(vec!["tier".into()])),
        ("api_token", "t0p".into()),
        ("aws.xray.metadata.billing", r#"{"currency":"EUR"}"#.into()),
        ("ratio", f64::NAN.into()),
    ];
    let span = || with(span(2, 1, Kind::Internal, "work"), &attributes);
    let (document, losses) = one(&Mapping::new("orders"), span());
    assert_eq!(document["annotations"], json!({"order_id": 7, "tier": "gold"}));
    assert_eq!(
        document["metadata"],
        json!({
            "billing": {"currency": "EUR"},
            "default": {"cart": "c1", "items": [1, "b"], "api_token": "[masked]", "ratio": "NaN"},
        })
    );
    assert_eq!((losses.values_masked, losses.values_changed), (1, 1));
    let (document, _) = one(&Mapping::new("orders").with_indexed(["ratio", "items"]), span());
    assert_eq!(document["annotations"]["ratio"], "NaN");
    let (document, _) = one(&Mapping::new("orders").with_kept(["items"]), span());
    assert_eq!(document["metadata"]["default"], json!({"cart": "c1", "items": [1, "b"]}));
    let (document, _) = one(&Mapping::new("orders").with_all_indexed(), span());
    assert_eq!(document["annotations"]["api_token"], "[masked]");
}

#[test]
fn resources_say_where_it_ran() {
    let attributes: Attributes = [
        ("service.name", "orders"),
        ("service.version", "1.2"),
        ("cloud.provider", "aws"),
        ("cloud.platform", "aws_ecs"),
        ("aws.ecs.launchtype", "fargate"),
        ("aws.ecs.task.arn", "arn:task"),
        ("container.id", "c1"),
        ("telemetry.sdk.name", "opentelemetry"),
        ("telemetry.sdk.language", "rust"),
        ("telemetry.sdk.version", "0.33.1"),
        ("deployment.environment", "prod"),
    ]
    .map(|(key, value)| (key.to_owned(), value.into()))
    .into();
    let mut served = with(span(2, 0, Kind::Server, "GET"), &[("aws.xray.sampling_rule", "all".into())]);
    served.resource = Arc::new(Resource { attributes });
    let (document, _) = one(&Mapping::new("x"), served);
    assert_eq!((&document["origin"], &document["service"]), (&json!("AWS::ECS::Fargate"), &json!({"version": "1.2"})));
    assert_eq!(
        document["aws"],
        json!({
            "ecs": {"container_id": "c1", "task_arn": "arn:task"},
            "xray": {"sdk": "opentelemetry for rust", "sdk_version": "0.33.1", "sampling_rule_name": "all"},
        })
    );
    assert_eq!(document["metadata"], json!({"default": {"otel.resource.deployment.environment": "prod"}}));
}

#[test]
fn what_came_together_is_nested_and_what_did_not_finds_its_parent() {
    let mapping = Mapping::new("orders");
    let root = || span(1, 0, Kind::Server, "GET /orders");
    let child = || span(2, 1, Kind::Internal, "load");
    let leaf = || with(span(3, 2, Kind::Client, "query"), &[("enduser.id", "u7".into())]);
    let inner = || span(4, 3, Kind::Server, "GET /stock");
    let (whole, _) = documents(&mapping, &[inner(), leaf(), child(), root()]);
    assert_eq!(xray_test::picture(&whole), "orders  segment\n└ load\n  └ query  remote\n    └ orders  segment\n");
    assert_eq!((whole.len(), whole[0].user.as_deref()), (2, Some("u7")));

    // The same trace in two batches, the children first, is the same tree.
    let (mut parts, _) = documents(&mapping, &[leaf(), inner()]);
    parts.extend(documents(&mapping, &[child(), root()]).0);
    assert_eq!(xray_test::picture(&parts).replace(" lone", ""), xray_test::picture(&whole));
}

#[test]
fn circles_orphans_and_repetitions_are_sorted_out() {
    let (made, losses) = documents(
        &Mapping::new("orders"),
        &[
            span(1, 2, Kind::Internal, "a"),
            span(2, 1, Kind::Internal, "b"),
            span(3, 3, Kind::Internal, "own parent"),
            span(4, 9, Kind::Internal, "orphan"),
            span(4, 9, Kind::Internal, "orphan"),
            Span::new(TRACE, [0; 8], "nameless"),
        ],
    );
    assert_eq!(made.iter().map(|document| document.walk().count()).sum::<usize>(), 5);
    assert_eq!((losses.parents_mended, losses.spans_repeated, losses.spans_refused), (2, 1, 1));
}

#[test]
fn links_are_the_segments() {
    let link = |trace: u8, id: u8| Link { trace_id: [trace; 16], span_id: [id; 8], attributes: Vec::new() };
    let mut consumer = span(2, 0, Kind::Consumer, "process");
    consumer.links = vec![link(5, 1), link(0, 1), Link { trace_id: TRACE, span_id: [2; 8], attributes: Vec::new() }];
    consumer.links.extend((6..40).map(|trace| link(trace, 1)));
    let (document, losses) = one(&Mapping::new("orders"), consumer);
    assert_eq!(document["links"].as_array().unwrap().len(), limits::LINKED_TRACES);
    assert_eq!(losses.links_dropped, 2 + 35 - limits::LINKED_TRACES as u64);

    let mut part = span(2, 1, Kind::Internal, "part");
    part.links = vec![link(5, 1)];
    let (document, _) = one(&Mapping::new("orders"), part);
    assert_eq!(document["metadata"]["default"]["otel.links"][0]["id"], "0101010101010101");
}

#[test]
fn a_trace_has_fifty_annotations_and_a_document_64_kilobytes() {
    let keys: Vec<String> = (0..60).map(|at| format!("annotation.k{at:02}")).collect();
    let many: Vec<(&str, Value)> = keys.iter().map(|key| (key.as_str(), Value::from(1))).collect();
    let (documents_, losses) = documents(
        &Mapping::new("orders"),
        &[with(span(1, 0, Kind::Server, "a"), &many[..30]), with(span(2, 1, Kind::Internal, "b"), &many[30..])],
    );
    assert_eq!(documents_.iter().flat_map(Document::walk).map(|part| part.annotations.len()).sum::<usize>(), 50);
    assert_eq!(losses.annotations_moved, 10);

    let text = "x".repeat(9_000);
    let mut spans = vec![span(1, 0, Kind::Server, "a")];
    for id in 2..20 {
        spans.push(with(span(id, 1, Kind::Internal, "b"), &[("text", text.as_str().into())]));
    }
    spans.push(with(
        span(20, 1, Kind::Internal, "huge"),
        &[("a", "y".repeat(16_000).into()), ("b", Value::List(vec![text.as_str().into(); 8]))],
    ));
    let (made, losses) = documents(&Mapping::new("orders"), &spans);
    assert!(made.len() > 2);
    assert_eq!(made.iter().map(|document| document.walk().count()).sum::<usize>(), 20);
    assert_eq!((losses.documents_trimmed, losses.documents_lost), (1, 0));
    assert_eq!(xray_test::picture(&made).lines().count(), 20);
}

#[test]
fn a_chain_of_ten_thousand_spans_is_cut_where_readers_would_give_up() {
    let id = |number: u64| number.to_be_bytes();
    let spans: Vec<Span> = (1..=10_000)
        .map(|number| {
            let mut span = span(1, 0, Kind::Internal, "deep");
            span.span_id = id(number);
            span.parent_id = (number > 1).then(|| id(number - 1));
            span
        })
        .collect();
    let mut losses = Losses::default();
    let documents = Mapping::new("orders").documents(&spans, &mut losses);
    assert_eq!(documents.iter().map(|document| document.walk().count()).sum::<usize>(), 10_001);
    for document in &documents {
        assert_eq!(Document::parse(serde_json::to_vec(document).unwrap()).unwrap(), *document);
    }
    assert!(losses.is_none());
}
