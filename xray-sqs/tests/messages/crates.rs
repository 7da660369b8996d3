//! Messages as the SDK and Lambda's events bring them.

use std::convert::Infallible;

use crate::support::{NOW_MILLIS, SENDER, captured, run};
use aws_lambda_events::event::sqs::SqsEvent;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use xray_sqs::{MessageExt, batch, process};

fn message(header: Option<&str>) -> Message {
    let message = Message::builder()
        .message_id("5fea7756")
        .body("{}")
        .attributes(MessageSystemAttributeName::SentTimestamp, (NOW_MILLIS - 20).to_string())
        .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "1");
    match header {
        Some(header) => message.attributes(MessageSystemAttributeName::AwsTraceHeader, header).build(),
        None => message.build(),
    }
}

#[test]
fn a_message_of_the_sdk() {
    let sent = message(Some(&format!("{SENDER};Sampled=1")));
    assert_eq!(sent.trace_header().unwrap().to_string(), format!("{SENDER};Sampled=1"));
    assert_eq!((MessageExt::id(&sent), sent.system_attribute("SenderId")), (Some("5fea7756"), None));
    assert_eq!(message(None).trace_header(), None);
    assert_eq!(Message::builder().build().trace_header(), None);
    assert_eq!(message(Some("dummy")).trace_header(), None);
    assert_eq!(message(Some("dummy")).incoming().malformed().unwrap().bytes(), 5);

    let xray = captured(|layer| layer);
    run(&xray, async { process(&sent, "orders", async { Ok::<_, Infallible>(()) }).await }).unwrap();
    run(&xray, async { batch(&[sent], "orders", async { Ok::<_, Infallible>(()) }).await }).unwrap();
    let [one, two] = xray.documents();
    assert_eq!(one.annotations["queue_wait_ms"].as_i64(), Some(20));
    assert_eq!(two.links.len(), 1);
}

#[test]
fn a_record_of_an_event_of_lambdas() {
    // The form of the Lambda Developer Guide, "Using Lambda with Amazon SQS", example standard queue message event.
    let event = format!(
        r#"{{"Records":[{{"messageId":"059f36b4","receiptHandle":"AQEB","body":"Test message.","attributes":{{
            "ApproximateReceiveCount":"1","SentTimestamp":"1465510280500","SenderId":"AIDA",
            "ApproximateFirstReceiveTimestamp":"1465510280510","AWSTraceHeader":"{SENDER};Sampled=1"}},
            "messageAttributes":{{}},"md5OfBody":"e4e6","eventSource":"aws:sqs",
            "eventSourceARN":"arn:aws:sqs:us-east-2:123456789012:orders","awsRegion":"us-east-2"}},
            {{"messageId":"2e1424d4","body":"Another."}}]}}"#
    );
    let event: SqsEvent = serde_json::from_str(&event).unwrap();
    let [first, second] = &event.records[..] else { panic!("two records") };
    assert_eq!(first.trace_header().unwrap().to_string(), format!("{SENDER};Sampled=1"));
    assert_eq!((first.id(), second.trace_header()), (Some("059f36b4"), None));

    let xray = captured(|layer| layer);
    let queue = first.event_source_arn.as_deref().unwrap();
    run(&xray, async { process(first, queue, async { Ok::<_, Infallible>(()) }).await }).unwrap();
    let [document] = xray.documents();
    assert_eq!(document.annotations["queue"].as_str(), Some("orders"));
    assert_eq!(document.annotations["queue_wait_ms"].as_i64(), Some(14));
}
