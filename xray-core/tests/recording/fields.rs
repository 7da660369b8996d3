//! What becomes of the fields of spans.

use std::fmt;

use expect_test::expect;
use serde_json::{Value, json};
use tracing::field::Empty;
use tracing::{Span, info_span};
use xray_core::document::Document;
use xray_core::{Builder, Node, SpanExt, SpanFields, segment};
use xray_test::Captured;

use crate::support::{captured, captured_with};

/// The subsegment of the one span that `make` makes, below a segment.
#[track_caller]
fn recorded(make: impl FnOnce() -> Span) -> Document {
    recorded_by(captured(), make)
}

#[track_caller]
fn recorded_with(settings: impl FnOnce(Builder) -> Builder, make: impl FnOnce() -> Span) -> Document {
    recorded_by(captured_with(settings), make)
}

#[track_caller]
fn recorded_by(xray: Captured, make: impl FnOnce() -> Span) -> Document {
    xray.run(|| segment("orders").open().in_scope(|| drop(make())));
    let [document] = xray.documents();
    let [span] = <[Document; 1]>::try_from(document.subsegments).expect("one subsegment");
    span
}

/// A segment that `record` records on.
#[track_caller]
fn on_segment(record: impl FnOnce(&Node)) -> (Document, Captured) {
    let xray = captured();
    xray.run(|| record(&segment("orders").open()));
    let [document] = xray.documents();
    (document, xray)
}

fn annotations(document: &Document) -> Value {
    serde_json::to_value(&document.annotations).unwrap()
}

fn metadata(document: &Document) -> Value {
    Value::Object(document.metadata.clone())
}

#[derive(Debug)]
struct Order {
    id: u32,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order \"{}\"", self.id)
    }
}

#[test]
fn annotations_keep_their_types() {
    let span = recorded(|| {
        info_span!(
            "typed",
            annotation.u64 = u64::MAX,
            annotation.i64 = i64::MIN,
            annotation.f64 = 0.5,
            annotation.bool = true,
            annotation.str = "text",
            annotation.display = %Order { id: 7 },
            annotation.debug = ?Order { id: 7 },
            annotation.i128 = -170_141_183_460_469_231_731_687_303_715_884_105_728_i128,
            annotation.nan = f64::NAN,
        )
    });
    assert_eq!(
        annotations(&span),
        json!({
            "u64": u64::MAX,
            "i64": i64::MIN,
            "f64": 0.5,
            "bool": true,
            "str": "text",
            "display": "order \"7\"",
            "debug": "Order { id: 7 }",
            "i128": "-170141183460469231731687303715884105728",
            "nan": "NaN",
        })
    );
}

#[test]
fn metadata_keeps_its_types_too() {
    let span = recorded(
        || info_span!("typed", metadata.u64 = 1_u64, metadata.i64 = -1, metadata.f64 = 1.5, metadata.bool = false, plain = "x", debug = ?Order { id: 7 }, big = 1_u128 << 100),
    );
    assert_eq!(
        metadata(&span),
        json!({"default": {
            "u64": 1, "i64": -1, "f64": 1.5, "bool": false, "plain": "x", "debug": "Order { id: 7 }",
            "big": "1267650600228229401496703205376",
        }})
    );
}

#[test]
fn the_setting_decides_on_plain_fields_alone() {
    let make = || info_span!("load", annotation.a = 1, metadata.b = 2, plain = 3, other = 4, http.method = "GET");
    for (fields, expected) in [
        (SpanFields::All, json!({"b": 2, "plain": 3, "other": 4})),
        (SpanFields::Only(vec!["plain".to_owned()]), json!({"b": 2, "plain": 3})),
        (SpanFields::None, json!({"b": 2})),
    ] {
        let span = recorded_with(|builder| builder.span_fields(fields), make);
        assert_eq!(metadata(&span), json!({ "default": expected }));
        assert_eq!(annotations(&span), json!({"a": 1}));
        assert_eq!(span.http.unwrap().request.unwrap().method.as_deref(), Some("GET"));
    }
}

