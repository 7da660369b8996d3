//! Events: each member once, and nothing of a URL that may be secret.

use serde_json::{Value, json};
use tracing::{info, info_span};
use xray_core::{SpanExt, segment};

use crate::support::captured;

/// The events of a segment in which this happens.
#[track_caller]
fn events(happen: impl FnOnce()) -> Vec<Value> {
    let xray = captured();
    xray.run(|| segment("orders").open().in_scope(happen));
    let [document] = xray.documents();
    let events = document.metadata.get("tracing").and_then(|tracing| tracing["events"].as_array());
    events.cloned().unwrap_or_default()
}

#[test]
fn of_fields_with_one_name_the_last_is_written() {
    let events = events(|| {
        info!(a = 1, b = 2, a = "three", "text");
        info!(message = "first", "second");
    });
    assert_eq!((&events[0]["fields"], &events[0]["message"]), (&json!({"a": "three", "b": 2}), &json!("text")));
    let texts = [&events[1]["message"], &events[1]["fields"]["message"]];
    assert_eq!(texts.into_iter().filter(|text| text.is_string()).count(), 1);
}

#[test]
fn where_something_is_is_written_without_what_may_be_secret() {
    let url = "https://me:hidden@example.com/orders?key=hidden#hidden";
    let database = "postgres://me:hidden@db:5432/orders?sslkey=hidden";
    let written = events(|| {
        info!(
            http.url = url,
            url.full = %url,
            http.target = "/orders?key=hidden",
            url.query = "key=hidden",
            db.connection_string = database,
            "called"
        );
        info!(db.connection_string = "host=db user=me password=hidden", "connected");
    });
    let place = "https://example.com/orders";
    let expected = json!({
        "http.url": place, "url.full": place, "http.target": "/orders", "db.connection_string": "postgres://db:5432/orders",
    });
    assert_eq!(written[0]["fields"], expected);
    assert_eq!(written[1]["fields"], json!({"db.connection_string": "host=db"}));

    let xray = captured();
    xray.run(|| {
        segment("orders").open().in_scope(|| {
            let span = info_span!(
                "query",
                http.target = "/orders?key=hidden",
                url.query = "key=hidden",
                db.connection_string = database,
            );
            span.xray_node().set_sql("url", database);
        });
    });
    let [document] = xray.documents();
    let [query] = &document.subsegments[..] else { panic!("one subsegment") };
    let place = "postgres://db:5432/orders";
    assert_eq!(serde_json::to_value(&query.sql).unwrap(), json!({"connection_string": place, "url": place}));
    assert_eq!(query.metadata["default"], json!({"http.target": "/orders"}));
}
