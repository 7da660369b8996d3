//! Whole documents, one file for each situation, as a reader finds them; and the writer held against the model.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use expect_test::{ExpectFile, expect_file};
use proptest::prelude::*;
use serde_json::Value;
use tracing::{info, info_span};
use xray_core::document::Document;
use xray_core::{HttpRequestParts, Namespace, SpanExt, TraceHeader, segment, service_segment, subsegment};
use xray_test::{Captured, ManualClock, SeededEntropy, validate};

use crate::support::{START, captured, captured_with};

/// Times, ids and draws of its own for each situation.
fn play(work: impl FnOnce(&ManualClock)) -> Captured {
    let clock = ManualClock::at(START);
    let xray = Captured::with(clock.clone(), SeededEntropy::new(7), |builder| builder.service_version("1.2.0"));
    xray.run(|| work(&clock));
    xray
}

#[track_caller]
fn check(document: &Document, file: ExpectFile) {
    // The release's number would change every file.
    let text = document.to_string_pretty().replace(env!("CARGO_PKG_VERSION"), "0.0.0");
    file.assert_eq(&(text + "\n"));
}

fn incoming() -> TraceHeader {
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1".parse().unwrap()
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// A request as middleware records it.
fn serve(status: u16, inside: impl FnOnce(&ManualClock)) -> Document {
    let xray = play(|clock| {
        let request = service_segment().parent(incoming()).open();
        request.set_http_request(HttpRequestParts {
            method: Some("GET"),
            url: Some("https://example.com/orders/7?token=secret"),
            user_agent: Some("curl/8.5.0"),
            client_ip: Some("203.0.113.7"),
            x_forwarded_for: true,
            traced: false,
        });
        clock.advance(12 * MILLISECOND);
        request.in_scope(|| inside(clock));
        request.set_http_response(Some(status), Some(348));
    });
    let [document] = xray.documents();
    document
}

#[test]
fn a_request_that_is_served() {
    let document = serve(200, |clock| {
        info_span!("load_order", order = 7).in_scope(|| {
            clock.advance(8 * MILLISECOND);
            info_span!("parse").in_scope(|| clock.advance(MILLISECOND / 4));
        });
    });
    check(&document, expect_file!["../golden/server_ok.json"]);
}

#[test]
fn a_404_is_an_error() {
    check(&serve(404, |_| ()), expect_file!["../golden/server_404.json"]);
}

#[test]
fn a_429_is_an_error_and_a_throttle() {
    check(&serve(429, |_| ()), expect_file!["../golden/server_429.json"]);
}

#[derive(Debug)]
struct Declined(std::io::Error);

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl Error for Declined {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn a_500_is_a_fault_with_its_exceptions() {
    let document = serve(500, |clock| {
        let charge = info_span!("charge", annotation.amount = 12.5);
        charge.in_scope(|| clock.advance(30 * MILLISECOND));
        charge.record_error(&Declined(std::io::ErrorKind::ConnectionReset.into()));
    });
    check(&document, expect_file!["../golden/server_500.json"]);
}

#[test]
fn a_call_to_another_service() {
    let xray = play(|clock| {
        segment("orders").open().in_scope(|| {
            let call = subsegment("rates.example.com").namespace(Namespace::Remote).open();
            call.set_http_request(HttpRequestParts {
                method: Some("GET"),
                url: Some("https://user:password@rates.example.com/eur"),
                traced: true,
                ..HttpRequestParts::default()
            });
            clock.advance(41 * MILLISECOND);
            call.set_http_response(Some(200), Some(17));
        });
    });
    let [document] = xray.documents();
    check(&document, expect_file!["../golden/remote_call.json"]);
}

#[test]
fn a_subsegment_that_travels_alone() {
    let xray = play(|clock| {
        let orders = segment("orders").open();
        let late = orders.in_scope(|| info_span!("write_log", lines = 3));
        clock.advance(5 * MILLISECOND);
        orders.end();
        late.in_scope(|| clock.advance(100 * MILLISECOND));
    });
    let [_, late] = xray.documents();
    check(&late, expect_file!["../golden/lone_subsegment.json"]);
}

#[test]
fn a_segment_in_progress() {
    let xray = play(|clock| {
        let orders = segment("orders").open();
        let load = orders.in_scope(|| info_span!("load", annotation.page = 1));
        clock.advance(Duration::from_secs(5));
        tracing::dispatcher::get_default(|dispatch| {
            dispatch.downcast_ref::<xray_core::SegmentLayer>().unwrap().announce_open();
        });
        drop(load);
    });
    let [announced, _] = xray.documents();
    check(&announced, expect_file!["../golden/in_progress.json"]);
}

#[test]
fn a_subsegment_of_a_segment_that_the_platform_owns() {
    let clock = ManualClock::at(START);
    let xray = Captured::with(clock.clone(), SeededEntropy::new(7), |builder| builder.lambda(true));
    xray.run(|| {
        let handler = segment("handler").parent(incoming()).open();
        handler.in_scope(|| info_span!("load").in_scope(|| clock.advance(3 * MILLISECOND)));
    });
    let [document] = xray.documents();
    check(&document, expect_file!["../golden/facade_subsegment.json"]);
}

#[test]
fn annotations_metadata_and_events() {
    let xray = play(|clock| {
        let orders = segment("orders").open();
        orders.set_user("customer-12").annotate("customer_tier", "gold").annotate("items", 3).annotate("express", true);
        orders.add_metadata("order", serde_json::json!({"id": 7, "lines": [{"sku": "A-1", "count": 2}]}));
        orders.add_metadata_in("billing", "currency", "EUR");
        orders.in_scope(|| {
            info!(stock = 12, "checked");
            clock.advance(MILLISECOND);
            tracing::warn!(password = "secret", "slow \"warehouse\"");
        });
    });
    let [document] = xray.documents();
    check(&document, expect_file!["../golden/annotations_metadata_events.json"]);
}

#[test]
fn links_to_other_traces() {
    let xray = play(|clock| {
        let batch = segment("batch").open();
        for message in 1..=2_u32 {
            let trace = format!("1-5759e988-{message:024x}").parse().unwrap();
            batch.link(trace, format!("{message:016x}").parse().unwrap());
        }
        clock.advance(MILLISECOND);
    });
    let [document] = xray.documents();
    check(&document, expect_file!["../golden/links.json"]);
}

#[test]
fn a_database_query_and_an_aws_call() {
    let xray = play(|clock| {
        segment("orders").open().in_scope(|| {
            let query = subsegment("orders@db.example.com").namespace(Namespace::Remote).open();
            query.set_sql("url", "postgresql://db.example.com:5432/orders").set_sql("database_type", "PostgreSQL");
            clock.advance(2 * MILLISECOND);
            query.end();
            let put = subsegment("DynamoDB").namespace(Namespace::Aws).open();
            put.set_aws("operation", "PutItem").set_aws("region", "eu-west-1").set_aws("table_name", "orders");
            put.set_aws("retries", 0).set_http_response(Some(200), Some(2));
            clock.advance(9 * MILLISECOND);
        });
    });
    let [document] = xray.documents();
    check(&document, expect_file!["../golden/sql_and_aws.json"]);
}

/// Text with what JSON and its readers stumble over.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,20}", "[\\x00-\\x7f]{0,20}", "[\"\\\\/\u{7f}\u{2028}日🙂]{0,10}"]
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9_f64..1e9).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(text(), inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_recorded_reads_back(
        name in "[A-Za-z0-9日 ._:/%&#=+@-]{1,40}",
        annotations in proptest::collection::btree_map("[A-Za-z0-9_]{1,12}", text(), 0..6),
        numbers in proptest::collection::btree_map("[A-Z]{3}", any::<i64>(), 0..4),
        metadata in proptest::collection::btree_map(text(), json(), 0..6),
        namespaced in proptest::collection::btree_map(text(), json(), 0..3),
        user in text(),
        operation in text(),
        message in text(),
        milliseconds in 0_u32..100_000,
    ) {
        prop_assume!(!name.trim().is_empty());
        let clock = ManualClock::at(START);
        let xray = Captured::new(clock.clone(), SeededEntropy::new(1));
        xray.run(|| {
            let orders = segment(name.as_str()).open();
            for (key, value) in &annotations {
                orders.annotate(key, value);
            }
            for (key, value) in &metadata {
                orders.add_metadata(key, value);
            }
            for (key, value) in &namespaced {
                orders.add_metadata_in("app", key, value);
            }
            orders.set_user(&user);
            let call = subsegment("call").parent(&orders).open();
            for (key, value) in &numbers {
                call.annotate(key, *value);
            }
            call.set_aws("operation", &operation);
            call.record_error(&std::io::Error::other(message.clone()));
            clock.advance(Duration::from_millis(milliseconds.into()));
        });
        let text = &xray.texts()[0];
        prop_assert_eq!(validate(text), Ok(()));
        let document = Document::parse(text).unwrap();
        prop_assert_eq!(&document.name, &name);
        prop_assert_eq!(document.user.as_deref(), Some(user.as_str()));
        let texts: BTreeMap<String, String> = document
            .annotations
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        prop_assert_eq!(texts, annotations);
        let members = |namespace: &str| {
            let members = document.metadata.get(namespace).and_then(Value::as_object).cloned().unwrap_or_default();
            members.into_iter().collect::<BTreeMap<String, Value>>()
        };
        // As serde writes and reads them: a fraction's last digits may differ.
        let exact = |values: &BTreeMap<String, Value>| {
            serde_json::from_str::<BTreeMap<String, Value>>(&serde_json::to_string(values).unwrap()).unwrap()
        };
        prop_assert_eq!(members("default"), exact(&metadata));
        prop_assert_eq!(members("app"), exact(&namespaced));
        let call = &document.subsegments[0];
        let read: BTreeMap<String, i64> =
            call.annotations.iter().map(|(key, value)| (key.clone(), value.as_i64().unwrap())).collect();
        prop_assert_eq!(read, numbers);
        prop_assert_eq!(call.aws.as_ref().unwrap().operation(), Some(operation.as_str()));
        prop_assert_eq!(call.exceptions()[0].message.as_deref(), Some(message.as_str()));
        let seconds = document.seconds().unwrap();
        prop_assert!((seconds - f64::from(milliseconds) / 1e3).abs() < 1e-6, "{seconds}");
        // Written by the model it is the same document.
        prop_assert_eq!(Document::parse(document.to_string_pretty()).unwrap(), document.clone());
    }

    #[test]
    fn spans_fields_read_back(text in text(), number: u64, fraction in -1e15_f64..1e15, yes: bool) {
        let xray = captured();
        xray.run(|| {
            segment("orders").open().in_scope(|| {
                info_span!("load", annotation.text = %text, annotation.number = number, annotation.fraction = fraction,
                    annotation.yes = yes, text = %text, number, fraction, yes, debug = ?text).in_scope(|| {
                    info!(text = %text, number, "said {text}");
                });
            });
        });
        let [document] = xray.documents();
        let load = &document.subsegments[0];
        prop_assert_eq!(load.annotations["text"].as_str(), Some(text.as_str()));
        prop_assert_eq!(load.annotations["number"].as_f64(), Some(number as f64));
        prop_assert!((load.annotations["fraction"].as_f64().unwrap() - fraction).abs() <= fraction.abs() * 1e-15);
        prop_assert_eq!(load.annotations["yes"].as_bool(), Some(yes));
        let values = load.metadata["default"].as_object().unwrap();
        prop_assert_eq!(&values["text"], &Value::from(text.as_str()));
        prop_assert_eq!(&values["number"], &Value::from(number));
        prop_assert_eq!(&values["debug"], &Value::from(format!("{text:?}")));
        let event = &load.metadata["tracing"]["events"][0];
        prop_assert_eq!(&event["message"], &Value::from(format!("said {text}")));
        prop_assert_eq!(&event["fields"]["text"], &Value::from(text.as_str()));
    }

    #[test]
    fn names_and_keys_of_any_text_are_taken(name in "\\PC{0,300}", key in "\\PC{0,30}", value in "\\PC{0,1200}") {
        let xray = captured_with(|builder| builder.diagnostics(xray_core::DiagnosticsLevel::Off));
        xray.run(|| {
            let orders = segment(name.as_str()).open();
            orders.annotate(&key, value.as_str()).set_user(&value).set_resource_arn(&value).set_aws("xray", &value);
            orders.set_http_request(HttpRequestParts { url: Some(&value), user_agent: Some(&value), ..HttpRequestParts::default() });
            let call = subsegment(name.as_str()).parent(&orders).open();
            call.set_name(&name).set_aws(&format!("x{key}"), &value);
            call.record_exception(xray_core::ExceptionParts { kind: &name, message: &value, remote: false });
        });
        // `all` asks that every rule of X-Ray's holds.
        prop_assert_eq!(xray.all().len(), 1);
    }
}
