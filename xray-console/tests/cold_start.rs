//! Cold starts of a function are found by the annotation that `xray-lambda` writes.

#![allow(clippy::unwrap_used)]

use xray_console::query::Facts;
use xray_console::{Filter, Trace};
use xray_core::document::Document;

/// What the wrapper of `xray-lambda` sends for a cold start, as its own tests hold it.
const INVOCATION: &str = include_str!("../../xray-lambda/tests/golden/front_page.json");
/// The two segments that Lambda itself sends: of the service, and of the function.
const PLATFORM: [&str; 2] = [
    r#"{"name":"my-lambda","id":"1111111111111111","trace_id":"1-5759e988-bd862e3fe1be46a994272793",
        "start_time":1465510280.50,"end_time":1465510280.52,"origin":"AWS::Lambda"}"#,
    r#"{"name":"my-lambda","id":"53995c3f42cd8ad8","parent_id":"1111111111111111",
        "trace_id":"1-5759e988-bd862e3fe1be46a994272793","start_time":1465510280.51,"end_time":1465510280.52,
        "origin":"AWS::Lambda::Function"}"#,
];

fn trace(invocation: &str) -> Trace {
    let documents = PLATFORM.into_iter().chain([invocation]).map(|text| Document::parse(text).unwrap());
    Trace::assemble("1-5759e988-bd862e3fe1be46a994272793", documents)
}

#[test]
fn cold_starts_of_a_function_are_found() {
    let cold = trace(INVOCATION);
    assert!(cold.orphans.is_empty(), "the invocation hangs under the function's segment: {cold:?}");
    let warm = trace(&INVOCATION.replace("\"cold_start\": true", "\"cold_start\": false"));
    let filter = Filter::parse(r#"service("my-lambda") AND annotation.cold_start = true"#).unwrap();
    assert!(filter.matches(&Facts::of(&cold)));
    assert_ne!(cold, warm, "the golden document says that it is a cold start");
    assert!(!filter.matches(&Facts::of(&warm)));
}