#[test]
fn values_of_secret_names_are_masked() {
    let span = recorded(|| {
        info_span!(
            "login",
            annotation.session_token = "abc",
            metadata.password = "abc",
            api_key = 7,
            Authorization = ?"Bearer abc",
            user_name = "me",
        )
    });
    assert_eq!(annotations(&span), json!({"session_token": "[masked]"}));
    assert_eq!(
        metadata(&span),
        json!({"default": {
            "password": "[masked]", "api_key": "[masked]", "Authorization": "[masked]", "user_name": "me",
        }})
    );
}

#[test]
fn a_value_may_come_later_and_the_last_wins() {
    let span = recorded(|| {
        let span = info_span!("load", annotation.rows = Empty, metadata.page = 1, otel.name = "first");
        span.record("annotation.rows", 1);
        span.record("annotation.rows", 2);
        span.record("metadata.page", "two");
        span.record("otel.name", "second");
        span
    });
    assert_eq!(span.name, "second");
    assert_eq!(annotations(&span), json!({"rows": 2}));
    assert_eq!(metadata(&span), json!({"default": {"page": "two"}}));
}

#[test]
fn values_recorded_over_and_over_do_not_pile_up() {
    let span = recorded(|| {
        let span = info_span!("loop", metadata.other = "stays", metadata.page = Empty, annotation.step = Empty);
        let page = "x".repeat(2_000);
        // Piled up, these would be more than a tree may hold.
        for step in 0..10_000_u32 {
            span.record("metadata.page", &page).record("annotation.step", step);
        }
        span
    });
    assert_eq!(annotations(&span), json!({"step": 9_999}));
    assert_eq!(metadata(&span), json!({"default": {"other": "stays", "page": "x".repeat(2_000)}}));
}

#[test]
fn fields_without_a_value_are_not_written() {
    let span = recorded(|| info_span!("load", annotation.a = Empty, metadata.b = Option::<u32>::None, plain = Empty));
    assert_eq!((annotations(&span), metadata(&span)), (json!({}), json!({})));
}

#[test]
fn opentelemetry_names_name_and_place_the_subsegment() {
    let span = recorded(|| {
        info_span!("request", otel.name = "GET /users (all)", otel.kind = "client", otel.status_code = "ERROR")
    });
    assert_eq!((span.name.as_str(), span.namespace.as_deref()), ("GET /users all", Some("remote")));
    assert!(span.fault);
    for (kind, namespace) in [("producer", Some("remote")), ("CLIENT", Some("remote")), ("server", None)] {
        let span = recorded(|| info_span!("request", otel.kind = kind, otel.status_code = "OK"));
        assert_eq!((span.namespace.as_deref(), span.fault), (namespace, false), "{kind}");
    }
}

#[test]
fn http_names_of_either_convention_fill_the_http_block() {
    let expected = json!({
        "request": {"method": "GET", "url": "https://example.com/a", "user_agent": "curl/8", "client_ip": "10.0.0.1"},
        "response": {"status": 404, "content_length": 17},
    });
    let old = recorded(|| {
        info_span!(
            "request",
            http.method = "GET",
            http.url = "https://me:secret@example.com/a?token=1",
            http.user_agent = "curl/8",
            http.client_ip = "10.0.0.1",
            http.status_code = 404,
            http.response_content_length = 17,
        )
    });
    let new = recorded(|| {
        info_span!(
            "request",
            http.request.method = %"GET",
            url.full = "https://example.com/a?token=1",
            user_agent.original = "curl/8",
            client.address = "10.0.0.1",
            http.response.status_code = "404",
            http.response.body.size = 17_u64,
        )
    });
    for span in [old, new] {
        assert_eq!(serde_json::to_value(span.http).unwrap(), expected);
        assert!(span.error && !span.fault && !span.throttle);
    }
}

#[test]
fn both_conventions_at_once_write_each_member_once() {
    let span = recorded(|| {
        let span = info_span!(
            "request",
            http.method = "GET",
            http.request.method = "GET",
            http.url = "https://example.com/a",
            url.full = "https://example.com/a",
            http.status_code = 503,
            http.response.status_code = Empty,
            db.system = "postgresql",
            db.system.name = "postgresql",
            aws.region = "eu-west-1",
            cloud.region = "eu-west-1",
        );
        span.record("http.response.status_code", 503);
        span
    });
    assert_eq!(
        serde_json::to_value(span.http).unwrap(),
        json!({"request": {"method": "GET", "url": "https://example.com/a"}, "response": {"status": 503}})
    );
    assert!(span.fault);
}

