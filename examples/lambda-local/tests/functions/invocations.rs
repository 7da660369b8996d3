//! What becomes of invocations: sampled or not, failed, killed, many at a time, streamed, in batches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lambda_local::{Invocation, Outcome};
use serde_json::json;
use xray_core::document::{Cause, Document};

use super::{PARENT, PATIENCE, Platform, ROOT, annotation, assert_lone, body, sampled};

#[test]
fn every_document_is_there_when_the_response_is_read() {
    let platform = Platform::start("act");
    let mut cold = Vec::new();
    for number in 1..=5 {
        platform.api.invoke(Invocation::new(json!({})).trace(sampled()));
        let answers = platform.api.answers(number, PATIENCE).unwrap();
        let documents = platform.drain();
        let [document] = &documents[..] else { panic!("{documents:?}") };
        assert_lone(document);
        assert_eq!((document.name.as_str(), document.subsegments[0].name.as_str()), ("## handler", "work"));
        assert_eq!(annotation(document, "Service"), "my-lambda");
        cold.push((annotation(document, "ColdStart"), annotation(document, "cold_start")));
        let header = format!("Root={ROOT};Parent={};Sampled=1", document.id);
        assert_eq!(body(&answers[number - 1])["header"], header);
    }
    assert_eq!(cold[0], (json!(true), json!(true)));
    assert!(cold[1..].iter().all(|cold| *cold == (json!(false), json!(false))));
}

#[test]
#[cfg(target_os = "linux")]
fn no_thread_is_added() {
    let platform = Platform::start("act");
    let answers = platform.invoke([Invocation::new(json!({})).trace(sampled())]);
    assert_eq!(body(&answers[0])["threads"], 1);
}

#[test]
fn what_is_not_sampled_is_passed_on_and_not_recorded() {
    let platform = Platform::start("act");
    let headers = [
        format!("Root={ROOT};Parent={PARENT};Sampled=0"),
        format!("Root={ROOT};Parent={PARENT};Sampled=0;Lineage=1:a87bd80c:0"),
        format!("Root={ROOT};Lineage=1:a87bd80c:0"),
        format!("Root={ROOT}"),
    ];
    let answers = platform.invoke(headers.iter().map(|header| Invocation::new(json!({})).trace(header)));
    for (answer, header) in answers.iter().zip(&headers) {
        assert_eq!((answer.outcome, &body(answer)["header"]), (Outcome::Response, &json!(header)));
    }
    assert!(platform.drain().is_empty());
    let (_, told) = platform.written();
    assert!(told.contains("XR014") && !told.contains("XR005"), "{told}");
}

#[test]
fn lineage_goes_on_with_a_sampled_trace() {
    let platform = Platform::start("act");
    let answers = platform.invoke([Invocation::new(json!({})).trace(sampled() + ";Lineage=1:a87bd80c:0")]);
    let documents = platform.drain();
    let expected = format!("Root={ROOT};Parent={};Sampled=1;Lineage=1:a87bd80c:0", documents[0].id);
    assert_eq!(body(&answers[0])["header"], expected);
}

#[test]
fn an_invocation_without_a_usable_header_succeeds() {
    let platform = Platform::start("act");
    let answers = platform.invoke([
        Invocation::new(json!({})),
        Invocation::new(json!({})).trace("Root=1-abc;Parent=oops;Sampled=1"),
        Invocation::new(json!({})).trace(""),
        Invocation::new(json!({})).trace("x".repeat(9000)),
    ]);
    assert!(answers.iter().all(|answer| answer.outcome == Outcome::Response && body(answer)["header"].is_null()));
    assert!(platform.drain().is_empty());
    let (_, told) = platform.written();
    assert!(told.contains("XR012") && !told.contains("1-abc"), "{told}");
}

#[test]
fn of_two_headers_the_first_counts() {
    let platform = Platform::start("act");
    let other = "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled=1";
    let answers = platform.invoke([Invocation::new(json!({})).trace(sampled()).trace(other)]);
    assert_eq!(answers[0].outcome, Outcome::Response);
    let documents = platform.drain();
    assert_lone(&documents[0]);
}

