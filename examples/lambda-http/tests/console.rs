//! What the function sends is shown by the console, all of it in its place.
#![allow(clippy::unwrap_used, clippy::panic)] // tests fail by panics

use std::time::{Duration, Instant};

use lambda_local::{Function, Invocation, RuntimeApi, sent_by_lambda};
use serde_json::{Value, json};
use xray_console::Console;
use xray_console::intake::Sender;

/// Long enough for a busy machine; a test that passes never waits it out.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn nothing_the_function_sends_is_an_orphan() {
    let (console, api) = (Console::start().unwrap(), RuntimeApi::start().unwrap());
    let _function = Function::start(env!("CARGO_BIN_EXE_lambda-http"), &api, console.address(), |_| {}).unwrap();
    let events = events();
    let traces: Vec<String> = (0..events.len()).map(|number| format!("1-5759e988-{number:024x}")).collect();
    for (number, (trace, event)) in traces.iter().zip(&events).enumerate() {
        let segment = format!("{:016x}", number + 1);
        api.invoke(Invocation::new(event).trace(format!("Root={trace};Parent={segment};Sampled=1")));
        for document in sent_by_lambda(trace, &segment) {
            console.intake().put(document.as_bytes(), Sender::Local("Lambda")).unwrap();
        }
    }
    api.answers(events.len(), PATIENCE).unwrap();

    // Sent before the answers, and read by a thread of the console's.
    let shown = |trace: &String| {
        let trace = console.store().trace(trace).unwrap();
        let names = trace.segments.iter().flat_map(|segment| segment.walk()).map(|document| document.name.clone());
        (names.collect::<Vec<_>>(), trace.orphans)
    };
    let began = Instant::now();
    while !traces.iter().all(|trace| shown(trace).0.contains(&"## handler".to_owned())) {
        assert!(began.elapsed() < PATIENCE, "not all came: {:?}", traces.iter().map(shown).collect::<Vec<_>>());
        std::thread::park_timeout(Duration::from_millis(5));
    }
    for trace in &traces {
        assert_eq!(shown(trace).1, []);
    }
    let counters = console.intake().counters();
    assert_eq!((counters.refused, counters.repaired, counters.dropped), (0, 0, 0));
    let first = shown(traces.first().unwrap()).0;
    assert!(
        first.iter().any(|name| name == "load") && first.iter().any(|name| name == "payments.example.com"),
        "{first:?}"
    );
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