#[test]
fn a_status_that_is_none_is_left_out() {
    for status in [0, 42, 1_000, u64::MAX] {
        let span = recorded(|| info_span!("request", http.method = "GET", http.status_code = status));
        assert_eq!(span.http_status(), None, "{status}");
    }
}

#[test]
fn database_names_fill_the_sql_block_and_queries_only_on_demand() {
    let make = || {
        info_span!(
            "query",
            db.system = "postgresql",
            db.user = "app",
            db.connection_string = "postgresql://db:5432/orders",
            db.statement = "select * from users where name = 'Ann'",
        )
    };
    let sql = |span: Document| serde_json::to_value(span.sql).unwrap();
    let quiet = json!({
        "connection_string": "postgresql://db:5432/orders", "database_type": "postgresql", "user": "app",
    });
    assert_eq!(sql(recorded(make)), quiet);
    let mut told = quiet;
    told["sanitized_query"] = json!("select * from users where name = 'Ann'");
    assert_eq!(sql(recorded_with(|builder| builder.collect_sql_queries(true), make)), told);
}

#[test]
fn aws_calls_are_known_in_either_order_of_their_fields() {
    let expected = json!({"operation": "GetItem", "region": "eu-west-1"});
    for span in [
        recorded(|| info_span!("call", rpc.system = "aws-api", rpc.method = "GetItem", aws.region = "eu-west-1")),
        recorded(|| info_span!("call", rpc.method = "GetItem", cloud.region = "eu-west-1", rpc.system = "aws-api")),
    ] {
        assert_eq!(span.namespace.as_deref(), Some("aws"));
        assert_eq!(serde_json::to_value(&span.aws).unwrap(), expected);
    }
    let other = recorded(|| info_span!("call", rpc.system = "grpc", rpc.method = "Get"));
    assert_eq!((other.namespace.as_deref(), other.aws.is_none()), (None, true));
}

#[test]
fn an_aws_call_named_twice_has_one_operation() {
    let span =
        recorded(|| info_span!("call", rpc.system = "aws-api", rpc.method = "GetItem", aws.operation = "GetItem"));
    assert_eq!(serde_json::to_value(&span.aws).unwrap(), json!({"operation": "GetItem"}));
}

#[test]
fn a_remote_call_named_in_metadata_too_has_each_key_once() {
    let xray = captured();
    xray.run(|| {
        drop(info_span!("call", metadata.rpc.system = "http", rpc.system = "grpc"));
        drop(info_span!("call", rpc.method = "Get", metadata.rpc.method = "Put"));
    });
    let (texts, documents) = (xray.texts(), xray.all());
    for (number, key, last) in [(0, "rpc.system", "grpc"), (1, "rpc.method", "Put")] {
        assert_eq!(texts[number].matches(key).count(), 1, "{}", texts[number]);
        assert_eq!(metadata(&documents[number].subsegments[0])["default"][key], last);
    }
}

#[test]
fn error_names_become_an_exception_and_a_fault() {
    let span = recorded(|| info_span!("charge", exception.type = "Declined", exception.message = "card refused"));
    let [exception] = span.exceptions() else { panic!("one exception: {span:?}") };
    assert_eq!((exception.kind.as_deref(), exception.message.as_deref()), (Some("Declined"), Some("card refused")));
    assert!(span.fault);
    let span = recorded(|| info_span!("charge", error = true));
    assert!(span.fault && span.exceptions().is_empty());
    let span = recorded(|| info_span!("charge", error = false));
    assert!(!span.fault);
}

#[test]
fn the_user_belongs_to_the_segment() {
    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            info_span!("load", enduser.id = "customer-1").in_scope(|| {
                info_span!("page", user.id = 12);
            });
        });
    });
    let [document] = xray.documents();
    assert_eq!(document.user.as_deref(), Some("12"));
}

#[test]
fn a_late_user_is_not_given_to_a_subsegment() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load"));
        orders.end();
        // These take the places of what was sent.
        load.in_scope(|| {
            info_span!("page").in_scope(|| {
                info_span!("line", user.id = "12").set_user("13");
            });
        });
    });
    let [_, late] = xray.documents();
    assert!(late.walk().all(|document| document.user.is_none()));
}

