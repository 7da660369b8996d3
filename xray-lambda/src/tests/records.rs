//! Batches of SQS messages.

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsEventObj, SqsMessage, SqsMessageObj};
use futures_util::FutureExt;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::json;
use tower::ServiceExt;
use xray_core::{TraceHeader, current};

use super::{PARENT, ROOT, annotations, assert_lone, captured, context, event, run, trace};
use crate::records;

fn batch(queue: &str, messages: &[(&str, &str)]) -> SqsEvent {
    let records: Vec<_> = messages
        .iter()
        .map(|(id, header)| {
            json!({
                "messageId": id,
                "body": format!("{{\"order\":\"{id}\"}}"),
                "attributes": { "AWSTraceHeader": header, "SentTimestamp": "1465510280014", "ApproximateReceiveCount": "2" },
                "eventSource": "aws:sqs",
                "eventSourceARN": format!("arn:aws:sqs:eu-west-1:123456789012:{queue}"),
            })
        })
        .collect();
    serde_json::from_value(json!({ "Records": records })).unwrap()
}

fn failures(response: &SqsBatchResponse) -> Vec<&str> {
    response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect()
}

const SENDER: &str = "1-5759e980-aaaaaaaaaaaaaaaaaaaaaaaa";

#[test]
fn each_message_has_a_subsegment_and_its_own_decision() {
    let xray = captured();
    let event = event(batch(
        "orders",
        &[
            ("sampled", &format!("Root={SENDER};Parent=53995c3f42cd8ad9;Sampled=1")),
            ("unsampled", &format!("Root={SENDER};Parent=53995c3f42cd8ad9;Sampled=0")),
            ("undecided", &format!("Root={SENDER}")),
            ("torn", "Root=oops"),
        ],
    ));
    async fn ship(message: SqsMessage) -> Result<(), Error> {
        let header = current().trace_header().as_ref().map(TraceHeader::to_string);
        if message.message_id.as_deref() == Some("unsampled") {
            assert!(
                header.is_some_and(
                    |header| header.starts_with(&format!("Root={SENDER};")) && header.ends_with("Sampled=0")
                )
            );
            tracing::info_span!("unseen").in_scope(|| ());
            return Err("unseen failure".into());
        }
        tracing::info_span!("ship").in_scope(|| ());
        if message.message_id.as_deref() == Some("torn") { Err("no address".into()) } else { Ok(()) }
    }
    let handler =
        service_fn(|event: LambdaEvent<SqsEvent>| async { Ok::<_, Error>(records(event.payload).each(ship).await) });
    let response = run(&xray, async { trace(handler).oneshot(event).await.unwrap().into_inner() });
    assert_eq!(failures(&response), ["unsampled", "torn"]);

    let [document] = xray.documents();
    assert_lone(&document);
    assert_eq!(annotations(&document.annotations)["trigger"], "sqs");
    assert!(!document.fault, "a failed message is not a failed invocation");
    let [sampled, undecided, torn] = &document.subsegments[..] else { panic!("{:?}", document.subsegments) };
    for (message, id) in [(sampled, "sampled"), (undecided, "undecided"), (torn, "torn")] {
        assert_eq!((message.name.as_str(), &message.metadata["sqs"]["message_id"]), ("orders", &json!(id)));
        assert_eq!(annotations(&message.annotations)["receive_count"], 2);
        assert_eq!(annotations(&message.annotations)["queue_wait_ms"], 500);
        assert_eq!(message.subsegments[0].name, "ship");
    }
    assert_eq!(annotations(&sampled.annotations)["sender_trace_id"], SENDER);
    assert_eq!(annotations(&undecided.annotations)["sender_trace_id"], SENDER);
    assert!(!torn.annotations.contains_key("sender_trace_id"));
    assert!(torn.fault && !sampled.fault && !undecided.fault);
    assert_eq!(xray.stats().malformed_headers, 1);
}

#[test]
fn a_sampled_message_does_not_have_an_unsampled_invocation_recorded() {
    let xray = captured();
    let sender = format!("Root={SENDER};Parent=53995c3f42cd8ad9;Sampled=1");
    let mut event = event(batch("orders", &[("1", sender.as_str())]));
    event.context = context(&format!("Root={ROOT};Parent={PARENT};Sampled=0"));
    let handler = service_fn(|event: LambdaEvent<SqsEvent>| async {
        Ok::<_, Error>(records(event.payload).each(|_: SqsMessage| async { Err::<(), _>("no") }).await)
    });
    let response = run(&xray, async { trace(handler).oneshot(event).await.unwrap().into_inner() });
    assert_eq!(failures(&response), ["1"]);
    let [] = xray.documents();
}

#[test]
fn what_errors_say_can_be_left_out() {
    let xray = captured();
    let fail = |_: SqsMessage| async { Err::<(), _>("card 4711 expired") };
    let handler = service_fn(move |event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Error>(records(event.payload).capture_error(false).each(fail).await)
    });
    run(&xray, async { trace(handler).oneshot(event(batch("orders", &[("1", "")]))).await.unwrap().into_inner() });
    let [document] = xray.documents();
    assert!(document.subsegments[0].fault && document.subsegments[0].cause.is_none());
}

#[test]
fn a_panic_before_there_is_a_future_is_the_messages_too() {
    fn torn(_: SqsMessage) -> std::future::Ready<Result<(), Error>> {
        panic!("torn")
    }
    let xray = captured();
    let handler =
        service_fn(|event: LambdaEvent<SqsEvent>| async { Ok::<_, Error>(records(event.payload).each(torn).await) });
    let work = async { trace(handler).oneshot(event(batch("orders", &[("1", "")]))).await.map(drop) };
    run(&xray, std::panic::AssertUnwindSafe(work).catch_unwind()).unwrap_err();
    let [document] = xray.documents();
    let [message] = &document.subsegments[..] else { panic!("one message") };
    assert!(message.fault && message.exceptions()[0].message.as_deref() == Some("torn"));
}

#[test]
fn a_fifo_queue_stops_at_the_first_failure() {
    let xray = captured();
    let event = batch("orders.fifo", &[("1", ""), ("2", ""), ("3", ""), ("4", "")]);
    let mut seen = Vec::new();
    let response = run(
        &xray,
        records(event).each(|message: SqsMessage| {
            let id = message.message_id.unwrap();
            seen.push(id.clone());
            async move { if id == "2" { Err("stop") } else { Ok(()) } }
        }),
    );
    assert_eq!(failures(&response), ["2", "3", "4"]);
    assert_eq!(seen, ["1", "2"]);
}

#[test]
fn bodies_may_be_of_a_type() {
    #[derive(Debug, serde::Deserialize, serde::Serialize)]
    struct Order {
        order: String,
    }
    let event = serde_json::to_value(batch("orders", &[("1", "")])).unwrap();
    let event: SqsEventObj<Order> = serde_json::from_value(event).unwrap();
    let response = run(
        &captured(),
        records(event).each(|message: SqsMessageObj<Order>| async move {
            assert_eq!(message.body.order, "1");
            Ok::<_, Error>(())
        }),
    );
    assert!(response.batch_item_failures.is_empty());
}

#[test]
fn a_message_without_an_id_brings_the_batch_back() {
    let mut event = batch("orders", &[("1", "")]);
    event.records[0].message_id = None;
    let response = run(&captured(), records(event).each(|_: SqsMessage| async { Err::<(), _>("no") }));
    assert_eq!(failures(&response), [""]);
}