#[test]
fn errors_and_panics_are_seen() {
    let platform = Platform::start("act");
    let answers =
        platform.invoke(["fail", "panic"].map(|what| Invocation::new(json!({ "do": what })).trace(sampled())));
    assert!(answers.iter().all(|answer| answer.outcome == Outcome::Error));
    assert!(answers[0].body.contains("out of stock") && answers[1].body.contains("lost the order"));
    let documents = platform.drain();
    assert_eq!(documents.len(), 2);
    for (document, (kind, message)) in documents.iter().zip([("error", "out of stock"), ("panic", "lost the order")]) {
        assert_lone(document);
        let Some(Cause::Object(cause)) = &document.cause else { panic!("no cause") };
        let exception = &cause.exceptions[0];
        assert!(document.fault);
        assert_eq!(exception.message.as_deref(), Some(message));
        assert!(kind == "error" || exception.kind.as_deref() == Some("panic"));
    }
}

#[test]
fn an_invocation_killed_at_its_deadline_was_announced() {
    let platform = Platform::start("act");
    // The function starts with it, so all but the time to send it may be gone when the handler is called.
    platform.api.invoke(Invocation::new(json!({ "do": "sleep" })).trace(sampled()).time(Duration::from_secs(2)));
    let document = wait_for_one(&platform);
    assert_lone(&document);
    assert!(document.in_progress && document.end_time.is_none());
    assert_eq!(platform.api.answers(0, PATIENCE), Ok(Vec::new()), "it is at it still");
}

#[test]
fn of_a_process_that_dies_what_was_sent_is_there() {
    let platform = Platform::start("act");
    platform.api.invoke(Invocation::new(json!({ "do": "die" })).trace(sampled()).time(Duration::from_millis(600)));
    let document = wait_for_one(&platform);
    assert_lone(&document);
    assert!(document.in_progress);
    assert_eq!(platform.function.wait().unwrap().status.code(), Some(7));
}

fn wait_for_one(platform: &Platform) -> Document {
    platform.socket.set_nonblocking(false).unwrap();
    platform.socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = vec![0; 65_536];
    let length = platform.socket.recv(&mut buffer).unwrap();
    Document::parse_datagram(&buffer[..length]).unwrap()
}

#[test]
fn ten_thousand_concurrent_invocations_stay_apart() {
    const INVOCATIONS: usize = 10_000;
    let platform = Platform::with("concurrent", |command| {
        command.env("AWS_LAMBDA_MAX_CONCURRENCY", "8").env("_X_AMZN_TRACE_ID", sampled());
    });
    // Read as they come: a socket's buffer holds a few hundred.
    let datagrams = Arc::new(Mutex::new(Vec::new()));
    let (socket, kept) = (platform.socket.try_clone().unwrap(), Arc::clone(&datagrams));
    socket.set_nonblocking(false).unwrap();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 65_536];
        while let Ok(length) = socket.recv(&mut buffer) {
            kept.lock().unwrap().push(buffer[..length].to_vec());
        }
    });
    // Those that eight workers may take first are sampled all: one of them is the cold start.
    let recorded = |number: usize| number < 8 || number % 4 != 3;
    let header = |number: usize| {
        let sampled = usize::from(recorded(number));
        format!("Root=1-5759e988-{number:024x};Parent={:016x};Sampled={sampled}", number + 1)
    };
    let answers = platform
        .invoke((0..INVOCATIONS).map(|number| Invocation::new(json!({ "number": number })).trace(header(number))));
    for answer in &answers {
        let body = body(answer);
        assert_eq!(body["root"], format!("1-5759e988-{:024x}", answer.invocation));
        assert_eq!(body["sent"]["number"], answer.invocation);
    }
    let expected = (0..INVOCATIONS).filter(|number| recorded(*number)).count();
    let began = std::time::Instant::now();
    while datagrams.lock().unwrap().len() < expected && began.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    let mut seen = HashMap::new();
    let mut cold = 0;
    for datagram in datagrams.lock().unwrap().iter() {
        let document = Document::parse_datagram(datagram).unwrap();
        let number = usize::from_str_radix(document.parent_id.as_deref().unwrap(), 16).unwrap() - 1;
        assert_eq!(document.kind.as_deref(), Some("subsegment"));
        assert_eq!(document.trace_id, Some(format!("1-5759e988-{number:024x}")));
        let names: Vec<_> = document.subsegments.iter().map(|child| child.name.as_str()).collect();
        assert_eq!(names, ["step"; 6]);
        cold += usize::from(annotation(&document, "cold_start") == true);
        *seen.entry(number).or_insert(0) += 1;
    }
    assert_eq!((seen.len(), seen.values().max()), (expected, Some(&1)));
    assert!(seen.keys().all(|number| recorded(*number)));
    assert_eq!(cold, 1);
    let (_, told) = platform.written();
    assert!(!told.contains("XR"), "{told}");
}