#[test]
fn the_51st_annotation_becomes_metadata_and_is_told_once() {
    let (document, xray) = on_segment(|node| {
        for number in 0..60 {
            node.annotate(&format!("key_{number}"), number);
        }
    });
    assert_eq!(document.annotations.len(), 50);
    assert_eq!(document.annotations["key_49"].as_i64(), Some(49));
    assert_eq!(document.metadata["default"].as_object().unwrap().len(), 10);
    assert_eq!(document.metadata["default"]["key_50"], 50);
    assert_eq!(xray.stats().annotations_moved, 10);
    expect![[r#"
        [
            "XR009: annotations beyond the 50 that a trace keeps were moved to metadata. Annotate what you search by, and make the rest metadata",
        ]
    "#]]
    .assert_debug_eq(&xray.diagnostics());
}

#[test]
fn annotations_are_counted_over_the_whole_segment() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders").open();
        orders.in_scope(|| {
            for number in 0..60 {
                info_span!("load", annotation.number = number);
            }
        });
    });
    let [document] = xray.documents();
    let annotated = document.walk().filter(|document| !document.annotations.is_empty()).count();
    assert_eq!(annotated, 50);
    assert_eq!(document.subsegments[59].metadata["default"]["number"], 59);
}

#[test]
fn what_was_moved_to_metadata_is_there_once() {
    let (document, _) = on_segment(|node| {
        for number in 0..50 {
            node.annotate(&format!("key_{number}"), number);
        }
        node.add_metadata("more", "as metadata");
        node.annotate("more", 1).annotate("more", 2);
        node.in_scope(|| info_span!("load", annotation.both = 1, metadata.both = 2));
    });
    assert_eq!(document.metadata["default"]["more"], 2);
}

#[test]
fn keys_that_are_refused_are_made_valid_and_told() {
    let (document, xray) = on_segment(|node| {
        node.annotate("order-id", 7);
        node.in_scope(|| info_span!("load", annotation.größe = 1, annotation.a.b = 2, annotation.a_b = 3));
    });
    assert_eq!(annotations(&document), json!({"order_id": 7}));
    assert_eq!(annotations(&document.subsegments[0]), json!({"gr__e": 1, "a_b": 3}));
    assert_eq!(xray.stats().keys_changed, 3);
    assert_eq!(
        xray.diagnostics(),
        ["XR009: annotation \"order-id\" was sent as \"order_id\". Use letters, digits and _ in keys"]
    );
}

#[test]
fn long_values_are_cut_with_a_mark() {
    let (document, xray) = on_segment(|node| {
        node.annotate("long", "ä".repeat(2_000).as_str());
        node.add_metadata("large", "x".repeat(20_000));
        node.in_scope(|| info_span!("load", metadata.long = "y".repeat(20_000)));
    });
    let long = document.annotations["long"].as_str().unwrap();
    assert!(long.ends_with("…[cut]") && long.len() <= 1_000, "{}", long.len());
    let large = document.metadata["default"]["large"].as_str().unwrap();
    assert!(large.len() < 100 && large.contains("16 KiB"), "{large}");
    let long = document.subsegments[0].metadata["default"]["long"].as_str().unwrap();
    assert!(long.ends_with("…[cut]") && long.len() == 16 * 1024, "{}", long.len());
    assert_eq!(xray.stats().values_truncated, 3);
}

#[test]
fn endless_text_is_not_formatted_to_its_end() {
    struct Endless;
    impl fmt::Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("on and on and ")?;
            }
        }
    }
    let span = recorded(|| info_span!("load", annotation.text = ?Endless, plain = ?Endless, error = ?Endless));
    assert!(span.annotations["text"].as_str().unwrap().ends_with("…[cut]"));
    assert!(span.exceptions()[0].message.as_ref().unwrap().len() < 600);
}

