//! Shipping: a function that works on batches of a queue.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::json;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_local::stand_in(batches)?; // for --local; a function needs the two lines below
    xray_lambda::init()?;
    lambda_runtime::run(xray_lambda::trace(service_fn(handler))).await
}

async fn handler(event: LambdaEvent<SqsEvent>) -> Result<SqsBatchResponse, Error> {
    Ok(xray_lambda::records(event.payload).each(ship).await)
}

async fn ship(message: SqsMessage) -> Result<(), Error> {
    let order = message.body.ok_or("a message without a body")?;
    label(&order).await?;
    tracing::info!(order, "shipped");
    Ok(())
}

#[tracing::instrument]
async fn label(order: &str) -> Result<(), Error> {
    tokio::task::yield_now().await;
    if order == "ORD-13" { Err("no address".into()) } else { Ok(()) }
}

/// What the queue sends: two batches, of senders that were sampled and one that was not.
fn batches() -> Vec<String> {
    [&[("ORD-7", '1'), ("ORD-8", '0'), ("ORD-13", '1')][..], &[("ORD-9", '1')]].map(batch).to_vec()
}

fn batch(orders: &[(&str, char)]) -> String {
    let sent = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() - Duration::from_millis(800);
    let message = |(order, sampled): &(&str, char)| {
        let sender = format!("Root=1-5759e980-aaaaaaaaaaaaaaaaaaaaaaaa;Parent=53995c3f42cd8ad9;Sampled={sampled}");
        json!({
            "messageId": format!("message-of-{order}"),
            "body": order,
            "attributes": { "AWSTraceHeader": sender, "SentTimestamp": sent.as_millis().to_string() },
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:shipping",
        })
    };
    json!({ "Records": orders.iter().map(message).collect::<Vec<_>>() }).to_string()
}