#[test]
fn a_streamed_response_ends_the_subsegment_with_its_body() {
    let platform = Platform::start("stream");
    let answers = platform.invoke([Invocation::new(json!({})).trace(sampled())]);
    assert!(answers[0].body.ends_with("one,two,three"), "{}", answers[0].body);
    // The stream ends before its last chunk is on the way.
    let documents = platform.drain();
    let [document] = &documents[..] else { panic!("{documents:?}") };
    assert_lone(document);
    assert_eq!(document.subsegments.len(), 3);
}

#[test]
fn requests_of_lambda_http_are_described_in_one_piece_and_streamed() {
    let event = json!({
        "version": "2.0",
        "rawPath": "/orders/7",
        "rawQueryString": "",
        "headers": { "host": "shop.example.com" },
        "requestContext": { "apiId": "shop", "http": { "method": "GET", "path": "/orders/7" }, "domainName": "shop.example.com" },
        "isBase64Encoded": false,
    });
    for function in ["http", "http-stream"] {
        let platform = Platform::start(function);
        let answers = platform.invoke([Invocation::new(&event).trace(sampled())]);
        assert!(answers[0].body.contains("203") && answers[0].body.contains("/orders/7"), "{}", answers[0].body);
        let documents = platform.drain();
        let [document] = &documents[..] else { panic!("{function}: {documents:?}") };
        assert_lone(document);
        assert_eq!(annotation(document, "trigger"), "apigateway");
        let http = serde_json::to_value(&document.http).unwrap();
        assert_eq!(
            (&http["request"]["method"], &http["request"]["url"], &http["response"]["status"]),
            (&json!("GET"), &json!("https://shop.example.com/orders/7"), &json!(203))
        );
        assert_eq!(document.subsegments[0].name, "render");
    }
}

#[test]
fn an_sqs_batch_fails_in_part() {
    let message = |id: &str, body: &str, sampled: &str| {
        json!({
            "messageId": id,
            "body": body,
            "attributes": { "AWSTraceHeader": format!("Root=1-5759e980-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled={sampled}") },
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders",
        })
    };
    let event = json!({ "Records": [message("1", "good", "1"), message("2", "bad", "1"), message("3", "bad", "0")] });
    let platform = Platform::start("sqs");
    let answers = platform.invoke([Invocation::new(event).trace(sampled()), Invocation::new("[]").trace(sampled())]);
    let failures = json!({ "batchItemFailures": [{ "itemIdentifier": "2" }, { "itemIdentifier": "3" }] });
    assert_eq!((answers[0].outcome, body(&answers[0])), (Outcome::Response, failures));
    assert_eq!(answers[1].outcome, Outcome::Error, "an event that is none never reaches the handler");

    let documents = platform.drain();
    let [document] = &documents[..] else { panic!("{documents:?}") };
    assert_lone(document);
    assert_eq!(annotation(document, "trigger"), "sqs");
    let messages: Vec<_> = document.subsegments.iter().map(|message| (message.name.as_str(), message.fault)).collect();
    assert_eq!(messages, [("orders", false), ("orders", true)]);
}
