//! What the function sends is shown by the console, all of it in its place.
#![allow(clippy::unwrap_used, clippy::panic)] // tests fail by panics

#[path = "../../lambda-local/tests/shown/mod.rs"]
mod shown;

use serde_json::{Value, json};

#[test]
fn nothing_the_function_sends_is_an_orphan() {
    let names = shown::names(env!("CARGO_BIN_EXE_lambda-sqs"), &events());
    let shipped = names.iter().flatten().filter(|name| *name == "shipping").count();
    assert_eq!(shipped, 3, "one message for each sampled sender: {names:?}");
}

/// What the queue sends: batches of senders that were sampled or not.
fn events() -> Vec<Value> {
    let batch = |orders: &[(&str, char)]| {
        let message = |(order, sampled): &(&str, char)| {
            let sender = format!("Root=1-5759e980-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled={sampled}");
            json!({
                "messageId": format!("message-of-{order}"),
                "body": order,
                "attributes": { "AWSTraceHeader": sender, "SentTimestamp": "1465510280000" },
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:shipping",
            })
        };
        json!({ "Records": orders.iter().map(message).collect::<Vec<_>>() })
    };
    vec![batch(&[("ORD-7", '1'), ("ORD-8", '0'), ("ORD-13", '1')]), batch(&[("ORD-9", '1')])]
}
