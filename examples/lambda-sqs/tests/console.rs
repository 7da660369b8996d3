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
    let _function = Function::start(env!("CARGO_BIN_EXE_lambda-sqs"), &api, console.address(), |_| {}).unwrap();
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
    assert_eq!(
        first.iter().filter(|name| *name == "shipping").count(),
        2,
        "one message for each sampled sender: {first:?}"
    );
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
