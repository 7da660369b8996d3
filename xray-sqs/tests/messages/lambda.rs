//! In AWS Lambda, where the platform owns the segment: messages are subsegments of the function.

use std::convert::Infallible;

use crate::support::{Plain, captured, run};
use expect_test::expect;
use xray_core::Node;
use xray_sqs::{batch, process};
use xray_test::Captured;

const FUNCTION: &str = "Root=1-5759e988-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=aaaaaaaaaaaaaaaa;Sampled=1";

/// The function's subsegment beneath the platform's segment, as a handler's wrapper opens it.
fn function() -> Node {
    xray_core::segment("handler").parent(FUNCTION.parse().unwrap()).open()
}

fn in_function<T>(xray: &Captured, work: impl AsyncFnOnce() -> T) -> T {
    run(xray, async { function().instrument(async { work().await }).await })
}

fn sender(n: usize, sampled: &str) -> Plain {
    Plain::of(&format!("Root=1-5759e988-bd862e3fe1be46a99427279{n};Parent=53995c3f42cd8ad{n};{sampled}"))
}

#[test]
fn messages_are_subsegments_of_the_function_that_tell_their_senders_trace() {
    let xray = captured(|layer| layer.lambda(true));
    in_function(&xray, async || {
        for n in [1, 2] {
            let done =
                process(&sender(n, "Sampled=1"), "orders", async move { if n == 2 { Err("no box") } else { Ok(()) } });
            assert_eq!(done.await.is_err(), n == 2);
        }
    });
    expect![[r#"
        (parent aaaaaaaa… not here)
        └ handler  lone
          ├ test  {queue=orders, queue_wait_ms=1500, receive_count=2, sender_trace_id=1-5759e988-bd862e3fe1be46a994272791}
          └ test  fault {queue=orders, queue_wait_ms=1500, receive_count=2, sender_trace_id=1-5759e988-bd862e3fe1be46a994272792}
    "#]]
    .assert_eq(&xray.picture());
}

#[test]
fn an_unsampled_senders_message_is_not_recorded_and_says_so_on() {
    let xray = captured(|layer| layer.lambda(true));
    let header = in_function(&xray, async || {
        let handled = process(&sender(1, "Sampled=0"), "orders", async {
            tracing::info_span!("pack").in_scope(|| ());
            Ok::<_, Infallible>(xray_core::current().trace_header().unwrap())
        });
        handled.await.unwrap()
    });
    assert_eq!(xray.picture(), "(parent aaaaaaaa… not here)\n└ handler  lone\n");
    let text = header.to_string();
    assert!(text.starts_with("Root=1-5759e988-bd862e3fe1be46a994272791;Parent="), "{text}");
    assert!(text.ends_with(";Sampled=0"), "{text}");
}

#[test]
fn garbage_is_counted_there_too() {
    let xray = captured(|layer| layer.lambda(true));
    in_function(&xray, async || {
        process(&Plain::of("dummy"), "orders", async { Ok::<_, Infallible>(()) }).await.unwrap();
    });
    assert_eq!(xray.stats().malformed_headers, 1);
    let [document] = xray.documents();
    assert!(document.find("test").is_some());
}

#[test]
fn a_batch_tells_its_senders_in_metadata() {
    let xray = captured(|layer| layer.lambda(true));
    in_function(&xray, async || {
        let messages = [sender(1, "Sampled=1"), sender(2, "Sampled=1")];
        batch(&messages, "orders", async { Ok::<_, Infallible>(()) }).await.unwrap();
    });
    let [document] = xray.documents();
    let listed = &document.find("test").unwrap().metadata["sqs"]["messages"];
    assert_eq!(listed[1]["trace_id"], "1-5759e988-bd862e3fe1be46a994272792");
}

#[test]
fn without_the_functions_node_the_message_hangs_on_its_sender() {
    let xray = captured(|layer| layer.lambda(true));
    run(&xray, async { process(&sender(1, "Sampled=1"), "orders", async { Ok::<_, Infallible>(()) }).await }).unwrap();
    expect![[r#"
        (parent 53995c3f… not here)
        └ test  lone {queue=orders, queue_wait_ms=1500, receive_count=2}
    "#]]
    .assert_eq(&xray.picture());
}