#[test]
fn metadata_goes_to_its_namespaces() {
    let (document, _) = on_segment(|node| {
        node.add_metadata("a", json!({"x": [1, 2]}));
        node.add_metadata_in("default", "b", 1);
        node.add_metadata_in("app", "a", 1).add_metadata_in("app", "b", 2).add_metadata_in("app", "a", 3);
        node.add_metadata_in("other \"quoted\"", "a", true);
    });
    assert_eq!(
        metadata(&document),
        json!({
            "default": {"a": {"x": [1, 2]}, "b": 1},
            "app": {"a": 3, "b": 2},
            "other \"quoted\"": {"a": true},
        })
    );
}

#[test]
fn a_namespace_named_as_that_of_events_keeps_both() {
    let (document, _) = on_segment(|node| {
        node.add_metadata_in("tracing", "level", "mine").add_metadata_in("tracing", "events", "mine too");
        node.in_scope(|| tracing::info!("an event"));
    });
    assert_eq!(document.metadata["tracing"]["level"], "mine");
    assert_eq!(document.metadata["tracing"]["events"][0]["message"], "an event");
}

#[test]
fn values_that_do_not_serialise_leave_a_mark() {
    let unserialisable = std::collections::HashMap::from([(vec![1], 1)]);
    let (document, xray) = on_segment(|node| {
        node.add_metadata("odd", &unserialisable);
        node.add_metadata("fine", 1);
        node.set_aws("odd", &unserialisable);
        node.describe_aws(|aws| _ = aws.value("long", "x".repeat(20_000)).text("fine", "1"));
    });
    assert_eq!(
        document.metadata["default"],
        json!({"odd": "[removed: not serialisable, or longer than 16 KiB]", "fine": 1})
    );
    let aws = &document.aws.as_ref().unwrap().0;
    assert_eq!((aws.get("fine"), aws.get("long"), aws.get("odd")), (Some(&json!("1")), None, None));
    assert_eq!(xray.stats().values_truncated, 3);
}

#[test]
fn names_that_are_refused_are_made_valid() {
    let xray = captured();
    xray.run(|| {
        let orders = segment("orders(api)?").open();
        orders.in_scope(|| {
            info_span!("load {all}");
            info_span!("plain", otel.name = "()");
            drop(xray_core::subsegment("call<T>").open());
        });
    });
    assert_eq!(xray.stats().names_changed, 4);
    let [document] = xray.documents();
    let names: Vec<_> = document.walk().map(|document| document.name.as_str()).collect();
    assert_eq!(names, ["ordersapi", "load all", "unknown", "callT"]);
}

#[test]
fn precursors_links_and_resources_are_written_as_given() {
    let trace = "1-5759e988-bd862e3fe1be46a994272793".parse().unwrap();
    let id = "53995c3f42cd8ad8".parse().unwrap();
    let (document, _) = on_segment(|node| {
        node.link(trace, id).set_resource_arn("arn:aws:ecs:eu-west-1:1:task/7").set_user("me");
        node.in_scope(|| {
            xray_core::subsegment("second").open().add_precursor(id);
        });
    });
    assert_eq!((document.links[0].trace_id.as_str(), document.links[0].id.as_str()), (trace.as_str(), id.as_str()));
    assert_eq!(document.resource_arn.as_deref(), Some("arn:aws:ecs:eu-west-1:1:task/7"));
    assert_eq!(document.subsegments[0].precursor_ids, ["53995c3f42cd8ad8"]);
}

#[test]
fn no_more_links_are_written_than_a_segment_may_have() {
    let (document, xray) = on_segment(|node| {
        for number in 0..150_u32 {
            let trace = format!("1-5759e988-{number:024x}").parse().unwrap();
            node.link(trace, "53995c3f42cd8ad8".parse().unwrap());
        }
    });
    assert_eq!(document.links.len(), 20);
    assert_eq!(xray.stats().links_dropped, 130);
}

#[test]
fn a_span_followed_in_another_trace_is_linked() {
    let xray = captured();
    xray.run(|| {
        let stock = segment("stock").open();
        let cause = stock.in_scope(|| info_span!("cause"));
        let id = cause.xray_node().id().unwrap();
        segment("orders").open().in_scope(|| {
            info_span!("effect").follows_from(&cause);
        });
        let [orders] = xray.documents();
        assert_eq!(
            (orders.links[0].id.as_str(), orders.links[0].trace_id.clone()),
            (id.as_str(), stock.trace_id().unwrap().to_string())
        );
    });
}
