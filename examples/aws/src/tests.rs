//! The whole trace through the stand-in, and what no emulator does.

use std::convert::Infallible;

use aws_sdk_sqs::types::{MessageSystemAttributeName, SendMessageBatchRequestEntry};
use expect_test::expect;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;
use xray_console::Trace;
use xray_sqs::MessageExt;
use xray_test::{ManualClock, picture};

use super::*;

/// Clients of a stand-in, with the way of sending that a test wants.
async fn clients(message_attribute: bool) -> Clients {
    let stand_in = StandIn::start(|| Duration::from_millis(1_465_510_279_014)).await.unwrap();
    let shared = clients::shared(stand_in.endpoint());
    let mut clients = Clients::new(&shared);
    if !message_attribute {
        let sqs = aws_sdk_sqs::config::Builder::from(&shared).interceptor(xray_aws_sdk::interceptor());
        clients.sqs = aws_sdk_sqs::Client::from_conf(sqs.build());
    }
    clients
}

/// The worker's layer. Its clock stands 1.5 s after that of the stand-in.
fn recorded() -> (SegmentLayer, Capture, Dispatch) {
    let capture = Capture::new();
    let layer = SegmentLayer::builder("packing").without_environment().sample_all().synchronous();
    let layer = layer.clock(ManualClock::at(1465510280.514)).emitter(capture.clone()).build().unwrap();
    (layer.clone(), capture, Dispatch::new(tracing_subscriber::registry().with(layer)))
}

fn drawn(capture: &Capture) -> String {
    picture(&capture.documents().iter().map(|text| Document::parse(text).unwrap()).collect::<Vec<_>>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_one_trace_from_the_request_to_the_second_service() {
    // The servers spawn a task for each connection: only a global subscriber reaches those.
    let (layer, capture, dispatch) = recorded();
    tracing::dispatcher::set_global_default(dispatch).unwrap();
    let answer = send_an_order(&clients(true).await).await.unwrap();
    assert_eq!(answer, "201 Created  order 7 is taken");
    let documents = documents(&layer, &capture).await.unwrap();
    expect![[r#"
        orders  segment 201
        └ order  {order_id=7}
          ├ DynamoDB  aws PutItem 200
          ├ SQS  aws SendMessage 200
          │ └ packing  segment {queue=orders, queue_wait_ms=1500, receive_count=1}
          │   └ pack
          │     ├ 127.0.0.1  remote 200
          │     │ └ shipping  segment 200
          │     └ SQS  aws DeleteMessage 200
          └ SNS  aws Publish 200
    "#]]
    .assert_eq(&picture(&documents));
    assert_eq!(shape(&documents), SHAPE);
    let id = documents[0].trace_id.clone().unwrap();
    assert_eq!(Trace::assemble(&id, documents).orphans, [], "the console shows all of it");
    let stats = layer.stats();
    assert_eq!((stats.context_missing, stats.malformed_headers, stats.dropped()), (0, 0, 0));
}

/// Sends a message inside a segment and works on what arrives.
async fn send_and_process(clients: &Clients, batch: usize) {
    let queue = clients.set_up().await.unwrap().queue;
    let send = async {
        if batch == 0 {
            clients.sqs.send_message().queue_url(&queue).message_body("7").send().await.unwrap();
            return;
        }
        let entry = |n: usize| SendMessageBatchRequestEntry::builder().id(n.to_string()).message_body("7").build();
        let entries = (0..batch).map(|n| entry(n).unwrap()).collect();
        clients.sqs.send_message_batch().queue_url(&queue).set_entries(Some(entries)).send().await.unwrap();
    };
    xray_tower::xray_core::segment("orders").open().instrument(send).await;
    let receive = clients.sqs.receive_message().queue_url(&queue).max_number_of_messages(10).wait_time_seconds(5);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    for message in receive.send().await.unwrap().messages() {
        assert!(message.trace_header().is_some());
        xray_sqs::process(message, &queue, async { Ok::<_, Infallible>(()) }).await.unwrap();
    }
}

#[tokio::test]
async fn the_http_header_alone_joins_the_consumer_to_the_send() {
    let (_, capture, dispatch) = recorded();
    let clients = clients(false).await;
    send_and_process(&clients, 0).with_subscriber(dispatch).await;
    expect![[r#"
        orders  segment
        └ SQS  aws SendMessage 200
          └ packing  segment {queue=orders, queue_wait_ms=1500, receive_count=1}
    "#]]
    .assert_eq(&drawn(&capture));
}

#[tokio::test]
async fn every_message_of_a_batch_joins_it_by_header_or_attribute() {
    for message_attribute in [false, true] {
        let (_, capture, dispatch) = recorded();
        let clients = clients(message_attribute).await;
        send_and_process(&clients, 3).with_subscriber(dispatch).await;
        expect![[r#"
            orders  segment
            └ SQS  aws SendMessageBatch 200
              ├ packing  segment {queue=orders, queue_wait_ms=1500, receive_count=1}
              ├ packing  segment {queue=orders, queue_wait_ms=1500, receive_count=1}
              └ packing  segment {queue=orders, queue_wait_ms=1500, receive_count=1}
        "#]]
        .assert_eq(&drawn(&capture));
    }
}
