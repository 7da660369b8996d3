//! What the function sends is shown by the console, all of it in its place.
#![allow(clippy::unwrap_used, clippy::panic)] // tests fail by panics

#[path = "../../lambda-local/tests/shown/mod.rs"]
mod shown;

use serde_json::{Value, json};

#[test]
fn nothing_the_function_sends_is_an_orphan() {
    let names = shown::names(env!("CARGO_BIN_EXE_lambda-http"), &events());
    let has = |name: &str| names.iter().flatten().any(|known| known == name);
    assert!(has("load") && has("payments.example.com"), "{names:?}");
}

/// What API Gateway sends.
fn events() -> Vec<Value> {
    let event = |path: &str| {
        json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "",
            "headers": { "host": "shop.example.com" },
            "requestContext": { "apiId": "shop", "http": { "method": "GET", "path": path } },
            "isBase64Encoded": false,
        })
    };
    ["/orders/7", "/baskets", "/orders/13"].map(event).to_vec()
}
